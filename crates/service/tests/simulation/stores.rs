//! Where is the database of a simulation? SQLite's in memory if that can be, PostgreSQL's in the tests' own server.

use std::path::Path;

use crate::postgres;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A database that is removed with it.
pub(crate) struct Store {
    pub(crate) url: String,
    _kept: Kept,
}

enum Kept {
    Sqlite { _folder: tempfile::TempDir },
    Postgres { _database: postgres::Database },
}

impl Store {
    pub(crate) async fn create(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let memory = Path::new("/dev/shm");
                let mut folder = tempfile::Builder::new();
                folder.prefix("tollbook-test-");
                let folder = if memory.is_dir() { folder.tempdir_in(memory) } else { folder.tempdir() };
                let folder = folder.expect("a temporary folder");
                let url = format!("sqlite://{}", folder.path().join("tollbook.db").display());
                Self { url, _kept: Kept::Sqlite { _folder: folder } }
            }
            Engine::Postgres => {
                let database = postgres::Database::create().await;
                Self { url: database.url.clone(), _kept: Kept::Postgres { _database: database } }
            }
        }
    }
}
