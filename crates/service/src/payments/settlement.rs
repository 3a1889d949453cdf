//! What settled an invoice, and where did go what a document gives back? From its allocations, as of an instant.

use calculation::money::Amount;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Source, store};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};

/// What of something went to an invoice, in sum: what was taken back again is taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) invoice: InvoiceId,
    pub(crate) source: Source,
    pub(crate) source_id: i64,
    pub(crate) amount: Amount,
    /// Of a payment: its reference and the bank's day.
    pub(crate) payment: Option<(String, Date)>,
}

/// What settled an invoice until an instant, that one included, in the order in which it first did.
pub(crate) async fn settled_by(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    until: Timestamp,
) -> Result<Vec<Part>> {
    Ok(summed(store::settled_by(tx, customer, invoice, until).await?))
}

/// To which invoices something went until an instant, that one included.
pub(crate) async fn given_by(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    source_id: i64,
    until: Timestamp,
) -> Result<Vec<Part>> {
    Ok(summed(store::given_by(tx, customer, source, source_id, until).await?))
}

/// What of something is the customer's credit now.
pub(crate) async fn credit_left(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    source_id: i64,
) -> Result<Amount> {
    let credits = store::credits(tx, customer).await?;
    let of = credits.iter().find(|credit| credit.source == source && credit.source_id == source_id);
    Ok(of.map_or(Amount::ZERO, |credit| credit.remaining))
}

/// Those of one source and invoice together, and of an invoice's write-offs and their recoveries; what came to nothing is left
/// out.
fn summed(parts: Vec<Part>) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        let key = |part: &Part| {
            let id = if part.source == Source::WriteOff { 0 } else { part.source_id };
            (part.invoice, part.source, id)
        };
        match all.iter_mut().find(|known| key(known) == key(&part)) {
            Some(known) => {
                known.amount = known.amount.checked_add(part.amount).unwrap_or(known.amount);
            }
            None => all.push(part),
        }
    }
    all.retain(|part| part.amount != Amount::ZERO);
    all
}
