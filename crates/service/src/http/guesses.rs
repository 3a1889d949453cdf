//! Who guesses tokens and secrets? An address that sent too many wrong ones is not listened to for the rest of a minute.
//!
//! What is known to be right is looked at all the same: somebody else may have the same address.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

use super::rate::{Pace, address, group, too_often};
use crate::app::SharedApp;
use crate::config::Http;
use crate::metrics::{Metrics, WRONG_CREDENTIALS};

const MINUTE: Duration = Duration::from_mins(1);

/// Where a request comes from, if it came over a connection.
#[derive(Debug, Clone, Copy)]
pub struct Whence(Option<IpAddr>);

impl Whence {
    /// From the head of a request.
    pub fn of(parts: &Parts, settings: &Http) -> Self {
        Self(address(&parts.extensions, &parts.headers, &settings.proxies).map(group))
    }
}

impl FromRequestParts<SharedApp> for Whence {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Infallible> {
        Ok(Self::of(parts, &app.config.http))
    }
}

/// What is guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Token,
    Secret,
}

/// The wrong ones of a minute, by address; cheap to clone.
#[derive(Clone)]
pub struct Guesses {
    /// So many are looked at; none is no limit.
    limit: Option<u32>,
    minutes: Arc<Mutex<HashMap<IpAddr, Minute>>>,
    pace: Pace,
    metrics: Metrics,
}

/// A minute that begins with a wrong one.
#[derive(Debug, Clone, Copy)]
struct Minute {
    began: Duration,
    wrong: u32,
}

impl Guesses {
    pub(super) fn new(settings: &Http, pace: Pace, metrics: &Metrics) -> Self {
        let limit = Some(settings.wrong_credentials_per_minute).filter(|limit| *limit > 0);
        Self { limit, minutes: Arc::default(), pace, metrics: metrics.clone() }
    }

    /// Notes a wrong one.
    pub fn wrong(&self, whence: Whence, guess: Guess) {
        let kind = match guess {
            Guess::Token => "token",
            Guess::Secret => "secret",
        };
        self.metrics.count(WRONG_CREDENTIALS, &[("kind", kind)], 1);
        let Some(address) = whence.0.filter(|_| self.limit.is_some()) else { return };
        let now = self.pace.elapsed();
        let mut minutes = self.minutes();
        let minute = minutes.entry(address).or_insert(Minute { began: now, wrong: 0 });
        if now.saturating_sub(minute.began) >= MINUTE {
            *minute = Minute { began: now, wrong: 0 };
        }
        minute.wrong = minute.wrong.saturating_add(1);
    }

    /// How long an address is to wait until something unknown is looked at that it sends.
    pub fn barred(&self, whence: Whence) -> Option<Duration> {
        let (address, limit) = (whence.0?, self.limit?);
        let minute = *self.minutes().get(&address)?;
        let left = (minute.began + MINUTE).saturating_sub(self.pace.elapsed());
        let barred = minute.wrong >= limit && !left.is_zero();
        if barred {
            self.metrics.count(WRONG_CREDENTIALS, &[("kind", "unseen")], 1);
        }
        barred.then_some(left)
    }

    /// Forgets the minutes that are over.
    pub(super) fn forget(&self) {
        let now = self.pace.elapsed();
        self.minutes().retain(|_, minute| now.saturating_sub(minute.began) < MINUTE);
    }

    fn minutes(&self) -> MutexGuard<'_, HashMap<IpAddr, Minute>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal for an address that is to wait.
pub fn refuse_guess(wait: Duration) -> Response {
    too_often("too many wrong tokens or secrets came from this address", wait)
}
