//! Where does a benchmark run? On a new database of either engine, which is removed with it.

use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;

use crate::postgres;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A new, empty database, removed when dropped.
pub(crate) struct Database {
    pub(crate) url: String,
    _kept: Kept,
}

enum Kept {
    Sqlite { _folder: tempfile::TempDir },
    Postgres { _database: postgres::Database },
}

/// The program on a new database, which is removed when dropped.
pub(crate) struct Opened {
    pub(crate) app: App,
    _database: Database,
}

impl Engine {
    /// The engines that words name; both when they name none.
    pub(crate) fn named(words: &[String]) -> Vec<Self> {
        let known = [("sqlite", Self::Sqlite), ("postgres", Self::Postgres)];
        let named = known.iter().filter(|(name, _)| words.iter().any(|word| word == name));
        let named: Vec<_> = named.map(|(_, engine)| *engine).collect();
        if named.is_empty() { known.map(|(_, engine)| engine).to_vec() } else { named }
    }

    pub(crate) async fn create(self) -> Database {
        match self {
            Self::Sqlite => {
                let folder = tempfile::Builder::new().prefix("tollbook-bench-").tempdir();
                let folder = folder.expect("a temporary folder");
                let url = format!("sqlite://{}", folder.path().join("tollbook.db").display());
                Database { url, _kept: Kept::Sqlite { _folder: folder } }
            }
            Self::Postgres => {
                let database = postgres::Database::create().await;
                Database { url: database.url.clone(), _kept: Kept::Postgres { _database: database } }
            }
        }
    }
}

impl Database {
    /// The program on it, with its schema.
    pub(crate) async fn open(self, clock: Clock, settings: &str) -> Opened {
        let config = Config::from_toml(settings).expect("the settings are sound");
        let mut app = App::open(&self.url, clock, config).await.expect("a new database opens");
        // What is measured is charging, not who asks for it.
        app.access = app.access.without_authentication();
        Opened { app, _database: self }
    }
}
