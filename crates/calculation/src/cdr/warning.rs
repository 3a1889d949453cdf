//! What is unusual about a record that is charged nevertheless?
//!
//! A [`Flaw`](super::Flaw) keeps a record from being charged; a warning is only counted, so that somebody looks.

/// The kinds of unusual things, with codes that are stable for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Warning {
    /// The called number fits its numbering plan, but nobody is known to have it.
    UnassignedNumber,
    /// The called number had a trunk prefix after its country code (`+49 0171…`), which was dropped.
    TrunkPrefixDropped,
    /// A missing answer or end was computed from what the record says otherwise.
    TimeComputed,
    /// `billsec` and the times differ by more than two seconds; the lower of the two was charged.
    DurationsDiffer,
    /// It was answered up to a second before it began, as clocks of proxies have it.
    AnsweredBeforeStart,
    /// The clock showed its times twice, and nothing tells which was meant: the earlier was taken.
    DoubledHour,
    /// It was free as internal, but the number that it names is not the operator's own: is a trunk not named?
    InternalToOutside,
}

/// A set of warnings.
///
/// ```
/// use calculation::cdr::{Warning, Warnings};
/// let mut warnings = Warnings::default();
/// assert!(warnings.is_empty());
/// warnings.add(Warning::DoubledHour);
/// warnings.add(Warning::UnassignedNumber);
/// let codes: Vec<_> = warnings.iter().map(Warning::code).collect();
/// assert_eq!(codes, ["unassigned_number", "doubled_hour"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Warnings(u8);

impl Warning {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::UnassignedNumber,
        Self::TrunkPrefixDropped,
        Self::TimeComputed,
        Self::DurationsDiffer,
        Self::AnsweredBeforeStart,
        Self::DoubledHour,
        Self::InternalToOutside,
    ];

    /// The stable code, as the import prints it and the API returns it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnassignedNumber => "unassigned_number",
            Self::TrunkPrefixDropped => "trunk_prefix_dropped",
            Self::TimeComputed => "time_computed",
            Self::DurationsDiffer => "durations_differ",
            Self::AnsweredBeforeStart => "answered_before_start",
            Self::DoubledHour => "doubled_hour",
            Self::InternalToOutside => "internal_to_outside",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::UnassignedNumber => 1,
            Self::TrunkPrefixDropped => 2,
            Self::TimeComputed => 4,
            Self::DurationsDiffer => 8,
            Self::AnsweredBeforeStart => 16,
            Self::DoubledHour => 32,
            Self::InternalToOutside => 64,
        }
    }
}

impl Warnings {
    /// Adds one; twice is once.
    pub const fn add(&mut self, warning: Warning) {
        self.0 |= warning.bit();
    }

    /// Adds all of another set.
    pub const fn add_all(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is among them.
    pub const fn has(self, warning: Warning) -> bool {
        self.0 & warning.bit() != 0
    }

    /// Each of them, in the order of [`Warning::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        Warning::ALL.into_iter().filter(move |warning| self.has(*warning))
    }
}
