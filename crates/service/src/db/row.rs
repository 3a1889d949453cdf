//! What stands in a row of an answer? What cannot be is a fault, never another value in its place.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use calculation::money::Amount;
use calculation::total::Total;
use jiff::Timestamp;
use rusqlite::types::Value;
use tokio_postgres::types::{FromSql, Type};

use super::{Error, Result, Ts, halves};
use crate::hash::hex;

/// The value of a column: whatever both engines give.
pub trait Column: rusqlite::types::FromSql + for<'a> FromSql<'a> {}
impl<T: rusqlite::types::FromSql + for<'a> FromSql<'a>> Column for T {}

/// A row of an answer.
pub enum Row {
    Sqlite(Arc<[String]>, Vec<Value>),
    Postgres(tokio_postgres::Row),
}

/// A table and the columns of its key. Faults in rows that are read through it name all three: the table, the column
/// and the row.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    table: &'p str,
    key: &'p [&'p str],
}

impl<'p> Place<'p> {
    pub const fn new(table: &'p str, key: &'p [&'p str]) -> Self {
        Self { table, key }
    }

    /// Reads each of the rows.
    pub fn all<T, C: FromIterator<T>>(&self, rows: &[Row], read: impl Fn(&Row) -> Result<T>) -> Result<C> {
        rows.iter().map(|row| self.read(row, &read)).collect()
    }

    /// Reads each of the rows for itself, with its key: one that cannot be read stops no other.
    pub fn each<K, T>(
        &self,
        rows: &[Row],
        key: impl Fn(&Row) -> Result<K>,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Vec<(K, Result<T>)>> {
        rows.iter().map(|row| Ok((key(row)?, self.read(row, &read)))).collect()
    }

    /// Reads the row that was found, if one was.
    pub fn one<T>(&self, row: Option<&Row>, read: impl FnOnce(&Row) -> Result<T>) -> Result<Option<T>> {
        row.map(|row| self.read(row, read)).transpose()
    }

    /// Reads a row.
    pub fn read<T>(&self, row: &Row, read: impl FnOnce(&Row) -> Result<T>) -> Result<T> {
        read(row).map_err(|error| match error {
            Error::Column { column, message } => {
                Error::Value { table: self.table.to_owned(), column, row: row.key(self.key), message }
            }
            other => other,
        })
    }
}

impl Row {
    /// The value of a column, by name.
    pub fn get<T: Column>(&self, column: &str) -> Result<T> {
        match self {
            Self::Postgres(row) => row.try_get(column).map_err(|error| wrong(column, &error)),
            Self::Sqlite(names, values) => {
                let position = names.iter().position(|name| name == column);
                let value = position.and_then(|position| values.get(position));
                let value = value.ok_or_else(|| wrong(column, &"no such column"))?;
                T::column_result(value.into()).map_err(|error| wrong(column, &error))
            }
        }
    }

    /// The value of a text column, parsed.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self, column: &str) -> Result<T> {
        let text: String = self.get(column)?;
        text.parse().map_err(|error: T::Err| wrong(column, &error))
    }

    /// The value of a text column that may be absent, parsed.
    pub fn optional_parse<T: FromStr<Err: fmt::Display>>(&self, column: &str) -> Result<Option<T>> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| wrong(column, &error))).transpose()
    }

    /// The value of a text column that holds JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| wrong(column, &error))
    }

    /// The value of a text column that holds one word of a list.
    pub fn word<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text: String = self.get(column)?;
        serde_json::from_value(text.into()).map_err(|error| wrong(column, &error))
    }

    /// What a text column says with one of a few words.
    pub fn choice<T: Copy>(&self, column: &str, words: &[(&str, T)]) -> Result<T> {
        let text: String = self.get(column)?;
        let found = words.iter().find(|(word, _)| *word == text);
        let all = || words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        found
            .map(|(_, meant)| *meant)
            .ok_or_else(|| wrong(column, &format!("`{text}` is not one of {}", all())))
    }

    /// How many: never negative, and no more than its type holds.
    pub fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T> {
        counted(column, self.get(column)?)
    }

    /// A count that may be absent.
    pub fn optional_count<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>> {
        self.get::<Option<i64>>(column)?.map(|number| counted(column, number)).transpose()
    }

    /// An amount of money.
    pub fn amount(&self, column: &str) -> Result<Amount> {
        self.get(column).map(Amount::from_micros)
    }

    /// An amount that may be absent.
    pub fn optional_amount(&self, column: &str) -> Result<Option<Amount>> {
        Ok(self.get::<Option<i64>>(column)?.map(Amount::from_micros))
    }

    /// A sum that a statement has as [`Halves`](super::Halves).
    pub fn sum(&self, column: &str) -> Result<i128> {
        let half = |half: &str| self.get::<i64>(&format!("{column}_{half}")).map(i128::from);
        Ok(half("high")? * halves::UNIT + half("low")?)
    }

    /// A sum of amounts of one customer.
    pub fn sum_amount(&self, column: &str) -> Result<Amount> {
        let total = self.total(column)?;
        total.amount().ok_or_else(|| wrong(column, &format!("the sum {total} does not fit an amount")))
    }

    /// A sum of amounts of many customers.
    pub fn total(&self, column: &str) -> Result<Total> {
        self.sum(column).map(Total::from_micros)
    }

    /// A sum of counts.
    pub fn sum_count<T: TryFrom<i128>>(&self, column: &str) -> Result<T> {
        let sum = self.sum(column)?;
        T::try_from(sum).map_err(|_| wrong(column, &format!("{sum} is not a count that can be")))
    }

    /// A hash, which has one length.
    pub fn hash<const LENGTH: usize>(&self, column: &str) -> Result<[u8; LENGTH]> {
        let bytes: Vec<u8> = self.get(column)?;
        let length = bytes.len();
        bytes
            .try_into()
            .map_err(|_| wrong(column, &format!("a hash has {LENGTH} bytes, this one has {length}")))
    }

    /// An instant.
    pub fn time(&self, column: &str) -> Result<Timestamp> {
        self.get::<Ts>(column).map(|at| at.0)
    }

    /// An instant that may be absent.
    pub fn optional_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.get::<Option<Ts>>(column)?.map(|at| at.0))
    }

    /// The columns of a key with their values, as far as they were read.
    fn key(&self, key: &[&str]) -> String {
        let shown = key.iter().filter_map(|column| Some(format!("{column} {}", self.shown(column)?)));
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() { "a sum of rows".to_owned() } else { shown.join(", ") }
    }

    /// The value of a column, for people.
    fn shown(&self, column: &str) -> Option<String> {
        match self {
            Self::Sqlite(names, values) => {
                match values.get(names.iter().position(|name| name == column)?)? {
                    Value::Integer(number) => Some(number.to_string()),
                    Value::Text(text) => Some(text.clone()),
                    Value::Blob(bytes) => Some(hex(bytes)),
                    Value::Null | Value::Real(_) => None,
                }
            }
            Self::Postgres(row) => {
                let found = row.columns().iter().find(|found| found.name() == column)?;
                match *found.type_() {
                    Type::INT8 => row.try_get::<_, i64>(column).ok().map(|number| number.to_string()),
                    Type::BYTEA => row.try_get::<_, &[u8]>(column).ok().map(hex),
                    Type::TIMESTAMPTZ => row.try_get::<_, Ts>(column).ok().map(|at| at.0.to_string()),
                    _ => row.try_get::<_, String>(column).ok(),
                }
            }
        }
    }
}

fn counted<T: TryFrom<i64>>(column: &str, number: i64) -> Result<T> {
    T::try_from(number).map_err(|_| wrong(column, &format!("{number} is not a count that can be")))
}

fn wrong(column: &str, message: &dyn fmt::Display) -> Error {
    Error::Column { column: column.to_owned(), message: message.to_string() }
}

/// As many rows as a statement may answer: its parameter for `limit`.
pub fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A number as a column keeps it; one that does not fit is not stored.
pub fn int<T: TryInto<i64> + Copy + fmt::Display>(number: T) -> Result<i64> {
    number.try_into().map_err(|_| Error::Unstorable(format!("{number} is more than a column holds")))
}

/// The word that stands for a value in a text column.
pub fn word(value: &impl serde::Serialize) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(Error::Unstorable(format!("{other:?} is not one word"))),
    }
}

/// A value as JSON for a text column.
pub fn json_text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Unstorable(error.to_string()))
}
