//! How many calls a second are charged that are posted one by one?

use std::sync::Arc;
use std::sync::atomic::Ordering;

use calculation::money::Amount;
use tollbook::db::Db;

use crate::asking::{Asked, Calls, Posting};
use crate::bare::Bare;
use crate::opened::{Engine, Opened};
use crate::operator::{Operator, open};
use crate::reference::Reference;
use crate::service::{Service, json, text};
use crate::settle::settle;
use crate::{Plan, deck, load, median, range};

/// Clients that wait for an answer at once.
const IN_FLIGHT: [usize; 2] = [64, 256];

/// All that is compared, each with a database of its own that holds no call yet.
pub(crate) struct Posts {
    engine: Engine,
    plan: Plan,
    calls: Calls,
    url: String,
    service: Service,
    reference: Reference,
    bare: Bare,
    _opened: Opened,
}

impl Posts {
    pub(crate) async fn open(engine: Engine, plan: Plan, prefixes: &[String]) -> Self {
        let customers = plan.customers;
        let database = engine.create().await;
        let url = database.url.clone();
        let opened = open(database).await;
        Operator { customers, with_allowance: false }.load(&opened.app, prefixes).await;
        settle(&opened.app).await;
        let service = Service::start(&url, &[]).await;
        let reference = Reference::start(engine, customers, &deck::deck(prefixes, false)).await;
        let (calls, bare) = (Calls::new(customers, prefixes), Bare::open(engine).await);
        Self { engine, plan, calls, url, service, reference, bare, _opened: opened }
    }

    /// All in turn.
    pub(crate) async fn compare(&self) {
        let engine = self.engine;
        self.assert_same_price().await;
        for in_flight in IN_FLIGHT {
            let (mut rates, mut references, mut bares) = (Vec::new(), Vec::new(), Vec::new());
            let mut times = Vec::new();
            for run in 1..=self.plan.runs {
                let reference = self.as_many_as_go(&self.reference.asked, in_flight).await;
                let rate = self.as_many_as_go(&self.service.asked, in_flight).await;
                let bare = self.bare.insert(engine, in_flight, self.plan.time).await;
                let ratio = rate * 10 / reference.max(1);
                println!(
                    "{engine:?} {run}, {in_flight} in flight: {rate} calls/s, reference {reference}: {}.{} times; bare insert {bare}: {} %",
                    ratio / 10,
                    ratio % 10,
                    rate * 100 / bare.max(1)
                );
                rates.push(rate);
                references.push(reference);
                bares.push(bare);
                times.push(ratio / 10);
            }
            for (what, rates) in [("tollbook", rates), ("reference", references), ("bare insert", bares)] {
                println!(
                    "{engine:?}, {in_flight} in flight, {what}: {}/s ({})",
                    median(&rates),
                    range(&rates)
                );
            }
            println!(
                "{engine:?}, {in_flight} in flight: {} times ({}), aim 50",
                median(&times),
                range(&times)
            );
        }
        assert_kept(&self.url, &self.service.asked).await;
        assert_kept(&self.reference.database.url, &self.reference.asked).await;
    }

    async fn as_many_as_go(&self, asked: &Asked, in_flight: usize) -> u64 {
        let (asked, calls) = (asked.clone(), self.calls.clone());
        let open = async move || Posting::open(&asked, &calls).await;
        load::as_many_as_go(open, in_flight, self.plan.time).await
    }

    /// The reference does the same work: the same record costs the same.
    async fn assert_same_price(&self) {
        for _ in 0..100 {
            let (record, mut amounts) = (self.calls.next(), Vec::new());
            for asked in [&self.service.asked, &self.reference.asked] {
                let mut posting = Posting::open(asked, &self.calls).await;
                let answer = json(posting.post(&record).await);
                amounts.push(text(&answer, "/amount/amount").parse::<Amount>().expect("it is an amount"));
            }
            assert_eq!(amounts[0], amounts[1], "{record}");
        }
    }
}

/// What was answered is stored.
async fn assert_kept(url: &str, asked: &Asked) {
    let db = Db::open(url).await.expect("the database is there");
    let mut tx = db.read().await.expect("the database is there");
    let row = tx.row("select count(*) as stored from calls", &[]).await.expect("the table is there");
    let stored: i64 = row.expect("a count has a row").get("stored").expect("it was asked for");
    assert_eq!(u64::try_from(stored), Ok(Arc::clone(&asked.answered).load(Ordering::Relaxed)));
}
