//! How is a number of things said? `1 invoice`, `2 invoices`.

use std::fmt::{self, Display};

/// So many things, by their noun in the singular; its plural ends in an s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Many<N>(pub(crate) N, pub(crate) &'static str);

impl<N: Display + From<u8> + PartialEq> Display for Many<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = self;
        let plural = if *number == N::from(1) { "" } else { "s" };
        write!(out, "{number} {noun}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let said = [0_u64, 1, 2].map(|number| Many(number, "invoice").to_string());
        assert_eq!(said, ["0 invoices", "1 invoice", "2 invoices"]);
    }
}
