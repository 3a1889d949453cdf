//! How does an invoice put words, dates, numbers and durations?
//!
//! No float here: amounts come as exact decimal text and only gain separators.

use calculation::money::{Amount, Currency};
use calculation::tax::TaxRate;
use jiff::civil::Date;

/// All fixed texts of the document in one language, with its way of writing numbers and dates.
///
/// `{…}` stands for what is filled in.
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) title: &'static str,
    pub(super) title_draft: &'static str,
    pub(super) draft_mark: &'static str,
    pub(super) continued: &'static str,
    pub(super) page: &'static str,
    pub(super) period: &'static str,
    pub(super) number: &'static str,
    pub(super) not_numbered: &'static str,
    pub(super) issued_on: &'static str,
    pub(super) due_on: &'static str,
    pub(super) customer_reference: &'static str,
    pub(super) your_vat_id: &'static str,
    pub(super) vat_id: &'static str,
    pub(super) amount_due: &'static str,
    pub(super) description: &'static str,
    pub(super) calls: &'static str,
    pub(super) duration: &'static str,
    pub(super) included: &'static str,
    pub(super) tax_rate: &'static str,
    pub(super) net: &'static str,
    pub(super) fees: &'static str,
    pub(super) usage: &'static str,
    pub(super) late_usage: &'static str,
    pub(super) late_usage_note: &'static str,
    pub(super) subtotal: &'static str,
    pub(super) no_lines: &'static str,
    pub(super) net_total: &'static str,
    pub(super) tax_line: &'static str,
    pub(super) gross_total: &'static str,
    pub(super) please_pay: &'static str,
    pub(super) nothing_to_pay: &'static str,
    pub(super) in_your_favour: &'static str,
    pub(super) draft_is_not_payable: &'static str,
    pub(super) payee: &'static str,
    pub(super) iban: &'static str,
    pub(super) reference: &'static str,
    date: &'static str,
    months: [&'static str; 12],
    thousands: &'static str,
    point: &'static str,
    country: fn(&str) -> Option<&'static str>,
}

/// English as written in Europe.
pub(super) static ENGLISH: Words = Words {
    language: "en",
    title: "Invoice {number}",
    title_draft: "Draft invoice",
    draft_mark: "DRAFT",
    continued: "{title}, continued",
    page: "Page {n} of {m}",
    period: "{first} to {last}, counted in {zone} time",
    number: "Invoice number",
    not_numbered: "Draft, not numbered",
    issued_on: "Invoice date",
    due_on: "Due date",
    customer_reference: "Customer reference",
    your_vat_id: "Your VAT ID",
    vat_id: "VAT ID {id}",
    amount_due: "Amount due",
    description: "Description",
    calls: "Calls",
    duration: "Duration",
    included: "Included",
    tax_rate: "VAT",
    net: "Net {currency}",
    fees: "Fees",
    usage: "Calls by destination",
    late_usage: "Calls of earlier months",
    late_usage_note: "Their records reached us after the invoice of their month was closed, so they are charged here.",
    subtotal: "Subtotal",
    no_lines: "Nothing was charged in this period.",
    net_total: "Net total",
    tax_line: "VAT {rate} on {taxable}",
    gross_total: "Total to pay",
    please_pay: "Please pay {amount} by {date}, quoting the reference.",
    nothing_to_pay: "Nothing is to be paid.",
    in_your_favour: "The total is in your favour. Nothing is to be paid.",
    draft_is_not_payable: "This is a draft and not payable. The numbered invoice follows.",
    payee: "Payee",
    iban: "IBAN",
    reference: "Reference",
    date: "{day} {month} {year}",
    months: [
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
    ],
    thousands: ",",
    point: ".",
    country: english_country,
};

impl Words {
    /// `31 October 2026`.
    pub(super) fn date(&self, date: Date) -> String {
        let month = usize::try_from(date.month()).ok().and_then(|number| self.months.get(number - 1));
        self.date
            .replace("{day}", &date.day().to_string())
            .replace("{month}", month.copied().unwrap_or_default())
            .replace("{year}", &date.year().to_string())
    }

    /// `1,234.56`: the exact decimal text, with separators.
    pub(super) fn amount(&self, amount: Amount, currency: Currency) -> String {
        self.decimal(&amount.to_text(currency.minor_digits()))
    }

    /// `1,234.56 EUR`.
    pub(super) fn money(&self, amount: Amount, currency: Currency) -> String {
        format!("{} {currency}", self.amount(amount, currency))
    }

    /// `1,234`.
    pub(super) fn count(&self, count: u64) -> String {
        self.decimal(&count.to_string())
    }

    /// `8.1%`.
    pub(super) fn rate(&self, rate: TaxRate) -> String {
        format!("{}%", self.decimal(&rate.to_string()))
    }

    /// The name of a country, or its code where we have no name for it.
    pub(super) fn country<'a>(&self, code: &'a str) -> &'a str {
        (self.country)(code).unwrap_or(code)
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

/// The countries an address is likely to name; it ends a letter that crosses a border.
fn english_country(code: &str) -> Option<&'static str> {
    Some(match code {
        "AT" => "Austria",
        "AU" => "Australia",
        "BE" => "Belgium",
        "BG" => "Bulgaria",
        "BR" => "Brazil",
        "CA" => "Canada",
        "CH" => "Switzerland",
        "CN" => "China",
        "CY" => "Cyprus",
        "CZ" => "Czechia",
        "DE" => "Germany",
        "DK" => "Denmark",
        "EE" => "Estonia",
        "ES" => "Spain",
        "FI" => "Finland",
        "FR" => "France",
        "GB" => "United Kingdom",
        "GR" => "Greece",
        "HR" => "Croatia",
        "HU" => "Hungary",
        "IE" => "Ireland",
        "IN" => "India",
        "IS" => "Iceland",
        "IT" => "Italy",
        "JP" => "Japan",
        "LI" => "Liechtenstein",
        "LT" => "Lithuania",
        "LU" => "Luxembourg",
        "LV" => "Latvia",
        "MT" => "Malta",
        "NL" => "Netherlands",
        "NO" => "Norway",
        "NZ" => "New Zealand",
        "PL" => "Poland",
        "PT" => "Portugal",
        "RO" => "Romania",
        "RS" => "Serbia",
        "SE" => "Sweden",
        "SI" => "Slovenia",
        "SK" => "Slovakia",
        "TR" => "Türkiye",
        "UA" => "Ukraine",
        "US" => "United States",
        "ZA" => "South Africa",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_keeps_every_digit_and_gains_separators() {
        let euro: Currency = "EUR".parse().unwrap();
        let yen: Currency = "JPY".parse().unwrap();
        let text = |amount: &str, currency| ENGLISH.amount(amount.parse().unwrap(), currency);
        assert_eq!(text("0", euro), "0.00");
        assert_eq!(text("999.5", euro), "999.50");
        assert_eq!(text("1234.56", euro), "1,234.56");
        assert_eq!(text("-1234567.891", euro), "-1,234,567.891");
        assert_eq!(text("9223372036854.775807", euro), "9,223,372,036,854.775807");
        assert_eq!(text("123456", yen), "123,456");
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
        assert_eq!(ENGLISH.date(jiff::civil::date(2026, 10, 31)), "31 October 2026");
        assert_eq!(ENGLISH.date(Date::MIN), "1 January -9999");
    }

    #[test]
    fn an_iban_is_grouped_and_a_strange_one_survives() {
        assert_eq!(in_groups_of_four("DE89370400440532013000"), "DE89 3704 0044 0532 0130 00");
        assert_eq!(in_groups_of_four(" ÄÖ Üß€5 "), "ÄÖÜß €5");
        assert_eq!(in_groups_of_four(""), "");
    }
}
