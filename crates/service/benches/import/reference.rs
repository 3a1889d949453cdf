//! How fast could it be at best? The rows of an import, stored in bulk from memory and nothing else.

use rusqlite::types::Value;
use tollbook::clock::Stopwatch;
use tollbook::db::{Cell, Row};

use crate::opened::{Engine, Opened};
use crate::operator::open;

/// As many as an import stores in one transaction.
const BATCH: usize = 20_000;
const WIDTH: usize = 31;
const INSTANTS: [&str; 5] = ["started_at", "answered_at", "ended_at", "period_start", "late_for"];

/// The rows of the table of calls, in the order in which an import stored them.
pub(crate) struct Rows {
    columns: [String; WIDTH],
    values: Vec<Vec<Value>>,
}

impl Rows {
    /// Reads them from SQLite, which remembers the order.
    pub(crate) async fn stored(from: &Opened) -> Self {
        let mut tx = from.app.db.read().await.expect("the database is there");
        let rows = tx.rows("select * from calls order by rowid", &[]).await.expect("the table is there");
        let mut columns = None;
        let values = rows.into_iter().map(|row| match row {
            Row::Sqlite(names, values) => {
                columns.get_or_insert_with(|| names.to_vec());
                values
            }
            Row::Postgres(_) => panic!("the rows are read from SQLite"),
        });
        let values = values.collect();
        let columns =
            columns.expect("calls were stored").try_into().expect("the table has that many columns");
        Self { columns, values }
    }

    fn cells(&self) -> Vec<[Cell<'_>; WIDTH]> {
        let instant = self.columns.each_ref().map(|column| INSTANTS.contains(&column.as_str()));
        let cell = |place: usize, value| match value {
            &Value::Integer(micros) if instant[place] => {
                Cell::Time(jiff::Timestamp::from_microsecond(micros).expect("it is an instant"))
            }
            &Value::Integer(number) => Cell::Int(number),
            Value::Text(text) => Cell::Text(text),
            Value::Blob(bytes) => Cell::Bytes(bytes),
            Value::Null | Value::Real(_) => Cell::Null,
        };
        self.values.iter().map(|values| std::array::from_fn(|place| cell(place, &values[place]))).collect()
    }

    /// Stores them in a new database; answers how many a second. The clock runs from the first transaction's
    /// beginning to the last one's commit.
    pub(crate) async fn insert(&self, engine: Engine) -> u64 {
        let Opened { app, .. } = &open(engine.create().await).await;
        let cells = self.cells();
        let columns = self.columns.each_ref().map(String::as_str);
        let watch = Stopwatch::start();
        for batch in cells.chunks(BATCH) {
            let mut tx = app.db.begin().await.expect("the database is there");
            tx.insert_rows("calls", &columns, batch).await.expect("the rows are sound");
            tx.commit().await.expect("the commit goes through");
        }
        crate::a_second(cells.len() as u64, watch)
    }
}
