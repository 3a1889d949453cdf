//! What must nobody read in a log? Phone numbers, passwords and tokens, whoever wrote them there.
//!
//! Every line goes through here on its way out: a message of a library, or a fault that quotes a record, is masked
//! like our own.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

/// So many digits may be a phone number (E.164 has at most 15).
const NUMBER: std::ops::RangeInclusive<usize> = 7..=18;
/// What is a secret as far as it goes on.
const SECRETS: [&str; 5] = ["Bearer ", "bearer ", "Basic ", "basic ", "whsec_"];
/// Country codes of two digits; those with 1 and 7 have one, all others three (ITU-T E.164, annex D).
const TWO_DIGITS: [&str; 43] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
    "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81",
    "82", "84", "86", "90", "91", "92", "93", "94", "95",
];

/// Text of which phone numbers show only the country code and the last two digits, and secrets nothing.
#[derive(Debug, Clone, Copy)]
pub struct Masked<'a>(pub &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&mask(self.0))
    }
}

/// A writer that masks what passes. It must be given whole lines.
#[derive(Debug)]
pub struct Masking<W>(pub W);

impl<W: Write> Write for Masking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(mask(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn mask(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    // What comes before `copied` is in `masked`.
    let (mut copied, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let found = number(text, at).or_else(|| secret(rest)).or_else(|| password(rest));
        let Some((kept, length)) = found else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        masked.push_str(&text[copied..at]);
        masked.push_str(&kept);
        at += length;
        copied = at;
    }
    if copied == 0 { Cow::Borrowed(text) } else { Cow::Owned(masked + &text[copied..]) }
}

/// A number that begins here: what is shown of it, and how long it is.
fn number(text: &str, at: usize) -> Option<(String, usize)> {
    let rest = &text[at..];
    // As it stands, or as it stands in an address.
    let sign = ["+", "%2B", "%2b"].into_iter().find(|sign| rest.starts_with(sign)).unwrap_or_default();
    let digits = &rest[sign.len()..];
    let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
    let after = rest[sign.len() + digits.len()..].chars().next();
    let touches =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    // Digits within a word are of an id; after a point or a dash, of a time or an amount.
    let before = text[..at].chars().next_back();
    let within = touches(before) || touches(after) || matches!(before, Some('.' | '-'));
    if !NUMBER.contains(&digits.len()) || (sign.is_empty() && within) {
        return None;
    }
    let country = match digits.get(..2) {
        _ if sign.is_empty() => 0,
        Some(two) if TWO_DIGITS.contains(&two) || two == "98" => 2,
        Some(two) if two.starts_with(['1', '7']) => 1,
        _ => 3,
    };
    let hidden = "*".repeat(digits.len() - country - 2);
    let shown = format!("{sign}{}{hidden}{}", &digits[..country], &digits[digits.len() - 2..]);
    Some((shown, sign.len() + digits.len()))
}

fn secret(rest: &str) -> Option<(String, usize)> {
    let begin = SECRETS.into_iter().find(|begin| rest.starts_with(begin))?;
    let ends = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\\' | '\'' | '`' | ',');
    let length = rest[begin.len()..].find(ends).unwrap_or(rest.len() - begin.len());
    // The words alone are no secret.
    (length >= 8).then(|| (format!("{begin}***"), begin.len() + length))
}

/// The password in an address.
fn password(rest: &str) -> Option<(String, usize)> {
    let address = rest.strip_prefix("://")?;
    let end = address.find(|letter: char| letter.is_whitespace() || letter == '/' || letter == '"');
    let (user, _) = address[..end.unwrap_or(address.len())].rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    Some((format!("://{name}:***"), "://".len() + name.len() + 1 + password.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_its_country_and_its_last_digits() {
        for (text, shown) in [
            ("+493023125001", "+49********01"),
            ("to +442079460123, by +12025550123.", "to +44********23, by +1********23."),
            ("+35312345678", "+353******78"),
            ("%2B493023125001&x", "%2B49********01&x"),
            ("{\"called\":\"00493023125001\"}", "{\"called\":\"************01\"}"),
            ("called 03023125001", "called *********01"),
            ("sip:+493023125001@host", "sip:+49********01@host"),
            ("a+493023125001b", "a+49********01b"),
            ("Key (e164)=(+493023125001)", "Key (e164)=(+49********01)"),
        ] {
            assert_eq!(mask(text), shown);
        }
    }

    #[test]
    fn what_is_no_number_is_left_as_it_is() {
        for text in [
            "",
            "2026-11-05T12:00:00.123456Z",
            "cus_0000000000011",
            "status=200 milliseconds=123456",
            "+12345",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00-12345678901234567890123456789012-1234567890123456-01",
            "127.0.0.1:54321",
            "ä+ö",
            "12.345678901",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn a_secret_shows_nothing() {
        for (text, shown) in [
            ("postgres://tollbook:pass:w@rd@host/db", "postgres://tollbook:***@host/db"),
            ("postgres://tollbook@host/db", "postgres://tollbook@host/db"),
            ("authorization: Bearer abcdefghij.k-l next", "authorization: Bearer *** next"),
            ("{\"a\":\"Basic dXNlcjpwYXNz\"}", "{\"a\":\"Basic ***\"}"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"),
            ("the Bearer of it", "the Bearer of it"),
            ("https://host:8080/a@b", "https://host:8080/a@b"),
        ] {
            assert_eq!(mask(text), shown);
        }
    }
}
