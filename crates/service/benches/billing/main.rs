//! How fast is a month invoiced, next to bare SQL that adds up the same calls and stores the same rows?
//!
//! `cargo bench -p tollbook --bench billing -- [due] [sqlite|postgres] [number of customers]`
//! `docs/performance.md` explains what is measured.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "../support/opened.rs"]
mod opened;
mod operator;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod reference;
#[path = "../support/settle.rs"]
mod settle;

use std::time::Duration;

use tollbook::app::App;
use tollbook::clock::Stopwatch;
use tollbook::invoices::{self, Billed, Run};

use opened::Engine;
use operator::{CALLS, Operator};

/// None: PostgreSQL waits for the disk as it does by default.
const POSTGRES_SETTINGS: &str = "";
/// The same month is billed so often.
const RUNS: usize = 5;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let given = words.iter().find_map(|word| word.parse().ok());
    // Without `--bench`, which `cargo bench` gives, it only shows that it works.
    let (customers, runs) =
        if has("--bench") { (given.unwrap_or(10_000), RUNS) } else { (given.unwrap_or(100), 1) };
    for engine in Engine::named(&words) {
        compare(engine, customers, runs, has("due")).await;
    }
}

/// Bills a month again and again, each time forgetting it afterwards.
async fn compare(engine: Engine, customers: u32, runs: usize, due: bool) {
    let operator = Operator::new(customers);
    let opened = operator.load(engine).await;
    let app = &opened.app;
    println!(
        "{engine:?}: {customers} customers with {CALLS} calls each, billed as {}",
        if due { "due" } else { "asked for" }
    );
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for run in 1..=runs {
        let watch = Stopwatch::start();
        let billed = if due { bill_due(app).await } else { bill(app, &operator.month()).await };
        let took = watch.elapsed();
        assert_eq!((billed.issued, billed.refused.len()), (customers.into(), 0), "{billed:?}");
        reference::assert_complete(app, customers).await;
        let bare = reference::run(app).await;
        let ratio = bare.sum().as_micros() * 100 / took.as_micros().max(1);
        let rate = a_second(customers, took);
        println!("{engine:?} {run}: {rate} invoices/s; {bare}; {ratio} %");
        rates.push(rate);
        ratios.push(ratio);
        operator.forget(app).await;
    }
    rates.sort_unstable();
    ratios.sort_unstable();
    let middle = runs / 2;
    println!("{engine:?}: median {}/s of {rates:?}, {} % of {ratios:?}", rates[middle], ratios[middle]);
}

async fn bill(app: &App, month: &str) -> Billed {
    match invoices::bill(app, month, &|| ()).await.expect("billing goes through") {
        Run::Billed(billed) => billed,
        Run::NotAMonth(error) => panic!("{error}"),
    }
}

async fn bill_due(app: &App) -> Billed {
    invoices::bill_due(app).await.expect("billing goes through")
}

/// How many a second.
fn a_second(count: u32, took: Duration) -> u128 {
    u128::from(count) * 1_000_000 / took.as_micros().max(1)
}
