//! How does a mail put amounts and dates?
//!
//! No float here: amounts come as exact decimal text and only gain separators.

use calculation::invoice::Language;
use calculation::money::{Amount, Currency};
use jiff::civil::Date;

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const GERMAN_MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// The language as its code (ISO 639-1).
pub(super) fn code(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::De => "de",
    }
}

/// `31 October 2026`, `31. Oktober 2026`.
pub(super) fn date(language: Language, date: Date) -> String {
    let (months, stop) = match language {
        Language::En => (&ENGLISH_MONTHS, ""),
        Language::De => (&GERMAN_MONTHS, "."),
    };
    let month = usize::try_from(date.month()).ok().and_then(|number| months.get(number.checked_sub(1)?));
    format!("{}{stop} {} {}", date.day(), month.copied().unwrap_or_default(), date.year())
}

/// `1,234.56 EUR`, `1.234,56 EUR`.
pub(super) fn money(language: Language, amount: Amount, currency: Currency) -> String {
    let (thousands, point) = match language {
        Language::En => (',', '.'),
        Language::De => ('.', ','),
    };
    let text = amount.to_text(currency.minor_digits());
    let (sign, plain) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut grouped = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(thousands);
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push(point);
        grouped.push_str(fraction);
    }
    format!("{grouped} {currency}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_dates_are_written_as_the_language_does() {
        let money = |language, amount: &str| money(language, amount.parse().unwrap(), "EUR".parse().unwrap());
        assert_eq!(money(Language::En, "-1234567.5"), "-1,234,567.50 EUR");
        assert_eq!(money(Language::De, "-1234567.5"), "-1.234.567,50 EUR");
        assert_eq!(money(Language::De, "999"), "999,00 EUR");
        let day = jiff::civil::date(2026, 3, 1);
        assert_eq!(
            (date(Language::En, day), date(Language::De, day)),
            ("1 March 2026".into(), "1. März 2026".into())
        );
    }
}
