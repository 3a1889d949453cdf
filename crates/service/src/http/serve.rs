//! Listens, and lets nobody keep a connection for nothing.
//!
//! A client that is slow to ask or to read is left; too many wait to be let in. When the program is to stop, what was
//! begun is finished, for a time.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::connect_info::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::app::App;
use crate::config::Http;
use crate::metrics::HTTP_CONNECTIONS;

/// The first line and the headers of a request, together.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 100;
/// What is kept of a connection in memory.
const BUFFER_BYTES: usize = 64 * 1024;
/// Accepting fails for want of something that others will give back.
const PAUSE: Duration = Duration::from_millis(100);
const SETTLE: Duration = Duration::from_secs(5);

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
    let router = super::router(app.clone());
    let most = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(most));
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
            accepted = accept(&listener, &places) => {
                let Some((stream, peer, place)) = accepted else { continue };
                let conversation = converse(stream, peer, router.clone(), limits, &graceful);
                let metrics = metrics.clone();
                tokio::spawn(async move {
                    metrics.step(HTTP_CONNECTIONS, true);
                    conversation.await;
                    metrics.step(HTTP_CONNECTIONS, false);
                    drop(place);
                });
            }
            () = &mut stop => break,
        }
    }
    drop(listener);
    let limit = Duration::from_secs(limits.shutdown_seconds);
    match tokio::time::timeout(limit, graceful.shutdown()).await {
        Ok(()) => Ended::Finished,
        Err(_) => Ended::CutOff(most - places.available_permits()),
    }
}

/// Waits for a place first: who cannot be served stays in the queue of the operating system.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// Serves one connection until it ends.
fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: &Http,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    // An answer is one small packet: it must not wait for another.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(Duration::from_secs(limits.body_timeout_seconds)));
    let stream: Pin<Box<TimeoutStream<TcpStream>>> = Box::pin(stream);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_timeout_seconds))
        .max_buf_size(BUFFER_BYTES)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
