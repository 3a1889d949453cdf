//! How does an input choose the options of its reader? By its first byte; the rest is read.

/// The options that the first byte of an input chooses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice(usize);

impl Choice {
    /// The choice, and what is to be read.
    pub(crate) fn of(input: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = input.split_first()?;
        Some((Self((*first).into()), rest))
    }

    /// The choice, and the text that is to be read.
    pub(crate) fn of_text(input: &[u8]) -> Option<(Self, &str)> {
        let (choice, rest) = Self::of(input)?;
        Some((choice, std::str::from_utf8(rest).ok()?))
    }

    /// Chooses one of several values. The next call chooses independently.
    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let chosen = of[self.0 % of.len()].clone();
        self.0 /= of.len();
        chosen
    }
}
