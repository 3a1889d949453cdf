//! Allocations as they are told: by the invoice that they settle, or by what they are of.

use calculation::money::Amount;
use jiff::Timestamp;

use crate::db::{self, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::payments::Source;
use crate::payments::settlement::Part;

const ALLOCATIONS: Place = Place::new("allocations", &["customer_id", "allocation_id"]);

/// With the payment that an allocation is of.
const PARTS: &str = "select a.customer_id, a.allocation_id, a.invoice_id, a.source, a.source_id, a.amount,
                       p.reference, p.paid_on
                     from allocations a
                     left join payments p
                       on a.source = 'payment' and p.customer_id = a.customer_id and p.payment_id = a.source_id
                     where a.customer_id = $1 and a.allocated_at <= $2";

pub(crate) async fn settled_by(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    until: Timestamp,
) -> Result<Vec<Part>> {
    let sql = format!("{PARTS} and a.invoice_id = $3 order by a.allocation_id");
    let rows = tx.rows(&sql, &[&customer.0, &Ts(until), &invoice.0]).await?;
    Ok(ALLOCATIONS.all(&rows, part)?)
}

pub(crate) async fn given_by(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    source_id: i64,
    until: Timestamp,
) -> Result<Vec<Part>> {
    let sql = format!("{PARTS} and a.source = $3 and a.source_id = $4 order by a.allocation_id");
    let rows = tx.rows(&sql, &[&customer.0, &Ts(until), &source.code(), &source_id]).await?;
    Ok(ALLOCATIONS.all(&rows, part)?)
}

fn part(row: &Row) -> db::Result<Part> {
    let payment = match row.get::<Option<String>>("reference")? {
        None => None,
        Some(reference) => Some((reference, row.parse("paid_on")?)),
    };
    Ok(Part {
        invoice: InvoiceId(row.get("invoice_id")?),
        source: row.parse("source")?,
        source_id: row.get("source_id")?,
        amount: Amount::from_micros(row.get("amount")?),
        payment,
    })
}
