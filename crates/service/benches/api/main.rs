//! How long does a reader wait while millions of calls are stored, and how many calls a second can be posted one by
//! one, next to a straightforward service in Python and to the bare insert?
//!
//! `cargo bench -p tollbook --bench api -- [reads] [guard] [posts] [sqlite|postgres] [number of calls]`
//! `docs/performance.md` explains what is measured.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

mod asking;
mod bare;
#[path = "../support/child.rs"]
mod child;
#[path = "../support/client.rs"]
mod client;
#[path = "../../../calculation/benches/support/deck.rs"]
mod deck;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/opened.rs"]
mod opened;
#[path = "../support/operator.rs"]
mod operator;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod posts;
mod reads;
#[path = "../support/records.rs"]
mod records;
mod reference;
mod service;
#[path = "../support/settle.rs"]
mod settle;

use std::time::Duration;

use opened::Engine;
use posts::Posts;
use reads::Stored;

/// PostgreSQL waits for the disk as it does by default; who is compared stays connected meanwhile.
const POSTGRES_SETTINGS: &str = "-c max_connections=500";

/// What is asked for on the command line.
#[derive(Debug, Clone, Copy)]
struct Plan {
    calls: u64,
    customers: u64,
    /// How long a run takes, and how many there are.
    time: Duration,
    runs: usize,
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let given = words.iter().find_map(|word| word.parse().ok());
    // Without `--bench`, which `cargo bench` gives, it only shows that it works.
    let plan = if has("--bench") {
        let (customers, time) = (10_000, Duration::from_secs(5));
        Plan { calls: given.unwrap_or(10_000_000), customers, time, runs: 5 }
    } else {
        let (customers, time) = (100, Duration::from_millis(50));
        Plan { calls: given.unwrap_or(1_000), customers, time, runs: 1 }
    };
    let prefixes = deck::prefixes();
    let all = !["reads", "guard", "posts"].into_iter().any(has);
    for engine in Engine::named(&words) {
        if all || has("reads") || has("guard") {
            let stored = Stored::load(engine, plan, &prefixes).await;
            if all || has("reads") {
                stored.reads().await;
            }
            if all || has("guard") {
                stored.guard().await;
            }
        }
        if all || has("posts") {
            Posts::open(engine, plan, &prefixes).await.compare().await;
        }
    }
}

/// The one in the middle.
fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The least and the most.
fn range(values: &[u64]) -> String {
    let (least, most) = (values.iter().min(), values.iter().max());
    format!("{}-{}", least.copied().unwrap_or_default(), most.copied().unwrap_or_default())
}

/// How many a second.
fn a_second(count: u64, took: Duration) -> u64 {
    let microseconds = took.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / microseconds).expect("nothing is that fast")
}
