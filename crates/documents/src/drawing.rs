//! How much of a document is still to be paid when it is drawn, and how was the rest settled?
//!
//! What a document says is frozen; what is open of it is not. The PDF, the payment code, the mail and the
//! electronic invoice are all made of one [`Drawing`], so that they never ask for different amounts.

use calculation::invoice::{DocumentKind, Invoice, Itemisation};
use calculation::money::Amount;
use jiff::civil::Date;

/// A document to be drawn: the frozen invoice or credit note, and how its amount was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    pub invoice: Invoice,
    pub settlement: Settlement,
}

/// How a document's amount was settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What settled an invoice, in the order in which it did.
    pub settled: Vec<Settled>,
    /// What is still to be paid of an invoice; zero of what gives money back.
    pub open: Amount,
    /// Whether a reminder asks for it, after its due day.
    pub overdue: bool,
    /// Which invoices a credit note or an invoice below zero went to.
    pub given: Vec<Given>,
    /// What of it was paid out.
    pub paid_out: Amount,
    /// What of it waits for later invoices.
    pub kept: Amount,
}

/// Something that settled an invoice, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub by: By,
    pub amount: Amount,
}

/// What settles an invoice. Numbers are empty where the document has none yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Payment {
        reference: String,
        paid_on: Date,
    },
    CreditNote {
        number: String,
    },
    /// Another invoice, which came to less than nothing.
    Invoice {
        number: String,
    },
    WriteOff,
}

/// An invoice that was settled by what a document gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub number: String,
    pub amount: Amount,
    /// What is open of that invoice.
    pub open: Amount,
    /// Whether it is the invoice that the credit note corrects.
    pub corrected: bool,
}

impl Drawing {
    /// What gives money back: how much.
    pub fn gives(&self) -> Option<Amount> {
        let gross = self.invoice.gross;
        match self.invoice.kind {
            DocumentKind::CreditNote => Some(gross),
            DocumentKind::Invoice if gross < Amount::ZERO => Some(negated(gross)),
            DocumentKind::Invoice => None,
        }
    }

    /// How many calls are listed one by one.
    pub fn listed_calls(&self) -> u64 {
        match self.invoice.itemisation {
            Itemisation::None => 0,
            Itemisation::Masked | Itemisation::Full => self.invoice.lines.iter().map(|line| line.calls).sum(),
        }
    }

    /// What of an invoice was settled; nothing where the sum does not fit.
    pub fn paid(&self) -> Option<Amount> {
        Amount::sum(self.settlement.settled.iter().map(|settled| settled.amount))
    }
}

/// A document of which nothing was settled yet.
impl From<Invoice> for Drawing {
    fn from(invoice: Invoice) -> Self {
        let mut drawing = Self { invoice, settlement: Settlement::default() };
        match drawing.gives() {
            Some(amount) => drawing.settlement.kept = amount,
            None => drawing.settlement.open = drawing.invoice.gross,
        }
        drawing
    }
}

fn negated(amount: Amount) -> Amount {
    Amount::from_micros(amount.micros().saturating_neg())
}
