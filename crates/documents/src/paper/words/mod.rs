//! How does an invoice put words, dates, numbers and durations?
//!
//! No float here: amounts come as exact decimal text and only gain separators.

mod countries;
mod de;
mod en;
mod standing;
mod tax;

use calculation::invoice::{Days, Language};
use calculation::money::{Amount, Currency};
use calculation::tax::TaxRate;
use jiff::civil::Date;

/// The texts of a language, and a list of them for the test that compares languages.
macro_rules! words {
    ($($text:ident),+ $(,)?) => {
        /// All fixed texts of the document in one language, with its way of writing numbers and dates.
        ///
        /// `{…}` stands for what is filled in.
        pub struct Words {
            language: Language,
            months: [&'static str; 12],
            short_date: fn(&Words, Date) -> String,
            $(pub(super) $text: &'static str),+
        }

        impl Words {
            #[cfg(test)]
            fn texts(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($text), self.$text)),+]
            }
        }
    };
}

words! {
    tag, invoice, invoice_draft, credit_note, credit_note_draft, draft_mark, continued, page, period,
    date, days_of_month, days_of_year, days, thousands, point, percent,
    invoice_number, credit_note_number, not_numbered, invoice_date, credit_note_date, due_on, corrects_invoice,
    corrects, replaces, replaces_invoice, takes_back, takes_back_note, owed_again, reason, customer_reference, your_id, id_of, tax_number, amount_due, amount_credited, amount_in_favour,
    description, calls, duration, included, net,
    fees, one_off, usage, late_usage, late_usage_note, minimum_commitment, discounts, subtotal, no_lines,
    net_total, tax_line, tax_exempt, tax_reverse_charge, reverse_charge_note, gross_total, credited_total, total,
    paid_on, credit_of_invoice, written_off, still_to_pay,
    please_pay, please_pay_at_once, nothing_to_pay, in_your_favour, credited, lowers, goes_to, still_open, nothing_open, paid_out, kept,
    draft_is_not_payable,
    payee, iban, reference, scan_to_pay,
    chart, minutes,
    annex, annex_of, annex_note, masked_note, call_date, call_time, call_line, call_number, call_destination,
    annex_total,
}

impl Words {
    /// The words of a language.
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &en::WORDS,
            Language::De => &de::WORDS,
        }
    }

    /// `31 October 2026`.
    pub fn date(&self, date: Date) -> String {
        let (day, month, year) = self.parts(date);
        fill(self.date, &[("{day}", &day), ("{month}", month), ("{year}", &year)])
    }

    /// `31 Oct 2026`, for a narrow column.
    pub(super) fn short_date(&self, date: Date) -> String {
        (self.short_date)(self, date)
    }

    /// `15 to 31 October 2026`: nothing is said twice.
    pub(super) fn days(&self, days: Days) -> String {
        let Days { first, last } = days;
        if first == last {
            return self.date(first);
        }
        let (first_day, first_month, first_year) = self.parts(first);
        let (last_day, last_month, last_year) = self.parts(last);
        if first_year != last_year {
            return fill(self.days, &[("{first}", &self.date(first)), ("{last}", &self.date(last))]);
        }
        let text = if first_month == last_month { self.days_of_month } else { self.days_of_year };
        let (first, last) = (("{first_day}", first_day.as_str()), ("{last_day}", last_day.as_str()));
        fill(
            text,
            &[first, last, ("{first_month}", first_month), ("{month}", last_month), ("{year}", &last_year)],
        )
    }

    fn parts(&self, date: Date) -> (String, &'static str, String) {
        (date.day().to_string(), self.month(date), date.year().to_string())
    }

    fn month(&self, date: Date) -> &'static str {
        let month = usize::try_from(date.month()).ok().and_then(|number| self.months.get(number - 1));
        month.copied().unwrap_or_default()
    }

    /// `1,234.56`: the exact decimal text, with separators.
    pub(super) fn amount(&self, amount: Amount, currency: Currency) -> String {
        self.decimal(&amount.to_text(currency.minor_digits()))
    }

    /// `1,234.5600`: with at least so many digits after the point.
    pub(super) fn amount_to(&self, amount: Amount, digits: u8) -> String {
        self.decimal(&amount.to_text(digits))
    }

    /// `1,234.56 EUR`.
    pub fn money(&self, amount: Amount, currency: Currency) -> String {
        format!("{} {currency}", self.amount(amount, currency))
    }

    /// `1,234`.
    pub(super) fn count(&self, count: u64) -> String {
        self.decimal(&count.to_string())
    }

    /// `8.1%`.
    pub(super) fn rate(&self, rate: TaxRate) -> String {
        fill(self.percent, &[("{number}", &self.decimal(&rate.to_string()))])
    }

    /// The name of a country, or its code where we have no name for it.
    pub(super) fn country<'a>(&self, code: &'a str) -> &'a str {
        countries::name(code, self.language).unwrap_or(code)
    }

    fn decimal(&self, text: &str) -> String {
        let (sign, plain) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        let mut grouped = String::from(sign);
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                grouped.push_str(self.thousands);
            }
            grouped.push(digit);
        }
        if fraction.is_empty() { grouped } else { grouped + self.point + fraction }
    }
}

/// The text with each placeholder replaced once: what is filled in is never read as a placeholder.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let value = values.iter().find(|(name, _)| rest.starts_with(name));
        let (name, value) = value.copied().unwrap_or(("{", "{"));
        filled.push_str(value);
        rest = &rest[name.len()..];
    }
    filled + rest
}

/// `1:02:05`, or `2:05` under an hour.
pub(super) fn duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

/// `DE89 3704 0044 0532 0130 00`, as a person reads an account number aloud.
pub(super) fn in_groups_of_four(iban: &str) -> String {
    let plain: Vec<char> = iban.chars().filter(|char| !char.is_whitespace()).collect();
    plain.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::date;

    use super::*;

    const EN: &Words = &en::WORDS;
    const DE: &Words = &de::WORDS;

    #[test]
    fn both_languages_fill_in_the_same() {
        let placeholders = |text: &str| -> BTreeSet<String> {
            let ends = text.split('{').skip(1).map(|part| part.split_once('}').expect("a closed brace").0);
            ends.map(String::from).collect()
        };
        for ((name, english), (_, german)) in EN.texts().into_iter().zip(DE.texts()) {
            assert!(!english.is_empty() && !german.is_empty(), "{name}");
            assert_eq!(placeholders(english), placeholders(german), "{name}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        let values = [("{a}", "{b}"), ("{b}", "2")];
        assert_eq!(fill("{a} and {b}, {c} {", &values), "{b} and 2, {c} {");
    }

    #[test]
    fn an_amount_keeps_every_digit_and_gains_separators() {
        let euro: Currency = "EUR".parse().unwrap();
        let yen: Currency = "JPY".parse().unwrap();
        let text = |amount: &str, currency| EN.amount(amount.parse().unwrap(), currency);
        assert_eq!(text("0", euro), "0.00");
        assert_eq!(text("999.5", euro), "999.50");
        assert_eq!(text("1234.56", euro), "1,234.56");
        assert_eq!(text("-1234567.891", euro), "-1,234,567.891");
        assert_eq!(text("9223372036854.775807", euro), "9,223,372,036,854.775807");
        assert_eq!(text("123456", yen), "123,456");
        assert_eq!(DE.amount("-1234567.891".parse().unwrap(), euro), "-1.234.567,891");
        assert_eq!(DE.amount_to("0.0173".parse().unwrap(), 6), "0,017300");
        assert_eq!((EN.rate("8.1".parse().unwrap()).as_str(), DE.count(1234).as_str()), ("8.1%", "1.234"));
        assert_eq!(DE.rate("8.1".parse().unwrap()), "8,1\u{a0}%");
    }

    #[test]
    fn a_duration_shows_hours_only_when_there_are_any() {
        let cases = [
            (0, "0:00"),
            (5, "0:05"),
            (65, "1:05"),
            (3599, "59:59"),
            (3600, "1:00:00"),
            (360_125, "100:02:05"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn a_date_is_written_out() {
        assert_eq!(EN.date(date(2026, 10, 31)), "31 October 2026");
        assert_eq!(DE.date(date(2026, 3, 1)), "1. März 2026");
        assert_eq!(EN.date(Date::MIN), "1 January -9999");
        assert_eq!(EN.short_date(date(2026, 9, 3)), "3 Sep 2026");
        assert_eq!(DE.short_date(date(2026, 9, 3)), "03.09.2026");
    }

    #[test]
    fn days_say_nothing_twice() {
        let cases = [
            ((2026, 10, 15), (2026, 10, 31), "15 to 31 October 2026", "15. bis 31. Oktober 2026"),
            ((2026, 10, 15), (2026, 10, 15), "15 October 2026", "15. Oktober 2026"),
            (
                (2026, 10, 15),
                (2026, 11, 14),
                "15 October to 14 November 2026",
                "15. Oktober bis 14. November 2026",
            ),
            (
                (2026, 12, 1),
                (2027, 1, 2),
                "1 December 2026 to 2 January 2027",
                "1. Dezember 2026 bis 2. Januar 2027",
            ),
        ];
        for (first, last, english, german) in cases {
            let day = |(year, month, day)| date(year, month, day);
            let days = Days { first: day(first), last: day(last) };
            assert_eq!((EN.days(days).as_str(), DE.days(days).as_str()), (english, german));
        }
    }

    #[test]
    fn an_iban_is_grouped_and_a_strange_one_survives() {
        assert_eq!(in_groups_of_four("DE89370400440532013000"), "DE89 3704 0044 0532 0130 00");
        assert_eq!(in_groups_of_four(" ÄÖ Üß€5 "), "ÄÖÜß €5");
        assert_eq!(in_groups_of_four(""), "");
    }
}
