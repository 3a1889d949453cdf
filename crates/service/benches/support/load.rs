//! How is a service kept busy? By lanes, each of which asks one question after the other.
//!
//! They run on a thread of their own, as other machines would.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tollbook::clock::Stopwatch;

/// One who asks.
pub(crate) trait Lane: 'static {
    /// A question has so many parts, each sent when the one before was answered.
    const PARTS: usize;

    /// Asks one part and waits for the answer.
    async fn ask(&mut self, part: usize);
}

/// Has so many lanes ask again as soon as they were answered, for a time; answers how many questions a second were.
pub(crate) async fn as_many_as_go<L: Lane>(
    open: impl AsyncFn() -> L + Send + 'static,
    lanes: usize,
    time: Duration,
) -> u64 {
    on_a_thread(async move || {
        let lanes = opened(&open, lanes).await;
        let watch = Stopwatch::start();
        let asking = lanes.into_iter().map(|mut lane| {
            spawn_local(async move {
                let mut done: u64 = 0;
                while watch.elapsed() < time {
                    for part in 0..L::PARTS {
                        lane.ask(part).await;
                    }
                    done += 1;
                }
                done
            })
        });
        let done = all(asking.collect()).await.into_iter().sum();
        crate::a_second(done, watch.elapsed())
    })
    .await
}

/// Asks at a fixed rate for a time, whether or not those before were answered. Answers how long each part took, in
/// microseconds: the first counts from the instant the question was due.
pub(crate) async fn at_a_rate<L: Lane>(
    open: impl AsyncFn() -> L + Send + 'static,
    lanes: usize,
    rate: u64,
    time: Duration,
) -> Vec<Vec<u128>> {
    on_a_thread(async move || {
        let lanes = opened(&open, lanes).await;
        let (watch, next) = (Stopwatch::start(), Rc::new(Cell::new(0)));
        let due = move || {
            let place: u64 = next.replace(next.get() + 1);
            Some(Duration::from_micros(place * 1_000_000 / rate)).filter(|due| *due <= time)
        };
        let asking = lanes.into_iter().map(|lane| spawn_local(when_due(lane, due.clone(), watch)));
        let mut waits = vec![Vec::new(); L::PARTS];
        for of_lane in all(asking.collect()).await {
            for (waits, more) in waits.iter_mut().zip(of_lane) {
                waits.extend(more);
            }
        }
        waits
    })
    .await
}

async fn when_due<L: Lane>(
    mut lane: L,
    due: impl Fn() -> Option<Duration>,
    watch: Stopwatch,
) -> Vec<Vec<u128>> {
    let mut waits = vec![Vec::new(); L::PARTS];
    while let Some(due) = due() {
        tokio::time::sleep(due.saturating_sub(watch.elapsed())).await;
        let mut since = due;
        for (part, waits) in waits.iter_mut().enumerate() {
            lane.ask(part).await;
            let now = watch.elapsed();
            waits.push(now.saturating_sub(since).as_micros());
            since = now;
        }
    }
    waits
}

async fn opened<L: Lane>(open: &impl AsyncFn() -> L, count: usize) -> Vec<L> {
    let mut lanes = Vec::with_capacity(count);
    for _ in 0..count {
        lanes.push(open().await);
    }
    lanes
}

async fn all<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut done = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(task.await.expect("no question is refused"));
    }
    done
}

async fn on_a_thread<T: Send + 'static>(load: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let thread = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(LocalSet::new().run_until(load()))
    });
    thread.await.expect("no question is refused")
}

/// Waits in microseconds, in order.
pub(crate) struct Waits(Vec<u128>);

impl Waits {
    pub(crate) fn of(mut waits: Vec<u128>) -> Self {
        waits.sort_unstable();
        Self(waits)
    }

    /// So many of a hundred were not longer.
    pub(crate) fn percentile(&self, percent: usize) -> u128 {
        self.0.get(self.0.len() * percent / 100).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Waits {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (half, most) = (self.percentile(50), self.percentile(99));
        let longest = self.0.last().copied().unwrap_or_default();
        write!(out, "p50 {half} us, p99 {most} us, longest {longest} us of {}", self.0.len())
    }
}
