//! Which tables does the database have, and how are all rows of one read and stored?
//!
//! The database itself is asked, so that no list of tables can be forgotten.

use std::fmt;

use rusqlite::types::Value;

use super::bulk::{copy_cells, insert_each};
use super::{Cell, Db, Error, Kind, Result, Row, Ts, Tx};

/// How `db.rs` remembers which schema files ran.
const MIGRATIONS: &str = "migrations";

/// A table: its columns in order, and which of them are its primary key.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    columns: Vec<TableColumn>,
}

#[derive(Debug, Clone)]
struct TableColumn {
    name: String,
    kind: Kind,
    /// Its place in the primary key, from 1.
    key: Option<i64>,
}

const SQLITE_COLUMNS: &str =
    "select m.name as table_name, c.name as column_name, lower(c.type) as type, c.pk as key
    from sqlite_master m join pragma_table_info(m.name) c
    where m.type = 'table' and m.name not like 'sqlite!_%' escape '!' order by m.name, c.cid";
const POSTGRES_COLUMNS: &str = "select cast(t.relname as text) as table_name, cast(c.attname as text) as column_name,
      format_type(c.atttypid, null) as type, cast(coalesce(array_position(i.indkey, c.attnum) + 1, 0) as bigint) as key
    from pg_class t join pg_namespace n on n.oid = t.relnamespace join pg_attribute c on c.attrelid = t.oid
      left join pg_index i on i.indrelid = t.oid and i.indisprimary
    where n.nspname = current_schema() and t.relkind in ('r', 'p') and not t.relispartition
      and c.attnum > 0 and not c.attisdropped
    order by 1, c.attnum";

impl Db {
    /// Opens a database that must be there; its schema is left as it is.
    pub async fn open_existing(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://")
            && !std::path::Path::new(path).is_file()
        {
            return Err(Error::Url(format!("there is no file {path}")));
        }
        Self::open(url).await
    }
}

impl Tx {
    /// Every table but the one that remembers migrations, by name. None in a database that tollbook never opened.
    pub async fn tables(&mut self) -> Result<Vec<Table>> {
        let columns = match self {
            Self::Sqlite(_) => SQLITE_COLUMNS,
            Self::Postgres(_) => POSTGRES_COLUMNS,
        };
        let mut tables: Vec<Table> = Vec::new();
        for row in self.rows(columns, &[]).await? {
            let name: String = row.get("table_name")?;
            let (column, kind): (String, String) = (row.get("column_name")?, row.get("type")?);
            let kind = kind_of(&name, &column, &kind)?;
            let key = Some(row.get("key")?).filter(|place| *place > 0);
            let column = TableColumn { name: column, kind, key };
            match tables.last_mut().filter(|table| table.name == name) {
                Some(table) => table.columns.push(column),
                None => tables.push(Table { name, columns: vec![column] }),
            }
        }
        tables.retain(|table| table.name != MIGRATIONS);
        Ok(tables)
    }

    /// The names of the migrations that ran, in their order.
    pub async fn migrations(&mut self) -> Result<Vec<String>> {
        let rows = self.rows("select name from migrations order by name", &[]).await?;
        rows.iter().map(|row| row.get("name")).collect()
    }

    pub async fn count(&mut self, table: &Table) -> Result<i64> {
        let row = self.row(&format!("select count(*) as count from {}", table.name), &[]).await?;
        row.map_or(Ok(0), |row| row.get("count"))
    }

    /// Up to `limit` rows of a table in the order of its key, those after a row.
    pub async fn page(&mut self, table: &Table, after: Option<&Row>, limit: i64) -> Result<Vec<Row>> {
        let (columns, key) = (table.names().join(", "), table.key());
        let keys: Vec<_> = key.iter().map(|(_, column)| column.name.as_str()).collect();
        let keys = keys.join(", ");
        let Some(after) = after else {
            let sql = format!("select {columns} from {} order by {keys} limit $1", table.name);
            return self.rows(&sql, &[&limit]).await;
        };
        let cells = key.iter().map(|(place, column)| after.cell(*place, column.kind));
        let cells: Vec<Cell<'_>> = cells.collect::<Result<_>>()?;
        let places: Vec<_> = (1..=cells.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "select {columns} from {} where ({keys}) > ({}) order by {keys} limit ${}",
            table.name,
            places.join(", "),
            cells.len() + 1
        );
        let cells = cells.iter().map(|cell| cell as &dyn super::Param);
        let params: Vec<_> = cells.chain([&limit as &dyn super::Param]).collect();
        self.rows(&sql, &params).await
    }

    /// Stores rows that [`Tx::page`] read in another database.
    pub async fn insert_page(&mut self, table: &Table, rows: &[Row]) -> Result<()> {
        let names = table.names().join(", ");
        let cells = rows.iter().map(|row| table.cells(row)).collect::<Result<Vec<_>>>()?;
        match self {
            Self::Sqlite(tx) => insert_each(&tx.connection, &table.name, &names, table.columns.len(), cells),
            Self::Postgres(tx) => {
                let (tx, client) = (&*tx, tx.client()?);
                tx.answer(Box::pin(copy_cells(client, &table.name, &names, table.columns.len(), cells))).await
            }
        }
    }

    /// Keeps others from writing into tables. SQLite needs nothing: its one writer is alone.
    pub async fn hold_tables(&mut self, tables: &[Table]) -> Result<()> {
        let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        match self {
            Self::Postgres(_) if !names.is_empty() => {
                self.script(&format!("lock table {} in exclusive mode", names.join(", "))).await
            }
            _ => Ok(()),
        }
    }

    /// Lets PostgreSQL look how large its tables have become before it is asked much.
    pub async fn look_at_sizes(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.script("analyze").await,
        }
    }
}

impl Table {
    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// The columns of the primary key in its order, or all columns, each with its place in the table.
    fn key(&self) -> Vec<(usize, &TableColumn)> {
        let mut key: Vec<_> =
            self.columns.iter().enumerate().filter(|(_, column)| column.key.is_some()).collect();
        key.sort_by_key(|(_, column)| column.key);
        key
    }

    /// The same table of two databases, or how they differ. SQLite keeps instants and truths as integers, so the
    /// other's kinds say more.
    pub fn joined(&self, other: &Self) -> std::result::Result<Self, String> {
        let differ =
            || format!("the columns of {} differ: {} and {}", self.name, self.words(), other.words());
        if self.names() != other.names() || self.key_names() != other.key_names() || self.key().is_empty() {
            return Err(differ());
        }
        let mut joined = self.clone();
        for (one, other) in joined.columns.iter_mut().zip(&other.columns) {
            one.kind = match (one.kind, other.kind) {
                (one, other) if one == other => one,
                (Kind::Int, kind @ (Kind::Bool | Kind::Time))
                | (kind @ (Kind::Bool | Kind::Time), Kind::Int) => kind,
                _ => return Err(differ()),
            };
        }
        Ok(joined)
    }

    /// The columns of its primary key, in order.
    pub fn key_names(&self) -> Vec<&str> {
        self.key().iter().map(|(_, column)| column.name.as_str()).collect()
    }

    fn words(&self) -> String {
        let columns = self.columns.iter().map(|column| format!("{} {:?}", column.name, column.kind));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// The values of a row of this table.
    pub fn cells<'a>(&self, row: &'a Row) -> Result<Vec<Cell<'a>>> {
        self.columns.iter().enumerate().map(|(place, column)| row.cell(place, column.kind)).collect()
    }
}

pub(super) fn kind_of(table: &str, column: &str, kind: &str) -> Result<Kind> {
    Ok(match kind {
        "integer" | "bigint" => Kind::Int,
        "text" => Kind::Text,
        "blob" | "bytea" => Kind::Bytes,
        "boolean" => Kind::Bool,
        "timestamp with time zone" | "timestamptz" => Kind::Time,
        other => {
            let message = format!("holds {other}, which only one engine knows");
            return Err(Error::Column { column: format!("{table}.{column}"), message });
        }
    })
}

impl Row {
    /// The value at a place, which must be of a kind.
    pub(super) fn cell(&self, place: usize, kind: Kind) -> Result<Cell<'_>> {
        match self {
            Self::Sqlite(names, values) => {
                let value = values.get(place).unwrap_or(&Value::Null);
                sqlite_cell(value, kind).map_err(|message| Error::Column {
                    column: names.get(place).cloned().unwrap_or_default(),
                    message,
                })
            }
            Self::Postgres(row) => {
                let cell = match kind {
                    Kind::Int => row.try_get::<_, Option<i64>>(place)?.map(Cell::Int),
                    Kind::Text => row.try_get::<_, Option<&str>>(place)?.map(Cell::Text),
                    Kind::Bytes => row.try_get::<_, Option<&[u8]>>(place)?.map(Cell::Bytes),
                    Kind::Bool => row.try_get::<_, Option<bool>>(place)?.map(Cell::Bool),
                    Kind::Time => row.try_get::<_, Option<Ts>>(place)?.map(|at| Cell::Time(at.0)),
                };
                Ok(cell.unwrap_or(Cell::Null))
            }
        }
    }
}

/// SQLite's value as what the other engine calls it.
fn sqlite_cell(value: &Value, kind: Kind) -> std::result::Result<Cell<'_>, String> {
    let wrong = |what: &dyn fmt::Display| format!("{what} is no {kind:?}");
    match (value, kind) {
        (Value::Null, _) => Ok(Cell::Null),
        (Value::Integer(number), Kind::Int) => Ok(Cell::Int(*number)),
        (Value::Integer(truth @ 0..=1), Kind::Bool) => Ok(Cell::Bool(*truth == 1)),
        (Value::Integer(micros), Kind::Time) => {
            Ts::of_micros(*micros).map(|at| Cell::Time(at.0)).map_err(|_| wrong(micros))
        }
        (Value::Text(text), Kind::Text) => Ok(Cell::Text(text)),
        (Value::Blob(bytes), Kind::Bytes) => Ok(Cell::Bytes(bytes)),
        (Value::Integer(number), _) => Err(wrong(number)),
        (other, _) => Err(wrong(&format!("a value of type {}", other.data_type()))),
    }
}
