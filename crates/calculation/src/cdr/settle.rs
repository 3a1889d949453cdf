//! Which instants do the times of one record mean, all of them together?
//!
//! A clock shows an hour twice when summer time ends. What the record itself says (duration, billsec, an id
//! that holds the second in which its channel began) tells which was meant, for start, answer and end at once.
//! The same id proves that a zone is wrong, and what the record says thrice gives a time that is missing.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::time::{self, Moments, milliseconds_between};
use super::{Disposition, Flaw, Reason, Warning, Warnings};

/// What a record says about its times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times<'z> {
    /// The names of start, answer and end in this format.
    pub(super) names: [&'static str; 3],
    pub(super) zone: &'z TimeZone,
    pub(super) start: Moments,
    pub(super) answer: Option<Moments>,
    pub(super) end: Option<Moments>,
    pub(super) duration_ms: Option<i64>,
    pub(super) billsec_ms: Option<i64>,
    pub(super) disposition: Disposition,
    /// The second in which its channel began, from its id.
    pub(super) epoch: Option<Timestamp>,
}

/// What the times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) start: Timestamp,
    pub(super) answer: Option<Timestamp>,
    pub(super) end: Timestamp,
    pub(super) warnings: Warnings,
}

/// What an id that holds a time says about the zone in which a record's times were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockProof {
    /// The record began when its id was made: the zone is right.
    Agrees,
    /// They are whole quarters of an hour apart, so the zone is wrong.
    Fits {
        /// The offset with which they agree.
        offset: Offset,
        /// When the record began, by its id.
        at: Timestamp,
    },
}

/// How far two witnesses may be apart and still agree.
pub(crate) const TOLERANCE_MS: u64 = 2_000;
/// An answer may lie so much before the start, by the clocks of two proxies.
pub(crate) const ANSWER_EARLY_MS: i64 = 1_000;
/// Zones are whole quarters of an hour apart.
const QUARTER_MS: i64 = 900_000;
/// No two zones are further apart.
const ZONES_APART_MS: u64 = 26 * 3_600_000;
/// An id that was made more than a day from the record says nothing about which hour of the clock it was.
const EPOCH_APART_MS: u64 = 86_400_000;
/// A channel that began so shortly before its record leaves no doubt about the hour.
const CHANNEL_NEAR_MS: u64 = 5_000;
/// Nothing rings for so long when it may have been answered at once.
const LONG_RING_MS: i64 = 1_800_000;

/// One reading of the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    start: Timestamp,
    answer: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Times<'_> {
    /// All times, or what keeps them from being known.
    pub(super) fn settle(self) -> Result<Settled, Flaw> {
        if let Some(ClockProof::Fits { offset, at }) = clock_proof(self.start, self.epoch) {
            return Err(self.wrong_zone(offset, at));
        }
        let (reading, mut warnings) = self.reading()?;
        let Reading { start, answer, end } = reading;
        let Some(end) = end else {
            let end = self.missing_end(start, answer)?;
            if answer.is_some() {
                warnings.add(Warning::TimeComputed);
            }
            return Ok(Settled { start, answer, end, warnings });
        };
        let computed = if answer.is_none() { self.missing_answer(start, end) } else { None };
        if computed.is_some() {
            warnings.add(Warning::TimeComputed);
        }
        Ok(Settled { start, answer: answer.or(computed), end, warnings })
    }

    /// The start alone: the earlier, unless its channel began only after that.
    pub(super) fn first_start(&self) -> Timestamp {
        let only = |start| Reading { start, answer: None, end: None };
        let best = self.start.each().min_by_key(|start| {
            let is_before = self.near_epoch(*start).is_some_and(|epoch| *start < epoch);
            (is_before, self.lag(&only(*start)))
        });
        best.unwrap_or(self.start.earlier)
    }

    /// The reading that the record proves; where nothing proves one, the earlier.
    fn reading(&self) -> Result<(Reading, Warnings), Flaw> {
        let first = Reading {
            start: self.start.earlier,
            answer: self.answer.map(|answer| answer.earlier),
            end: self.end.map(|end| end.earlier),
        };
        let mut warnings = Warnings::default();
        let mut moments = [Some(self.start), self.answer, self.end].into_iter().flatten();
        if moments.all(|moments| moments.later.is_none()) {
            return Ok((first, warnings));
        }
        let readings = self.readings();
        let best = readings.iter().copied().min_by_key(|reading| (self.doubts(reading), self.lag(reading)));
        let best = best.unwrap_or(first);
        let is_near = self.epoch.is_some() && self.lag(&best) <= CHANNEL_NEAR_MS;
        let equals = || {
            readings.iter().filter(|other| {
                **other != best
                    && self.doubts(other) == self.doubts(&best)
                    && (!is_near || other.start == best.start)
            })
        };
        let talks = best.answer.is_some() || self.billsec_ms.is_some_and(|billed| billed > 0);
        if self.disposition == Disposition::Answered && talks {
            if equals().any(|other| other.talk_ms() != best.talk_ms()) {
                return Err(self.undecided());
            }
            if equals().next().is_some() {
                warnings.add(Warning::DoubledHour);
            }
        }
        Ok((best, warnings))
    }

    /// Every combination of the instants, the earlier first.
    fn readings(&self) -> Vec<Reading> {
        let each = |moments: Option<Moments>| -> Vec<Option<Timestamp>> {
            moments.map_or_else(|| vec![None], |moments| moments.each().map(Some).collect())
        };
        let (answers, ends) = (each(self.answer), each(self.end));
        let mut readings = Vec::with_capacity(8);
        for start in self.start.each() {
            for answer in &answers {
                readings.extend(ends.iter().map(|end| Reading { start, answer: *answer, end: *end }));
            }
        }
        readings
    }

    /// What speaks against a reading, the strongest first.
    fn doubts(&self, reading: &Reading) -> (bool, bool, u64, bool) {
        let Reading { start, answer, end } = *reading;
        let before_channel = self.near_epoch(start).is_some_and(|epoch| start < epoch);
        let answer = answer.or_else(|| end.and_then(|end| self.billed_before(end)));
        let ring = answer.map_or(0, |answer| milliseconds_between(start, answer));
        let backwards = end.is_some_and(|end| end < start)
            || ring < ANSWER_EARLY_MS.saturating_neg()
            || answer.zip(end).is_some_and(|(answer, end)| end < answer);
        let total = end.map(|end| milliseconds_between(start, end));
        let apart = apart(total, self.duration_ms).saturating_add(apart(reading.talk_ms(), self.billsec_ms));
        (before_channel, backwards, apart, ring >= LONG_RING_MS)
    }

    /// The answer by `billsec`, of a record that does not say when it was.
    fn billed_before(&self, end: Timestamp) -> Option<Timestamp> {
        time::later(end, self.billsec_ms.filter(|billed| *billed > 0)?.checked_neg()?)
    }

    /// How long after its channel the record began.
    fn lag(&self, reading: &Reading) -> u64 {
        let epoch = self.near_epoch(reading.start);
        epoch.map_or(0, |epoch| milliseconds_between(epoch, reading.start).unsigned_abs())
    }

    fn near_epoch(&self, start: Timestamp) -> Option<Timestamp> {
        self.epoch.filter(|epoch| milliseconds_between(*epoch, start).unsigned_abs() <= EPOCH_APART_MS)
    }

    /// The end that answer and billsec, start and duration agree on; of a call that nobody answered start and
    /// duration alone.
    fn missing_end(&self, start: Timestamp, answer: Option<Timestamp>) -> Result<Timestamp, Flaw> {
        let [.., name] = self.names;
        let later = |moment: Timestamp, length: Option<i64>| time::later(moment, length?);
        let by_duration = later(start, self.duration_ms);
        let is_silent = self.disposition != Disposition::Answered && self.billsec_ms.unwrap_or_default() <= 0;
        let found = match answer {
            None if is_silent => by_duration,
            None => None,
            Some(answer) => later(answer, self.billsec_ms).filter(|by_billsec| {
                by_duration.is_some_and(|end| agree(milliseconds_between(end, *by_billsec), 0))
            }),
        };
        found.ok_or_else(|| Flaw::missing(name))
    }

    /// The answer that lies `billsec` before the end, when the duration agrees with start and end.
    fn missing_answer(&self, start: Timestamp, end: Timestamp) -> Option<Timestamp> {
        let answer = self.billed_before(end)?;
        let duration = self.duration_ms.filter(|_| self.disposition == Disposition::Answered)?;
        let fits = agree(milliseconds_between(start, end), duration)
            && milliseconds_between(start, answer) >= ANSWER_EARLY_MS.saturating_neg();
        fits.then_some(answer)
    }

    fn undecided(&self) -> Flaw {
        let [.., name] = self.names;
        let message = format!(
            "the clocks of {} showed this hour twice, and nothing in the record tells how long the call was: \
             send billsec and duration, or times with an offset",
            zone_name(self.zone)
        );
        Flaw::new(Reason::Contradiction, name, message)
    }

    fn wrong_zone(&self, fits: Offset, at: Timestamp) -> Flaw {
        let [name, ..] = self.names;
        let message = format!(
            "the id says that it began {at}, the clock of {} that it was {}: with an offset of {fits} they agree; \
             set the feed's zone to one that had it then",
            zone_name(self.zone),
            self.start.earlier,
        );
        Flaw::new(Reason::Contradiction, name, message)
    }
}

impl Reading {
    fn talk_ms(&self) -> Option<i64> {
        self.answer.zip(self.end).map(|(answer, end)| milliseconds_between(answer, end))
    }
}

/// Whether the clock that showed the start is that of the zone, by an id that holds a time.
///
/// A record begins when its channel does or later. Later by whole quarters of an hour, to two seconds, or earlier
/// by them, it was read in the wrong zone.
pub(super) fn clock_proof(start: Moments, epoch: Option<Timestamp>) -> Option<ClockProof> {
    let (shown_offset, epoch) = (start.shown_offset?, epoch?);
    let mut proof = None;
    for start in start.each() {
        let apart = milliseconds_between(epoch, start);
        if apart.unsigned_abs() <= TOLERANCE_MS {
            return Some(ClockProof::Agrees);
        }
        // To the nearest quarter of an hour.
        let quarters = apart.saturating_add(450_000).div_euclid(QUARTER_MS);
        let rest = apart.saturating_sub(quarters.saturating_mul(QUARTER_MS));
        if quarters != 0 && rest.unsigned_abs() <= TOLERANCE_MS && apart.unsigned_abs() <= ZONES_APART_MS {
            let more = i32::try_from(quarters.saturating_mul(900)).ok()?;
            let fits = Offset::from_seconds(shown_offset.seconds().saturating_add(more)).ok();
            // No place on earth has an offset beyond these.
            let earthly = fits.filter(|offset| (-43_200..=50_400).contains(&offset.seconds()));
            proof = proof.or(earthly.map(|offset| ClockProof::Fits { offset, at: epoch }));
        }
    }
    // A record in the doubled hour has two instants, of which none proves the zone wrong.
    proof.filter(|_| start.later.is_none())
}

/// The second in which a channel began, from a unique id such as `1543540817.1` or `pbx2-1543540817.1`.
pub(super) fn epoch(unique_id: &str) -> Option<Timestamp> {
    let (seconds, serial) = unique_id.rsplit('-').next()?.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(serial) {
        return None;
    }
    Timestamp::from_second(seconds.parse().ok()?).ok()
}

fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("the feed's zone")
}

/// How far what was measured is from what the switch counted.
fn apart(measured: Option<i64>, counted: Option<i64>) -> u64 {
    measured.zip(counted).map_or(0, |(measured, counted)| measured.abs_diff(counted))
}

/// Whether two witnesses agree.
const fn agree(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= TOLERANCE_MS
}
