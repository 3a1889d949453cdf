//! What can go wrong with a database, and whose fault is it: the request's, another writer's, or the database's own?

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// What can go wrong with a database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("postgresql: {}", postgres_text(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("no connection to the database: {0}")]
    Pool(#[from] PoolError),
    #[error("the database does not answer: {0}")]
    Silent(String),
    #[error("another program has written to the database for more than {0} s")]
    Busy(u64),
    #[error("another transaction held rows for too long")]
    Held,
    #[error("database address: {0}")]
    Url(String),
    #[error("column `{column}`: {message}")]
    Column { column: String, message: String },
    /// What stands in a row cannot be.
    #[error("`{column}` of {table} ({row}): {message}")]
    Value { table: String, column: String, row: String, message: String },
    #[error("a value cannot be stored: {0}")]
    Unstorable(String),
    #[error("the transaction is over")]
    Over,
    #[error("the database holds migration {0}, which this program does not know: use a newer program")]
    NewerSchema(String),
    #[error("migration {0} was changed after it ran")]
    ChangedMigration(String),
}

/// Without the details, which hold the row at fault: numbers, names, whatever there was.
fn postgres_text(error: &tokio_postgres::Error) -> String {
    let Some(fault) = error.as_db_error() else { return error.to_string() };
    let (message, code) = (fault.message(), fault.code().code());
    let constraint = fault.constraint().map_or(String::new(), |name| format!(" of {name}"));
    format!("{}: {message} (SQLSTATE {code}{constraint})", fault.severity())
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether a row with that key was there already.
    pub fn is_unique_violation(&self) -> bool {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) => matches!(
                failure.extended_code,
                rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY | rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
            ),
            Self::Postgres(error) => error.code() == Some(&SqlState::UNIQUE_VIOLATION),
            _ => false,
        }
    }

    /// Whether a value was sent that no database holds, such as a NUL in a text.
    pub fn is_unstorable_value(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        matches!(
            error.code(),
            Some(&(SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::DATETIME_FIELD_OVERFLOW))
        )
    }

    /// Whether it is the database that cannot serve now, whatever it is asked: it is away, starts, stops, is locked, or only reads.
    pub fn is_away(&self) -> bool {
        use rusqlite::ErrorCode;
        match self {
            Self::Silent(_) | Self::Busy(_) | Self::Pool(_) => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::ReadOnly
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                )
            ),
            Self::Postgres(error) => match error.code() {
                Some(code) => is_of_server(code),
                None => {
                    error.is_closed()
                        || std::error::Error::source(error)
                            .is_some_and(<dyn std::error::Error + 'static>::is::<std::io::Error>)
                }
            },
            _ => false,
        }
    }

    /// Whether it has no room.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            Self::Postgres(error) => error.code() == Some(&SqlState::DISK_FULL),
            _ => false,
        }
    }

    /// Whether rows were waited for that another transaction held to the end.
    pub fn is_held(&self) -> bool {
        match self {
            Self::Held => true,
            Self::Postgres(error) => error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE),
            _ => false,
        }
    }

    /// Whether the same transaction may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Held => true,
            Self::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy),
            Self::Postgres(error) => {
                matches!(
                    error.code(),
                    Some(&(SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE))
                ) || self.is_held()
            }
            _ => false,
        }
    }
}

/// Whether it is the server that cannot serve now, whatever it was asked: it starts or stops, its disk or its places are full, it
/// only reads.
pub(super) fn is_of_server(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    ["08", "53", "58"].contains(&class)
        || code.code().starts_with("57P")
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}
