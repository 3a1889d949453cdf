//! How does a document stand? What settled it, what it gave back, and what is open of it.

use calculation::invoice::Invoice;
use calculation::money::Amount;
use documents::{By, Drawing, Given, Settled};
use jiff::Timestamp;

use super::store;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::payments::{self, Source};

/// Which document is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Invoice(InvoiceId),
    CreditNote(CreditNoteId),
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
