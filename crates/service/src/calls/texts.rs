//! Which texts does a record have? They lie one after the other in memory.

use std::fmt::Write;

use calculation::cdr::Cdr;
use calculation::phone_number::Dialled;

/// No number or short code as text is longer.
const LONGEST_NUMBER: usize = 16;

/// The texts of a record one after the other: many records are in memory, and each costs one allocation.
#[derive(Debug)]
pub(super) struct Texts {
    all: String,
    ends: [usize; 6],
}

impl Texts {
    pub(super) fn of(cdr: &Cdr<'_>, dialled: Option<Dialled>) -> Self {
        let second_id = cdr.second_id.as_deref().unwrap_or_default();
        let texts: [&str; 5] =
            [&cdr.record_id, &cdr.call_id, &cdr.calling_number, &cdr.called_number, second_id];
        let length: usize = texts.iter().map(|text| text.len()).sum();
        let mut all = String::with_capacity(length + LONGEST_NUMBER);
        let mut ends = [0; 6];
        for (end, text) in ends.iter_mut().zip(texts) {
            all.push_str(text);
            *end = all.len();
        }
        if let Some(dialled) = dialled {
            // Writing into memory cannot fail.
            let _ = write!(all, "{dialled}");
        }
        ends[5] = all.len();
        Self { all, ends }
    }

    /// Puts another text in the first place.
    pub(super) fn rename(&mut self, first: &str) {
        let (_, rest) = self.all.split_at(self.ends[0]);
        let all = format!("{first}{rest}");
        let before = self.ends[0];
        for end in &mut self.ends {
            *end = *end - before + first.len();
        }
        self.all = all;
    }

    pub(super) fn at(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[place]]
    }
}
