//! How are numbers added up in SQL, so that no sum is too large for its type?
//!
//! Neither engine adds up bigints without end: SQLite refuses a sum beyond 64 bits, PostgreSQL its way back into a bigint.
//! So a number is added up as two: what is left when it is divided by a billion, and how often that goes. Each fits
//! 64 bits for billions of rows. [`Row::sum`](super::Row::sum) puts them together in 128 bits.

/// How many units of the low half make one of the high half.
pub(super) const UNIT: i128 = 1_000_000_000;

/// A number in a statement, or a sum of numbers, as two expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Halves {
    high: String,
    low: String,
}

impl Halves {
    /// A number.
    pub fn of(number: &str) -> Self {
        Self { high: format!("(({number}) / {UNIT})"), low: format!("(({number}) % {UNIT})") }
    }

    /// The sum of a number over the rows of a group; zero of none.
    pub fn sum(number: &str) -> Self {
        Self::of(number).summed()
    }

    /// The two columns that [`Halves::columns`] made in a subquery; zero where there is no row.
    pub fn column(name: &str) -> Self {
        Self { high: format!("coalesce({name}_high, 0)"), low: format!("coalesce({name}_low, 0)") }
    }

    /// The sum of it over the rows of a group; zero of none.
    pub fn summed(&self) -> Self {
        self.each(|half| format!("coalesce(cast(sum({half}) as bigint), 0)"))
    }

    /// The sum of it over a window.
    pub fn summed_over(&self, window: &str) -> Self {
        self.each(|half| format!("cast(sum({half}) over ({window}) as bigint)"))
    }

    /// It where a condition holds, or else zero.
    pub fn when(&self, condition: &str) -> Self {
        self.each(|half| format!("case when {condition} then {half} else 0 end"))
    }

    /// The same below zero.
    pub fn negated(&self) -> Self {
        self.each(|half| format!("-({half})"))
    }

    pub fn plus(&self, other: &Self) -> Self {
        let add = |one: &str, other: &str| format!("({one} + {other})");
        Self { high: add(&self.high, &other.high), low: add(&self.low, &other.low) }
    }

    pub fn less(&self, other: &Self) -> Self {
        self.plus(&other.negated())
    }

    /// It as two columns, which [`Row::sum`](super::Row::sum) reads.
    pub fn columns(&self, name: &str) -> String {
        format!("{} as {name}_high, {} as {name}_low", self.high, self.low)
    }

    pub fn is_not_zero(&self) -> String {
        let Self { high, low } = self;
        format!("({low} % {UNIT} <> 0 or {high} + {low} / {UNIT} <> 0)")
    }

    pub fn is_above_zero(&self) -> String {
        let Self { high, low } = self;
        format!("({high} + {low} / {UNIT} > 0 or ({high} + {low} / {UNIT} = 0 and {low} % {UNIT} > 0))")
    }

    pub fn is_below_zero(&self) -> String {
        self.negated().is_above_zero()
    }

    /// Whether it is about as much as 64 bits hold, or more.
    pub fn nearly_fills(&self) -> String {
        let Self { high, low } = self;
        let most = i64::MAX / 1_000_000_000;
        format!("({high} + {low} / {UNIT} >= {most} or {high} + {low} / {UNIT} <= -{most})")
    }

    fn each(&self, change: impl Fn(&str) -> String) -> Self {
        Self { high: change(&self.high), low: change(&self.low) }
    }
}
