//! Can a VAT identifier be one? By the form of its country, and by its check digits where these are certain.

/// What may be wrong with an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VatIdFault {
    /// Nothing is written, or only blanks.
    Empty,
    /// It must begin with the country's prefix.
    Prefix(&'static str),
    /// It has another form than those of its country, such as this one.
    Form(&'static str),
    /// The form is right, but some digit is wrong.
    CheckDigits,
    /// Not even a number stands in it.
    NotAnIdentifier,
}

impl std::fmt::Display for VatIdFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => out.write_str("is empty: leave it out if there is none"),
            Self::Prefix(example) => {
                write!(out, "is not a VAT identifier: write it with its country, such as {example}")
            }
            Self::Form(example) => write!(out, "has not the form of its country's, such as {example}"),
            Self::CheckDigits => {
                out.write_str("is not a VAT identifier: its check digits are wrong, so some digit is")
            }
            Self::NotAnIdentifier => {
                out.write_str("is not an identifier: it has letters and digits only, and some digit")
            }
        }
    }
}

/// The identifiers of a prefix: the country, an example, and the forms of what follows the prefix. In a form `9` is a
/// digit, `@` a letter, `?` either, and any other character itself.
struct Country {
    prefix: &'static str,
    /// ISO 3166-1.
    code: &'static str,
    example: &'static str,
    forms: &'static [&'static str],
    /// Whether the check digits are right.
    check: Option<fn(&str) -> Option<bool>>,
}

const fn of(
    prefix: &'static str,
    code: &'static str,
    example: &'static str,
    forms: &'static [&'static str],
) -> Country {
    Country { prefix, code, example, forms, check: None }
}

const fn checked(
    prefix: &'static str,
    example: &'static str,
    forms: &'static [&'static str],
    check: fn(&str) -> Option<bool>,
) -> Country {
    Country { prefix, code: prefix, example, forms, check: Some(check) }
}

/// Where the identifiers have a form that is known.
const COUNTRIES: [Country; 32] = [
    checked("AT", "ATU12345675", &["U99999999"], austrian),
    checked("BE", "BE0123456749", &["0999999999", "1999999999"], belgian),
    of("BG", "BG", "BG123456789", &["999999999", "9999999999"]),
    of(
        "CH",
        "CH",
        "CHE123456788MWST",
        &["E999999999", "E999999999MWST", "E999999999TVA", "E999999999IVA", "E999999999VAT"],
    ),
    of("CY", "CY", "CY12345678X", &["99999999@"]),
    of("CZ", "CZ", "CZ12345678", &["99999999", "999999999", "9999999999"]),
    checked("DE", "DE123456788", &["999999999"], german),
    of("DK", "DK", "DK12345674", &["99999999"]),
    of("EE", "EE", "EE123456789", &["999999999"]),
    of("EL", "GR", "EL123456789", &["999999999"]),
    checked("ES", "ESA12345674", &["?9999999?"], spanish),
    of("FI", "FI", "FI12345671", &["99999999"]),
    checked("FR", "FR83404833048", &["??999999999"], french),
    of("GB", "GB", "GB123456789", &["999999999", "999999999999", "GD999", "HA999"]),
    of("GR", "GR", "EL123456789", &["999999999"]),
    of("HR", "HR", "HR12345678903", &["99999999999"]),
    of("HU", "HU", "HU12345676", &["99999999"]),
    of("IE", "IE", "IE1234567FA", &["9999999@", "9999999@@", "9@99999@", "9+99999@", "9*99999@"]),
    checked("IT", "IT12345670017", &["99999999999"], italian),
    of("LT", "LT", "LT123456789", &["999999999", "999999999999"]),
    of("LU", "LU", "LU12345613", &["99999999"]),
    of("LV", "LV", "LV12345678901", &["99999999999"]),
    of("MT", "MT", "MT12345634", &["99999999"]),
    checked("NL", "NL123456782B01", &["999999999B99"], dutch),
    of("NO", "NO", "NO123456785MVA", &["999999999", "999999999MVA"]),
    of("PL", "PL", "PL1234567883", &["9999999999"]),
    of("PT", "PT", "PT123456789", &["999999999"]),
    of(
        "RO",
        "RO",
        "RO1234567897",
        &["99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999", "9999999999"],
    ),
    of("SE", "SE", "SE123456789701", &["999999999999"]),
    of("SI", "SI", "SI12345679", &["99999999"]),
    of("SK", "SK", "SK1234567890", &["9999999999"]),
    of("XI", "GB", "XI123456789", &["999999999", "999999999999", "GD999", "HA999"]),
];

/// As long as an identifier of a country without a known form may be.
const LONGEST: usize = 30;

/// An identifier as programs write it, without blanks, dots and dashes.
///
/// ```
/// use calculation::vat_id::compact;
/// assert_eq!(compact(" che-123.456.788 mwst "), "CHE123456788MWST");
/// ```
pub fn compact(id: &str) -> String {
    let kept = id.chars().filter(|char| !char.is_whitespace() && !matches!(char, '.' | '-'));
    kept.collect::<String>().to_uppercase()
}

/// What is wrong with the VAT identifier of a party in a country; nothing if it can be one. It may be another country's:
/// businesses are registered in several.
///
/// ```
/// use calculation::vat_id::{VatIdFault, fault};
/// assert_eq!(fault("DE 136 695 976", "DE"), None);
/// assert_eq!(fault("ATU13585627", "DE"), None);
/// assert_eq!(fault("  ", "DE"), Some(VatIdFault::Empty));
/// assert_eq!(fault("136695976", "DE"), Some(VatIdFault::Prefix("DE123456788")));
/// assert_eq!(fault("DE136695977", "DE"), Some(VatIdFault::CheckDigits));
/// assert_eq!(fault("12-3456789", "US"), None);
/// ```
pub fn fault(id: &str, country: &str) -> Option<VatIdFault> {
    let id = compact(id);
    if id.is_empty() {
        return Some(VatIdFault::Empty);
    }
    let own = COUNTRIES.iter().find(|known| known.code == country);
    let Some(own) = own else {
        let sound = id.len() <= LONGEST
            && id.len() >= 4
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/')
            && id.bytes().any(|byte| byte.is_ascii_digit());
        return (!sound).then_some(VatIdFault::NotAnIdentifier);
    };
    let known = COUNTRIES.iter().find_map(|known| Some((known, id.strip_prefix(known.prefix)?)));
    let Some((known, rest)) = known else { return Some(VatIdFault::Prefix(own.example)) };
    if !known.forms.iter().any(|form| fits(rest, form)) {
        return Some(VatIdFault::Form(known.example));
    }
    // Where a digit cannot be computed, the form alone counts.
    let right = known.check.and_then(|check| check(rest)).unwrap_or(true);
    (!right).then_some(VatIdFault::CheckDigits)
}

/// The country whose tax office gave an identifier, if its prefix is known.
pub fn country_of(id: &str) -> Option<&'static str> {
    let id = compact(id);
    COUNTRIES.iter().find(|known| id.starts_with(known.prefix)).map(|known| known.code)
}

fn fits(text: &str, form: &str) -> bool {
    let fits_one = |(byte, wanted): (u8, u8)| match wanted {
        b'9' => byte.is_ascii_digit(),
        b'@' => byte.is_ascii_uppercase(),
        b'?' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        other => byte == other,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits_one)
}

/// The digits of a text that has nothing else.
fn digits(text: &str) -> Option<Vec<u32>> {
    text.chars().map(|char| char.to_digit(10)).collect()
}

/// A number of few digits.
fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// ISO 7064, mod 11, 10.
fn german(rest: &str) -> Option<bool> {
    let digits = digits(rest)?;
    let (last, first) = digits.split_last()?;
    let product = first.iter().try_fold(10_u32, |product, digit| {
        let sum = digit.checked_add(product)?.checked_rem(10)?;
        (if sum == 0 { 10_u32 } else { sum }).checked_mul(2)?.checked_rem(11)
    })?;
    let check = 11_u32.checked_sub(product)?.checked_rem(10)?;
    Some(check == *last && first.first() != Some(&0))
}

/// The digit sums of every second digit doubled, and the others.
fn doubled(digits: &[u32], from: usize) -> Option<u32> {
    (0_usize..).zip(digits).try_fold(0_u32, |sum, (place, digit)| {
        let part = if place.checked_rem(2)? == from {
            let twice = digit.checked_mul(2)?;
            twice.checked_div(10)?.checked_add(twice.checked_rem(10)?)?
        } else {
            *digit
        };
        sum.checked_add(part)
    })
}

fn austrian(rest: &str) -> Option<bool> {
    let digits = digits(rest.get(1..)?)?;
    let (last, first) = digits.split_last()?;
    let sum = doubled(first, 1)?.checked_add(4)?;
    let check = 10_u32.checked_sub(sum.checked_rem(10)?)?.checked_rem(10)?;
    Some(check == *last)
}

fn belgian(rest: &str) -> Option<bool> {
    let (first, last) = rest.split_at_checked(8)?;
    Some(number(first)?.checked_add(number(last)?)?.checked_rem(97)? == 0)
}

/// The key is computed where it is digits; keys with letters have a rule of their own.
fn french(rest: &str) -> Option<bool> {
    let (key, siren) = rest.split_at_checked(2)?;
    let key = number(key)?;
    let check = number(siren)?.checked_rem(97)?.checked_mul(3)?.checked_add(12)?.checked_rem(97)?;
    Some(check == key)
}

fn italian(rest: &str) -> Option<bool> {
    Some(doubled(&digits(rest)?, 1)?.checked_rem(10)? == 0)
}

/// Of companies by the rule of 11, of persons by that of 97.
fn dutch(rest: &str) -> Option<bool> {
    let digits = digits(rest.get(..9)?)?;
    let (last, first) = digits.split_last()?;
    let sum = (2_u32..=9)
        .rev()
        .zip(first)
        .try_fold(0_u32, |sum, (weight, digit)| sum.checked_add(weight.checked_mul(*digit)?))?;
    let of_companies = sum.checked_rem(11)? == *last;
    let whole = "NL".chars().chain(rest.chars()).map(|char| char.to_digit(36));
    let of_persons = whole.clone().try_fold(0_u32, |rest, digit| {
        let digit = digit?;
        let shift = if digit < 10 { 10 } else { 100 };
        rest.checked_mul(shift)?.checked_add(digit)?.checked_rem(97)
    })?;
    Some(of_companies || of_persons == 1)
}

const SPANISH_LETTERS: &str = "TRWAGMYFPDXBNJZSQVHLCKE";

/// Persons have a letter at the end, that of the number; companies a digit or the letter that stands for it.
fn spanish(rest: &str) -> Option<bool> {
    let (first, last) = (rest.chars().next()?, rest.chars().last()?);
    let middle = rest.get(1..8)?;
    let letter = |text: String| {
        let place = usize::try_from(number(&text)?.checked_rem(23)?).ok()?;
        SPANISH_LETTERS.chars().nth(place)
    };
    let person = match first {
        '0'..='9' => letter(format!("{first}{middle}")),
        'X' | 'K' | 'L' | 'M' => letter(middle.to_owned()),
        'Y' => letter(format!("1{middle}")),
        'Z' => letter(format!("2{middle}")),
        _ => None,
    };
    if let Some(person) = person {
        return Some(person == last);
    }
    let sum = doubled(&digits(middle)?, 0)?;
    let check = 10_u32.checked_sub(sum.checked_rem(10)?)?.checked_rem(10)?;
    let as_letter = "JABCDEFGHI".chars().nth(usize::try_from(check).ok()?)?;
    Some(last.to_digit(10) == Some(check) || last == as_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_sound() {
        for Country { example, code, .. } in &COUNTRIES {
            assert_eq!(fault(example, code), None, "{example}");
        }
    }
}
