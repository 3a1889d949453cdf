//! Has somebody a number? Remembered, for the same numbers are called again and again.

use std::cell::Cell;

use calculation::phone_number::{E164, is_assigned};

/// How many numbers are remembered; a power of two.
const PLACES: usize = 1 << 18;

/// Which numbers somebody has, as far as was asked. Each number has one place, and the last one asked for keeps it.
#[derive(Debug, Default)]
pub(super) struct Assigned {
    /// The number and, in the last bit, the answer; 0 for none. Empty when nothing is remembered.
    places: Vec<Cell<u64>>,
}

impl Assigned {
    /// One for many questions.
    pub(super) fn remembered() -> Self {
        Self { places: vec![Cell::new(0); PLACES] }
    }

    /// Whether somebody is known to have the number or its range.
    pub(super) fn has(&self, number: E164) -> bool {
        // Fibonacci hashing: neighbours get places far apart.
        let spread = number.digits().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let place = usize::try_from(spread).unwrap_or_default() % PLACES;
        let Some(cell) = self.places.get(place) else { return is_assigned(number) };
        let key = number.digits() << 1;
        if cell.get() & !1 != key {
            cell.set(key | u64::from(is_assigned(number)));
        }
        cell.get() & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_was_found() {
        let (asked, remembered) = (Assigned::default(), Assigned::remembered());
        for text in ["+493012345678", "+19998765432", "+493012345678", "+442079460123", "+19998765432"] {
            let number = text.parse().unwrap();
            assert_eq!(asked.has(number), remembered.has(number), "{text}");
            assert_eq!(asked.has(number), text != "+19998765432", "{text}");
        }
    }
}
