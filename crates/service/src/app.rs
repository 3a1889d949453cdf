//! What does every door share? The database, the clock, the settings, the price lists in memory, the mailer, who is asked for
//! top-ups, and how webhooks leave.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::mail::Mailer;
use crate::prepaid::TopUpService;
use crate::sessions::Desk;
use crate::tariffs::TariffBook;
use crate::webhooks::Courier;

/// What every door shares; cheap to clone.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub config: Arc<Config>,
    pub tariffs: TariffBook,
    pub mailer: Arc<Mailer>,
    pub top_ups: Arc<TopUpService>,
    pub courier: Arc<Courier>,
    /// Where calls under way are charged.
    pub desk: Desk,
}

impl App {
    /// Opens the database at a URL and brings its schema up to date.
    pub async fn open(url: &str, clock: Clock, config: Config) -> Result<Self> {
        let mailer = Arc::new(Mailer::open(&config)?);
        let top_ups = Arc::new(TopUpService::open(&config.prepaid)?);
        let courier = Arc::new(Courier::open(&config.webhooks)?);
        let db = Db::open(url).await?;
        db.migrate(clock.now()).await?;
        let (config, tariffs) = (Arc::new(config), TariffBook::default());
        let desk = Desk::open(&db, &clock, &tariffs, &config);
        Ok(Self { db, clock, config, tariffs, mailer, top_ups, courier, desk })
    }
}
