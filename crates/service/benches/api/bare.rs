//! How fast could it be at best? The bare insert of such a row with its indexes, one a transaction, by as many clients.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use tollbook::app::App;
use tollbook::clock::Stopwatch;

use crate::opened::{Database, Engine};
use crate::operator::open;

/// A row as wide as one that was posted.
const ROW: [(&str, &str); 25] = [
    ("customer_id", "{customer}"),
    ("source", "'switch-a'"),
    ("record_id", "{id}"),
    ("call_id", "{id}"),
    ("content_hash", "{bytes}"),
    ("caller", "'+49301004711'"),
    ("called", "'+442079460123'"),
    ("dialled", "'+442079460123'"),
    ("disposition", "'answered'"),
    ("started_at", "{time}"),
    ("answered_at", "{time}"),
    ("ended_at", "{time}"),
    ("talk_seconds", "450"),
    ("outcome", "'charged'"),
    ("period_start", "{time}"),
    ("plan_id", "1"),
    ("tariff_id", "1"),
    ("tariff_version", "1"),
    ("prefix", "'442079'"),
    ("destination", "'Destination 12345'"),
    ("billed_seconds", "450"),
    ("included_seconds", "0"),
    ("exact", "1125000000"),
    ("amount", "1125000"),
    ("currency", "'EUR'"),
];
const HASH: &str = "00112233445566778899aabbccddeeff";

fn statement(given: [(&str, &str); 4]) -> String {
    let columns = ROW.map(|(column, _)| column).join(", ");
    let values = ROW.map(|(_, value)| value).join(", ");
    let values = given.into_iter().fold(values, |values, (place, value)| values.replace(place, value));
    format!("insert into calls ({columns}) values ({values})")
}

/// An empty table of calls, to insert into.
pub(crate) struct Bare {
    url: String,
    app: App,
    _kept: crate::opened::Opened,
}

impl Bare {
    pub(crate) async fn open(engine: Engine) -> Self {
        let database: Database = engine.create().await;
        let url = database.url.clone();
        let opened = open(database).await;
        Self { url, app: opened.app.clone(), _kept: opened }
    }

    /// Inserts rows for a time; answers how many a second. SQLite has one writer, so one inserts.
    pub(crate) async fn insert(&self, engine: Engine, clients: usize, time: Duration) -> u64 {
        match engine {
            Engine::Sqlite => self.one_by_one(time).await,
            Engine::Postgres => self.pgbench(clients, time),
        }
    }

    fn pgbench(&self, clients: usize, time: Duration) -> u64 {
        let bytes = format!("'\\x{HASH}'");
        let insert = statement([
            ("{customer}", ":customer"),
            ("{id}", "'1792888200.' || cast(:id as text)"),
            ("{bytes}", &bytes),
            ("{time}", "timestamptz '2026-10-20 12:00:00Z'"),
        ]);
        let mut script = tempfile::NamedTempFile::new().expect("a temporary file");
        let chance = "\\set customer random(1, 10000)\n\\set id random(1, 1000000000000)";
        write!(script, "{chance}\n{insert};\n").expect("the disk has room");
        let (clients, seconds) = (clients.to_string(), time.as_secs().max(1).to_string());
        let mut pgbench = Command::new("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, "-f"]);
        let output = pgbench.arg(script.path()).arg(&self.url).output().expect("pgbench is installed");
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split('.').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }

    async fn one_by_one(&self, time: Duration) -> u64 {
        let bytes = format!("x'{HASH}'");
        let micros = "1792497600000000";
        let insert =
            statement([("{customer}", "$1"), ("{id}", "$2"), ("{bytes}", &bytes), ("{time}", micros)]);
        let watch = Stopwatch::start();
        let mut done = 0_u64;
        while watch.elapsed() < time {
            let id = format!("1792888200.{:012}", tollbook::clock::random_bits_64() % 1_000_000_000_000);
            let customer = i64::try_from(done % 10_000).expect("it is small");
            let mut tx = self.app.db.begin().await.expect("the database is there");
            tx.execute(&insert, &[&customer, &id]).await.expect("the row is new");
            tx.commit().await.expect("the commit goes through");
            done += 1;
        }
        crate::a_second(done, watch.elapsed())
    }
}
