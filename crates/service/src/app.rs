//! What does every door share? The database, the clock, the settings, the price lists in memory, who may come in, the
//! mailer, who is asked for top-ups, under which keys vouchers are kept, how webhooks leave, and whether it is to stop.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::audit;
use crate::calls::Counter;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::health;
use crate::http::{Rates, Turns};
use crate::invoices;
use crate::log::Traces;
use crate::mail::Mailer;
use crate::prepaid::{TopUpService, VoucherKeys};
use crate::sessions::Desk;
use crate::stopping::Stopping;
use crate::tariffs::TariffBook;
use crate::timekeeping::Timekeeping;
use crate::webhooks::Courier;

/// What each request is handed: its clone counts one reference, not one for each part.
pub type SharedApp = Arc<App>;

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
    pub voucher_keys: VoucherKeys,
    pub courier: Arc<Courier>,
    /// Where what was seen is noted.
    pub audit: audit::Queue,
    /// Where records are charged one by one.
    pub counter: Counter,
    /// Where calls under way are charged.
    pub desk: Desk,
    /// Work that goes on after its request was answered: the program does not end before it.
    pub background: TaskTracker,
    pub stopping: Stopping,
    /// What runs as long as the program.
    pub vitals: health::Vitals,
    /// Documents that are drawn, and were drawn just now.
    pub drawings: invoices::file::Drawings,
    /// Whether the database took something just now.
    pub written: health::Written,
    /// Whether the time is right.
    pub timekeeping: Timekeeping,
    pub started_at: Timestamp,
    pub rates: Rates,
    /// Which writes about one customer may be under way.
    pub turns: Turns,
    pub traces: Traces,
}

impl App {
    /// Opens the database at a URL and brings its schema up to date.
    pub async fn open(url: &str, clock: Clock, config: Config) -> Result<Self> {
        clock.check_year()?;
        clock.tolerate(config.clock.tolerance());
        let mailer = Arc::new(Mailer::open(&config)?);
        let top_ups = Arc::new(TopUpService::open(&config.prepaid)?);
        let voucher_keys = VoucherKeys::open(&config.prepaid)?;
        let courier = Arc::new(Courier::open(&config.webhooks)?);
        let access = Access::open(&config.access)?;
        let db = Db::open_within(url, config.database).await?;
        db.migrate(clock.now()).await?;
        let (config, tariffs) = (Arc::new(config), TariffBook::default());
        let traces = Traces::open(&config.log)?;
        let rates = Rates::new(&config.http, &clock, db.metrics());
        let audit = audit::Queue::open(&db);
        let counter = Counter::open(&db, &clock, &tariffs, &config);
        let desk = Desk::open(&db, &clock, &tariffs, &config);
        let (stopping, started_at) = (Stopping::default(), clock.now());
        Ok(Self {
            db,
            clock,
            config,
            tariffs,
            access,
            mailer,
            top_ups,
            voucher_keys,
            courier,
            audit,
            counter,
            desk,
            background: TaskTracker::new(),
            stopping,
            vitals: health::Vitals::default(),
            drawings: invoices::file::Drawings::default(),
            written: health::Written::default(),
            timekeeping: Timekeeping::default(),
            started_at,
            rates,
            turns: Turns::default(),
            traces,
        })
    }
}
