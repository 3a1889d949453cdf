//! What do digits without `+` mean by the numbering plan of the caller's region?

use rlibphonenumber::{CountryCodeSource, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use super::{
    BareDigits, Dialled, E164, LEAST_DIGITS, MOST_DIGITS, MOST_SHORT, NotANumber, Region, ShortCode,
    international,
};

/// Without a region only what cannot be national anywhere is read.
pub(super) fn regionless(digits: &str, bare: BareDigits) -> Result<Dialled, NotANumber> {
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

/// What digits mean to a caller in the region: its numbers, those abroad by its prefix, its short numbers.
pub(super) fn national(digits: &str, region: Region, bare: BareDigits) -> Result<Dialled, NotANumber> {
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
    // Nothing of the region: then a number that is possible with a plus is that, though nobody may have it.
    if refusal == NotANumber::Invalid && bare == BareDigits::International && !digits.starts_with('0') {
        return international(digits).map(Dialled::Number);
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
        return abroad(digits, &parsed);
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

/// The number behind an international prefix, as libphonenumber parsed it.
fn abroad(digits: &str, parsed: &PhoneNumber) -> Result<E164, NotANumber> {
    let number = e164(parsed).ok_or(NotANumber::Invalid)?;
    let code = parsed.country_code.to_string();
    for prefix in ["00", "011", "0011", "810"] {
        let Some(rest) = digits.strip_prefix(prefix) else { continue };
        // A plain prefix leaves no doubt: what follows it is judged as if it had a plus.
        let is_plain = E164::from_ascii(rest.as_bytes()) == Some(number);
        let judged = international(rest);
        if is_plain || judged == Ok(number) {
            return judged;
        }
        // libphonenumber drops any trunk prefix after the calling code, also where we do not.
        let has_trunk_prefix = rest.strip_prefix(&*code).is_some_and(|national| national.starts_with('0'));
        if let (true, Err(refusal)) = (has_trunk_prefix, judged) {
            return Err(refusal);
        }
    }
    // Where the prefix names a carrier too (Brazil's 0041), the rest must be a valid number.
    valid(parsed).ok_or(NotANumber::Invalid)
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
