//! Who sends this request? The bearer token tells (RFC 6750).
//!
//! What a token told is kept in memory for some seconds, so that a switch that asks for calls waits for nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};

use super::issuer::Issuer;
use super::secret::{self, Hashing, TOKEN_PREFIX, TokenHash};
use super::{Caller, SharedCaller, store};
use crate::app::App;
use crate::config;
use crate::error;
use crate::http::{Guess, Kind, Problem, Whence, refuse_guess};

/// How long what a token told is believed: so long a revocation may take to be felt.
const BELIEVED: SignedDuration = SignedDuration::from_secs(10);
/// Looking a known token up again takes no longer: an emergency call waits for it.
const LOOK_UP_AGAIN: Duration = Duration::from_millis(500);
/// Looking up one that is not known takes no longer.
const LOOK_UP: Duration = Duration::from_secs(10);
/// So many tokens are remembered.
const REMEMBERED: usize = 10_000;
/// No token of ours or of a provider is longer.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Who may come in, as far as it is known in memory. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    /// Whether a token is needed at all.
    required: bool,
    known: Arc<Mutex<HashMap<TokenHash, Known>>>,
    pub(super) hashing: Hashing,
    /// Who else gives tokens.
    issuer: Option<Arc<Issuer>>,
}

/// What a token told.
#[derive(Clone)]
struct Known {
    caller: SharedCaller,
    expires_at: Timestamp,
    looked_up_at: Timestamp,
}

/// Why nobody is known by a request.
#[derive(Debug)]
pub(super) enum Unknown {
    /// It has no token.
    NoToken,
    /// It does not carry one token as it should.
    Malformed(&'static str),
    /// The token is worth nothing.
    Invalid(&'static str),
    /// Too many wrong ones came from its address: it is not looked at for so long.
    Barred(Duration),
    /// Whether it is could not be found out.
    Fault(Problem),
}

impl Access {
    /// A token is needed: one of ours, or of the issuer in the settings.
    pub fn open(settings: &config::Access) -> error::Result<Self> {
        let issuer = Issuer::open(settings)?.map(Arc::new);
        Ok(Self { required: true, known: Arc::default(), hashing: Hashing::default(), issuer })
    }

    /// Whether somebody else gives tokens too.
    pub(super) fn has_issuer(&self) -> bool {
        self.issuer.is_some()
    }

    /// The same, but whoever asks may do everything.
    #[must_use]
    pub fn without_authentication(self) -> Self {
        Self { required: false, ..self }
    }

    /// Whether a token is needed.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Who sends a request.
    pub(super) async fn caller(&self, app: &App, parts: &Parts) -> Result<SharedCaller, Unknown> {
        if !self.required {
            return Ok(Arc::new(Caller::anybody()));
        }
        let token = bearer(&parts.headers)?;
        let (hash, now) = (secret::hash_token(token), app.clock.now());
        let known = self.remembered(&hash, now);
        if let Some(known) = &known
            && now.duration_since(known.looked_up_at).abs() < BELIEVED
        {
            return Ok(known.caller.clone());
        }
        let (whence, guesses) = (Whence::of(parts, &app.config.http), &app.rates.guesses);
        if known.is_none()
            && let Some(wait) = guesses.barred(whence)
        {
            return Err(Unknown::Barred(wait));
        }
        let limit = if known.is_some() { LOOK_UP_AGAIN } else { LOOK_UP };
        let looked_up = tokio::time::timeout(limit, self.look_up(app, token, &hash, now)).await;
        let late = || {
            Unknown::Fault(Problem::unavailable(
                5,
                "the token could not be looked up now: send the same again",
            ))
        };
        match (looked_up.unwrap_or_else(|_| Err(late())), known) {
            (Ok((caller, expires_at)), _) => {
                let caller = Arc::new(caller);
                self.remember(hash, Known { caller: caller.clone(), expires_at, looked_up_at: now });
                Ok(caller)
            }
            // An emergency call is granted even now, so who was known stays known.
            (Err(Unknown::Fault(_)), Some(known)) => {
                tracing::warn!(subject = known.caller.subject, "a token could not be looked up again");
                let caller = known.caller.clone();
                // The next requests do not wait for it again.
                self.remember(hash, Known { looked_up_at: now, ..known });
                Ok(caller)
            }
            (Err(unknown), _) => {
                self.forget(&hash);
                if matches!(unknown, Unknown::Invalid(_)) {
                    guesses.wrong(whence, Guess::Token);
                }
                Err(unknown)
            }
        }
    }

    async fn look_up(
        &self,
        app: &App,
        token: &str,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<(Caller, Timestamp), Unknown> {
        if token.starts_with(TOKEN_PREFIX) {
            let found = look_up(app, hash, now).await.map_err(|error| Unknown::Fault(error.into()))?;
            return found.ok_or(Unknown::Invalid("the token has expired, was revoked, or never was"));
        }
        match &self.issuer {
            Some(issuer) => issuer.verify(token, now).await,
            None => Err(Unknown::Invalid("the token is none of ours")),
        }
    }

    fn remembered(&self, hash: &TokenHash, now: Timestamp) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|known| known.expires_at > now).cloned()
    }

    fn remember(&self, hash: TokenHash, one: Known) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            let now = one.looked_up_at;
            known.retain(|_, known| now.duration_since(known.looked_up_at).abs() < BELIEVED);
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(hash, one);
    }

    /// What was revoked here is worth nothing at once.
    pub(super) fn forget(&self, hash: &TokenHash) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }

    pub(super) fn forget_all(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn look_up(app: &App, hash: &TokenHash, now: Timestamp) -> error::Result<Option<(Caller, Timestamp)>> {
    let mut tx = app.db.read().await?;
    store::caller(&mut tx, hash, now).await
}

/// The one token that a request carries.
fn bearer(headers: &HeaderMap) -> Result<&str, Unknown> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(Unknown::NoToken) };
    if values.next().is_some() {
        return Err(Unknown::Malformed("there are several Authorization headers: send one"));
    }
    let malformed = Unknown::Malformed("the Authorization header must be `Bearer` and a token");
    let Some((scheme, token)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return Err(malformed);
    };
    let token = token.trim_matches(' ');
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || !token.bytes().all(sound) {
        return Err(malformed);
    }
    if token.len() > LONGEST_TOKEN {
        return Err(Unknown::Invalid("the token is longer than any of ours"));
    }
    Ok(token)
}

impl IntoResponse for Unknown {
    fn into_response(self) -> Response {
        let unauthenticated = |detail: &str| Problem::of_kind(Kind::Unauthenticated, detail);
        let (problem, challenge) = match self {
            Self::Fault(problem) => return problem.into_response(),
            Self::Barred(wait) => return refuse_guess(wait),
            Self::NoToken => {
                let detail = "send a token: `Authorization: Bearer …`; POST /oauth/token gives one";
                (unauthenticated(detail), "Bearer realm=\"tollbook\"".to_owned())
            }
            Self::Malformed(why) => (Problem::malformed(why), challenge("invalid_request", why)),
            Self::Invalid(why) => (unauthenticated(why), challenge("invalid_token", why)),
        };
        challenged(problem, &challenge)
    }
}

fn challenge(error: &str, why: &str) -> String {
    let why = why.replace(['"', '\\'], "'");
    format!("Bearer realm=\"tollbook\", error=\"{error}\", error_description=\"{why}\"")
}

/// A problem with the header that says how to authenticate.
pub(super) fn challenged(problem: Problem, challenge: &str) -> Response {
    let mut response = problem.into_response();
    if let Ok(value) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
