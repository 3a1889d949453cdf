//! What can a template say? Everything here, under these names.

use calculation::invoice::Party;
use calculation::money::Amount;
use documents::{Drawing, Settled, Words};
use serde::Serialize;

use super::words::{date, money};

/// What a mail is about. Amounts and days are text in the mail's language.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Facts {
    pub(super) operator: Party,
    pub(super) customer: Addressee,
    #[serde(flatten)]
    pub(super) matter: Matter,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Addressee {
    pub(super) name: String,
    pub(super) reference: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Matter {
    Invoice(DocumentFacts),
    CreditNote(DocumentFacts),
    Reminder(ReminderFacts),
    SpendingNotice(SpendingFacts),
    LowBalance(LowBalanceFacts),
}

/// An invoice or credit note.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DocumentFacts {
    pub(super) number: String,
    pub(super) issued_on: String,
    pub(super) due_on: String,
    pub(super) first_day: String,
    pub(super) last_day: String,
    pub(super) net: String,
    pub(super) tax: String,
    pub(super) gross: String,
    /// What is still to be paid of an invoice.
    pub(super) open: String,
    /// Whether there is anything to pay.
    pub(super) to_pay: bool,
    /// What settled a part of an invoice, or all of it.
    pub(super) settled: Vec<SettledFacts>,
    /// Where nothing is to be paid: that, or where what is given back went, in sentences.
    pub(super) standing: Vec<String>,
    /// The invoice that a credit note corrects.
    pub(super) corrects: Option<CorrectionFacts>,
    /// Where the document is, unless it is attached.
    pub(super) link: Option<LinkFacts>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct CorrectionFacts {
    pub(super) number: String,
    pub(super) issued_on: String,
    pub(super) reason: String,
    /// What the document says of it: that it corrects it, takes its place or takes it back.
    pub(super) sentence: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct LinkFacts {
    pub(super) url: String,
    /// The last day on which it works throughout.
    pub(super) last_day: String,
}

/// Something that settled an invoice, or a part of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SettledFacts {
    pub(super) what: String,
    pub(super) amount: String,
}

/// Overdue invoices of a customer.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ReminderFacts {
    /// The first reminder is 1.
    pub(super) step: u32,
    /// Whether no reminder comes after it.
    pub(super) last: bool,
    /// What is still to be paid of all of them.
    pub(super) open: String,
    /// The day on which service is to be suspended, if that is announced.
    pub(super) suspends_on: Option<String>,
    /// Whether it is.
    pub(super) suspended: bool,
    pub(super) invoices: Vec<OverdueFacts>,
}

/// An overdue invoice.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OverdueFacts {
    #[serde(flatten)]
    pub(super) document: DocumentFacts,
    pub(super) days_overdue: i32,
}

/// How much of a month's spending cap is used.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SpendingFacts {
    pub(super) percent: u32,
    pub(super) used: String,
    pub(super) cap: String,
    pub(super) first_day: String,
    pub(super) last_day: String,
}

/// That prepaid money is low.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LowBalanceFacts {
    /// What is left; below zero when credit is used.
    pub(super) available: String,
    /// It is below this.
    pub(super) below: String,
}

impl Matter {
    /// The name of its templates.
    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::Invoice(_) => "invoice",
            Self::CreditNote(_) => "credit_note",
            Self::Reminder(_) => "reminder",
            Self::SpendingNotice(_) => "spending_notice",
            Self::LowBalance(_) => "low_balance",
        }
    }
}

impl DocumentFacts {
    /// In the document's language.
    pub(super) fn of(drawing: &Drawing, number: &str, link: Option<LinkFacts>) -> Self {
        let Drawing { invoice, settlement } = drawing;
        let (language, words) = (invoice.language, Words::of(invoice.language));
        let money = |amount| money(language, amount, invoice.currency);
        let settled =
            |settled: &Settled| SettledFacts { what: words.settled(settled), amount: money(settled.amount) };
        let date = |day| date(language, day);
        Self {
            number: number.to_owned(),
            issued_on: date(invoice.issued_on),
            due_on: date(invoice.due_on),
            first_day: date(invoice.period.first_day),
            last_day: date(invoice.period.last_day),
            net: money(invoice.net),
            tax: money(invoice.tax),
            gross: money(invoice.gross),
            open: money(settlement.open),
            to_pay: settlement.open > Amount::ZERO,
            settled: settlement.settled.iter().map(settled).collect(),
            standing: words.standing(drawing),
            corrects: invoice.corrects.as_ref().map(|corrects| CorrectionFacts {
                number: corrects.number.clone(),
                issued_on: date(corrects.issued_on),
                reason: corrects.reason.clone(),
                sentence: words
                    .correction(invoice)
                    .0
                    .replace("{number}", &corrects.number)
                    .replace("{date}", &date(corrects.issued_on)),
            }),
            link,
        }
    }
}
