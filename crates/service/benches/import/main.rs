//! How fast are records imported, next to a bare bulk insert of the same rows? And with how much memory?
//!
//! `cargo bench -p tollbook --bench import -- [memory] [sqlite|postgres] [number of records]`
//! `docs/performance.md` explains what is measured.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "../../../calculation/benches/support/deck.rs"]
mod deck;
#[path = "../support/opened.rs"]
mod opened;
#[path = "../support/operator.rs"]
mod operator;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../support/records.rs"]
mod records;
mod reference;

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use tollbook::app::App;
use tollbook::calls::Control;
use tollbook::clock::Stopwatch;

use opened::Engine;
use operator::{Operator, import, open};
use records::Records;
use reference::Rows;

/// None: PostgreSQL waits for the disk as it does by default.
const POSTGRES_SETTINGS: &str = "";
/// Reference and import take turns so often.
const PAIRS: usize = 5;

/// What is asked for on the command line.
struct Asked {
    memory: bool,
    engines: Vec<Engine>,
    records: Option<u64>,
}

#[tokio::main]
async fn main() {
    let asked = asked();
    let prefixes = deck::prefixes();
    if asked.memory {
        for engine in &asked.engines {
            memory(*engine, asked.records.unwrap_or(10_000_000), &prefixes).await;
        }
        return;
    }
    let records = asked.records.unwrap_or(1_000_000);
    for (customers, with_allowance) in [(10_000, false), (1_000, true)] {
        let operator = Operator { customers: customers.min(records), with_allowance };
        let plan = if with_allowance { "with an allowance" } else { "without allowances" };
        println!("{records} records of {customers} customers on a plan {plan}");
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        write_file(file.as_file(), Records::new(records, operator.customers, &prefixes));
        compare(&asked.engines, operator, records, file.path(), &prefixes).await;
    }
}

/// Without `--bench`, which `cargo bench` gives, only shows that it works: `cargo test --benches` runs it so.
fn asked() -> Asked {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let given = words.iter().find_map(|word| word.parse().ok());
    let records = if has("--bench") { given } else { Some(given.unwrap_or(100)) };
    Asked { memory: has("memory"), engines: Engine::named(&words), records }
}

/// The reference and the import in turn, then the import of what is there already.
async fn compare(
    engines: &[Engine],
    operator: Operator,
    records: u64,
    file: &std::path::Path,
    prefixes: &[String],
) {
    let first = open(Engine::Sqlite.create().await).await;
    operator.load(&first.app, prefixes).await;
    import(&first.app, File::open(file).expect("the file is there"), &|_, _| ()).await;
    let rows = Rows::stored(&first).await;
    drop(first);
    for engine in engines {
        let mut ratios = Vec::new();
        for pair in 1..=PAIRS {
            let reference = rows.insert(*engine).await;
            let opened = open(engine.create().await).await;
            operator.load(&opened.app, prefixes).await;
            let input = || File::open(file).expect("the file is there");
            let watch = Stopwatch::start();
            let control = import(&opened.app, input(), &|_, _| ()).await;
            let imported = a_second(records, watch);
            assert_eq!((control.records, control.charged + control.free), (records, records), "{control}");
            let stored = stored(&opened.app).await;
            let ratio = imported * 100 / reference.max(1);
            ratios.push(ratio);
            println!("{engine:?} {pair}: reference {reference}/s, import {imported}/s: {ratio} %");
            let watch = Stopwatch::start();
            let again = import(&opened.app, input(), &|_, _| ()).await;
            println!("{engine:?} {pair}: the same again {}/s: {again}", a_second(records, watch));
            assert_eq!((again.records, again.duplicate), (records, records), "{again}");
            assert_eq!(self::stored(&opened.app).await, stored, "something was charged twice");
            assert_eq!(stored.0, i64::try_from(records).expect("it is not that many"));
        }
        ratios.sort_unstable();
        println!("{engine:?}: median {} % of {ratios:?}", ratios[PAIRS / 2]);
    }
}

/// Imports a file that is made while it is read, and says how much memory that took at most.
async fn memory(engine: Engine, records: u64, prefixes: &[String]) {
    let operator = Operator { customers: 10_000, with_allowance: false };
    let opened = open(engine.create().await).await;
    operator.load(&opened.app, prefixes).await;
    println!("{engine:?}: {records} records; with the customers loaded {} MB", peak_megabytes());
    let watch = Stopwatch::start();
    let shown = AtomicU64::new(0);
    let progress = |_, control: &Control| {
        let millions = control.records / 1_000_000;
        if shown.swap(millions, Ordering::Relaxed) < millions {
            let rate = a_second(control.records, watch);
            println!("{engine:?}: {millions} million, {rate}/s so far, {} MB at most", peak_megabytes());
        }
    };
    let control = import(&opened.app, Records::new(records, operator.customers, prefixes), &progress).await;
    assert_eq!(control.records, records, "{control}");
    let rate = a_second(records, watch);
    println!("{engine:?}: {control}; {rate}/s, {} MB at most", peak_megabytes());
}

/// How many calls are stored, and the sum of their charges.
async fn stored(app: &App) -> (i64, i64) {
    let mut tx = app.db.read().await.expect("the database is there");
    let sql = "select count(*) as calls, cast(sum(amount) as bigint) as amount from calls";
    let row = tx.row(sql, &[]).await.expect("the table is there").expect("a sum has a row");
    (row.get("calls").expect("it was asked for"), row.get("amount").expect("it was asked for"))
}

fn write_file(mut file: &File, mut records: Records) {
    std::io::copy(&mut records, &mut file).expect("the disk has room");
    file.flush().expect("the disk has room");
}

/// How many a second.
fn a_second(count: u64, watch: Stopwatch) -> u64 {
    let microseconds = watch.elapsed().as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / microseconds).expect("nothing is that fast")
}

/// The most memory this process ever held.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
