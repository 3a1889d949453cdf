//! What is an instant in the database?

use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use tokio_postgres::types::{FromSql, ToSql, Type};

/// An instant in the database: microseconds, an integer on SQLite and a timestamptz on PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ts(pub Timestamp);

impl From<Timestamp> for Ts {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// Microseconds from 1970 to 2000, where PostgreSQL's instants begin.
pub(super) const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl Ts {
    fn micros(self) -> i64 {
        self.0.as_microsecond()
    }

    pub(super) fn of_micros(micros: i64) -> std::result::Result<Self, jiff::Error> {
        Timestamp::from_microsecond(micros).map(Self)
    }
}

impl ToSql for Ts {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_i64(self.micros() - POSTGRES_EPOCH);
        Ok(tokio_postgres::types::IsNull::No)
    }

    tokio_postgres::types::accepts!(TIMESTAMPTZ);
    tokio_postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Ts {
    fn from_sql(
        kind: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let micros = <i64 as FromSql>::from_sql(kind, raw)?;
        Ok(Self::of_micros(micros.saturating_add(POSTGRES_EPOCH))?)
    }

    tokio_postgres::types::accepts!(TIMESTAMPTZ);
}

impl rusqlite::ToSql for Ts {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.micros().into())
    }
}

impl rusqlite::types::FromSql for Ts {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        Self::of_micros(value.as_i64()?).map_err(rusqlite::types::FromSqlError::other)
    }
}
