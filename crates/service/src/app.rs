//! What does every door share? The database, the clock, the settings, the price lists in memory and the mailer.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::mail::Mailer;
use crate::tariffs::TariffBook;

/// What every door shares; cheap to clone.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub config: Arc<Config>,
    pub tariffs: TariffBook,
    pub mailer: Arc<Mailer>,
}

impl App {
    /// Opens the database at a URL and brings its schema up to date.
    pub async fn open(url: &str, clock: Clock, config: Config) -> Result<Self> {
        let mailer = Arc::new(Mailer::open(&config)?);
        let db = Db::open(url).await?;
        db.migrate(clock.now()).await?;
        Ok(Self { db, clock, config: Arc::new(config), tariffs: TariffBook::default(), mailer })
    }
}
