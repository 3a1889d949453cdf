//! What is asked? Calls are posted, and read again one by one and by pages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tollbook::app::App;
use tollbook::calls::Cursor;
use tollbook::clock::Clock;
use tollbook::id::CustomerId;

use crate::client::Client;
use crate::deck::{self, Chance};
use crate::load::Lane;
use crate::operator::SOURCE;
use crate::records::{line_of, record_id};

const JSON: &str = "content-type: application/json\r\n";
/// So many calls of those stored are asked for: no two requests of a run for the same one.
const ASKED_FOR: u64 = 20_000;
/// Numbers that are called.
const CALLED_NUMBERS: usize = 20_000;
/// The posted calls began within so many seconds, some hours ago.
const SPAN_SECONDS: u64 = 3_600;

/// Records of all runs, so that each has an id of its own.
static RECORDS: AtomicU64 = AtomicU64::new(0);

/// Who calls whom, and when.
#[derive(Clone)]
pub(crate) struct Calls {
    customers: u64,
    called: Arc<[String]>,
    begin: Timestamp,
}

impl Calls {
    pub(crate) fn new(customers: u64, prefixes: &[String]) -> Self {
        let mut chance = Chance(2027);
        let called = (0..CALLED_NUMBERS).map(|_| deck::number(prefixes, &mut chance)).collect();
        let begin = Clock::system().now().checked_sub(SignedDuration::from_hours(4));
        Self { customers, called, begin: begin.expect("time goes on") }
    }

    /// The next record that was never sent.
    pub(crate) fn next(&self) -> String {
        let place = RECORDS.fetch_add(1, Ordering::Relaxed);
        let mut chance = Chance(place);
        let caller = line_of(chance.below(self.customers));
        let called = chance.one_of(&self.called);
        let talk = 1 + chance.below(900);
        let started = place % SPAN_SECONDS;
        let [start, answer, end] = [started, started + 5, started + 5 + talk].map(|second| {
            let second = i64::try_from(second).expect("it is few");
            self.begin.checked_add(SignedDuration::from_secs(second)).expect("time goes on")
        });
        format!(
            r#"{{"record_id":"1792888200.{place:08}","call_id":"1792888200.{place:08}","direction":"outbound","calling_number":"{caller}","called_number":"{called}","start_time":"{start}","answer_time":"{answer}","end_time":"{end}","billsec":{talk},"disposition":"ANSWERED"}}"#
        )
    }
}

/// Posts a call after the other.
pub(crate) struct Posting {
    client: Client,
    headers: String,
    calls: Calls,
    answered: Arc<AtomicU64>,
}

impl Posting {
    pub(crate) async fn open(asked: &Asked, calls: &Calls) -> Self {
        let client = Client::connect(asked.address).await;
        let headers = format!("{}{JSON}", asked.headers);
        Self { client, headers, calls: calls.clone(), answered: asked.answered.clone() }
    }

    /// Posts a record; answers what was said.
    pub(crate) async fn post(&mut self, record: &str) -> &str {
        let what = format!("POST /v1/calls?source={SOURCE}");
        let (status, answer) = self.client.ask(&what, &self.headers, record).await;
        assert_eq!(status, 201, "{answer}");
        self.answered.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

impl Lane for Posting {
    const PARTS: usize = 1;

    async fn ask(&mut self, _part: usize) {
        let record = self.calls.next();
        self.post(&record).await;
    }
}

/// Gets one path after the other.
pub(crate) struct Reading {
    client: Client,
    headers: Arc<str>,
    paths: Arc<[String]>,
    next: Arc<AtomicU64>,
}

impl Reading {
    pub(crate) async fn open(asked: &Asked, paths: &Arc<[String]>) -> Self {
        let client = Client::connect(asked.address).await;
        Self { client, headers: asked.headers.clone(), paths: paths.clone(), next: asked.answered.clone() }
    }
}

impl Lane for Reading {
    const PARTS: usize = 1;

    async fn ask(&mut self, _part: usize) {
        let place = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).expect("it is a place");
        let what = &self.paths[place % self.paths.len()];
        let (status, answer) = self.client.ask(what, &self.headers, "").await;
        assert_eq!(status, 200, "{what}: {answer}");
    }
}

/// Where is asked, and how one proves who asks.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) address: SocketAddr,
    pub(crate) headers: Arc<str>,
    pub(crate) answered: Arc<AtomicU64>,
}

impl Asked {
    pub(crate) fn new(address: SocketAddr, token: Option<&str>) -> Self {
        let headers = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        Self { address, headers: headers.into(), answered: Arc::default() }
    }
}

/// What is asked for of the calls that are stored.
pub(crate) struct Paths {
    pub(crate) call: Arc<[String]>,
    pub(crate) first_page: Arc<[String]>,
    pub(crate) later_page: Arc<[String]>,
}

impl Paths {
    /// Calls anywhere in the table, each with its customer's newest page and the page that goes on after it.
    pub(crate) async fn of(app: &App, stored: u64) -> Self {
        let mut chance = Chance(2028);
        let (mut call, mut first_page, mut later_page) = (Vec::new(), Vec::new(), Vec::new());
        let mut tx = app.db.read().await.expect("the database is there");
        let sql = "select customer_id, started_at from calls where source = $1 and record_id = $2";
        for _ in 0..ASKED_FOR {
            let record_id = record_id(chance.below(stored));
            let row = tx.row(sql, &[&SOURCE, &record_id]).await.expect("the table is there");
            let row = row.expect("the record was imported");
            let customer = CustomerId(row.get("customer_id").expect("it was asked for"));
            let started_at = row.time("started_at").expect("it was asked for");
            let calls = format!("GET /v1/customers/{customer}/calls");
            call.push(format!("{calls}/{SOURCE}/{record_id}"));
            first_page.push(format!("{calls}?limit=50"));
            let cursor = Cursor { started_at, source: SOURCE.to_owned(), record_id };
            later_page.push(format!("{calls}?limit=50&cursor={cursor}"));
        }
        Self { call: call.into(), first_page: first_page.into(), later_page: later_page.into() }
    }
}
