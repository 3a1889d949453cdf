//! How much memory do eight long documents take at once, and how long does a caller wait beside three thousand connections
//! that ask for nothing?
//!
//! `cargo bench -p tollbook --bench strain -- [sqlite|postgres] [number of records]`
//! `docs/performance.md` has the figures.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "../support/child.rs"]
mod child;
#[path = "../support/client.rs"]
mod client;
#[path = "../../../calculation/benches/support/deck.rs"]
mod deck;
mod held;
#[path = "../support/opened.rs"]
mod opened;
#[path = "../support/operator.rs"]
mod operator;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../support/records.rs"]
mod records;
mod served;

use std::sync::Arc;
use std::time::Duration;

use tollbook::clock::Stopwatch;

use held::Held;
use opened::Engine;
use operator::{Operator, import, open};
use records::Records;
use served::Served;

/// PostgreSQL waits for the disk as it does by default.
const POSTGRES_SETTINGS: &str = "";
/// Customers whose documents are asked for at once.
const CUSTOMERS: u64 = 8;
/// Nine of ten of these are answered, and listed.
const RECORDS: u64 = 890_000;
/// Connections that ask for nothing, and those that have sent half a head.
const SILENT: usize = 2_000;
const HALF_HEADS: usize = 1_010;
/// How many callers ask in turn, each on a new connection.
const CALLERS: usize = 100;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let given = words.iter().find_map(|word| word.parse().ok());
    // Without `--bench`, which `cargo bench` gives, it only shows that it works.
    let is_bench = words.iter().any(|word| word == "--bench");
    let records = given.unwrap_or(if is_bench { RECORDS } else { 800 });
    let (silent, half, callers) = if is_bench { (SILENT, HALF_HEADS, CALLERS) } else { (20, 10, 3) };
    let prefixes = deck::prefixes();
    for engine in Engine::named(&words) {
        let database = engine.create().await;
        let url = database.url.clone();
        let opened = open(database).await;
        Operator { customers: CUSTOMERS, with_allowance: false }.load(&opened.app, &prefixes).await;
        import(&opened.app, Records::new(records, CUSTOMERS, &prefixes), &|_, _| ()).await;
        let served = Arc::new(Served::start(&url).await);
        let documents = served.issue().await;
        let (idle, watch) = (served.memory(), Stopwatch::start());
        let length = served.document(&documents[0]).await;
        let (one, alone) = (served.memory(), watch.elapsed());
        println!(
            "{engine:?}: a document of {} calls, {} KB: {} MB at most, {} before; {alone:?}",
            records * 9 / 10 / CUSTOMERS,
            length / 1_024,
            one / 1_024,
            idle / 1_024
        );
        let watch = Stopwatch::start();
        let asked = documents.into_iter().map(|document| {
            let served = served.clone();
            tokio::spawn(async move { served.document(&document).await })
        });
        for answer in asked.collect::<Vec<_>>() {
            answer.await.expect("each is drawn");
        }
        let eight = served.memory();
        println!(
            "{engine:?}: {CUSTOMERS} of them at once: {} MB at most; {:?}",
            eight / 1_024,
            watch.elapsed()
        );
        let free = served.callers(callers).await;
        println!("{engine:?}: nobody else: {free}");
        let held = Held::open(served.address, silent, half).await;
        let beside = served.callers(callers).await;
        println!("{engine:?}: beside {silent} silent connections and {half} half heads: {beside}");
        drop(held);
    }
}

/// How long callers waited: in the middle and at most.
struct Waited(Vec<Duration>);

impl std::fmt::Display for Waited {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut waits = self.0.clone();
        waits.sort_unstable();
        let middle = waits.get(waits.len() / 2).copied().unwrap_or_default();
        write!(out, "{middle:?}, {:?} at most", waits.last().copied().unwrap_or_default())
    }
}
