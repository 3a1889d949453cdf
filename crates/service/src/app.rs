//! What does every door share? The database, the clock, the settings, the price lists in memory, the mailer, who is asked for
//! top-ups, and whether it is to stop.

use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::http::Rates;
use crate::log::Traces;
use crate::mail::Mailer;
use crate::prepaid::TopUpService;
use crate::sessions::Desk;
use crate::stopping::Stopping;
use crate::tariffs::TariffBook;

/// What every door shares; cheap to clone.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub config: Arc<Config>,
    pub tariffs: TariffBook,
    pub mailer: Arc<Mailer>,
    pub top_ups: Arc<TopUpService>,
    /// Where calls under way are charged.
    pub desk: Desk,
    pub stopping: Stopping,
    pub started_at: Timestamp,
    pub rates: Rates,
    pub traces: Traces,
}

impl App {
    /// Opens the database at a URL and brings its schema up to date.
    pub async fn open(url: &str, clock: Clock, config: Config) -> Result<Self> {
        let mailer = Arc::new(Mailer::open(&config)?);
        let top_ups = Arc::new(TopUpService::open(&config.prepaid)?);
        let db = Db::open(url).await?;
        db.migrate(clock.now()).await?;
        let (config, tariffs) = (Arc::new(config), TariffBook::default());
        let traces = Traces::open(&config.log)?;
        let rates = Rates::new(&config.http, &clock);
        let desk = Desk::open(&db, &clock, &tariffs, &config);
        let (stopping, started_at) = (Stopping::default(), clock.now());
        Ok(Self { db, clock, config, tariffs, mailer, top_ups, desk, stopping, started_at, rates, traces })
    }
}
