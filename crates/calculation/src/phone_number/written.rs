//! What digits were written, inside addresses and between marks that only please the eye?

use super::{LEAST_DIGITS, NotANumber};

/// What an address says, as far as it concerns the number.
pub(super) struct Address {
    pub(super) user: String,
    /// The calling code that a `phone-context` makes the digits local to.
    pub(super) calling_code: Option<i32>,
}

impl Address {
    /// Reads `"Ann" <sip:+49...;rn=...@host;user=phone>`, `tel:...;phone-context=...` and plain text.
    ///
    /// Parameters about number portability (`rn`, `npdi`) are dropped: what was dialled decides.
    pub(super) fn read(text: &str) -> Result<Self, NotANumber> {
        let inner = text.rsplit_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or(rest));
        let (scheme, rest) = match inner.split_once(':') {
            Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => (scheme, rest),
            _ => ("", inner),
        };
        let local = match scheme.to_ascii_lowercase().as_str() {
            "" => rest.split('@').next().unwrap_or_default().to_owned(),
            "tel" => percent_decoded(rest).ok_or(NotANumber::Invalid)?,
            // Without a user the address names a machine.
            "sip" | "sips" => {
                let (user, _) = rest.rsplit_once('@').ok_or(NotANumber::Extension)?;
                percent_decoded(user).ok_or(NotANumber::Invalid)?
            }
            _ => return Err(NotANumber::Invalid),
        };
        let mut parameters = local.split(';');
        let user = parameters.next().unwrap_or_default();
        let context = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("phone-context").then_some(value)
        });
        // A password, as RFC 3261 still allows, follows a colon.
        let user = user.split(':').next().unwrap_or_default().trim();
        let code = context.and_then(|value| value.strip_prefix('+')).filter(|_| !user.starts_with('+'));
        // Digits that are local to a town (+1212) cannot be told from national ones: only a calling code will do.
        let calling_code = match code.map(str::parse) {
            Some(Ok(code)) => Some(code),
            Some(Err(_)) => return Err(NotANumber::Invalid),
            None => None,
        };
        Ok(Self { user: user.into(), calling_code })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        decoded.push(match byte {
            b'%' => {
                let high = hex(bytes.next()?)?.checked_mul(16)?;
                u8::try_from(high.checked_add(hex(bytes.next()?)?)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// A number without what only pleases the eye.
pub(super) struct Written {
    pub(super) plus: bool,
    pub(super) digits: String,
}

impl Written {
    pub(super) fn read(text: &str) -> Result<Self, NotANumber> {
        let text = text.trim();
        refuse_words(text)?;
        if text.contains(['*', '#']) {
            return Err(NotANumber::FeatureCode);
        }
        let number = without_extension(text);
        let mut written = Self { plus: false, digits: String::new() };
        for character in number.chars() {
            match character {
                '0'..='9' => written.digits.push(character),
                '+' if !written.plus && written.digits.is_empty() => written.plus = true,
                other if pleases_the_eye(other) => {}
                other if other.is_alphabetic() => return Err(NotANumber::Extension),
                _ => return Err(NotANumber::Invalid),
            }
        }
        match (written.digits.is_empty(), written.plus) {
            (false, _) => Ok(written),
            (true, true) => Err(NotANumber::TooShort),
            (true, false) => Err(NotANumber::Empty),
        }
    }
}

fn refuse_words(text: &str) -> Result<(), NotANumber> {
    const WITHHELD: [&str; 18] = [
        "anon",
        "anonymous",
        "blocked",
        "hidden",
        "id unavailable",
        "no caller id",
        "not available",
        "number withheld",
        "out of area",
        "private",
        "private number",
        "restricted",
        "secret",
        "unavail",
        "unavailable",
        "unknown",
        "withheld",
        "withheld number",
    ];
    let word = text.to_ascii_lowercase();
    match word.as_str() {
        "" | "-" | "null" | "(null)" | "none" | "n/a" => Err(NotANumber::Empty),
        word if WITHHELD.contains(&word) => Err(NotANumber::Anonymous),
        _ => Ok(()),
    }
}

/// Cuts `x5`, `ext. 5`, `;ext=5`, `,,5`: what the caller dialled after the call was answered.
fn without_extension(text: &str) -> &str {
    let only_digits = |rest: &str| {
        let rest = rest.trim_matches([' ', '.', ':', '=', ',']);
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    for mark in [";ext", ",", "extension", "extn", "ext", "x", "X"] {
        let found = text.split_once(mark).filter(|(number, rest)| {
            number.bytes().filter(u8::is_ascii_digit).count() >= LEAST_DIGITS && only_digits(rest)
        });
        if let Some((number, _)) = found {
            return number;
        }
    }
    text
}

fn pleases_the_eye(character: char) -> bool {
    matches!(character, ' ' | '\t' | '-' | '.' | '(' | ')' | '/' | '\u{a0}')
        // Thin and figure spaces, hyphens and dashes, and the direction marks that come with copied text
        || matches!(character, '\u{2007}'..='\u{2015}' | '\u{202a}'..='\u{202f}' | '\u{2060}'..='\u{2069}')
}
