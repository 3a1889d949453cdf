//! What time is it, what is the next id, and what does chance say? The only file that asks.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};

/// Where time and ids come from; cheap to clone, and one for all clones.
///
/// The machine's clock is watched by its stopwatch, which nobody sets. What it says is believed as long as the two agree; after
/// a leap the time goes on as the stopwatch says, until the clock is right again or somebody accepts it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    source: Source,
    /// How far the clock is ahead of the stopwatch, in microseconds, as far as it is believed.
    ahead: AtomicI64,
    /// The same for ids, which believe less.
    ids_ahead: AtomicI64,
    /// How far a leap is believed, in microseconds.
    tolerance: AtomicI64,
    last_id: AtomicI64,
}

#[derive(Debug)]
enum Source {
    Machine,
    /// A clock that a test moves by hand, and one that it sets wrong by so many microseconds; ids count up.
    Hand {
        now: Mutex<Timestamp>,
        wrong_by: AtomicI64,
    },
}

/// Where the clock is expected, for other programs on the same machine: by its stopwatch, which counts for all of them from the
/// machine's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Which start of which machine.
    pub boot: String,
    /// How far the clock is ahead of the stopwatch, in microseconds.
    pub ahead: i64,
}

/// An id holds milliseconds since 2020 in its upper bits, so that ids sort by time; 21 random bits
/// below keep those of several processes apart.
const RANDOM_BITS: u32 = 21;
const ID_EPOCH_MILLISECONDS: i64 = 1_577_836_800_000;
/// A greater leap puts no id out of its order.
const ID_TOLERANCE_MICROS: i64 = 5 * 60 * 1_000_000;
/// Until the settings say otherwise.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(1);
/// No program of this name ran before 2024.
const FIRST_SECOND: i64 = 1_704_067_200;

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::of(Source::Machine, 0)
    }

    /// A clock that stands still until it is moved.
    pub fn fixed(now: Timestamp) -> Self {
        Self::of(Source::Hand { now: Mutex::new(now), wrong_by: AtomicI64::new(0) }, 1_000)
    }

    fn of(source: Source, last_id: i64) -> Self {
        let ahead = source.wall().saturating_sub(source.stopwatch());
        Self(Arc::new(Watched {
            ahead: AtomicI64::new(ahead),
            ids_ahead: AtomicI64::new(ahead),
            tolerance: AtomicI64::new(micros(TOLERANCE)),
            last_id: AtomicI64::new(last_id),
            source,
        }))
    }

    /// Refuses a clock that was never set.
    pub fn check_year(&self) -> Result<()> {
        let wall = self.wall();
        if wall.as_second() < FIRST_SECOND {
            let day = jiff::tz::TimeZone::UTC.to_datetime(wall).date();
            return Err(Error::Other(format!(
                "this machine's clock says {day}, before 2024: set it, then start again"
            )));
        }
        Ok(())
    }

    /// Sets how far a leap of the machine's clock is believed.
    pub fn tolerate(&self, leap: SignedDuration) {
        self.0.tolerance.store(micros(leap), Ordering::Relaxed);
    }

    /// The instant, in whole microseconds as the database keeps it. A leap of the machine's clock beyond the tolerance
    /// is left out.
    pub fn now(&self) -> Timestamp {
        let Watched { source, ahead, tolerance, .. } = &*self.0;
        timestamp(believed(source, ahead, tolerance.load(Ordering::Relaxed)))
    }

    /// What the machine's clock says, right or wrong.
    pub fn wall(&self) -> Timestamp {
        timestamp(self.0.source.wall())
    }

    /// By how much the machine's clock leapt and is not believed: forward, or below zero backward.
    pub fn leap(&self) -> Option<SignedDuration> {
        let leap = self.wall().duration_since(self.now());
        (leap.as_micros().unsigned_abs() > self.0.tolerance.load(Ordering::Relaxed).unsigned_abs().into())
            .then_some(leap)
    }

    /// Where the machine's clock is expected; unknown where nothing tells one start of the machine from another.
    pub fn expected(&self) -> Option<Expected> {
        Some(Expected { boot: self.0.source.boot()?, ahead: self.0.ahead.load(Ordering::Relaxed) })
    }

    /// Expects the machine's clock where another program does that began before this one, since the same start of the machine.
    pub fn expect(&self, expected: &Expected) {
        let Watched { source, ahead, ids_ahead, .. } = &*self.0;
        if source.boot().as_ref() == Some(&expected.boot) {
            ahead.store(expected.ahead, Ordering::Relaxed);
            ids_ahead.store(expected.ahead, Ordering::Relaxed);
        }
    }

    /// Believes what the machine's clock says now.
    pub fn accept(&self) {
        let Watched { source, ahead, ids_ahead, .. } = &*self.0;
        let now_ahead = source.wall().saturating_sub(source.stopwatch());
        ahead.store(now_ahead, Ordering::Relaxed);
        ids_ahead.store(now_ahead, Ordering::Relaxed);
    }

    /// Whether it is the machine's, not one that a test moves by hand.
    pub fn is_machines(&self) -> bool {
        matches!(self.0.source, Source::Machine)
    }

    /// Time that only grows, to measure pace by: the machine's since `from`; a fixed clock's own.
    pub fn pace(&self, from: Stopwatch) -> std::time::Duration {
        match &self.0.source {
            Source::Machine => from.elapsed(),
            Source::Hand { .. } => self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs(),
        }
    }

    /// Moves a fixed clock, as time goes by.
    pub fn set(&self, to: Timestamp) {
        if let Source::Hand { now, .. } = &self.0.source {
            *now.lock().unwrap_or_else(PoisonError::into_inner) = to;
        }
    }

    /// Sets a fixed clock wrong, as no time does: the machine's clock is then so far beside the time.
    pub fn set_wrong_by(&self, leap: SignedDuration) {
        if let Source::Hand { wrong_by, .. } = &self.0.source {
            wrong_by.store(micros(leap), Ordering::Relaxed);
        }
    }

    /// Lets the ids of a fixed clock go on after this one, if they are not beyond it: tests keep those of several programs apart.
    pub fn count_from(&self, id: i64) {
        if !self.is_machines() {
            self.0.last_id.fetch_max(id, Ordering::Relaxed);
        }
    }

    /// A new id: positive, greater than every earlier one of this process.
    pub fn id(&self) -> i64 {
        let Watched { source, ids_ahead, last_id, .. } = &*self.0;
        if matches!(source, Source::Hand { .. }) {
            return last_id.fetch_add(1, Ordering::Relaxed) + 1;
        }
        let milliseconds = believed(source, ids_ahead, ID_TOLERANCE_MICROS) / 1_000 - ID_EPOCH_MILLISECONDS;
        let fresh = (milliseconds << RANDOM_BITS) | random_bits();
        let next = |last: i64| Some(fresh.max(last + 1));
        let before = last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        fresh.max(before.unwrap_or_default() + 1)
    }
}

/// What the clock says, if it is where the stopwatch expects it; else what the stopwatch says. In microseconds.
fn believed(source: &Source, ahead: &AtomicI64, tolerance: i64) -> i64 {
    let (wall, stopwatch) = (source.wall(), source.stopwatch());
    let expected = stopwatch.saturating_add(ahead.load(Ordering::Relaxed));
    if wall.abs_diff(expected) > tolerance.unsigned_abs() {
        return expected;
    }
    // Small steps, such as those of a time server, are followed.
    ahead.store(wall.saturating_sub(stopwatch), Ordering::Relaxed);
    wall
}

fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Source {
    /// What the clock says, in microseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    fn wall(&self) -> i64 {
        match self {
            Self::Machine => Timestamp::now().as_microsecond(),
            Self::Hand { wrong_by, .. } => self.stopwatch().saturating_add(wrong_by.load(Ordering::Relaxed)),
        }
    }

    /// Microseconds since some instant: time that nobody sets, and that goes on while the machine sleeps.
    fn stopwatch(&self) -> i64 {
        match self {
            Self::Machine => {
                let since = rustix::time::clock_gettime(STOPWATCH);
                since.tv_sec.saturating_mul(1_000_000).saturating_add(since.tv_nsec / 1_000)
            }
            Self::Hand { now, .. } => now.lock().unwrap_or_else(PoisonError::into_inner).as_microsecond(),
        }
    }

    /// Since which start the stopwatch counts.
    fn boot(&self) -> Option<String> {
        match self {
            Self::Machine => {
                let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
                Some(id.trim().to_owned())
            }
            Self::Hand { .. } => Some("by hand".to_owned()),
        }
    }
}

#[cfg(target_os = "linux")]
const STOPWATCH: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STOPWATCH: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

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

/// The instant of a deed that builds on an earlier one: right after that, if a program did it whose clock is ahead of this one.
pub fn after(now: Timestamp, earlier: Timestamp) -> Timestamp {
    if now >= earlier {
        return now;
    }
    earlier.checked_add(SignedDuration::from_micros(1)).unwrap_or(earlier)
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "2026-10-05T12:00:00Z";

    fn clock() -> (Clock, Timestamp) {
        let noon: Timestamp = NOON.parse().unwrap();
        (Clock::fixed(noon), noon)
    }

    fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    #[test]
    fn small_steps_are_followed_and_leaps_are_not() {
        let (clock, noon) = clock();
        clock.set_wrong_by(SignedDuration::from_mins(40));
        assert_eq!((clock.now(), clock.leap()), (noon + SignedDuration::from_mins(40), None));
        for leap in [hours(3), hours(-3)] {
            let (clock, noon) = self::clock();
            clock.set_wrong_by(leap);
            assert_eq!((clock.now(), clock.wall(), clock.leap()), (noon, noon + leap, Some(leap)));
            clock.set(noon + hours(1));
            assert_eq!(clock.now(), noon + hours(1), "time goes on");
            clock.set_wrong_by(hours(0));
            assert_eq!((clock.now(), clock.leap()), (noon + hours(1), None), "it is right again by itself");
        }
    }

    #[test]
    fn what_builds_on_a_deed_is_after_it_whatever_the_clock_says() {
        let (_, noon) = clock();
        let later = noon + SignedDuration::from_micros(1);
        assert_eq!(
            [after(noon, noon - hours(1)), after(noon, noon), after(noon - hours(1), noon)],
            [noon, noon, later]
        );
    }

    #[test]
    fn a_leap_that_is_accepted_is_the_time() {
        let (clock, noon) = clock();
        clock.set_wrong_by(hours(24));
        clock.accept();
        assert_eq!((clock.now(), clock.leap()), (noon + hours(24), None));
        clock.set(noon + hours(1));
        assert_eq!(clock.now(), noon + hours(25));
    }

    #[test]
    fn the_tolerance_is_a_setting() {
        let (clock, noon) = clock();
        clock.tolerate(SignedDuration::from_mins(10));
        clock.set_wrong_by(SignedDuration::from_mins(11));
        assert_eq!(clock.now(), noon);
    }

    #[test]
    fn ids_grow_with_the_machines_clock() {
        let clock = Clock::system();
        let ids: Vec<i64> = (0..1_000).map(|_| clock.id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(clock.check_year().is_ok());
    }

    #[test]
    fn ids_follow_no_leap_of_more_than_five_minutes() {
        let source = Source::Hand { now: Mutex::new(NOON.parse().unwrap()), wrong_by: AtomicI64::new(0) };
        let ahead = AtomicI64::new(0);
        let say = |minutes: i64| {
            if let Source::Hand { wrong_by, .. } = &source {
                wrong_by.store(minutes * 60_000_000, Ordering::Relaxed);
            }
            (believed(&source, &ahead, ID_TOLERANCE_MICROS) - source.stopwatch()) / 60_000_000
        };
        assert_eq!([say(0), say(6), say(4), say(8), say(10), say(-300), say(0)], [0, 0, 4, 8, 10, 10, 10]);
    }

    #[test]
    fn a_clock_of_before_2024_is_refused() {
        let refused = Clock::fixed("1970-01-01T00:00:10Z".parse().unwrap()).check_year().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this machine's clock says 1970-01-01, before 2024: set it, then start again"
        );
    }
}
