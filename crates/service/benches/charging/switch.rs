//! Who asks? Switches that authorise and release calls, over HTTP as they do or straight at the desk.
//!
//! They run on a thread of their own, as other machines would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollbook::app::App;
use tollbook::clock::Stopwatch;
use tollbook::sessions::{Answer, Authorise, Release, Request};

use crate::client::Client;
use crate::deck::Chance;
use crate::operator::line_of;

/// So many calls may wait for an answer when they come at a fixed rate.
const LANES: usize = 512;

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

/// How long answers took, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    pub(crate) authorise: Vec<u128>,
    pub(crate) release: Vec<u128>,
}

/// Has so many calls in flight at once for a time; answers how many were authorised and released a second.
pub(crate) async fn as_many_as_go(asked: Asked, calls: Calls, in_flight: usize, time: Duration) -> u64 {
    on_a_thread(async move {
        let watch = Stopwatch::start();
        let lanes = (0..in_flight).map(|_| {
            let (asked, calls) = (asked.clone(), calls.clone());
            tokio::spawn(async move {
                let mut lane = Lane::open(&asked).await;
                let mut done = 0;
                while watch.elapsed() < time {
                    let session = lane.authorise(&calls).await;
                    lane.release(&session).await;
                    done += 1;
                }
                done
            })
        });
        let lanes: Vec<_> = lanes.collect();
        let mut done = 0;
        for lane in lanes {
            done += lane.await.expect("no call is refused");
        }
        crate::a_second(done, watch.elapsed())
    })
    .await
}

/// Begins calls at a fixed rate for a time, whether or not those before were answered. An authorisation's wait
/// counts from the instant the call was due; the release follows at once.
pub(crate) async fn at_a_rate(asked: Asked, calls: Calls, rate: u64, time: Duration) -> Waits {
    on_a_thread(async move {
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            lanes.push(Lane::open(&asked).await);
        }
        let (watch, next) = (Stopwatch::start(), Arc::new(AtomicU64::new(0)));
        let lanes = lanes
            .into_iter()
            .map(|lane| tokio::spawn(lane_at_a_rate(lane, calls.clone(), (rate, time), watch, next.clone())));
        let lanes: Vec<_> = lanes.collect();
        let mut waits = Waits::default();
        for lane in lanes {
            let of_lane = lane.await.expect("no call is refused");
            waits.authorise.extend(of_lane.authorise);
            waits.release.extend(of_lane.release);
        }
        waits
    })
    .await
}

async fn lane_at_a_rate(
    mut lane: Lane,
    calls: Calls,
    (rate, time): (u64, Duration),
    watch: Stopwatch,
    next: Arc<AtomicU64>,
) -> Waits {
    let mut waits = Waits::default();
    loop {
        let due = Duration::from_micros(next.fetch_add(1, Ordering::Relaxed) * 1_000_000 / rate);
        if due > time {
            return waits;
        }
        tokio::time::sleep(due.saturating_sub(watch.elapsed())).await;
        let session = lane.authorise(&calls).await;
        let authorised = watch.elapsed();
        waits.authorise.push(authorised.saturating_sub(due).as_micros());
        lane.release(&session).await;
        waits.release.push(watch.elapsed().saturating_sub(authorised).as_micros());
    }
}

/// Runs the load on a thread of its own and waits for it.
async fn on_a_thread<T: Send + 'static>(load: impl Future<Output = T> + Send + 'static) -> T {
    let thread = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(load)
    });
    thread.await.expect("no call is refused")
}

/// One who asks, a question at a time.
enum Lane {
    Http(Box<Client>),
    Desk(Box<App>),
}

impl Lane {
    async fn open(asked: &Asked) -> Self {
        match asked {
            Asked::Http(address) => Self::Http(Box::new(Client::connect(*address).await)),
            Asked::Desk(app) => Self::Desk(Box::new(app.clone())),
        }
    }

    /// Authorises the next call; answers its session.
    async fn authorise(&mut self, calls: &Calls) -> String {
        let place = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut chance = Chance(place);
        let calling_number = line_of(chance.below(calls.lines));
        let called_number = chance.one_of(&calls.called).clone();
        let call_id = format!("{place:016}@switch.example.com");
        match self {
            Self::Http(client) => {
                let body = format!(
                    r#"{{"call_id":"{call_id}","calling_number":"{calling_number}","called_number":"{called_number}","requested_seconds":300}}"#
                );
                let (status, answer) = client.post("/v1/charging/sessions", &body).await;
                assert_eq!(status, 201, "{answer}");
                session_of(answer)
            }
            Self::Desk(app) => {
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

    async fn release(&mut self, session: &str) {
        match self {
            Self::Http(client) => {
                let path = format!("/v1/charging/sessions/{session}/release");
                let (status, answer) = client.post(&path, r#"{"sequence":1,"used_seconds":61}"#).await;
                assert_eq!(status, 200, "{answer}");
            }
            Self::Desk(app) => {
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
