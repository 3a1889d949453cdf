//! Which number was dialled?
//!
//! Switches write numbers in many ways: `+49 30 1234567`, `0049301234567`, `030 1234567`, a `sip:`
//! address, `112`. [`dialled`] says what each means for a caller in a region, or why it means
//! nothing. Nothing is charged by guess, so what could be read in two ways is refused with the
//! reason. The order matters: emergency numbers first, then `+`, then the region's own plan.

use std::fmt;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use crate::emergency;
pub use crate::region::{Region, UnknownRegion};

mod e164;
mod form;
mod plan;
mod possible;
mod written;

pub use e164::{Digits, E164, NotE164};
use e164::{LEAST_DIGITS, MOST_DIGITS};
pub use form::{BareDigits, NumberForm, OutsideDigit, UnknownBareDigits, UnknownOutsideDigit};
use possible::possible;
pub use possible::{is_assigned, read_plans};
use written::{Address, Written};

/// What was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialled {
    /// A number that a tariff may have a rate for.
    Number(E164),
    /// An emergency number: free, and never refused.
    Emergency(ShortCode),
    /// A short number of the caller's region (118, 115, 0800): priced by name, never by prefix.
    Short(ShortCode),
}

/// A short number, which means something only in its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortCode {
    region: Option<Region>,
    digits: [u8; MOST_SHORT],
    length: u8,
}

/// Why what was dialled is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotANumber {
    /// There is nothing.
    #[error("the number is empty: have the switch write the dialled number into the record")]
    Empty,
    /// The caller withheld the number.
    #[error("the number is withheld: have the switch send the number that it asserts for billing")]
    Anonymous,
    /// `*98`, `#31#`: for the switch, not for the network.
    #[error("`*` and `#` make a feature code: charge it by a rule of its own, or leave it out of the feed")]
    FeatureCode,
    /// `s`, `h`, a name: a place in the switch's own plan.
    #[error("this names an extension of the switch: have it record the number that was dialled outward")]
    Extension,
    /// Fewer digits than any number has.
    #[error("the number has too few digits: a number with + has at least 7")]
    TooShort,
    /// More digits than E.164 allows.
    #[error(
        "the number has more than 15 digits: have the switch record it without what was dialled after it"
    )]
    TooLong,
    /// National form, but nobody said of which region.
    #[error(
        "a number without + means something only in a region: set the region of the caller or the source"
    )]
    NoRegion,
    /// Digits without `+` and without trunk prefix, which can be read in more than one way.
    #[error(
        "without + and trunk prefix these digits can be read in two ways: have the switch send + or the prefix, or say that it \
         writes whole numbers without + (bare_digits international)"
    )]
    Ambiguous,
    /// No country and no network has the calling code.
    #[error(
        "no country or network has its calling code: have the switch record the number as it was dialled, or name the \
         digit that callers dial for an outside line (outside_digit)"
    )]
    UnknownCallingCode,
    /// The plan has no numbers of this length.
    #[error(
        "no number of +{code} has {digits} digits after the country code: have the switch record the whole number, or \
         name the digit that callers dial for an outside line (outside_digit)"
    )]
    ImpossibleLength {
        /// The calling code.
        code: u16,
        /// How many digits follow it.
        digits: u8,
    },
    /// A trunk prefix follows the country code, and dropping it does not give an ordinary number either.
    #[error(
        "a trunk prefix follows +{code}, and dropping it does not give an ordinary number: have the switch record \
         the number as it was dialled"
    )]
    TrunkPrefix {
        /// The calling code.
        code: u16,
    },
    /// An area code or exchange of +1 that begins with 0 or 1.
    #[error(
        "area code and exchange of a number of +1 begin with 2 to 9: have the switch record the number as it was dialled, \
         or name the digit that callers dial for an outside line (outside_digit)"
    )]
    NoAreaCode,
    /// No number of the region, and no other either.
    #[error("this is no number of the caller's region: check the region, or have the switch send + numbers")]
    Invalid,
}

/// Up to so many digits may be a short number.
const MOST_SHORT: usize = 6;
/// A calling code and an emergency number, which switches prepend by mistake, have at most so many.
const LONGEST_MISTAKE: usize = 3 + emergency::LONGEST;
/// No switch writes a longer address; beyond it nothing is looked at.
const LONGEST_TEXT: usize = 256;

/// What a caller in `region` dialled.
///
/// Digits without `+` are read by the region's plan: its international prefix (00, 011, 0011, 810,
/// ...), its trunk prefix, and what it keeps of it (Italy's zero, Argentina's 9). `00` is understood
/// everywhere, even without a region. Full international digits without `+` are refused, see
/// [`BareDigits`]. Every number must be possible by its numbering plan; whether somebody has it is asked
/// by [`is_assigned`], and what it costs is the tariff's question.
///
/// ```
/// use calculation::phone_number::{dialled, Dialled, NotANumber};
/// let germany = Some("DE".parse().unwrap());
/// let berlin = Dialled::Number("+49301234567".parse().unwrap());
/// for text in ["+49301234567", "030 1234567", "0049-30-1234567", "sip:+49301234567@example.net;user=phone"] {
///     assert_eq!(dialled(text, germany), Ok(berlin));
/// }
/// assert!(matches!(dialled("110", germany), Ok(Dialled::Emergency(_))));
/// assert!(matches!(dialled("+49112", None), Ok(Dialled::Emergency(_))));
/// assert_eq!(dialled("030 1234567", None), Err(NotANumber::NoRegion));
/// assert_eq!(dialled("34688880101", germany), Err(NotANumber::Ambiguous));
/// ```
#[inline]
pub fn dialled(text: &str, region: Option<Region>) -> Result<Dialled, NotANumber> {
    dialled_as(text, region, NumberForm::default())
}

/// What a caller in `region` dialled, as a switch writes it that has habits of its own.
///
/// ```
/// use calculation::phone_number::{dialled_as, BareDigits, Dialled, NumberForm};
/// let spain = Some("ES".parse().unwrap());
/// let mobile = Dialled::Number("+34688880101".parse().unwrap());
/// let bare = NumberForm { bare_digits: BareDigits::International, ..NumberForm::default() };
/// assert_eq!(dialled_as("34688880101", spain, bare), Ok(mobile));
///
/// let germany = Some("DE".parse().unwrap());
/// let mobile = Dialled::Number("+491711234567".parse().unwrap());
/// let outside = NumberForm { outside_digit: "0".parse().ok(), ..NumberForm::default() };
/// assert_eq!(dialled_as("001711234567", germany, outside), Ok(mobile));
/// assert!(matches!(dialled_as("0112", germany, outside), Ok(Dialled::Emergency(_))));
/// ```
#[inline]
pub fn dialled_as(text: &str, region: Option<Region>, form: NumberForm) -> Result<Dialled, NotANumber> {
    match plain_international(text.as_bytes()) {
        Some(number) => number.map(Dialled::Number),
        None => interpreted(text, region, form),
    }
}

/// The emergency number in what was dialled, be it behind a digit for an outside line that nobody told us of.
///
/// For those who decide whether a call is made: an emergency call granted in vain costs nothing, one that is
/// refused may cost a life.
///
/// ```
/// use calculation::phone_number::emergency_dialled;
/// let germany = Some("DE".parse().unwrap());
/// for text in ["112", "0112", "00112", "0110", "9-112", "+49112"] {
///     assert!(emergency_dialled(text, germany).is_some(), "{text}");
/// }
/// assert!(emergency_dialled("030 1234567", germany).is_none());
/// ```
pub fn emergency_dialled(text: &str, region: Option<Region>) -> Option<Dialled> {
    if let Ok(number @ Dialled::Emergency(_)) = dialled(text, region) {
        return Some(number);
    }
    if text.len() > LONGEST_TEXT {
        return None;
    }
    let written =
        Written::read(&Address::read(text.trim()).ok()?.user).ok().filter(|written| !written.plus)?;
    let code =
        OutsideDigit::USUAL.into_iter().find_map(|digit| digit.emergency_behind(&written.digits, region));
    code.map(Dialled::Emergency)
}

/// Whether the digits of `text`, which begins with `+`, are more than those of the number: a trunk prefix was dropped.
///
/// ```
/// use calculation::phone_number::is_shortened;
/// let mobile = "+491711234567".parse()?;
/// assert!(is_shortened("+49 0171 1234567", mobile));
/// assert!(!is_shortened("+49 171 1234567", mobile));
/// # Ok::<(), calculation::phone_number::NotE164>(())
/// ```
pub fn is_shortened(text: &str, number: E164) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    let is_plain =
        rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'/'));
    is_plain && rest.bytes().filter(u8::is_ascii_digit).count() > number.leading_digits().len()
}

/// The region that a number belongs to; nothing for satellite networks and unknown numbers.
///
/// ```
/// use calculation::phone_number::region_of;
/// assert_eq!(region_of("+441481960194".parse()?), "GG".parse().ok());
/// assert_eq!(region_of("+870773111632".parse()?), None);
/// # Ok::<(), calculation::phone_number::NotE164>(())
/// ```
pub fn region_of(number: E164) -> Option<Region> {
    let text = number.to_string();
    let parsed = PHONE_NUMBER_UTIL.parse(&text, None).ok()?;
    Region::from_library(PHONE_NUMBER_UTIL.get_region_for_number(&parsed)?)
}

/// The common case: `+`, then so many digits that no emergency number can hide in them.
#[inline]
fn plain_international(text: &[u8]) -> Option<Result<E164, NotANumber>> {
    match text {
        [b'+', digits @ ..] if digits.len() > LONGEST_MISTAKE => {
            E164::from_ascii(digits).map(|number| possible(number, digits))
        }
        _ => None,
    }
}

fn interpreted(text: &str, region: Option<Region>, form: NumberForm) -> Result<Dialled, NotANumber> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"' || c == '\'');
    if text.len() > LONGEST_TEXT {
        return Err(NotANumber::TooLong);
    }
    let address = Address::read(text)?;
    let region = match address.calling_code {
        Some(code) if region.and_then(Region::calling_code) != Some(code) => Some(main_region_of(code)?),
        _ => region,
    };
    let mut written = Written::read(&address.user)?;
    if let Some(code) = emergency_code(&written, region) {
        return Ok(Dialled::Emergency(code));
    }
    if let Some(outside) = form.outside_digit.filter(|_| !written.plus) {
        if let Some(code) = outside.emergency_behind(&written.digits, region) {
            return Ok(Dialled::Emergency(code));
        }
        if let Some(inside) = outside.stripped(&written.digits) {
            written.digits = inside.to_owned();
            if let Some(code) = emergency_code(&written, region) {
                return Ok(Dialled::Emergency(code));
            }
        }
    }
    let bare = form.bare_digits;
    let digits = written.digits.as_str();
    if written.plus {
        return international(digits).map(Dialled::Number);
    }
    match region {
        Some(region) => plan::national(digits, region, bare),
        None => plan::regionless(digits, bare),
    }
}

/// The main region of a calling code that a `phone-context` names.
fn main_region_of(code: i32) -> Result<Region, NotANumber> {
    let region = PHONE_NUMBER_UTIL.get_region_for_country_code(code);
    region.and_then(Region::from_library).ok_or(NotANumber::Invalid)
}

/// The emergency number that was dialled, be it with `+`, `+49` or `0049` put before it by mistake.
fn emergency_code(written: &Written, region: Option<Region>) -> Option<ShortCode> {
    let digits = written.digits.as_str();
    if emergency::is_emergency(digits, region) {
        return ShortCode::new(digits, region);
    }
    // 011 is Turin and 810 is in Michigan: only where they are dialled do they lead abroad.
    let own: &[&str] = match region.map(Region::calling_code) {
        None | Some(Some(1)) => &["011", "0011", "00"],
        Some(Some(7 | 375 | 993)) => &["810", "00"],
        Some(_) => &["0011", "00"],
    };
    let after_prefix =
        if written.plus { Some(digits) } else { own.iter().find_map(|prefix| digits.strip_prefix(prefix)) };
    let rest = after_prefix.filter(|rest| rest.len() <= LONGEST_MISTAKE)?;
    (1..=3_usize).find_map(|length| {
        let (code, number) = rest.split_at_checked(length)?;
        let regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code.parse().ok()?)?;
        let regions: Vec<Region> = regions.filter_map(Region::from_library).collect();
        // The caller's own region first: +1911 is local to every one of two dozen regions.
        let own = region.filter(|own| regions.contains(own));
        // +49 0112 has a trunk prefix before it besides.
        let numbers = [Some(number), number.strip_prefix('0')].into_iter().flatten();
        let places = || own.into_iter().chain(regions.iter().copied());
        let mut found = numbers.filter_map(|number| {
            let place = places().find(|place| emergency::is_emergency(number, Some(*place)))?;
            ShortCode::new(number, Some(place))
        });
        found.next()
    })
}

fn international(digits: &str) -> Result<E164, NotANumber> {
    match digits.len() {
        ..LEAST_DIGITS => Err(NotANumber::TooShort),
        LEAST_DIGITS..=MOST_DIGITS => {
            let number = E164::from_ascii(digits.as_bytes()).ok_or(NotANumber::Invalid)?;
            possible(number, digits.as_bytes())
        }
        _ => Err(NotANumber::TooLong),
    }
}

impl ShortCode {
    fn new(text: &str, region: Option<Region>) -> Option<Self> {
        let mut digits = [0; MOST_SHORT];
        digits.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { region, digits, length: u8::try_from(text.len()).ok()? })
    }

    /// The digits, such as `112` or `000`.
    pub fn digits(&self) -> &str {
        let digits = self.digits.get(..self.length.into()).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }

    /// Where it is dialled; nothing for 112 and 911 from an unknown place.
    pub const fn region(&self) -> Option<Region> {
        self.region
    }
}

impl fmt::Display for ShortCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.digits())
    }
}

impl fmt::Display for Dialled {
    /// The number with `+`, or the short digits as dialled.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Emergency(code) | Self::Short(code) => code.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_refused_quickly() {
        let germany = "DE".parse().ok();
        let long = [
            "9".repeat(10_000_000),
            format!("+{}", "9".repeat(10_000_000)),
            format!("sip:{}@host", "1".repeat(10_000_000)),
            " ".repeat(200) + &"%2B".repeat(100),
            "0".repeat(40),
            format!("+{}", "1".repeat(16)),
        ];
        for text in &long {
            assert_eq!(dialled(text, germany), Err(NotANumber::TooLong), "{}", text.len());
        }
        let odd = [
            "+",
            "++49301234567",
            "+49301234567\0",
            "+٤٩٣٠١٢٣٤٥٦٧",
            "\u{ff0b}49301234567",
            "0301234567+",
            "%2B49",
            "+-+",
        ];
        for text in odd {
            assert!(dialled(text, germany).is_err(), "{text:?}");
        }
        assert_eq!(dialled("\0", germany), Err(NotANumber::Invalid));
        assert_eq!(dialled("sip:%ff%fe@host", germany), Err(NotANumber::Invalid));
        assert_eq!(dialled("sip:%4", germany), Err(NotANumber::Extension));
        assert_eq!(dialled("tel:%4", germany), Err(NotANumber::Invalid));
        assert_eq!(dialled("Robert'); drop table calls", germany), Err(NotANumber::Extension));
    }

    #[test]
    fn an_e164_number_has_7_to_15_digits_and_no_zero_first() {
        for text in ["+1234567", "+123456789012345"] {
            assert_eq!(text.parse::<E164>().unwrap().to_string(), text);
        }
        for text in ["", "+", "+123456", "+1234567890123456", "+0301234567", "49301234567", "+49 30 1234567"]
        {
            assert_eq!(text.parse::<E164>(), Err(NotE164), "{text}");
        }
    }

    #[test]
    fn a_prefix_that_is_longer_than_the_number_does_not_match() {
        let number: E164 = "+4930123".parse().unwrap();
        assert!(number.starts_with("") && number.starts_with("4930123"));
        assert!(!number.starts_with("49301234") && !number.starts_with("+49") && !number.starts_with("31"));
    }

    #[test]
    fn numbers_and_regions_are_text_in_json() {
        let number: E164 = serde_json::from_str("\"+49301234567\"").unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"+49301234567\"");
        let region: Region = serde_json::from_str("\"DE\"").unwrap();
        assert_eq!(serde_json::to_string(&region).unwrap(), "\"DE\"");
        assert!(serde_json::from_str::<E164>("49301234567").is_err());
        assert!(serde_json::from_str::<Region>("\"\"").is_err());
    }

    #[test]
    fn the_emergency_number_of_an_unknown_place_has_no_region() {
        let Ok(Dialled::Emergency(code)) = dialled("112", None) else { panic!("112 is an emergency") };
        assert_eq!((code.digits(), code.region()), ("112", None));
        let Ok(Dialled::Emergency(code)) = dialled("+49110", "FR".parse().ok()) else {
            panic!("so is +49110")
        };
        assert_eq!((code.digits(), code.region()), ("110", "DE".parse().ok()));
    }
}
