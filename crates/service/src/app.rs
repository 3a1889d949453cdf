//! What does every door share? The database, the clock, the settings, the price lists in memory, who may come in, the mailer, and who is asked for
//! top-ups.

use std::sync::Arc;

use crate::access::Access;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::mail::Mailer;
use crate::prepaid::TopUpService;
use crate::sessions::Desk;
use crate::tariffs::TariffBook;

/// What every door shares; cheap to clone.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub config: Arc<Config>,
    pub tariffs: TariffBook,
    /// Who may come in.
    pub access: Access,
    pub mailer: Arc<Mailer>,
    pub top_ups: Arc<TopUpService>,
    /// Where calls under way are charged.
    pub desk: Desk,
}

impl App {
    /// Opens the database at a URL and brings its schema up to date.
    pub async fn open(url: &str, clock: Clock, config: Config) -> Result<Self> {
        let mailer = Arc::new(Mailer::open(&config)?);
        let top_ups = Arc::new(TopUpService::open(&config.prepaid)?);
        let access = Access::open(&config.access)?;
        let db = Db::open(url).await?;
        db.migrate(clock.now()).await?;
        let (config, tariffs) = (Arc::new(config), TariffBook::default());
        let desk = Desk::open(&db, &clock, &tariffs, &config);
        Ok(Self { db, clock, config, tariffs, access, mailer, top_ups, desk })
    }
}
