//! Which step of the ladder is due for an invoice, and when may a service be suspended? By the settings and what was done.
//!
//! Each step comes at its distance from the one before: one that is late moves those after it. The first counts from the
//! end of the due day. Days on which the invoice was contested do not count after the first step.

use calculation::money::Amount;
use jiff::{SignedDuration, Timestamp};

use super::store::Overdue;
use crate::config::Reminders;

/// A day is 24 hours here, whatever the clocks do.
pub(super) fn days(days: u16) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

pub(super) fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

pub(super) fn before(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Reminders {
    /// How many steps there are.
    pub(crate) fn last_step(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    /// So many days after the due day a step is taken at the earliest; 0 for before the first.
    fn after_days(&self, step: u32) -> u16 {
        let place = usize::try_from(step).unwrap_or(usize::MAX).checked_sub(1);
        place.and_then(|place| self.steps.get(place)).map_or(0, |step| step.after_days)
    }

    /// The distance of a step from the one before.
    pub(super) fn distance(&self, step: u32) -> SignedDuration {
        days(self.after_days(step).saturating_sub(self.after_days(step.saturating_sub(1))))
    }

    /// So long after the due day a step is taken at the earliest.
    pub(super) fn since_due(&self, step: u32) -> SignedDuration {
        days(self.after_days(step))
    }

    /// The step with which a service is suspended.
    pub(super) fn suspending_step(&self) -> Option<u32> {
        let place = self.steps.iter().position(|step| step.suspend)?;
        u32::try_from(place).ok()?.checked_add(1)
    }

    /// No service is suspended in a country for less.
    pub(super) fn least_in(&self, country: &str) -> Amount {
        self.least_by_country.get(country).copied().unwrap_or(self.least)
    }

    /// The step that is due for an invoice, if one is. One that is open again after the last step takes that once more.
    pub(super) fn due_step(
        &self,
        invoice: &Overdue,
        contested: &[(Timestamp, Option<Timestamp>)],
        now: Timestamp,
    ) -> Option<u32> {
        let (done, last) = (invoice.reminders, self.last_step());
        if done > last || last == 0 {
            return None;
        }
        let step = done.saturating_add(1).min(last);
        let from = match invoice.ladder_from {
            Some(from) => from,
            None if done == 0 => invoice.due_at,
            None if done < last => later(invoice.due_at, self.since_due(done)),
            None => return None,
        };
        let waited = now.duration_since(from);
        let paused = if done == 0 { SignedDuration::ZERO } else { within(contested, from, now) };
        (waited.saturating_sub(paused) >= self.distance(step)).then_some(step)
    }

    /// How long after a mail a service is suspended that the mail announces.
    pub(super) fn notice(&self, step: u32) -> SignedDuration {
        let announced = days(self.announce_days);
        match self.suspending_step() {
            Some(suspending) if suspending > step => self.distance(suspending).max(announced),
            _ => announced,
        }
    }
}

/// How much of the time from an instant until now lies in some spans, which may overlap, in the order in which they begin.
fn within(spans: &[(Timestamp, Option<Timestamp>)], from: Timestamp, now: Timestamp) -> SignedDuration {
    let (mut sum, mut counted_to) = (SignedDuration::ZERO, from);
    for (begin, end) in spans {
        let (begin, end) = ((*begin).max(counted_to), end.unwrap_or(now).min(now));
        if begin < end {
            sum = sum.saturating_add(end.duration_since(begin));
            counted_to = end;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::id::InvoiceId;

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3_600).unwrap()
    }

    #[test]
    fn a_step_is_due_at_its_distance_from_the_one_before() {
        let ladder = Config::from_toml("").unwrap().reminders;
        let day = |day: i64| hours(24 * day);
        // Steps done, the day from which days count, days that were contested, now -> the step.
        for (done, from, contested, now, expected) in [
            (0, None, vec![], 2, None),
            (0, None, vec![], 3, Some(1)),
            (0, None, vec![], 400, Some(1)),
            // Before the first step all days count.
            (0, None, vec![(0, Some(40))], 40, Some(1)),
            (1, Some(3), vec![], 13, None),
            (1, Some(3), vec![], 14, Some(2)),
            // One that was late moves the next.
            (1, Some(40), vec![], 50, None),
            (1, Some(40), vec![], 51, Some(2)),
            // What was contested does not count, twice or not at all; nor what was before.
            (1, Some(3), vec![(5, Some(10))], 18, None),
            (1, Some(3), vec![(5, Some(10))], 19, Some(2)),
            (1, Some(3), vec![(5, Some(10)), (6, Some(8)), (9, Some(12))], 20, None),
            (1, Some(3), vec![(5, Some(10)), (6, Some(8)), (9, Some(12))], 21, Some(2)),
            (1, Some(3), vec![(0, Some(4))], 14, None),
            (1, Some(3), vec![(0, Some(4))], 15, Some(2)),
            (1, Some(3), vec![(5, None)], 400, None),
            (2, Some(14), vec![], 29, None),
            (2, Some(14), vec![], 30, Some(3)),
            // Of before it was remembered when a step was taken.
            (1, None, vec![], 13, None),
            (1, None, vec![], 14, Some(2)),
            // All steps are done; open again, the last comes once more.
            (3, None, vec![], 400, None),
            (3, Some(50), vec![], 65, None),
            (3, Some(50), vec![], 66, Some(3)),
            // Nobody is reminded of what is from before the ledger.
            (1_000_000, None, vec![], 400, None),
        ] {
            let invoice = Overdue {
                invoice: InvoiceId(1),
                due_at: day(0),
                open: Amount::from_micros(1),
                reminders: done,
                ladder_from: from.map(day),
            };
            let spans: Vec<_> = contested
                .iter()
                .map(|(begin, end): &(i64, Option<i64>)| (day(*begin), end.map(day)))
                .collect();
            assert_eq!(
                ladder.due_step(&invoice, &spans, day(now)),
                expected,
                "{done} {from:?} {contested:?} {now}"
            );
        }
    }

    #[test]
    fn a_suspension_is_announced_long_enough_before() {
        for (steps, step, expected) in [
            ("[{after_days = 3}, {after_days = 14}, {after_days = 30, suspend = true}]", 2, 16),
            ("[{after_days = 3}, {after_days = 10, suspend = true}]", 1, 14),
            ("[{after_days = 1, suspend = true}, {after_days = 9}]", 1, 14),
            ("[{after_days = 3}, {after_days = 33, suspend = true}]", 1, 30),
        ] {
            let ladder = Config::from_toml(&format!("[reminders]\nsteps = {steps}\n")).unwrap().reminders;
            assert_eq!(ladder.notice(step), days(expected), "{steps}");
        }
    }
}
