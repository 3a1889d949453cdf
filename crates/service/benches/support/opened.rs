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

/// The program on a new database, which is removed when dropped.
pub(crate) struct Opened {
    pub(crate) app: App,
    _database: Database,
}

enum Database {
    Sqlite { _folder: tempfile::TempDir },
    Postgres { _database: postgres::Database },
}

impl Engine {
    /// The engines that words name; both when they name none.
    pub(crate) fn named(words: &[String]) -> Vec<Self> {
        let known = [("sqlite", Self::Sqlite), ("postgres", Self::Postgres)];
        let named = known.iter().filter(|(name, _)| words.iter().any(|word| word == name));
        let named: Vec<_> = named.map(|(_, engine)| *engine).collect();
        if named.is_empty() { known.map(|(_, engine)| engine).to_vec() } else { named }
    }

    /// The program on an empty database with its schema.
    pub(crate) async fn open(self, clock: Clock, settings: &str) -> Opened {
        let (url, database) = match self {
            Self::Sqlite => {
                let folder = tempfile::Builder::new().prefix("tollbook-bench-").tempdir();
                let folder = folder.expect("a temporary folder");
                let url = format!("sqlite://{}", folder.path().join("tollbook.db").display());
                (url, Database::Sqlite { _folder: folder })
            }
            Self::Postgres => {
                let database = postgres::Database::create().await;
                (database.url.clone(), Database::Postgres { _database: database })
            }
        };
        let config = Config::from_toml(settings).expect("the settings are sound");
        let mut app = App::open(&url, clock, config).await.expect("a new database opens");
        // What is measured is charging, not who asks for it.
        app.access = app.access.without_authentication();
        Opened { app, _database: database }
    }
}
