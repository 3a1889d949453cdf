//! Who asks? Switches that authorise and release calls, over HTTP as they do or straight at the desk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollbook::app::App;
use tollbook::sessions::{Answer, Authorise, Release, Request};

use crate::client::Client;
use crate::deck::Chance;
use crate::load::{self, Lane, Waits};
use crate::operator::line_of;

/// So many calls may wait for an answer when they come at a fixed rate.
const LANES: usize = 512;
const JSON: &str = "content-type: application/json\r\n";

/// Calls of all runs, so that each has an id of its own.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Where is asked.
#[derive(Clone)]
pub(crate) enum Asked {
    Http(SocketAddr),
    Desk(App),
}

/// Who calls and who is called.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) lines: u64,
    pub(crate) called: Arc<[String]>,
}

/// How long a call waited to be authorised, and to be released.
pub(crate) struct Waited {
    pub(crate) authorise: Waits,
    pub(crate) release: Waits,
}

/// Has so many calls in flight at once for a time; answers how many were authorised and released a second.
pub(crate) async fn as_many_as_go(asked: Asked, calls: Calls, in_flight: usize, time: Duration) -> u64 {
    load::as_many_as_go(async move || Switch::open(&asked, &calls).await, in_flight, time).await
}

/// Begins calls at a fixed rate for a time, whether or not those before were answered. An authorisation's wait
/// counts from the instant the call was due; the release follows at once.
pub(crate) async fn at_a_rate(asked: Asked, calls: Calls, rate: u64, time: Duration) -> Waited {
    let open = async move || Switch::open(&asked, &calls).await;
    let mut waits = load::at_a_rate(open, LANES, rate, time).await.into_iter().map(Waits::of);
    let mut next = || waits.next().expect("a call has two parts");
    Waited { authorise: next(), release: next() }
}

/// A call at a time.
struct Switch {
    door: Door,
    calls: Calls,
    /// Of the call under way.
    session: String,
}

/// Where it is asked.
enum Door {
    Http(Client),
    Desk(Box<App>),
}

impl Lane for Switch {
    const PARTS: usize = 2;

    async fn ask(&mut self, part: usize) {
        if part == 0 {
            self.session = self.authorise().await;
        } else {
            self.release().await;
        }
    }
}

impl Switch {
    async fn open(asked: &Asked, calls: &Calls) -> Self {
        let door = match asked {
            Asked::Http(address) => Door::Http(Client::connect(*address).await),
            Asked::Desk(app) => Door::Desk(Box::new(app.clone())),
        };
        Self { door, calls: calls.clone(), session: String::new() }
    }

    /// Authorises the next call; answers its session.
    async fn authorise(&mut self) -> String {
        let place = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut chance = Chance(place);
        let calling_number = line_of(chance.below(self.calls.lines));
        let called_number = chance.one_of(&self.calls.called).clone();
        let call_id = format!("{place:016}@switch.example.com");
        match &mut self.door {
            Door::Http(client) => {
                let body = format!(
                    r#"{{"call_id":"{call_id}","calling_number":"{calling_number}","called_number":"{called_number}","requested_seconds":300}}"#
                );
                let (status, answer) = client.ask("POST /v1/charging/sessions", JSON, &body).await;
                assert_eq!(status, 201, "{answer}");
                session_of(answer)
            }
            Door::Desk(app) => {
                let asked = Authorise {
                    call_id,
                    sequence: 0,
                    calling_number,
                    called_number,
                    started_at: None,
                    requested_seconds: Some(300),
                    account_ref: None,
                };
                match app.desk.ask(&app.config, Request::Authorise(asked)).await {
                    Ok(Answer::Granted(grant)) => grant.session_id,
                    refused => panic!("{refused:?}"),
                }
            }
        }
    }

    async fn release(&mut self) {
        let session = &self.session;
        match &mut self.door {
            Door::Http(client) => {
                let what = format!("POST /v1/charging/sessions/{session}/release");
                let used = r#"{"sequence":1,"used_seconds":61}"#;
                let (status, answer) = client.ask(&what, JSON, used).await;
                assert_eq!(status, 200, "{answer}");
            }
            Door::Desk(app) => {
                let asked = Release { sequence: 1, used_seconds: 61, answered_at: None };
                let session = session.parse().expect("it is a session's id");
                let answer = app.desk.ask(&app.config, Request::Release { session, asked }).await;
                assert!(matches!(answer, Ok(Answer::Settled(_))), "{answer:?}");
            }
        }
    }
}

fn session_of(answer: &str) -> String {
    let after = answer.split_once(r#""session_id":""#).map(|(_, after)| after);
    let session = after.and_then(|after| after.split_once('"'));
    session.map(|(session, _)| session.to_owned()).expect("a grant names its session")
}
