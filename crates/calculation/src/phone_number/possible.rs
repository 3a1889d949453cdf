//! Can this number exist? By the length and the first digits that its numbering plan allows, not by who has it.
//!
//! The facts are those of libphonenumber. A table made of them once answers for nearly every number; only one that
//! may have a trunk prefix after its country code is looked at closely.

use std::sync::LazyLock;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};

use super::{E164, MOST_DIGITS, NotANumber, Region};

/// What the plan of a calling code allows, of all regions that share it.
#[derive(Debug, Clone, Copy)]
struct Plan {
    code_length: u8,
    /// A bit for each number of digits that may follow the calling code.
    lengths: u16,
    /// A bit for each first digit behind which a trunk prefix may hide.
    doubtful: u16,
    /// Area code and exchange begin with 2 to 9.
    is_nanp: bool,
}

/// A plan by the first three digits of a number; nothing where no calling code begins so.
static PLANS: LazyLock<Vec<Option<Plan>>> = LazyLock::new(plans);

/// Plans whose ordinary numbers begin with a zero: Italy, San Marino, Côte d'Ivoire, Gabon, Congo, Benin.
const ZERO_BELONGS: [i32; 6] = [39, 378, 225, 241, 242, 229];
/// Networks that belong to no country write numbers of many lengths, of which libphonenumber knows some.
const LENGTHS_OF_NETWORKS: std::ops::RangeInclusive<usize> = 7..=12;

/// The number, if it can exist; without a trunk prefix after the calling code, if what is left is a number of the plan.
#[inline]
pub(super) fn possible(number: E164, digits: &[u8]) -> Result<E164, NotANumber> {
    let plan = plan_of(digits).ok_or(NotANumber::UnknownCallingCode)?;
    let national = digits.get(usize::from(plan.code_length)..).unwrap_or_default();
    // Two zeros lead abroad even where one belongs to the number: +39 00 49… was dialled behind a prefix.
    if national.starts_with(b"00") {
        return judged_closely(number, plan);
    }
    let lead = national.first().map_or(0, |digit| digit.wrapping_sub(b'0'));
    let is_doubtful = has_bit(plan.doubtful, lead.into());
    if !is_doubtful && has_bit(plan.lengths, national.len()) && has_exchange(plan, national) {
        return Ok(number);
    }
    judged_closely(number, plan)
}

/// Reads the numbering plans of the world, for which the first number would wait otherwise.
pub fn read_plans() {
    LazyLock::force(&PLANS);
}

/// Whether the plan of the number is known to have given it to somebody, or at least its range.
///
/// It costs about a microsecond: whoever asks for many should remember the answers.
///
/// ```
/// use calculation::phone_number::is_assigned;
/// assert!(is_assigned("+49301234567".parse()?));
/// assert!(!is_assigned("+19998765432".parse()?)); // area code 999: possible, and not in use
/// # Ok::<(), calculation::phone_number::NotE164>(())
/// ```
pub fn is_assigned(number: E164) -> bool {
    let text = number.digits().to_string();
    let Some((code, national)) = plan_of(text.as_bytes()).and_then(|plan| parts(&text, plan)) else {
        return false;
    };
    parsed(code, national).is_some_and(|parsed| PHONE_NUMBER_UTIL.is_valid_number(&parsed))
}

#[inline]
fn plan_of(digits: &[u8]) -> Option<Plan> {
    let [a, b, c, ..] = digits else { return None };
    let place = [a, b, c].into_iter().fold(0_usize, |place, digit| {
        place.wrapping_mul(10).wrapping_add(usize::from(digit.wrapping_sub(b'0')))
    });
    PLANS.get(place).copied().flatten()
}

#[inline]
const fn has_bit(bits: u16, place: usize) -> bool {
    place < 16 && bits & (1 << place) != 0
}

/// In the plan of +1 the fourth digit begins the exchange.
#[inline]
fn has_exchange(plan: Plan, national: &[u8]) -> bool {
    !plan.is_nanp || national.get(3).is_some_and(|digit| *digit >= b'2')
}

fn judged_closely(number: E164, plan: Plan) -> Result<E164, NotANumber> {
    let text = number.digits().to_string();
    let Some((code, national)) = parts(&text, plan) else { return Err(NotANumber::UnknownCallingCode) };
    let fits = has_bit(plan.lengths, national.len());
    // A zero or an eight may be the number's own; and some numbers of seven digits can be dialled in all of Canada.
    if parsed(code, national).is_some_and(|parsed| PHONE_NUMBER_UTIL.is_valid_number(&parsed)) {
        return Ok(number);
    }
    if let Some(mended) = without_trunk_prefix(code, national) {
        return Ok(mended);
    }
    let (shown, digits) =
        (u16::try_from(code).unwrap_or_default(), u8::try_from(national.len()).unwrap_or_default());
    match fits {
        _ if plan.is_nanp && (fits || national.starts_with(['0', '1'])) => Err(NotANumber::NoAreaCode),
        _ if national.starts_with("00") || national.starts_with('0') && !ZERO_BELONGS.contains(&code) => {
            Err(NotANumber::TrunkPrefix { code: shown })
        }
        true => Ok(number),
        false => Err(NotANumber::ImpossibleLength { code: shown, digits }),
    }
}

/// The calling code and the national number.
fn parts(digits: &str, plan: Plan) -> Option<(i32, &str)> {
    let (code, national) = digits.split_at_checked(plan.code_length.into())?;
    Some((code.parse().ok()?, national))
}

/// The number without the trunk prefix of its plan, if that is a number that people and companies have. One of a
/// service that costs more than its country (`+49 0900…`) is no slip to be mended in silence.
fn without_trunk_prefix(code: i32, national: &str) -> Option<E164> {
    let prefixes = trunk_prefixes(code);
    let rests = prefixes.iter().filter_map(|prefix| national.strip_prefix(&**prefix));
    for rest in rests {
        let Some(parsed) = parsed(code, rest) else { continue };
        let kind = PHONE_NUMBER_UTIL.get_number_type(&parsed);
        let is_usual = matches!(
            kind,
            PhoneNumberType::FixedLine
                | PhoneNumberType::Mobile
                | PhoneNumberType::FixedLineOrMobile
                | PhoneNumberType::VoIP
                | PhoneNumberType::TollFree
        );
        if is_usual {
            return format!("+{code}{rest}").parse().ok();
        }
    }
    None
}

fn parsed(code: i32, national: &str) -> Option<PhoneNumber> {
    let zeros = national.bytes().take_while(|digit| *digit == b'0').count();
    let mut number =
        PhoneNumber { country_code: code, national_number: national.parse().ok()?, ..PhoneNumber::default() };
    if zeros > 0 {
        number.italian_leading_zero = Some(true);
        number.number_of_leading_zeros = Some(i32::try_from(zeros).ok()?);
    }
    Some(number)
}

fn plans() -> Vec<Option<Plan>> {
    let mut plans = vec![None; 1_000];
    for code in 1..1_000_i32 {
        let Some(plan) = plan(code) else { continue };
        let first = usize::try_from(code).unwrap_or_default();
        let places = match plan.code_length {
            1 => first.saturating_mul(100)..first.saturating_add(1).saturating_mul(100),
            2 => first.saturating_mul(10)..first.saturating_add(1).saturating_mul(10),
            _ => first..first.saturating_add(1),
        };
        for place in plans.get_mut(places).unwrap_or_default() {
            *place = Some(plan);
        }
    }
    plans
}

fn plan(code: i32) -> Option<Plan> {
    let regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code)?;
    let code_length = u8::try_from(code.checked_ilog10()?.saturating_add(1)).ok()?;
    let is_nanp = code == 1;
    let mut lengths = (1..=MOST_DIGITS).filter(|length| has_length(code, *length)).fold(0_u16, with_bit);
    let is_network = regions.into_iter().all(|region| Region::from_library(region).is_none());
    if is_network && (870..900).contains(&code) {
        lengths = LENGTHS_OF_NETWORKS.fold(lengths, with_bit);
    }
    // A zero is a trunk prefix in most plans, and belongs to the number in some.
    let mut doubtful = match (is_nanp, ZERO_BELONGS.contains(&code)) {
        (true, _) => 0b11,
        (false, true) => 0,
        (false, false) => 1,
    };
    for prefix in trunk_prefixes(code).iter().filter(|prefix| !prefix.starts_with('0')) {
        // Only where a number is still long enough without it can it be one too many.
        let shorter = u32::try_from(prefix.len()).ok().and_then(|length| lengths.checked_shl(length));
        if let Some(digit) = prefix.bytes().next().filter(|_| lengths & shorter.unwrap_or_default() != 0) {
            doubtful = with_bit(doubtful, usize::from(digit.wrapping_sub(b'0')));
        }
    }
    Some(Plan { code_length, lengths, doubtful, is_nanp })
}

fn with_bit(bits: u16, place: usize) -> u16 {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    bits | 1_u16.checked_shl(place).unwrap_or_default()
}

/// Whether the plan has numbers with so many digits after the calling code.
fn has_length(code: i32, length: usize) -> bool {
    parsed(code, &"5".repeat(length)).is_some_and(|number| {
        PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) == Ok(NumberLengthType::IsPossible)
    })
}

/// What callers at home dial before the national number, as libphonenumber writes examples; and a zero, which is
/// the trunk prefix of most plans.
fn trunk_prefixes(code: i32) -> Vec<String> {
    let mut prefixes = vec!["0".to_owned()];
    // In the plan of +1 it is dialled, and not written.
    prefixes.extend((code == 1).then(|| "1".to_owned()));
    let regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code);
    for region in regions.into_iter().flatten() {
        for kind in [PhoneNumberType::FixedLine, PhoneNumberType::Mobile] {
            let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind);
            let Ok(example) = example else { continue };
            let written = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::National);
            let customary: String = written.chars().filter(char::is_ascii_digit).collect();
            let prefix = customary.strip_suffix(&example.national_number.to_string());
            let prefix =
                prefix.filter(|prefix| !prefix.is_empty() && !prefixes.iter().any(|known| known == prefix));
            prefixes.extend(prefix.map(str::to_owned));
        }
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each plan's own example of each kind of number can exist, whatever its first digits are.
    #[test]
    fn every_example_of_every_plan_can_exist() {
        let kinds = [
            PhoneNumberType::FixedLine,
            PhoneNumberType::Mobile,
            PhoneNumberType::TollFree,
            PhoneNumberType::PremiumRate,
            PhoneNumberType::SharedCost,
            PhoneNumberType::VoIP,
            PhoneNumberType::PersonalNumber,
            PhoneNumberType::Pager,
            PhoneNumberType::UAN,
            PhoneNumberType::VoiceMail,
        ];
        let mut examples = 0;
        for region in Region::all() {
            for kind in kinds {
                let library = region.library().unwrap();
                let Ok(example) = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(library, kind)
                else {
                    continue;
                };
                let text = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::E164);
                let Ok(number) = text.parse::<E164>() else { continue };
                assert_eq!(possible(number, &text.as_bytes()[1..]), Ok(number), "{region} {text}");
                examples += 1;
            }
        }
        assert!(examples > 800, "{examples}");
    }

    #[test]
    fn a_zero_too_many_is_never_a_number_of_a_plan_that_has_none() {
        for text in ["49090012345", "490", "49000", "330123456789", "440207946001", "10301234567"] {
            let number: Result<E164, _> = format!("+{text}").parse();
            let Ok(number) = number else { continue };
            if let Ok(found) = possible(number, text.as_bytes()) {
                assert_ne!(found, number, "{text}");
            }
        }
    }
}
