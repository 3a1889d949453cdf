//! Disputes in the database.

use jiff::Timestamp;

use super::{Dispute, Settlement};
use crate::calls::CallKey;
use crate::db::{self, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, DisputeId, InvoiceId};

const DISPUTE: Place = Place::new("disputes", &["customer_id", "dispute_id"]);

const DISPUTES: &str =
    "select customer_id, dispute_id, invoice_id, source, record_id, keeps_from, reason, opened_at,
    settled_at, outcome, note from disputes";

pub(super) async fn insert(tx: &mut Tx, dispute: &Dispute) -> Result<()> {
    let sql =
        "insert into disputes (customer_id, dispute_id, invoice_id, source, record_id, keeps_from, reason,
                                     opened_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let Dispute { id, customer_id, invoice_id, call, reason, opened_at, keeps_from, .. } = dispute;
    let (source, record) =
        (call.as_ref().map(|call| &call.source), call.as_ref().map(|call| &call.record_id));
    let params: [&dyn Param; 8] = [
        &customer_id.0,
        &id.0,
        &invoice_id.map(|invoice| invoice.0),
        &source.cloned(),
        &record.cloned(),
        &Ts(*keeps_from),
        reason,
        &Ts(*opened_at),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

pub(super) async fn settle(
    tx: &mut Tx,
    customer: CustomerId,
    id: DisputeId,
    settlement: &Settlement,
) -> Result<()> {
    let sql = "update disputes set settled_at = $3, outcome = $4, note = $5
               where customer_id = $1 and dispute_id = $2";
    let Settlement { outcome, note, settled_at } = settlement;
    tx.execute(sql, &[&customer.0, &id.0, &Ts(*settled_at), &outcome.code(), note]).await?;
    Ok(())
}

pub(super) async fn by_id(tx: &mut Tx, customer: CustomerId, id: DisputeId) -> Result<Option<Dispute>> {
    let sql = format!("{DISPUTES} where customer_id = $1 and dispute_id = $2");
    Ok(DISPUTE.one(tx.row(&sql, &[&customer.0, &id.0]).await?.as_ref(), dispute)?)
}

pub(super) async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Dispute>> {
    let sql = format!("{DISPUTES} where customer_id = $1 order by dispute_id desc");
    Ok(DISPUTE.all(&tx.rows(&sql, &[&customer.0]).await?, dispute)?)
}

pub(super) async fn keep_from(tx: &mut Tx, customer: CustomerId) -> Result<Option<Timestamp>> {
    let sql = "select keeps_from from disputes where customer_id = $1 and settled_at is null
               order by keeps_from limit 1";
    Ok(tx.row(sql, &[&customer.0]).await?.map(|row| row.time("keeps_from")).transpose()?)
}

pub(super) async fn open_of(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Dispute>> {
    let sql = format!("{DISPUTES} where customer_id = $1 and settled_at is null order by dispute_id");
    Ok(DISPUTE.all(&tx.rows(&sql, &[&customer.0]).await?, dispute)?)
}

pub(super) async fn spans(
    tx: &mut Tx,
    customer: CustomerId,
) -> Result<Vec<(InvoiceId, Timestamp, Option<Timestamp>)>> {
    let sql = "select customer_id, dispute_id, invoice_id, opened_at, settled_at from disputes
               where customer_id = $1 and invoice_id is not null order by opened_at";
    let span = |row: &Row| {
        Ok((InvoiceId(row.get("invoice_id")?), row.time("opened_at")?, row.optional_time("settled_at")?))
    };
    Ok(DISPUTE.all(&tx.rows(sql, &[&customer.0]).await?, span)?)
}

fn dispute(row: &Row) -> db::Result<Dispute> {
    let call = match (row.get("source")?, row.get("record_id")?) {
        (Some(source), Some(record_id)) => Some(CallKey { source, record_id }),
        _ => None,
    };
    let settlement = match row.optional_time("settled_at")? {
        Some(settled_at) => {
            Some(Settlement { outcome: row.parse("outcome")?, note: row.get("note")?, settled_at })
        }
        None => None,
    };
    Ok(Dispute {
        id: DisputeId(row.get("dispute_id")?),
        customer_id: CustomerId(row.get("customer_id")?),
        invoice_id: row.get::<Option<i64>>("invoice_id")?.map(InvoiceId),
        call,
        reason: row.get("reason")?,
        opened_at: row.time("opened_at")?,
        keeps_from: row.time("keeps_from")?,
        settlement,
    })
}
