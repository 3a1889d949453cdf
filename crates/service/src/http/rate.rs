//! How often may one caller ask? Who asks too often is told when to come again.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;

use super::context::Context;
use super::guesses::Guesses;
use super::observe::QUIET;
use super::problem::Problem;
use crate::app::SharedApp;
use crate::clock::{Clock, Stopwatch};
use crate::config::Http;
use crate::metrics::Metrics;

/// Where tokens are asked for: secrets are guessed there.
const TOKENS: [&str; 2] = ["/oauth/token", "/oauth/revoke"];

type Limiter = RateLimiter<String, HashMapStateStore<String>, Pace, NoOpMiddleware<Nanos>>;

/// Who asked how often; cheap to clone.
#[derive(Clone)]
pub struct Rates {
    callers: Option<Arc<Limiter>>,
    tokens: Option<Arc<Limiter>>,
    /// Who guesses tokens and secrets.
    pub guesses: Guesses,
    pace: Pace,
}

/// The time that pace is measured by: that of the application's clock.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    clock: Clock,
    since: Stopwatch,
}

impl Pace {
    /// The time since the program began.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.pace(self.since)
    }
}

impl GovernorClock for Pace {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.elapsed().into()
    }
}

impl Rates {
    pub fn new(settings: &Http, clock: &Clock, metrics: &Metrics) -> Self {
        let pace = Pace { clock: clock.clone(), since: Stopwatch::start() };
        let limiter = |quota: Quota| {
            let (store, pace) = (HashMapStateStore::default(), pace.clone());
            Arc::new(RateLimiter::new(quota, store, pace))
        };
        let burst = NonZeroU32::new(settings.burst).unwrap_or(NonZeroU32::MIN);
        let a_second = NonZeroU32::new(settings.requests_per_second);
        let a_minute = NonZeroU32::new(settings.token_requests_per_minute);
        let callers = a_second.map(|pace| limiter(Quota::per_second(pace).allow_burst(burst)));
        let tokens = a_minute.map(|pace| limiter(Quota::per_minute(pace)));
        let guesses = Guesses::new(settings, pace.clone(), metrics);
        Self { callers, tokens, guesses, pace }
    }

    /// Forgets who has not asked for long.
    pub fn forget(&self) {
        for limiter in [&self.callers, &self.tokens].into_iter().flatten() {
            limiter.retain_recent();
        }
        self.guesses.forget();
    }

    /// How long whoever sends this is to wait, if they ask too often.
    fn judge(&self, request: &Request, settings: &Http, is_known: bool) -> Option<Duration> {
        let path = request.uri().path();
        if QUIET.contains(&path) || settings.unlimited.iter().any(|begin| path.starts_with(begin)) {
            return None;
        }
        let address = || address(request.extensions(), request.headers(), &settings.proxies);
        let address = || address().map(|address| group(address).to_string());
        let subject = || request.extensions().get::<Context>()?.subject().map(str::to_owned);
        let (limiter, caller) = if is_known {
            (&self.callers, subject().or_else(address))
        } else if TOKENS.contains(&path) {
            (&self.tokens, address())
        } else {
            return None;
        };
        // Whoever is neither known nor has an address is this program itself.
        let refused = limiter.as_ref()?.check_key(&caller?).err()?;
        Some(refused.wait_time_from(self.pace.now()))
    }
}

/// Refuses who asks too often for tokens. It stands before whoever proves who asks: there it is who asks first.
pub(super) async fn hold_tokens(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    match app.rates.judge(&request, &app.config.http, false) {
        Some(wait) => too_often("too many requests", wait),
        None => next.run(request).await,
    }
}

/// Refuses who asks too often for anything else. It stands behind whoever proves who asks.
pub(super) async fn hold(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let judged = |request: &Request| app.rates.judge(request, &app.config.http, true);
    let is_for_tokens = TOKENS.contains(&request.uri().path());
    match Some(&request).filter(|_| !is_for_tokens).and_then(judged) {
        Some(wait) => too_often("too many requests", wait),
        None => next.run(request).await,
    }
}

/// The refusal for who is to come again later.
pub(super) fn too_often(what: &str, wait: Duration) -> Response {
    // Rounded up: who comes then is let in.
    let seconds = wait.as_secs() + 1;
    let detail = format!("{what}: come again in {seconds} seconds");
    let mut response = Problem::of_status(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Where a request comes from; behind a proxy of ours, as the last one says that is none of ours.
pub(super) fn address(extensions: &Extensions, headers: &HeaderMap, proxies: &[IpNet]) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let ours = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let peer = peer.ip().to_canonical();
    if !ours(&peer) {
        return Some(peer);
    }
    let mut said = forwarded(headers);
    Some(said.find(|address| !ours(address)).unwrap_or(peer))
}

/// The addresses of `X-Forwarded-For`, the nearest first, as far as they can be read.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = IpAddr> {
    let lines: Vec<_> =
        headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    let addresses: Vec<_> = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(','))
        .map_while(|text| text.trim().parse().ok())
        .collect();
    addresses.into_iter().map(|address: IpAddr| address.to_canonical())
}

/// Who has an address of IPv6 has a network of them.
pub(super) fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, said: &[&str], proxies: &[&str]) -> String {
        let mut request = Request::new(axum::body::Body::empty());
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        for line in said {
            request.headers_mut().append("x-forwarded-for", line.parse().unwrap());
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        group(address(request.extensions(), request.headers(), &proxies).unwrap()).to_string()
    }

    #[test]
    fn only_a_proxy_of_ours_is_believed() {
        for (peer, said, proxies, address) in [
            ("192.0.2.1:1", &["198.51.100.1"][..], &[][..], "192.0.2.1"),
            ("10.0.0.1:1", &["198.51.100.1"], &["10.0.0.0/8"], "198.51.100.1"),
            // What stands further left the caller may have made up.
            ("10.0.0.1:1", &["203.0.113.9, 198.51.100.1, 10.0.0.2"], &["10.0.0.0/8"], "198.51.100.1"),
            ("10.0.0.1:1", &["203.0.113.9", "198.51.100.1"], &["10.0.0.0/8"], "198.51.100.1"),
            ("10.0.0.1:1", &["198.51.100.1, unknown"], &["10.0.0.0/8"], "10.0.0.1"),
            ("10.0.0.1:1", &[], &["10.0.0.0/8"], "10.0.0.1"),
            ("[::ffff:192.0.2.1]:1", &[], &[], "192.0.2.1"),
            ("[2001:db8:1:2:3:4:5:6]:1", &[], &[], "2001:db8:1:2::"),
        ] {
            assert_eq!(asked(peer, said, proxies), address, "{peer} {said:?}");
        }
    }
}
