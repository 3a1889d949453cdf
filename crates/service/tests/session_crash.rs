//! Is nothing lost and nothing charged twice when the program dies in the middle of its work?

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;
use tollbook::sessions;

use crate::support::charging::{UK, assert_adds_up, record, second_clock};
use crate::support::operator::create;
use crate::support::program::{free_address, wait_for};
use crate::support::{TestApp, on_both_databases};

/// Who calls at once; each has a line and a customer of their own, and one all share.
const CALLERS: usize = 6;
/// The program dies after so many answers.
const ANSWERS: usize = 250;

/// The status of a request that the program died over.
const NOT_ANSWERED: u16 = 0;

/// A request and what was answered.
type Heard = (String, Value, u16, Value);

/// The program on a database, at an address of its own.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    /// Starts it, and waits until it answers.
    fn start(url: &str) -> Self {
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
        command.args(["--database-url", url, "serve", "--without-authentication", "--listen"]);
        command.arg(address.to_string());
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
        wait_for(&mut child, address);
        Self { child, address: address.to_string() }
    }

    /// As does a machine that loses its power.
    fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}

/// Posts, unless nobody is there any more.
async fn post(address: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let text = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all((head + &text).as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    // What was cut off was not answered.
    Some((status, serde_json::from_str(body).ok()?))
}

/// A prepaid customer with money, since long ago: the program has the machine's clock.
async fn customer(db: &TestApp, reference: &str, line: &str, money: &str) -> String {
    let since = "2015-01-01T00:00:00Z";
    let customer = json!({
        "reference": reference, "currency": "EUR", "zone": "Europe/Berlin",
        "lines": [{"number": line, "valid_from": since}], "party": {"name": reference, "country": "DE"},
        "subscription": {"plan": "Ever", "valid_from": since},
    });
    let id = create(db, "/v1/customers", customer).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/customers/{id}");
    let top_up = json!({"reference": reference, "amount": money, "currency": "EUR"});
    create(db, &format!("{path}/top-ups"), top_up).await;
    path
}

async fn operator(db: &TestApp) -> Vec<(String, String)> {
    let deck =
        "prefix,destination,rate_per_min,connection_charge,increments\n44,United Kingdom,0.02,0,60/60\n";
    let terms = json!({"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}});
    let tariff = json!({"name": "ever", "deck": deck, "valid_from": "2015-01-01T00:00:00Z", "terms": terms});
    create(db, "/v1/tariffs", tariff).await;
    let plan = json!({"name": "Ever", "currency": "EUR", "payment": "prepaid", "monthly_fee": "0", "tariff": "ever"});
    create(db, "/v1/plans", plan).await;
    let mut callers = Vec::new();
    for number in 0..=CALLERS {
        let line = format!("+49302315{number:04}");
        let money = if number == CALLERS { "0.50" } else { "1000.00" };
        callers.push((customer(db, &format!("E-{number}"), &line, money).await, line));
    }
    callers
}

/// One call after the other, until nobody answers.
async fn talk(
    address: String,
    place: usize,
    callers: Vec<(String, String)>,
    answered: Arc<AtomicUsize>,
) -> Vec<Heard> {
    let mut heard = Vec::new();
    let clock = Clock::system();
    for number in 0.. {
        // Every third call is on the line that all share, and that has little money.
        let (customer, line) = &callers[if number % 3 == 0 { CALLERS } else { place }];
        let call_id = format!("{place}-{number}");
        let body = json!({"call_id": call_id, "calling_number": line, "called_number": UK, "requested_seconds": 120});
        let began = clock.now();
        let Some(answer) = heard_of(&address, "/v1/charging/sessions", body, &mut heard, &answered).await
        else {
            break;
        };
        let session = format!("/v1/charging/sessions/{}", answer["session_id"].as_str().unwrap_or("none"));
        let update = json!({"sequence": 1, "used_seconds": 61, "requested_seconds": 120});
        let release = json!({"sequence": 2, "used_seconds": 150});
        let top_up = json!({"reference": format!("top-up {call_id}"), "amount": "0.02", "currency": "EUR"});
        let record = record(&call_id, &call_id, line, UK, began, 150);
        let requests = match number % 4 {
            // Nothing is heard of it any more.
            0 => vec![(format!("{session}/update"), update)],
            1 => vec![(format!("{session}/update"), update), (format!("{session}/release"), release)],
            2 => vec![(format!("{session}/release"), release), ("/v1/calls?source=pbx".to_owned(), record)],
            _ => vec![("/v1/calls?source=pbx".to_owned(), record), (format!("{customer}/top-ups"), top_up)],
        };
        for (path, body) in requests {
            if heard_of(&address, &path, body, &mut heard, &answered).await.is_none() {
                return heard;
            }
        }
    }
    heard
}

async fn heard_of(
    address: &str,
    path: &str,
    body: Value,
    heard: &mut Vec<Heard>,
    answered: &AtomicUsize,
) -> Option<Value> {
    let Some((status, answer)) = post(address, path, &body).await else {
        heard.push((path.to_owned(), body, NOT_ANSWERED, Value::Null));
        return None;
    };
    answered.fetch_add(1, Ordering::Relaxed);
    heard.push((path.to_owned(), body, status, answer.clone()));
    Some(answer)
}

/// What was answered last about each session, and each refusal of a call: those are answered again. Of the others
/// the next request was heard, or may have been: the program died before it answered.
fn last_of_each(heard: &[Heard]) -> Vec<&Heard> {
    let session = |heard: &Heard| heard.3["session_id"].as_str().map(str::to_owned);
    let charging = heard.iter().filter(|heard| heard.0.starts_with("/v1/charging") && heard.2 < 404);
    let charging = charging.filter(|heard| heard.2 != NOT_ANSWERED);
    let unanswered: Vec<_> = heard.iter().filter(|heard| heard.2 == NOT_ANSWERED).collect();
    let is_last = |one: &&Heard| {
        if let Some(id) = session(one)
            && unanswered.iter().any(|unanswered| unanswered.0.contains(&id))
        {
            return false;
        }
        let same = heard.iter().rev().find(|other| session(other) == session(one));
        session(one).is_none() || same.is_some_and(|last| std::ptr::eq(last, *one))
    };
    charging.filter(is_last).collect()
}

on_both_databases! {
    async fn a_program_that_is_killed_has_charged_what_it_answered(db: TestApp) {
        let callers = operator(&db).await;
        let program = Program::start(&db.url);
        let (address, answered) = (program.address.clone(), Arc::new(AtomicUsize::new(0)));
        let mut talking = JoinSet::new();
        for place in 0..CALLERS {
            talking.spawn(talk(address.clone(), place, callers.clone(), answered.clone()));
        }
        while answered.load(Ordering::Relaxed) < ANSWERS {
            assert!(talking.try_join_next().is_none(), "somebody was not answered");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        program.kill();
        let heard = talking.join_all().await;
        assert!(heard.iter().map(Vec::len).sum::<usize>() >= ANSWERS);
        let odd = heard.iter().flatten().find(|(_, _, status, _)| *status >= 500);
        assert!(odd.is_none(), "{odd:?}");
        let program = Program::start(&db.url);
        let again = async |expired: bool| {
            let mut repeated = 0;
            for heard in &heard {
                for (path, body, status, answer) in last_of_each(heard) {
                    // What only held is over by then.
                    if expired && answer["granted_seconds"].is_u64() {
                        continue;
                    }
                    let found = post(&program.address, path, body).await.expect("it answers");
                    assert_eq!(found, (*status, answer.clone()), "{path} {body}");
                    repeated += 1;
                }
            }
            repeated
        };
        assert!(again(false).await > ANSWERS / 4);
        let later = Clock::system().now().checked_add(SignedDuration::from_hours(1)).unwrap();
        let app = App::open(&db.url, second_clock(later), Config::from_toml("").unwrap()).await.unwrap();
        assert!(sessions::expire(&app).await.unwrap() > 0);
        assert!(again(true).await > 0);
        program.kill();
        db.app.clock.set(later);
        let mut tx = db.app.db.read().await.unwrap();
        for sql in [
            "select session_id from charging_sessions where state = 'open'",
            "select session_id from reservations where held <> 0",
            "select balance_id from balances where reserved <> 0 or amount < 0",
        ] {
            assert_eq!(tx.rows(sql, &[]).await.unwrap().len(), 0, "{sql}");
        }
        drop(tx);
        assert_adds_up(&db).await;
        let check = Command::new(env!("CARGO_BIN_EXE_tollbook")).args(["--database-url", &db.url, "check"]).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    }
}
