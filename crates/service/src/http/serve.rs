//! Listens, and lets nobody keep a connection for nothing.
//!
//! Connections are accepted at once, and each gets a place or is refused. A client that is slow to ask or to read is
//! left. When the program is to stop, what was begun is finished, for a time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::connect_info::ConnectInfo;
use axum::http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use super::descriptors;
use super::places::{Full, Limits, Place, Places};
use super::problem::Problem;
use super::watched::{WatchedBody, WatchedStream};
use crate::app::App;
use crate::config::Http;
use crate::metrics::{HTTP_CONNECTIONS, Metrics};

/// The first line and the headers of a request, together.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 100;
/// What is kept of a connection in memory.
const BUFFER_BYTES: usize = 64 * 1024;
/// Accepting fails for want of something that others will give back.
const PAUSE: Duration = Duration::from_millis(100);
const SETTLE: Duration = Duration::from_secs(5);
/// How long a refusal may take to leave.
const PARTING: Duration = Duration::from_secs(1);

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was begun was finished.
    Finished,
    /// So many connections were still busy when the time was over.
    CutOff(usize),
}

/// Serves until the program is to stop.
pub async fn serve(listener: TcpListener, app: App) -> Ended {
    let (limits, stopping, metrics) = (&app.config.http, &app.stopping, app.db.metrics());
    descriptors::raise(limits);
    let door = Door::new(listener, super::router(app.clone()), Limits::of(limits), &app);
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(async {
        stopping.begun().await;
        // Whoever sends requests here learns by /readyz that it is to send them elsewhere.
        tokio::time::sleep(Duration::from_secs(limits.drain_seconds)).await;
    });
    let mut settle = tokio::time::interval(SETTLE);
    loop {
        tokio::select! {
            _ = settle.tick() => {
                metrics.settle();
                app.rates.forget();
            }
            accepted = door.accept() => door.let_in(accepted, graceful.watcher()),
            () = &mut stop => break,
        }
    }
    let places = door.places.clone();
    drop(door);
    let limit = Duration::from_secs(limits.shutdown_seconds);
    match tokio::time::timeout(limit, graceful.shutdown()).await {
        Ok(()) => Ended::Finished,
        Err(_) => Ended::CutOff(places.taken()),
    }
}

/// Serves what tells whether the program is well, beside everything else and for as long as it is waited for.
pub async fn serve_probes(listener: TcpListener, app: App) {
    let limits = Limits::of_probes(&app.config.http);
    let door = Door::new(listener, super::probes(app.clone()), limits, &app);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = door.accept().await;
        door.let_in(accepted, graceful.watcher());
    }
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    router: Router,
    places: Places,
    settings: Http,
    metrics: Metrics,
}

impl Door {
    fn new(listener: TcpListener, router: Router, limits: Limits, app: &App) -> Self {
        let metrics = app.db.metrics().clone();
        let places = Places::new(limits, &metrics);
        Self { listener, router, places, settings: app.config.http.clone(), metrics }
    }

    /// The next connection.
    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    self.places.make_room();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection once it has a place.
    fn let_in(&self, (stream, peer): (TcpStream, SocketAddr), watcher: Watcher) {
        let (places, metrics) = (self.places.clone(), self.metrics.clone());
        let (router, settings) = (self.router.clone(), self.settings.clone());
        tokio::spawn(async move {
            match places.take(peer.ip().to_canonical()).await {
                Ok(place) => {
                    metrics.step(HTTP_CONNECTIONS, true);
                    converse(stream, peer, router, &settings, &place, watcher).await;
                    metrics.step(HTTP_CONNECTIONS, false);
                }
                Err(full) => refuse(stream, full).await,
            }
        });
    }
}

/// Serves one connection until it ends, or has to make room.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    settings: &Http,
    place: &Place,
    watcher: Watcher,
) {
    // An answer is one small packet: it must not wait for another.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(Duration::from_secs(settings.body_timeout_seconds)));
    let stream: Pin<Box<TimeoutStream<TcpStream>>> = Box::pin(stream);
    let standing = place.standing();
    let stream = WatchedStream::new(stream, standing.clone());
    let router = &router;
    let service = hyper::service::service_fn(move |request: Request<Incoming>| async move {
        // It was told to leave just now: nobody waits for this.
        let Some(busy) = standing.begin() else { return std::future::pending().await };
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(standing.clone());
        let response = router.clone().oneshot(request).await?;
        Ok::<_, Infallible>(response.map(|body| WatchedBody::new(body, busy)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(settings.header_timeout_seconds))
        .max_buf_size(BUFFER_BYTES)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let first_byte = Duration::from_secs(settings.first_byte_seconds);
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = standing.seat().told_to_leave() => {}
        () = standing.sends_nothing_for(first_byte) => {}
    }
}

/// Tells why there is no place, without reading what was asked.
async fn refuse(mut stream: TcpStream, full: Full) {
    let (status, detail) = match full {
        Full::Address => {
            (StatusCode::TOO_MANY_REQUESTS, "too many connections from this address: use fewer at a time")
        }
        Full::All => (StatusCode::SERVICE_UNAVAILABLE, "all connections are busy: come again in a second"),
    };
    let body = serde_json::to_string(&Problem::of_status(status, detail)).unwrap_or_default();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\nretry-after: 1\r\n\
         connection: close\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\r\n{body}"
    );
    // Who does not take it in time goes without.
    let _ = tokio::time::timeout(PARTING, stream.write_all(answer.as_bytes())).await;
}
