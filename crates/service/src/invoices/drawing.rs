//! What of a document's amount is still asked for when it is drawn, and what became of the rest?
//!
//! What a document says is frozen; what is open of it is not. The PDF, the payment code, the mail and the
//! electronic invoice are all made of one [`Drawing`], so that they never ask for different amounts.

use calculation::invoice::{DocumentKind, Invoice, Itemisation};
use calculation::money::Amount;
use jiff::Timestamp;
use jiff::civil::Date;

use super::store;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::payments::{self, Source};

/// A document to be drawn: the frozen invoice or credit note, and what became of its amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    pub invoice: Invoice,
    pub settlement: Settlement,
}

/// What became of a document's amount.
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

/// Which document is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Invoice(InvoiceId),
    CreditNote(CreditNoteId),
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

/// A document as it stands, or as it stood at an instant, what happened then included.
pub(crate) async fn draw(
    tx: &mut Tx,
    customer: CustomerId,
    subject: Subject,
    invoice: Invoice,
    at: Option<Timestamp>,
) -> Result<Drawing> {
    let mut drawing = Drawing::from(invoice);
    let until = at.unwrap_or(Timestamp::MAX);
    let (source, source_id) = match subject {
        Subject::Invoice(id) => (Source::Invoice, id.0),
        Subject::CreditNote(id) => (Source::CreditNote, id.0),
    };
    let does_not_fit = || Error::Contradiction(format!("what settled a document of {customer} does not fit"));
    match (drawing.gives(), subject) {
        (Some(gives), _) => {
            let settlement = &mut drawing.settlement;
            for part in payments::given_by(tx, customer, source, source_id, until).await? {
                let number = store::number_of(tx, customer, Subject::Invoice(part.invoice)).await?;
                let open = open_of(tx, customer, part.invoice, until).await?;
                let number = number.unwrap_or_default();
                let corrects = drawing.invoice.corrects.as_ref().map(|corrects| &corrects.number);
                let corrected = corrects == Some(&number);
                settlement.given.push(Given { number, amount: part.amount, open, corrected });
            }
            let given = Amount::sum(settlement.given.iter().map(|given| given.amount));
            let left = given.and_then(|given| gives.checked_sub(given)).ok_or_else(does_not_fit)?;
            settlement.kept = match at {
                Some(_) => left,
                None => payments::credit_left(tx, customer, source, source_id).await?.min(left),
            };
            settlement.paid_out = left.checked_sub(settlement.kept).ok_or_else(does_not_fit)?;
        }
        (None, Subject::Invoice(id)) => {
            let mut settled = Vec::new();
            for part in payments::settled_by(tx, customer, id, until).await? {
                let by = by(tx, customer, &part).await?;
                settled.push(Settled { by, amount: part.amount });
            }
            drawing.settlement.settled = settled;
            let open = drawing.paid().and_then(|paid| drawing.invoice.gross.checked_sub(paid));
            drawing.settlement.open = open.ok_or_else(does_not_fit)?;
        }
        (None, Subject::CreditNote(_)) => {}
    }
    Ok(drawing)
}

async fn by(tx: &mut Tx, customer: CustomerId, part: &payments::Part) -> Result<By> {
    Ok(match (part.source, &part.payment) {
        (Source::Payment, Some((reference, paid_on))) => {
            By::Payment { reference: reference.clone(), paid_on: *paid_on }
        }
        (Source::CreditNote, _) => {
            let subject = Subject::CreditNote(CreditNoteId(part.source_id));
            By::CreditNote { number: store::number_of(tx, customer, subject).await?.unwrap_or_default() }
        }
        (Source::Invoice, _) => {
            let subject = Subject::Invoice(InvoiceId(part.source_id));
            By::Invoice { number: store::number_of(tx, customer, subject).await?.unwrap_or_default() }
        }
        (Source::WriteOff, _) => By::WriteOff,
        (Source::Payment, None) => {
            let id = part.source_id;
            return Err(Error::Contradiction(format!(
                "payment {id} of {customer} settles, but is not there"
            )));
        }
    })
}

/// What was open of an invoice at an instant.
async fn open_of(tx: &mut Tx, customer: CustomerId, id: InvoiceId, until: Timestamp) -> Result<Amount> {
    let gross = store::gross_of(tx, customer, id).await?.unwrap_or_default();
    let parts = payments::settled_by(tx, customer, id, until).await?;
    let settled = Amount::sum(parts.iter().map(|part| part.amount));
    let open = settled.and_then(|settled| gross.checked_sub(settled));
    open.ok_or_else(|| Error::Contradiction(format!("what is open of {id} does not fit an amount")))
}
