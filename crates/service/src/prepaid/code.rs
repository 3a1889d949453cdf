//! What is the code of a voucher? 15 digits of chance and a check digit (Luhn's, ISO/IEC 7812-1).

use crate::clock::random_below;
use crate::error::Result;
use crate::hash::{self, Hash};

const DIGITS: usize = 16;
/// The numbers of 15 digits.
const CODES: u64 = 1_000_000_000_000_000;

/// The code of a voucher, as 16 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(String);

/// Why a text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCode {
    /// It has not 16 digits.
    Length,
    /// Its check digit is another one: a digit is wrong, or two are swapped.
    Mistyped,
}

impl Code {
    /// A new one, which nobody can guess.
    pub(super) fn random() -> Result<Self> {
        let number = format!("{:015}", random_below(CODES)?);
        let check = check_digit(&number);
        Ok(Self(format!("{number}{check}")))
    }

    /// Reads a code as people write it: spaces and dashes mean nothing.
    pub fn read(text: &str) -> std::result::Result<Self, NoCode> {
        let written =
            |letter: &char| !letter.is_whitespace() && !matches!(letter, '-' | '\u{2010}'..='\u{2015}');
        let digits: String = text.chars().filter(written).collect();
        if digits.len() != DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NoCode::Length);
        }
        let (number, check) = digits.split_at(DIGITS - 1);
        if check != check_digit(number).to_string() {
            return Err(NoCode::Mistyped);
        }
        Ok(Self(digits))
    }

    /// Its digits, for who keeps it under a key.
    pub(super) fn digits(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// What is kept of it without a key.
    pub(super) fn hash(&self) -> Hash {
        hash::of(self.0.as_bytes())
    }
}

impl std::fmt::Display for Code {
    /// For people, in fours.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fours = self.0.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned());
        out.write_str(&fours.collect::<Vec<_>>().join("-"))
    }
}

/// The digit that makes the sum a multiple of ten, in which every second digit from the right counts twice.
fn check_digit(number: &str) -> u32 {
    let digits = number.bytes().rev().map(|digit| u32::from(digit - b'0'));
    let weighed = digits.enumerate().map(|(place, digit)| match (place % 2, digit * 2) {
        (0, twice) if twice > 9 => twice - 9,
        (0, twice) => twice,
        _ => digit,
    });
    (10 - weighed.sum::<u32>() % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        // Numbers of cards that are published for tests, and the standard's own example.
        for (number, check) in [
            ("7992739871", 3),
            ("411111111111111", 1),
            ("555555555555444", 4),
            ("0", 0),
            ("37828224631000", 5),
        ] {
            assert_eq!(check_digit(number), check, "{number}");
        }
    }

    #[test]
    fn a_code_is_read_as_it_is_shown() {
        for _ in 0..100 {
            let code = Code::random().unwrap();
            assert_eq!(Code::read(&code.to_string()), Ok(code.clone()));
            assert_eq!(Code::read(&format!(" {} ", code.to_string().replace('-', " "))), Ok(code.clone()));
            assert_eq!(code.to_string().len(), 19);
        }
        assert_eq!(Code::read("4111-1111-1111-1111").unwrap().to_string(), "4111-1111-1111-1111");
        assert_eq!(Code::read("4111–1111–1111–1111").unwrap().0, "4111111111111111");
    }

    #[test]
    fn a_wrong_digit_and_nearly_every_swap_are_told() {
        let code = Code::read("4929 7226 5347 1645").map(|code| code.0);
        assert_eq!(code, Err(NoCode::Mistyped));
        let sound = "4111111111111111";
        for place in 0..DIGITS {
            for digit in '0'..='9' {
                let mut other: Vec<_> = sound.chars().collect();
                let same = std::mem::replace(&mut other[place], digit) == digit;
                let read = Code::read(&other.iter().collect::<String>());
                assert_eq!(read.is_ok(), same, "{other:?}");
            }
        }
        for text in ["", "411111111111111", "41111111111111111", "4111-1111-1111-111x", "４111111111111111"]
        {
            assert_eq!(Code::read(text), Err(NoCode::Length), "{text}");
        }
    }

    #[test]
    fn codes_differ_and_use_every_digit_at_every_place() {
        let codes: std::collections::BTreeSet<_> = (0..1_000).map(|_| Code::random().unwrap()).collect();
        assert_eq!(codes.len(), 1_000);
        for place in 0..DIGITS {
            let digits: std::collections::BTreeSet<_> =
                codes.iter().map(|code| code.0.as_bytes()[place]).collect();
            assert_eq!(digits.len(), 10, "{place}");
        }
    }
}
