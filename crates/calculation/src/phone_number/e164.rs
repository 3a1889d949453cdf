//! What is a telephone number? Digits that begin with a calling code, as one integer.

use std::fmt;
use std::str::FromStr;

use crate::money::serde_as_text;

pub(super) const LEAST_DIGITS: usize = 7;
pub(super) const MOST_DIGITS: usize = 15;

/// A telephone number of ITU-T E.164: calling code and national number, 7 to 15 digits.
///
/// ```
/// use calculation::phone_number::E164;
/// let berlin: E164 = "+49301234567".parse()?;
/// assert_eq!(berlin.digits(), 49_301_234_567);
/// assert_eq!(berlin.to_string(), "+49301234567");
/// assert!(berlin.starts_with("4930"));
/// assert!("030 1234567".parse::<E164>().is_err());
/// # Ok::<(), calculation::phone_number::NotE164>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(pub(super) u64);

/// Why a text is not a number in E.164 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a phone number is written as + and 7 to 15 digits that begin with a calling code: +49301234567")]
pub struct NotE164;

/// The decimal digits of a number from the left, as values 0–9.
#[derive(Debug, Clone)]
pub struct Digits {
    digits: [u8; MOST_DIGITS],
    next: usize,
}

impl E164 {
    /// All digits, the calling code first, as one integer.
    pub const fn digits(self) -> u64 {
        self.0
    }

    /// The digits from the left, one at a time and without allocation, as a prefix search wants them.
    ///
    /// ```
    /// use calculation::phone_number::E164;
    /// let number: E164 = "+4930123".parse()?;
    /// assert_eq!(number.leading_digits().collect::<Vec<u8>>(), [4, 9, 3, 0, 1, 2, 3]);
    /// # Ok::<(), calculation::phone_number::NotE164>(())
    /// ```
    #[inline]
    pub fn leading_digits(self) -> Digits {
        let mut all = Digits { digits: [0; MOST_DIGITS], next: MOST_DIGITS };
        let mut rest = self.0;
        for digit in all.digits.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit = u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            all.next = all.next.saturating_sub(1);
        }
        all
    }

    /// Whether the digits begin with `prefix`, written without `+`.
    pub fn starts_with(self, prefix: &str) -> bool {
        let mut digits = self.leading_digits();
        prefix.bytes().all(|byte| digits.next().is_some_and(|digit| digit.wrapping_add(b'0') == byte))
    }

    /// From 7 to 15 ASCII digits, the first of which is not a zero.
    #[inline]
    pub(super) fn from_ascii(digits: &[u8]) -> Option<Self> {
        // No calling code begins with a zero (ITU-T E.164, 6.2.1).
        if !(LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len()) || digits.first() == Some(&b'0') {
            return None;
        }
        let mut number = 0_u64;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            // Fifteen digits fit easily, so nothing wraps.
            number = number.wrapping_mul(10).wrapping_add(digit.into());
        }
        Some(Self(number))
    }
}

impl Iterator for Digits {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let digit = *self.digits.get(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(digit)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = MOST_DIGITS.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Digits {}

impl FromStr for E164 {
    type Err = NotE164;

    fn from_str(text: &str) -> Result<Self, NotE164> {
        text.strip_prefix('+').and_then(|digits| Self::from_ascii(digits.as_bytes())).ok_or(NotE164)
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "+{}", self.0)
    }
}

serde_as_text!(E164);
