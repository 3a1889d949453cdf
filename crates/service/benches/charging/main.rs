//! How many calls a second are charged while they happen, and how long does a switch wait for its answer?
//!
//! `cargo bench -p tollbook --bench charging -- [pairs] [waits] [import] [sqlite|postgres] [number of customers]`
//! `docs/performance.md` explains what is measured.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "../support/client.rs"]
mod client;
#[path = "../../../calculation/benches/support/deck.rs"]
mod deck;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/opened.rs"]
mod opened;
mod operator;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod records;
#[path = "../support/settle.rs"]
mod settle;
mod switch;

use std::sync::Arc;
use std::time::Duration;

use tollbook::app::App;
use tollbook::calls::{self, Import, Imported, Source};
use tollbook::clock::{Clock, Stopwatch};
use tollbook::sessions::Desk;

use deck::Chance;
use opened::{Engine, Opened};
use operator::Operator;
use records::Records;
use switch::{Asked, Calls, Waited, as_many_as_go, at_a_rate};

/// None: PostgreSQL waits for the disk as it does by default.
const POSTGRES_SETTINGS: &str = "";
/// Both ways take turns so often.
const PAIRS: usize = 5;
/// Calls that wait for an answer at once: of a few switches, and of many.
const IN_FLIGHT: [usize; 2] = [256, 64];
/// Numbers that are called.
const CALLED_NUMBERS: usize = 20_000;
/// Calls that begin in a second while records are imported.
const BESIDE_IMPORT: u64 = 100;

/// What is asked for on the command line.
#[derive(Debug, Clone, Copy)]
struct Plan {
    customers: u64,
    records: u64,
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
        let (records, time) = (1_000_000, Duration::from_secs(5));
        Plan { customers: given.unwrap_or(10_000), records, time, runs: PAIRS }
    } else {
        let (records, time) = (100, Duration::from_millis(50));
        Plan { customers: given.unwrap_or(100), records, time, runs: 1 }
    };
    let prefixes = deck::prefixes();
    let mut chance = Chance(2026);
    let called = (0..CALLED_NUMBERS).map(|_| deck::number(&prefixes, &mut chance)).collect();
    let calls = Calls { lines: plan.customers, called };
    let all = !["pairs", "waits", "import"].into_iter().any(has);
    for engine in Engine::named(&words) {
        let opened = engine.create().await.open(Clock::system(), "").await;
        Operator { customers: plan.customers }.load(&opened.app, &prefixes).await;
        let stage = Stage { engine, opened, calls: calls.clone(), plan };
        println!("{engine:?}: {} prepaid customers", plan.customers);
        let mut rate = None;
        if all || has("pairs") {
            for in_flight in IN_FLIGHT {
                stage.pairs(in_flight, Asked::Desk).await;
                rate = Some(stage.pairs_over_http(in_flight).await);
            }
        }
        if all || has("waits") {
            stage.waits(rate).await;
        }
        if all || has("import") {
            stage.beside_import().await;
        }
    }
}

/// A database with its customers, and who calls.
struct Stage {
    engine: Engine,
    opened: Opened,
    calls: Calls,
    plan: Plan,
}

impl Stage {
    /// The program with requests committed as they are by default.
    fn together(&self) -> App {
        self.opened.app.clone()
    }

    /// The program with a transaction for each request, by as many workers as are fastest.
    fn apart(&self) -> App {
        let mut config = (*self.opened.app.config).clone();
        config.charging.together = 1;
        config.charging.workers = match self.engine {
            Engine::Sqlite => 1,
            Engine::Postgres => 16,
        };
        let App { db, clock, tariffs, .. } = &self.opened.app;
        let desk = Desk::open(db, clock, tariffs, &config);
        App { desk, config: Arc::new(config), ..self.opened.app.clone() }
    }

    async fn pairs_over_http(&self, in_flight: usize) -> u64 {
        let (together, apart) = (serve(self.together()).await, serve(self.apart()).await);
        self.take_turns("over HTTP", in_flight, together, apart).await
    }

    async fn pairs(&self, in_flight: usize, asked: fn(App) -> Asked) -> u64 {
        let (together, apart) = (asked(self.together()), asked(self.apart()));
        self.take_turns("straight at the desk", in_flight, together, apart).await
    }

    /// Both ways in turn; answers how many calls a second went through together.
    async fn take_turns(&self, how: &str, in_flight: usize, together: Asked, apart: Asked) -> u64 {
        let how = format!("{in_flight} in flight, {how}");
        let (mut rates, mut ratios) = (Vec::new(), Vec::new());
        for run in 1..=self.plan.runs {
            let run_of =
                |asked: &Asked| as_many_as_go(asked.clone(), self.calls.clone(), in_flight, self.plan.time);
            let apart = run_of(&apart).await;
            let together = run_of(&together).await;
            let ratio = together * 100 / apart.max(1);
            let engine = self.engine;
            println!(
                "{engine:?} {run}, {how}: apart {apart} calls/s, together {together} calls/s: {ratio} %"
            );
            rates.push(together);
            ratios.push(ratio);
        }
        rates.sort_unstable();
        ratios.sort_unstable();
        let middle = self.plan.runs / 2;
        let (rate, ratio) = (rates[middle], ratios[middle]);
        println!("{:?}, {how}: median {rate} calls/s of {rates:?}, {ratio} % of {ratios:?}", self.engine);
        rate
    }

    /// How long answers take at half of what goes through.
    async fn waits(&self, rate: Option<u64>) {
        let asked = serve(self.together()).await;
        let most = match rate {
            Some(rate) => rate,
            None => as_many_as_go(asked.clone(), self.calls.clone(), IN_FLIGHT[1], self.plan.time).await,
        };
        let rate = (most / 2).max(1);
        for _ in 0..self.plan.runs {
            let waits = at_a_rate(asked.clone(), self.calls.clone(), rate, self.plan.time).await;
            show(&format!("{:?}, {rate} calls/s of {most}", self.engine), waits);
        }
    }

    /// How long answers take while records are imported, and how fast those are.
    async fn beside_import(&self) {
        let asked = serve(self.together()).await;
        let alone = self.import("switch-a").await;
        println!("{:?}: import alone {alone} records/s", self.engine);
        let calls = self.calls.clone();
        let calling = async {
            let time = Duration::from_secs(self.plan.records / (alone.max(1)) + 1);
            at_a_rate(asked, calls, BESIDE_IMPORT, time).await
        };
        // Switches ask all day: the import meets them.
        let importing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.import("switch-b").await
        };
        let (waits, beside) = tokio::join!(calling, importing);
        println!("{:?}: import beside {BESIDE_IMPORT} calls/s {beside} records/s", self.engine);
        show(&format!("{:?}, {BESIDE_IMPORT} calls/s beside the import", self.engine), waits);
    }

    /// Imports records; answers how many a second.
    async fn import(&self, source: &str) -> u64 {
        let Plan { records, customers, .. } = self.plan;
        let app = self.together();
        let input = Records::new(records, customers, self.calls.called.clone(), app.clock.now());
        let import = Import { source: Source::new(source), file_name: "calls.csv".to_owned(), input };
        let task = tokio::spawn(async move {
            let watch = Stopwatch::start();
            (calls::import(&app, import, &|_, _| ()).await, watch.elapsed())
        });
        match task.await.expect("the import is no panic") {
            (Ok(Imported::Done { import, .. }), took) => {
                assert_eq!(import.control.charged, records, "{}", import.control);
                a_second(records, took)
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}

/// Serves the API on a free port of this machine.
async fn serve(app: App) -> Asked {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, tollbook::http::router(app)).await });
    Asked::Http(address)
}

fn show(what: &str, waited: Waited) {
    for (verb, waits) in [("authorise", waited.authorise), ("release", waited.release)] {
        println!("{what}: {verb} {waits}");
    }
}

/// How many a second.
fn a_second(count: u64, took: Duration) -> u64 {
    let microseconds = took.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / microseconds).expect("nothing is that fast")
}
