//! How does a mail put amounts and dates? As the documents do.

use calculation::invoice::Language;
use calculation::money::{Amount, Currency};
use documents::Words;
use jiff::civil::Date;

/// The language as its code (ISO 639-1).
pub(super) fn code(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::De => "de",
    }
}

/// `31 October 2026`, `31. Oktober 2026`.
pub(super) fn date(language: Language, date: Date) -> String {
    Words::of(language).date(date)
}

/// `1,234.56 EUR`, `1.234,56 EUR`.
pub(super) fn money(language: Language, amount: Amount, currency: Currency) -> String {
    Words::of(language).money(amount, currency)
}
