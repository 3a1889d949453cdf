//! Is a connection silent, and since when? It has no request under way, and no part of an answer waits to be taken.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// A request is under way.
const BUSY: u64 = 0;
/// The connection was told to leave; no request begins on it.
const LEAVING: u64 = u64::MAX;

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Seat {
    /// The turn since which the connection is silent, or [`BUSY`], or [`LEAVING`].
    silent: AtomicU64,
    /// A byte came.
    heard: AtomicBool,
    /// A part of an answer waits until the client takes what was sent before.
    writing: AtomicBool,
    leave: Notify,
}

impl Seat {
    /// Of a new connection, silent since a turn above zero.
    pub(super) fn since(turn: u64) -> Self {
        Self {
            silent: AtomicU64::new(turn),
            heard: AtomicBool::default(),
            writing: AtomicBool::default(),
            leave: Notify::new(),
        }
    }

    /// The turn since which it is silent, if it is.
    pub(super) fn silent_since(&self) -> Option<u64> {
        let since = self.silent.load(Ordering::Acquire);
        let is_silent = since != BUSY && since != LEAVING && !self.writing.load(Ordering::Acquire);
        is_silent.then_some(since)
    }

    /// Tells it to leave; answers whether it was silent since that turn until now.
    pub(super) fn send_away(&self, since: u64) -> bool {
        let sent = self.silent.compare_exchange(since, LEAVING, Ordering::AcqRel, Ordering::Acquire);
        if sent.is_ok() {
            self.leave.notify_one();
        }
        sent.is_ok()
    }

    /// Begins a request, unless the connection was told to leave.
    pub(super) fn begin(&self) -> bool {
        let stays = |since| (since != LEAVING).then_some(BUSY);
        self.silent.fetch_update(Ordering::AcqRel, Ordering::Acquire, stays).is_ok()
    }

    /// The request is over.
    pub(super) fn fall_silent(&self, turn: u64) {
        self.silent.store(turn, Ordering::Release);
    }

    pub(super) fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    pub(super) fn set_writing(&self, writing: bool) {
        self.writing.store(writing, Ordering::Release);
    }

    /// Waits until the connection has to make room.
    pub(super) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }
}
