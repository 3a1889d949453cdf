//! What must nobody read in a log? Phone numbers, passwords and tokens, whoever wrote them there.
//!
//! Every line goes through here on its way out: a message of a library, or a fault that quotes a record, is masked
//! like our own.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use crate::visible::Visible;

/// So many digits may be a phone number (E.164 has at most 15).
const NUMBER: std::ops::RangeInclusive<usize> = 7..=18;
/// What is a secret as far as it goes on.
const SECRETS: [&str; 6] = ["Bearer ", "bearer ", "Basic ", "basic ", "whsec_", "tok_"];
/// Behind them a blank does not end a secret.
const SCHEMES: [&str; 4] = ["Bearer", "bearer", "Basic", "basic"];
/// Shorter ones are words.
const SHORTEST_SECRET: usize = 8;
/// A client's secret is its id, which anybody may read, and what is random: `sec_` and 13 digits, `_` and the rest.
const SECRET_ID: usize = 17;
/// Parameters of addresses and forms whose values are secrets, or names that end so: `client_secret`, `api_key`, `X-Amz-Signature`.
const PARAMETERS: [&str; 10] =
    ["password=", "passwd=", "pwd=", "pass=", "secret=", "token=", "key=", "auth=", "sig=", "signature="];
/// A signed link to a document.
const LINK: &str = "/d/";
const SHORTEST_LINK: usize = 40;
/// What JSON Web Tokens begin with: `{"` in base64.
const WEB_TOKEN: &str = "eyJ";
/// The digits of a voucher's code.
const CODE: usize = 16;
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

/// Text of which secrets show nothing: for who may read phone numbers.
#[derive(Debug, Clone, Copy)]
pub struct Concealed<'a>(pub &'a str);

impl fmt::Display for Concealed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&replaced(self.0, secret_at))
    }
}

/// A writer that masks what passes, and shows what a terminal would act on. It must be given whole lines.
#[derive(Debug)]
pub struct Masking<W>(pub W);

impl<W: Write> Write for Masking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(Visible(mask(&text)).to_string().as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn mask(text: &str) -> Cow<'_, str> {
    replaced(text, |text, at| secret_at(text, at).or_else(|| number(text, at)))
}

/// What is shown instead of something that begins at a place of a text, and how long that is.
type Shown = Option<(String, usize)>;

fn replaced(text: &str, shown: impl Fn(&str, usize) -> Shown) -> Cow<'_, str> {
    let mut masked = String::new();
    // What comes before `copied` is in `masked`.
    let (mut copied, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some((kept, length)) = shown(text, at) else {
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

fn secret_at(text: &str, at: usize) -> Shown {
    let rest = &text[at..];
    let found = match rest.as_bytes().first()? {
        b'0'..=b'9' => voucher(text, at),
        b':' => password(rest),
        b'/' => link(rest),
        b'e' => web_token(rest),
        _ => None,
    };
    found.or_else(|| secret(rest)).or_else(|| client_secret(rest)).or_else(|| parameter(rest))
}

/// A number that begins here: what is shown of it, and how long it is.
fn number(text: &str, at: usize) -> Shown {
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

fn secret(rest: &str) -> Shown {
    let begin = SECRETS.into_iter().find(|begin| rest.starts_with(begin))?;
    let length = value(&rest[begin.len()..]);
    // The words alone are no secret.
    (length >= SHORTEST_SECRET).then(|| (format!("{begin}***"), begin.len() + length))
}

/// How long the value is that a text begins with. `token=Bearer …` goes on after the blank.
fn value(rest: &str) -> usize {
    let ends = |letter: char| letter.is_whitespace() || "\"\\'`,&;()<>[]{}|".contains(letter);
    let mut length = 0;
    loop {
        length += rest[length..].find(ends).unwrap_or(rest.len() - length);
        let names_scheme = SCHEMES.iter().any(|scheme| rest[..length].ends_with(scheme));
        if !(names_scheme && rest[length..].starts_with(' ')) {
            return length;
        }
        length += 1;
    }
}

fn client_secret(rest: &str) -> Shown {
    let (id, random) = rest.split_at_checked(SECRET_ID)?;
    let is_id = id.strip_prefix("sec_")?.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let length = value(random.strip_prefix('_').filter(|_| is_id)?);
    (length > 0).then(|| (format!("{id}_***"), SECRET_ID + 1 + length))
}

fn parameter(rest: &str) -> Shown {
    let named = |name: &&str| rest.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    let name = PARAMETERS.into_iter().find(named)?.len();
    let length = value(&rest[name..]);
    (length > 0).then(|| (format!("{}***", &rest[..name]), name + length))
}

/// Who has the whole of it has the document.
fn link(rest: &str) -> Shown {
    let length = LINK.len() + value(rest.strip_prefix(LINK)?);
    let is_signed = length >= SHORTEST_LINK && rest[..length].matches('.').count() >= 3;
    is_signed.then(|| (format!("{LINK}***"), length))
}

fn web_token(rest: &str) -> Shown {
    let length = WEB_TOKEN.len() + value(rest.strip_prefix(WEB_TOKEN)?);
    // A signed one has two points, an encrypted one four.
    let is_token = rest[..length].matches('.').count() >= 2;
    is_token.then(|| (format!("{WEB_TOKEN}***"), length))
}

/// The code of a voucher, with or without what stands between its fours. The check digit tells it from other numbers.
fn voucher(text: &str, at: usize) -> Shown {
    let touches = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if text[..at].chars().next_back().is_some_and(touches) {
        return None;
    }
    let (mut digits, mut length) = (Vec::with_capacity(CODE), 0);
    for byte in text[at..].bytes() {
        let is_between = !digits.is_empty() && digits.len() % 4 == 0 && matches!(byte, b'-' | b' ');
        match byte {
            _ if digits.len() == CODE => break,
            b'0'..=b'9' => digits.push(u32::from(byte - b'0')),
            _ if is_between => {}
            _ => return None,
        }
        length += 1;
    }
    let after = text[at + length..].chars().next();
    let ends = after.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
    // From the right, every second digit counts twice (ISO/IEC 7812-1).
    let weighed = digits.iter().rev().zip([1, 2].into_iter().cycle()).map(|(digit, weight)| digit * weight);
    let sum: u32 = weighed.map(|digit| digit / 10 + digit % 10).sum();
    let is_code = digits.len() == CODE && ends && sum.is_multiple_of(10);
    is_code.then(|| ("****-****-****-****".to_owned(), length))
}

/// The password in an address, also as a JSON pointer writes it.
fn password(rest: &str) -> Shown {
    let begin = ["://", ":~1~1"].into_iter().find(|begin| rest.starts_with(begin))?;
    let address = &rest[begin.len()..];
    let end = address.find(|letter: char| letter.is_whitespace() || letter == '/' || letter == '"');
    let (user, _) = address[..end.unwrap_or(address.len())].rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    // The name is shown, but for a secret in it.
    let shown = replaced(name, secret_at);
    Some((format!("{begin}{shown}:***"), begin.len() + name.len() + 1 + password.len()))
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
            ("https://tok_abcdefghij,a:b@host/", "https://tok_***,a:***@host/"),
            ("authorization: Bearer abcdefghij.k-l next", "authorization: Bearer *** next"),
            ("{\"a\":\"Basic dXNlcjpwYXNz\"}", "{\"a\":\"Basic ***\"}"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"),
            ("the Bearer of it", "the Bearer of it"),
            ("https://host:8080/a@b", "https://host:8080/a@b"),
            (
                "postgres://host/db?user=a&password=p%40ss&sslmode=require",
                "postgres://host/db?user=a&password=***&sslmode=require",
            ),
            ("host=db password=hidden user=a", "host=db password=*** user=a"),
            ("client_id=cli_1&client_secret=hidden", "client_id=cli_1&client_secret=***"),
            ("GET /x?access_TOKEN=abc HTTP/1.1", "GET /x?access_TOKEN=*** HTTP/1.1"),
            ("https://a.example/h?key=abc&id=7", "https://a.example/h?key=***&id=7"),
            ("\"https://a.example/h?id=7&api_key=abc\"", "\"https://a.example/h?id=7&api_key=***\""),
            ("https://a.example/?X-Amz-Signature=abc#x", "https://a.example/?X-Amz-Signature=***"),
            ("https://a.example/keys?sort=key", "https://a.example/keys?sort=key"),
            ("`tok_abcdefghij-klm_nop` is not an id", "`tok_***` is not an id"),
            ("sec_0cnadvaem1t98_abc-d_ef, or not", "sec_0cnadvaem1t98_***, or not"),
            ("secret sec_0cnadvaem1t98 was rotated", "secret sec_0cnadvaem1t98 was rotated"),
            (
                "https://a.example/d/inv_0cnadvaem1t98.cus_0cnadvaem1t98.1767225600.c2lnbmF0dXJl",
                "https://a.example/d/***",
            ),
            ("(eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln)", "(eyJ***)"),
            ("eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn", "eyJ***"),
            ("code 4111-1111-1111-1111.", "code ****-****-****-****."),
            ("code 4111 1111 1111 1111", "code ****-****-****-****"),
            ("{\"code\":\"4111111111111111\"}", "{\"code\":\"****-****-****-****\"}"),
            ("tok_en and token=", "tok_en and token="),
            ("token=Bearer abcdefghij next", "token=*** next"),
            ("whsec_abcdefgh,Basic abcdefghij", "whsec_***,Basic ***"),
            ("sec_0cnadvaem1t98_xBearer Basic abcdefghij, or", "sec_0cnadvaem1t98_***, or"),
        ] {
            assert_eq!(mask(text), shown);
            assert_eq!(Concealed(text).to_string(), shown);
        }
        let shown = "+493023125001 has 4111-1111-1111-1112";
        assert_eq!(Concealed(shown).to_string(), shown);
    }
}
