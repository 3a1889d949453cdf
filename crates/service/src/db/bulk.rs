//! How do many rows reach the database at once?

use std::fmt::Write;

use bytes::{BufMut, BytesMut};
use futures_util::SinkExt;
use jiff::Timestamp;

use deadpool_postgres::Object;
use rusqlite::Connection;

use super::instant::POSTGRES_EPOCH;
use super::tables::kind_of;
use super::{Error, Param, Result, Row, Ts, Tx, numbered};
use tokio_postgres::types::{IsNull, ToSql, Type};

/// So many rows are inserted without COPY, which takes three turns with the server.
const FEW_ROWS: usize = 64;
/// A COPY is sent in pieces of about this size.
const COPY_PIECE_BYTES: usize = 256 * 1024;
/// A value in it takes about so much.
const COPY_CELL_BYTES: usize = 16;

/// One value of a row that is stored in bulk.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Bool(bool),
    Time(Timestamp),
    /// A number that no column holds. Whoever stores it meets a fault, and another number is not stored instead.
    TooLarge,
}

const TOO_LARGE: &str = "a number is more than a column holds";

impl Cell<'_> {
    /// A number, if a column holds it.
    pub fn fit(number: impl TryInto<i64>) -> Self {
        number.try_into().map_or(Self::TooLarge, Self::Int)
    }
}

/// A row that is stored in bulk: it makes its cells when its turn comes, so that they never pile up.
pub trait Cells<const WIDTH: usize>: Sync {
    fn cells(&self) -> [Cell<'_>; WIDTH];
}

impl<const WIDTH: usize> Cells<WIDTH> for [Cell<'_>; WIDTH] {
    fn cells(&self) -> [Cell<'_>; WIDTH] {
        *self
    }
}

impl From<Option<Timestamp>> for Cell<'_> {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Null, Self::Time)
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Int)
    }
}

/// So many numbers stand in a list of a statement, always: so its text is the same and stays prepared.
pub const IN_LIST: usize = 64;

/// The places of such a list, from a number on: `$1, $2, …`.
pub fn in_list(first: usize) -> String {
    let places: Vec<_> = (first..first + IN_LIST).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// What a column of given rows holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Bytes,
    Bool,
    Time,
}

/// So many rows are given to a statement at once: few sizes, so that few statements stay prepared.
const GIVEN_SIZES: [usize; 3] = [1, 8, 64];
/// For so few rows no temporary table is made: PostgreSQL does not know how small it is, and joins it to whole tables.
const FEW_GIVEN: usize = 512;

/// The clause `(values …)` of so many rows, whose columns are `column1`, `column2` and so on. The first row tells
/// their types.
fn given(kinds: &[&str], rows: usize) -> String {
    let mut clause = "(values ".to_owned();
    for row in 0..rows {
        clause.push_str(if row == 0 { "(" } else { ", (" });
        for (column, kind) in kinds.iter().enumerate() {
            let comma = if column == 0 { "" } else { ", " };
            let place = row * kinds.len() + column + 1;
            // Writing to a text cannot fail.
            let _ = match row {
                0 => write!(clause, "{comma}cast(${place} as {kind})"),
                _ => write!(clause, "{comma}${place}"),
            };
        }
        clause.push(')');
    }
    clause.push(')');
    clause
}

impl Tx {
    /// Runs a query or change over given rows, which stand in it where it says `:given`, with columns `column1`,
    /// `column2` and so on. It may be run in parts, and the rows be followed by rows of nulls.
    pub async fn rows_over<const WIDTH: usize>(
        &mut self,
        sql: &str,
        kinds: [Kind; WIDTH],
        rows: &[[Cell<'_>; WIDTH]],
    ) -> Result<Vec<Row>> {
        let mut answer = Vec::new();
        let largest = GIVEN_SIZES[GIVEN_SIZES.len() - 1];
        let kinds = kinds.map(|kind| self.word(kind));
        for part in rows.chunks(largest) {
            let size = GIVEN_SIZES.into_iter().find(|size| part.len() <= *size).unwrap_or(largest);
            let sql = sql.replace(":given", &given(&kinds, size));
            let fill = std::iter::repeat_n(&[Cell::Null; WIDTH], size - part.len());
            let cells: Vec<&dyn Param> =
                part.iter().chain(fill).flatten().map(|cell| cell as &dyn Param).collect();
            answer.append(&mut self.rows(&sql, &cells).await?);
        }
        Ok(answer)
    }

    fn word(&self, kind: Kind) -> &'static str {
        match (kind, self) {
            (Kind::Int, _) => "bigint",
            (Kind::Text, _) => "text",
            (Kind::Bool, _) => "boolean",
            (Kind::Time, Self::Sqlite(_)) => "integer",
            (Kind::Time, Self::Postgres(_)) => "timestamptz",
            (Kind::Bytes, Self::Sqlite(_)) => "blob",
            (Kind::Bytes, Self::Postgres(_)) => "bytea",
        }
    }

    /// Runs a statement once for each row of parameters; answers how many rows it touched each time.
    /// PostgreSQL is sent all of them before it is asked for the first answer.
    pub async fn execute_each<const WIDTH: usize>(
        &mut self,
        sql: &str,
        rows: &[[Cell<'_>; WIDTH]],
    ) -> Result<Vec<u64>> {
        self.meet().await?;
        match self {
            Self::Sqlite(tx) => {
                let mut statement = tx.connection.prepare_cached(&numbered(sql))?;
                let touched = rows.iter().map(|row| {
                    let touched = statement.execute(rusqlite::params_from_iter(row))?;
                    Ok(touched as u64)
                });
                touched.collect()
            }
            Self::Postgres(tx) => {
                let (tx, client) = (&*tx, tx.client()?);
                let touched = Box::pin(async {
                    let statement = client.prepare_cached(sql).await?;
                    let sent = rows.iter().map(|row| {
                        let statement = &statement;
                        async move {
                            let params: Vec<_> = row.iter().map(Param::postgres).collect();
                            client.execute(statement, &params).await
                        }
                    });
                    Ok(futures_util::future::try_join_all(sent).await?)
                });
                tx.answer(touched).await
            }
        }
    }

    /// Runs a statement over up to [`IN_LIST`] numbers: those stand after the parameters, at [`in_list`]. A
    /// shorter list is filled up with its last number.
    pub async fn rows_in(&mut self, sql: &str, params: &[&dyn Param], list: &[i64]) -> Result<Vec<Row>> {
        let Some(last) = list.last() else { return Ok(Vec::new()) };
        let fill = std::iter::repeat_n(last, IN_LIST.saturating_sub(list.len()));
        let list = list.iter().chain(fill).map(|number| number as &dyn Param);
        let all: Vec<_> = params.iter().copied().chain(list).collect();
        self.rows(sql, &all).await
    }

    /// Stores rows: many by COPY on PostgreSQL (an insert each costs ten times as much), by a prepared insert on
    /// SQLite.
    pub async fn insert_rows<const WIDTH: usize>(
        &mut self,
        table: &str,
        columns: &[&str; WIDTH],
        rows: &[impl Cells<WIDTH>],
    ) -> Result<()> {
        self.meet().await?;
        let names = columns.join(", ");
        let cells = rows.iter().map(Cells::cells);
        match self {
            Self::Sqlite(tx) => insert_each(&tx.connection, table, &names, WIDTH, cells),
            Self::Postgres(tx) if rows.len() <= FEW_ROWS => {
                let (tx, client) = (&*tx, tx.client()?);
                tx.answer(Box::pin(insert_few(client, table, columns, rows))).await
            }
            Self::Postgres(tx) => {
                let (tx, client) = (&*tx, tx.client()?);
                tx.answer(Box::pin(copy_cells(client, table, &names, WIDTH, cells))).await
            }
        }
    }

    /// Runs statements over many rows at once: the rows stand in the temporary table `given` meanwhile. When there are
    /// few, they stand in the statement, which may be run in parts. The first column is never null.
    /// Answers the rows of the last statement.
    pub async fn over_rows<const WIDTH: usize>(
        &mut self,
        definition: &str,
        columns: &[&str; WIDTH],
        rows: &[[Cell<'_>; WIDTH]],
        statements: &[&str],
    ) -> Result<Vec<Row>> {
        if rows.len() <= FEW_GIVEN {
            return self.over_few(kinds(definition)?, columns, rows, statements).await;
        }
        self.script(&format!("create temporary table given ({definition})")).await?;
        self.insert_rows("given", columns, rows).await?;
        let mut answer = Vec::new();
        for statement in statements {
            answer = self.rows(statement, &[]).await?;
        }
        self.script("drop table given").await?;
        Ok(answer)
    }

    async fn over_few<const WIDTH: usize>(
        &mut self,
        kinds: [Kind; WIDTH],
        columns: &[&str; WIDTH],
        rows: &[[Cell<'_>; WIDTH]],
        statements: &[&str],
    ) -> Result<Vec<Row>> {
        let names = columns.join(", ");
        let mut answer = Vec::new();
        for statement in statements {
            let given = "select * from :given v where column1 is not null";
            let sql = format!("with given ({names}) as ({given}) {statement}");
            answer = self.rows_over(&sql, kinds, rows).await?;
        }
        Ok(answer)
    }
}

/// What the columns of a definition such as `customer_id bigint, source text` hold.
fn kinds<const WIDTH: usize>(definition: &str) -> Result<[Kind; WIDTH]> {
    let mut kinds = [Kind::Int; WIDTH];
    for (kind, column) in kinds.iter_mut().zip(definition.split(',')) {
        let (name, of) = column.trim().split_once(' ').unwrap_or((column, ""));
        *kind = kind_of("given", name, of)?;
    }
    Ok(kinds)
}

impl rusqlite::ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::TooLarge => return Err(rusqlite::Error::ToSqlConversionFailure(TOO_LARGE.into())),
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Bool(flag) => ValueRef::Integer((*flag).into()),
            Self::Time(at) => ValueRef::Integer(at.as_microsecond()),
        }))
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::TooLarge => Err(TOO_LARGE.into()),
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
            Self::Bool(flag) => flag.to_sql(kind, out),
            Self::Time(at) => Ts(*at).to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// Inserts rows by a prepared statement.
pub(super) fn insert_each<'a>(
    connection: &Connection,
    table: &str,
    names: &str,
    width: usize,
    rows: impl IntoIterator<Item: AsRef<[Cell<'a>]>>,
) -> Result<()> {
    let places: Vec<_> = (1..=width).map(|place| format!("?{place}")).collect();
    let sql = format!("insert into {table} ({names}) values ({})", places.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    for row in rows {
        for (position, cell) in row.as_ref().iter().enumerate() {
            statement.raw_bind_parameter(position + 1, cell)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

/// Inserts rows by binary COPY.
pub(super) async fn copy_cells<'a, Row: AsRef<[Cell<'a>]>>(
    client: &Object,
    table: &str,
    names: &str,
    width: usize,
    rows: impl IntoIterator<Item = Row, IntoIter: ExactSizeIterator>,
) -> Result<()> {
    let rows = rows.into_iter();
    let sql = format!("copy {table} ({names}) from stdin (format binary)");
    let sink = client.copy_in::<_, bytes::Bytes>(&sql).await?;
    let mut sink = std::pin::pin!(sink);
    let room = (rows.len() * width * COPY_CELL_BYTES).min(COPY_PIECE_BYTES);
    let mut buffer = BytesMut::with_capacity(room + 4096);
    buffer.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    for row in rows {
        copy_row(row.as_ref(), &mut buffer)?;
        if buffer.len() >= COPY_PIECE_BYTES {
            sink.send(buffer.split().freeze()).await?;
        }
    }
    buffer.put_i16(-1);
    sink.send(buffer.freeze()).await?;
    sink.finish().await?;
    Ok(())
}

/// Inserts rows in one turn: by statements for 64 rows, 32 and so on down to one, which stay prepared.
async fn insert_few<const WIDTH: usize>(
    client: &Object,
    table: &str,
    columns: &[&str; WIDTH],
    rows: &[impl Cells<WIDTH>],
) -> Result<()> {
    let mut parts = Vec::new();
    let mut rest = rows;
    while let Some(power) = rest.len().checked_ilog2() {
        let (part, others) = rest.split_at(1 << power);
        let row = |row: usize| {
            let places: Vec<_> = (1..=WIDTH).map(|place| format!("${}", row * WIDTH + place)).collect();
            format!("({})", places.join(", "))
        };
        let places: Vec<_> = (0..part.len()).map(row).collect();
        let sql = format!("insert into {table} ({}) values {}", columns.join(", "), places.join(", "));
        parts.push((client.prepare_cached(&sql).await?, part));
        rest = others;
    }
    let sent = parts.iter().map(|(statement, part)| async move {
        let cells: Vec<_> = part.iter().flat_map(Cells::cells).collect();
        let params: Vec<_> = cells.iter().map(Param::postgres).collect();
        client.execute(statement, &params).await
    });
    futures_util::future::try_join_all(sent).await?;
    Ok(())
}

/// A row in PostgreSQL's binary COPY format: the number of fields, then each with its length.
fn copy_row(row: &[Cell<'_>], out: &mut BytesMut) -> Result<()> {
    let field = |bytes: &[u8], out: &mut BytesMut| {
        out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        out.put_slice(bytes);
    };
    out.put_i16(i16::try_from(row.len()).unwrap_or(i16::MAX));
    for cell in row {
        match cell {
            Cell::TooLarge => return Err(Error::Unstorable(TOO_LARGE.to_owned())),
            Cell::Null => out.put_i32(-1),
            Cell::Int(number) => field(&number.to_be_bytes(), out),
            Cell::Text(text) => field(text.as_bytes(), out),
            Cell::Bytes(bytes) => field(bytes, out),
            Cell::Bool(flag) => field(&[u8::from(*flag)], out),
            Cell::Time(at) => field(&(at.as_microsecond() - POSTGRES_EPOCH).to_be_bytes(), out),
        }
    }
    Ok(())
}
