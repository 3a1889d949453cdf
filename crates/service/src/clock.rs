//! What time is it, what is the next id, and what does chance say? The only file that asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::error::{Error, Result};

/// Where time and ids come from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System(Arc<AtomicI64>),
    /// A clock that a test moves by hand; ids count up from it.
    Fixed { now: Arc<std::sync::Mutex<Timestamp>>, last_id: Arc<AtomicI64> },
}

/// An id holds milliseconds since 2020 in its upper bits, so that ids sort by time; 21 random bits
/// below keep those of several processes apart.
const RANDOM_BITS: u32 = 21;
const ID_EPOCH_MILLISECONDS: i64 = 1_577_836_800_000;

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::System(Arc::default())
    }

    /// A clock that stands still until it is moved.
    pub fn fixed(now: Timestamp) -> Self {
        Self::Fixed { now: Arc::new(std::sync::Mutex::new(now)), last_id: Arc::new(AtomicI64::new(1_000)) }
    }

    /// The instant, in whole microseconds as the database keeps it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn now(&self) -> Timestamp {
        let now = match self {
            Self::System(_) => Timestamp::now(),
            Self::Fixed { now, .. } => *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        };
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Time that only grows, to measure pace by: the machine's since `from`; a fixed clock's own.
    pub fn pace(&self, from: Stopwatch) -> std::time::Duration {
        match self {
            Self::System(_) => from.elapsed(),
            Self::Fixed { .. } => self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs(),
        }
    }

    /// Moves a fixed clock.
    pub fn set(&self, to: Timestamp) {
        if let Self::Fixed { now, .. } = self {
            *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = to;
        }
    }

    /// Lets the ids of a fixed clock go on after this one, if they are not beyond it: tests keep those of several programs apart.
    pub fn count_from(&self, id: i64) {
        if let Self::Fixed { last_id, .. } = self {
            last_id.fetch_max(id, Ordering::Relaxed);
        }
    }

    /// A new id: positive, greater than every earlier one of this process.
    pub fn id(&self) -> i64 {
        match self {
            Self::Fixed { last_id, .. } => last_id.fetch_add(1, Ordering::Relaxed) + 1,
            Self::System(last) => {
                let milliseconds = self.now().as_millisecond() - ID_EPOCH_MILLISECONDS;
                let fresh = (milliseconds << RANDOM_BITS) | random_bits();
                let next = |last: i64| Some(fresh.max(last + 1));
                let before = last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
                fresh.max(before.unwrap_or_default() + 1)
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn random_bits() -> i64 {
    let mut bytes = [0; 4];
    // Without a source of chance the ids of one process still differ: they count up.
    let _ = getrandom::fill(&mut bytes);
    i64::from(u32::from_le_bytes(bytes)) & ((1 << RANDOM_BITS) - 1)
}

/// Bits that tell one request from another; never all zero.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
pub fn random_bits_64() -> u64 {
    let mut bytes = [0; 8];
    // Without a source of chance requests are not told apart, and served nevertheless.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes).max(1)
}

/// A number below a bound that nobody can guess, each as likely as the others.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
pub fn random_below(bound: u64) -> Result<u64> {
    let whole = u64::MAX - u64::MAX % bound.max(1);
    loop {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| Error::Other(format!("no source of chance: {error}")))?;
        // The last numbers would make the first ones more likely.
        let number = u64::from_le_bytes(bytes);
        if number < whole {
            return Ok(number % bound.max(1));
        }
    }
}

/// Bytes that nobody can guess.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Other(format!("no source of chance: {error}")))?;
    Ok(bytes)
}

/// Measures how long work takes, for people to read.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since.
    pub fn elapsed(self) -> std::time::Duration {
        self.0.elapsed()
    }
}
