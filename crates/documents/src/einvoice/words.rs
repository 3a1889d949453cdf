//! In which words does an electronic invoice say what it has no field for?

use calculation::invoice::{DocumentKind, Invoice, InvoiceLine, Language, LineKind};
use jiff::civil::Date;

use super::text::clean;
use crate::Drawing;

/// The few texts in one language; `{…}` stands for what is filled in.
pub(super) struct Words {
    invoice: &'static str,
    credit_note: &'static str,
    payable: &'static str,
    late: &'static str,
    one_call: &'static str,
    calls: &'static str,
    included: &'static str,
    date: &'static str,
    pub(super) reverse_charge: &'static str,
}

const ENGLISH: Words = Words {
    invoice: "Invoice",
    credit_note: "Credit note",
    payable: "Payable by {date}",
    late: "Calls of an earlier month, received after its invoice. ",
    one_call: "1 call, {time}",
    calls: "{calls} calls, {time}",
    included: ", of which {included} were included",
    date: "%-d %B %Y",
    reverse_charge: "Reverse charge",
};

const GERMAN: Words = Words {
    invoice: "Rechnung",
    credit_note: "Rechnungskorrektur",
    payable: "Zahlbar bis zum {date}",
    late: "Anrufe eines früheren Monats, nach dessen Rechnung eingegangen. ",
    one_call: "1 Anruf, {time}",
    calls: "{calls} Anrufe, {time}",
    included: ", davon {included} inklusive",
    date: "%d.%m.%Y",
    reverse_charge: "Steuerschuldnerschaft des Leistungsempfängers",
};

pub(super) const fn of(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::De => &GERMAN,
    }
}

impl Words {
    /// What the document calls itself.
    pub(super) fn title(&self, invoice: &Invoice) -> String {
        let kind = match invoice.kind {
            DocumentKind::Invoice => self.invoice,
            DocumentKind::CreditNote => self.credit_note,
        };
        format!("{kind} {}", clean(invoice.number.as_deref().unwrap_or_default()))
    }

    /// When, if at all, the amount is to be paid; else in the words of the PDF what became of it.
    pub(super) fn terms(&self, drawing: &Drawing, due_on: Option<Date>) -> String {
        match due_on {
            Some(day) => self.payable.replace("{date}", &day.strftime(self.date).to_string()),
            None => crate::Words::of(drawing.invoice.language).standing(drawing).join(" "),
        }
    }

    /// Calls and their time: the quantity of a line is 1, for minutes times a price are not its amount.
    pub(super) fn usage(&self, line: &InvoiceLine) -> Option<String> {
        if line.calls == 0 {
            return None;
        }
        let mut text = if line.kind == LineKind::LateUsage { self.late.to_owned() } else { String::new() };
        text += &match line.calls {
            1 => self.one_call.replace("{time}", &clock(line.seconds)),
            calls => {
                self.calls.replace("{calls}", &calls.to_string()).replace("{time}", &clock(line.seconds))
            }
        };
        if line.included_seconds > 0 {
            text += &self.included.replace("{included}", &clock(line.included_seconds));
        }
        Some(text)
    }
}

/// Hours, minutes and seconds.
fn clock(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
