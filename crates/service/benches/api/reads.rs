//! How long does a reader wait, and what of that is for knowing who asks, for the log and for the audit?

use std::sync::Arc;

use indicatif::ProgressBar;
use tollbook::clock::Stopwatch;

use crate::asking::{Asked, Paths, Reading};
use crate::load::{self, Lane, Waits};
use crate::opened::{Engine, Opened};
use crate::operator::{Operator, import, open};
use crate::records::Records;
use crate::service::Service;
use crate::settle::settle;
use crate::{Plan, a_second, median, range};

/// So many a second are asked for.
const RATE: u64 = 500;
/// So many may wait for an answer.
const LANES: usize = 64;
/// What is left out in turn.
const WITHOUT: [(&str, &[&str]); 4] = [
    ("everything on", &[]),
    ("without asking who asks", &["--without-authentication"]),
    ("without a line in the log", &["--set", "log.level=warn"]),
    ("without noting who reads", &["--set", "audit.reads=false"]),
];

/// A database full of calls.
pub(crate) struct Stored {
    engine: Engine,
    plan: Plan,
    url: String,
    paths: Paths,
    _opened: Opened,
}

impl Stored {
    pub(crate) async fn load(engine: Engine, plan: Plan, prefixes: &[String]) -> Self {
        let Plan { calls, customers, .. } = plan;
        let database = engine.create().await;
        let url = database.url.clone();
        let opened = open(database).await;
        Operator { customers, with_allowance: false }.load(&opened.app, prefixes).await;
        let (watch, bar) = (Stopwatch::start(), ProgressBar::new(calls));
        let records = Records::new(calls, customers, prefixes);
        let control = import(&opened.app, records, &|_, control| bar.set_position(control.records)).await;
        bar.finish_and_clear();
        assert_eq!(control.charged + control.free, calls, "{control}");
        let rate = a_second(calls, watch.elapsed());
        println!("{engine:?}: {calls} calls of {customers} customers, imported at {rate}/s");
        settle(&opened.app).await;
        let paths = Paths::of(&opened.app, calls).await;
        Self { engine, plan, url, paths, _opened: opened }
    }

    /// Reads at a fixed rate.
    pub(crate) async fn reads(&self) {
        let service = Service::start(&self.url, &[]).await;
        let Paths { call, first_page, later_page } = &self.paths;
        // The first who asks waits until the price list is in memory.
        Reading::open(&service.asked, call).await.ask(0).await;
        for (what, paths) in
            [("one call", call), ("the newest page of 50", first_page), ("a later page of 50", later_page)]
        {
            let mut most = Vec::new();
            for run in 1..=self.plan.runs {
                let open = reading(&service.asked, paths);
                let waits = load::at_a_rate(open, LANES, RATE, self.plan.time).await;
                let waits = Waits::of(waits.into_iter().flatten().collect());
                println!("{:?} {run}, {what}, {RATE}/s: {waits}", self.engine);
                most.push(u64::try_from(waits.percentile(99)).expect("nobody waits that long"));
            }
            let (engine, middle, range) = (self.engine, median(&most), range(&most));
            println!("{engine:?}, {what}, {RATE}/s: p99 median {middle} us ({range}), aim 10000 us");
        }
    }

    /// Reads one call after the other as fast as it goes, with one thing after the other left out.
    pub(crate) async fn guard(&self) {
        let mut services = Vec::new();
        for (what, further) in WITHOUT {
            services.push((what, &self.paths.call, Service::start(&self.url, further).await, Vec::new()));
        }
        let nothing: Arc<[String]> = [String::from("GET /livez")].into();
        services.push(("/livez", &nothing, Service::start(&self.url, &[]).await, Vec::new()));
        for (_, paths, service, _) in &services {
            Reading::open(&service.asked, paths).await.ask(0).await;
        }
        for _ in 0..self.plan.runs {
            for (_, paths, service, rates) in &mut services {
                let open = reading(&service.asked, paths);
                rates.push(load::as_many_as_go(open, LANES, self.plan.time).await);
            }
        }
        for (what, _, _, rates) in services {
            println!(
                "{:?}, one call, {what}: {} requests/s ({})",
                self.engine,
                median(&rates),
                range(&rates)
            );
        }
    }
}

fn reading(asked: &Asked, paths: &Arc<[String]>) -> impl AsyncFn() -> Reading + Send + 'static {
    let (asked, paths) = (asked.clone(), paths.clone());
    async move || Reading::open(&asked, &paths).await
}
