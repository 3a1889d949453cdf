//! Which number was dialled?
//!
//! Switches write numbers in many ways: `+49 30 1234567`, `0049301234567`, `030 1234567`, a `sip:`
//! address, `112`. [`dialled`] says what each means for a caller in a region, or why it means
//! nothing. Nothing is charged by guess, so what could be read in two ways is refused with the
//! reason. The order matters: emergency numbers first, then `+`, then the region's own plan.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{CountryCodeSource, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};
use serde::{Deserialize, Serialize};

use crate::emergency;
use crate::money::serde_as_text;

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
pub struct E164(u64);

/// Why a text is no number in E.164 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a phone number is written as + and 7 to 15 digits that begin with a calling code: +49301234567")]
pub struct NotE164;

/// The decimal digits of a number from the left, as values 0–9.
#[derive(Debug, Clone)]
pub struct Digits {
    digits: [u8; MOST_DIGITS],
    next: usize,
}

/// A region with a numbering plan, by its code of ISO 3166-1, such as `DE`.
///
/// ```
/// use calculation::phone_number::Region;
/// let italy: Region = "IT".parse()?;
/// assert_eq!(italy.to_string(), "IT");
/// assert!("it".parse::<Region>().is_err());
/// assert!("ZZ".parse::<Region>().is_err());
/// # Ok::<(), calculation::phone_number::UnknownRegion>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 2]);

/// Why a text is no region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no region with a numbering plan: write its ISO 3166-1 code in capitals, such as DE")]
pub struct UnknownRegion(String);

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

/// How digits that are neither marked as international nor valid nationally are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BareDigits {
    /// They are refused, for `34688880101` might be anything.
    #[default]
    National,
    /// The trunk is known to leave out the `+`: if they are a valid number with it, they are that.
    /// What is valid nationally, as it is customarily dialled there, stays national.
    International,
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
        "without + and trunk prefix these digits can be read in two ways: have the switch send + or the prefix"
    )]
    Ambiguous,
    /// No number of the region, and no other either.
    #[error("this is no number of the caller's region: check the region, or have the switch send + numbers")]
    Invalid,
}

const LEAST_DIGITS: usize = 7;
const MOST_DIGITS: usize = 15;
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
/// [`BareDigits`]. A number with `+` is taken as it is: whether it exists is the tariff's question.
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
    dialled_on(text, region, BareDigits::National)
}

/// What a caller in `region` dialled on a trunk that writes bare digits in the way of `bare`.
///
/// ```
/// use calculation::phone_number::{dialled_on, BareDigits, Dialled};
/// let spain = Some("ES".parse().unwrap());
/// let mobile = Dialled::Number("+34688880101".parse().unwrap());
/// assert_eq!(dialled_on("34688880101", spain, BareDigits::International), Ok(mobile));
/// ```
#[inline]
pub fn dialled_on(text: &str, region: Option<Region>, bare: BareDigits) -> Result<Dialled, NotANumber> {
    match plain_international(text.as_bytes()) {
        Some(number) => Ok(Dialled::Number(number)),
        None => interpreted(text, region, bare),
    }
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
fn plain_international(text: &[u8]) -> Option<E164> {
    match text {
        [b'+', digits @ ..] if digits.len() > LONGEST_MISTAKE => E164::from_ascii(digits),
        _ => None,
    }
}

fn interpreted(text: &str, region: Option<Region>, bare: BareDigits) -> Result<Dialled, NotANumber> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"' || c == '\'');
    if text.len() > LONGEST_TEXT {
        return Err(NotANumber::TooLong);
    }
    let address = Address::read(text)?;
    let region = address.region.or(region);
    let written = Written::read(&address.user)?;
    if let Some(code) = emergency_code(&written, region) {
        return Ok(Dialled::Emergency(code));
    }
    let digits = written.digits.as_str();
    if written.plus && written.trunk_zero {
        let parsed = PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None).ok();
        return parsed.as_ref().and_then(valid).map(Dialled::Number).ok_or(NotANumber::Invalid);
    }
    if written.plus {
        return international(digits).map(Dialled::Number);
    }
    match region {
        Some(region) => national(digits, region, bare),
        None => regionless(digits, bare),
    }
}

/// What an address consists of, as far as it concerns the number.
struct Address {
    user: String,
    region: Option<Region>,
}

impl Address {
    /// Reads `"Ann" <sip:+49...;rn=...@host;user=phone>`, `tel:...;phone-context=...` and plain text.
    fn read(text: &str) -> Result<Self, NotANumber> {
        let inner = text.rsplit_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or(rest));
        let (scheme, rest) = inner.split_once(':').unwrap_or(("", inner));
        let decoded = match scheme.trim().to_ascii_lowercase().as_str() {
            "" => return Ok(Self { user: rest.into(), region: None }),
            "tel" => rest,
            // Without a user the address names a machine.
            "sip" | "sips" => rest.rsplit_once('@').ok_or(NotANumber::Extension)?.0,
            _ => return Err(NotANumber::Invalid),
        };
        let decoded = percent_decoded(decoded).ok_or(NotANumber::Invalid)?;
        let mut parameters = decoded.split(';');
        let user = parameters.next().unwrap_or_default();
        let context = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("phone-context").then_some(value)
        });
        // A password, as RFC 3261 still allows, follows a colon.
        let user = user.split(':').next().unwrap_or_default();
        let region = match context.and_then(|value| value.strip_prefix('+')) {
            Some(code) if !user.trim_start().starts_with('+') => Some(region_of_code(code)?),
            _ => None,
        };
        Ok(Self { user: user.into(), region })
    }
}

/// The region that a `phone-context` makes the digits local to. Only a calling code is understood:
/// digits that are local to a town cannot be told from national ones.
fn region_of_code(code: &str) -> Result<Region, NotANumber> {
    let code = code.parse().map_err(|_| NotANumber::Invalid)?;
    let region = PHONE_NUMBER_UTIL.get_region_for_country_code(code);
    region.and_then(Region::from_library).ok_or(NotANumber::Invalid)
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
struct Written {
    plus: bool,
    /// `(0)` after a calling code, as in `+49 (0)30 1234567`.
    trunk_zero: bool,
    digits: String,
}

impl Written {
    fn read(text: &str) -> Result<Self, NotANumber> {
        let text = text.trim();
        refuse_words(text)?;
        if text.contains(['*', '#']) {
            return Err(NotANumber::FeatureCode);
        }
        let number = without_extension(text);
        let mut written = Self { plus: false, trunk_zero: false, digits: String::new() };
        for character in number.chars() {
            match character {
                '0'..='9' => written.digits.push(character),
                '+' if !written.plus && written.digits.is_empty() => written.plus = true,
                other if pleases_the_eye(other) => {}
                other if other.is_alphabetic() => return Err(NotANumber::Extension),
                _ => return Err(NotANumber::Invalid),
            }
        }
        written.trunk_zero = number.contains("(0)");
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

/// The emergency number that was dialled, be it with `+`, `+49` or `0049` put before it by mistake.
fn emergency_code(written: &Written, region: Option<Region>) -> Option<ShortCode> {
    let digits = written.digits.as_str();
    if emergency::is_emergency(digits, region) {
        return ShortCode::new(digits, region);
    }
    let after_prefix = if written.plus {
        Some(digits)
    } else {
        ["011", "0011", "810", "00"].iter().find_map(|prefix| digits.strip_prefix(prefix))
    };
    let rest = after_prefix.filter(|rest| rest.len() <= LONGEST_MISTAKE)?;
    (1..=3_usize).find_map(|length| {
        let (code, number) = rest.split_at_checked(length)?;
        let regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code.parse().ok()?)?;
        let regions: Vec<Region> = regions.filter_map(Region::from_library).collect();
        // The caller's own region first: +1911 is local to every one of two dozen regions.
        let own = region.filter(|own| regions.contains(own));
        let place =
            own.into_iter().chain(regions).find(|place| emergency::is_emergency(number, Some(*place)))?;
        ShortCode::new(number, Some(place))
    })
}

fn international(digits: &str) -> Result<E164, NotANumber> {
    match digits.len() {
        ..LEAST_DIGITS => Err(NotANumber::TooShort),
        LEAST_DIGITS..=MOST_DIGITS => E164::from_ascii(digits.as_bytes()).ok_or(NotANumber::Invalid),
        _ => Err(NotANumber::TooLong),
    }
}

/// Without a region only what cannot be national anywhere is read.
fn regionless(digits: &str, bare: BareDigits) -> Result<Dialled, NotANumber> {
    // No calling code begins with 11, so 0011 is Australia's prefix and not 00 and +11.
    let rest = digits.strip_prefix("0011").or_else(|| digits.strip_prefix("00"));
    match (rest, bare) {
        (Some(rest), _) => international(rest).map(Dialled::Number),
        (None, BareDigits::International) => {
            with_plus(digits).map(Dialled::Number).ok_or(NotANumber::NoRegion)
        }
        (None, BareDigits::National) => Err(NotANumber::NoRegion),
    }
}

fn national(digits: &str, region: Region, bare: BareDigits) -> Result<Dialled, NotANumber> {
    let refusal = match by_plan(digits, region) {
        Ok(number) => return Ok(Dialled::Number(number)),
        Err(refusal) => refusal,
    };
    if digits.len() <= MOST_SHORT && !digits.starts_with("00") {
        return ShortCode::new(digits, Some(region)).map(Dialled::Short).ok_or(NotANumber::Invalid);
    }
    if refusal == NotANumber::Ambiguous && bare == BareDigits::International {
        return with_plus(digits).map(Dialled::Number).ok_or(refusal);
    }
    Err(refusal)
}

/// Reads digits by the plan of the region, in the way that its callers dial.
fn by_plan(digits: &str, region: Region) -> Result<E164, NotANumber> {
    // Longer than any prefix and number together: libphonenumber would read a part of it.
    if digits.len() > MOST_DIGITS.saturating_add(5) {
        return Err(NotANumber::TooLong);
    }
    let library = region.library().ok_or(NotANumber::NoRegion)?;
    let parsed = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(digits, Some(library)).ok();
    let Some(parsed) = parsed else { return Err(elsewhere(digits, NotANumber::Invalid)) };
    let source = parsed.country_code_source();
    if source == CountryCodeSource::FromNumberWithIdd {
        let number = e164(&parsed).ok_or(NotANumber::Invalid)?;
        // A plain prefix leaves no doubt. Where it names a carrier too (Brazil's 0041), the rest must
        // be a valid number.
        let plain = ["00", "011", "0011", "810"].iter().any(|prefix| {
            digits.strip_prefix(prefix).is_some_and(|rest| E164::from_ascii(rest.as_bytes()) == Some(number))
        });
        return if plain || valid(&parsed).is_some() { Ok(number) } else { Err(NotANumber::Invalid) };
    }
    // In the plan of +1 the trunk prefix and the calling code are the same 1.
    let trunk_one = parsed.country_code == 1 && PHONE_NUMBER_UTIL.is_nanpa_country(library);
    let national = source == CountryCodeSource::FromDefaultCountry || trunk_one;
    match valid(&parsed).filter(|_| national) {
        Some(number) if is_dialled_so(digits, &parsed) => Ok(number),
        Some(_) => Err(NotANumber::Ambiguous),
        // Some switches write 00 where callers dial something else.
        None => match digits.strip_prefix("00").and_then(with_plus) {
            Some(number) => Ok(number),
            None => Err(elsewhere(digits, NotANumber::Invalid)),
        },
    }
}

/// Whether digits that are valid nationally can be nothing else.
///
/// They can where the trunk prefix is missing that callers dial: `30123456` in Germany may be a number of
/// the caller's own town, where numbers have no fixed length, or one of another country without `+`.
fn is_dialled_so(digits: &str, parsed: &PhoneNumber) -> bool {
    let Some(number) = e164(parsed) else { return false };
    let national = number.digits().to_string().split_off(parsed.country_code.to_string().len());
    let formatted = PHONE_NUMBER_UTIL.format(parsed, PhoneNumberFormat::National);
    let customary = formatted.bytes().filter(u8::is_ascii_digit);
    if national != digits || customary.eq(digits.bytes()) {
        return true;
    }
    let shorter = number.digits().checked_div(10).map(E164);
    let longer = number.digits().checked_mul(10).map(E164);
    let has_fixed_length = !shorter.into_iter().chain(longer).any(is_valid);
    has_fixed_length && with_plus(digits).is_none()
}

/// The reason when digits are refused: they may be those of another country, the `+` left out.
fn elsewhere(digits: &str, otherwise: NotANumber) -> NotANumber {
    match digits.len() {
        _ if with_plus(digits).is_some() => NotANumber::Ambiguous,
        ..LEAST_DIGITS => NotANumber::TooShort,
        LEAST_DIGITS..=MOST_DIGITS => otherwise,
        _ => NotANumber::TooLong,
    }
}

/// The valid number that the digits are with a `+` before them.
fn with_plus(digits: &str) -> Option<E164> {
    E164::from_ascii(digits.as_bytes()).filter(|number| is_valid(*number))
}

fn is_valid(number: E164) -> bool {
    let parsed = PHONE_NUMBER_UTIL.parse(number.to_string(), None).ok();
    // libphonenumber drops a trunk prefix after the calling code; then it is another number.
    parsed.as_ref().and_then(valid) == Some(number)
}

fn valid(parsed: &PhoneNumber) -> Option<E164> {
    PHONE_NUMBER_UTIL.is_valid_number(parsed).then(|| e164(parsed))?
}

fn e164(parsed: &PhoneNumber) -> Option<E164> {
    PHONE_NUMBER_UTIL.format(parsed, PhoneNumberFormat::E164).parse().ok()
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

    /// From 7 to 15 ASCII digits of which the first is no zero.
    #[inline]
    fn from_ascii(digits: &[u8]) -> Option<Self> {
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

impl Region {
    /// All regions with a numbering plan, in no particular order.
    pub fn all() -> impl Iterator<Item = Self> {
        PHONE_NUMBER_UTIL.get_supported_regions().filter_map(Self::from_library)
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        // Only capitals are ever put in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn from_library(region: rlibphonenumber::Region) -> Option<Self> {
        // The world, as the satellite networks' region is called, has three characters.
        region.as_region_str().as_bytes().try_into().ok().map(Self)
    }

    fn library(self) -> Option<rlibphonenumber::Region> {
        self.as_str().parse().ok()
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let unknown = || UnknownRegion(text.chars().take(20).collect());
        let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| unknown())?;
        if !letters.iter().all(u8::is_ascii_uppercase) {
            return Err(unknown());
        }
        let region = Self(letters);
        let code =
            region.library().and_then(|library| PHONE_NUMBER_UTIL.get_country_code_for_region(library));
        code.map(|_| region).ok_or_else(unknown)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
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

serde_as_text!(E164, Region);

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
        assert_eq!(dialled("'; drop table calls; --", germany), Err(NotANumber::Invalid));
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
        assert!(serde_json::from_str::<Region>("\"XX\"").is_err());
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
