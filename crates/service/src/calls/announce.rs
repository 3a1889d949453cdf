//! Tells those who want to know that calls were charged, records wait in suspense, or an import is over.

use calculation::money::{Amount, Money};
use jiff::Timestamp;

use super::ImportRow;
use super::pass::CallRow;
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, ImportId};
use crate::suspense::Flawed;
use crate::webhooks::events::{
    CallsCharged, ChargedCall, ImportFinished, RecordsSuspended, SpendingThreshold, SuspendedRecord, TOGETHER,
};
use crate::webhooks::listeners;

/// Calls that are stored. Messages are made one after the other: a large batch is never in memory as text.
pub(super) async fn charged(tx: &mut Tx, rows: &[CallRow<'_>], clock: &Clock) -> Result<()> {
    let mut calls = rows.iter().filter_map(charged_call).peekable();
    if calls.peek().is_none() {
        return Ok(());
    }
    let Some(listeners) = listeners::<CallsCharged>(tx).await? else { return Ok(()) };
    while calls.peek().is_some() {
        let calls = calls.by_ref().take(TOGETHER).collect();
        listeners.tell(tx, &[CallsCharged { calls }], clock).await?;
    }
    Ok(())
}

fn charged_call(row: &CallRow<'_>) -> Option<ChargedCall> {
    let (record, charged) = (row.record, row.charged?);
    let charge = &charged.charge;
    Some(ChargedCall {
        customer_id: record.customer,
        source: row.source.to_owned(),
        record_id: row.record_id.to_owned(),
        call_id: record.call_id().to_owned(),
        started_at: record.started_at,
        answered_at: record.answered_at,
        talk_seconds: record.talk_seconds,
        destination: charge.rate.destination.to_string(),
        billed_seconds: charge.billed_seconds,
        included_seconds: charged.included_seconds,
        amount: Money { amount: charge.amount, currency: charged.bill.plan().currency },
        period_start: charged.period_start,
        late_for: charged.late_for,
    })
}

/// Records that are newly in suspense.
pub(super) async fn suspended(
    tx: &mut Tx,
    source: &str,
    import_id: Option<ImportId>,
    flawed: &[&Flawed<'_>],
    clock: &Clock,
) -> Result<()> {
    if flawed.is_empty() {
        return Ok(());
    }
    let Some(listeners) = listeners::<RecordsSuspended>(tx).await? else { return Ok(()) };
    for some in flawed.chunks(TOGETHER) {
        let records = some.iter().map(|flawed| SuspendedRecord {
            line: flawed.line,
            record_id: flawed.record_id.map(str::to_owned),
            reason: flawed.flaw.reason.code(),
            field: flawed.flaw.field,
        });
        let event = RecordsSuspended { source: source.to_owned(), import_id, records: records.collect() };
        listeners.tell(tx, &[event], clock).await?;
    }
    Ok(())
}

/// An import that is over.
pub(super) async fn imported(tx: &mut Tx, import: &ImportRow, clock: &Clock) -> Result<()> {
    let Some(listeners) = listeners::<ImportFinished>(tx).await? else { return Ok(()) };
    let event = ImportFinished {
        import_id: import.id,
        source: import.source.clone(),
        file_name: import.file_name.clone(),
        started_at: import.started_at,
        control: import.control,
    };
    listeners.tell(tx, &[event], clock).await?;
    Ok(())
}

/// A part of a customer's spending cap that is reached.
pub(super) async fn threshold(
    tx: &mut Tx,
    (id, period_start): (CustomerId, Timestamp),
    percent: u32,
    [used, cap]: [Amount; 2],
    clock: &Clock,
) -> Result<()> {
    let Some(listeners) = listeners::<SpendingThreshold>(tx).await? else { return Ok(()) };
    let Some(customer) = customers::by_id(tx, id).await? else { return Ok(()) };
    let currency = customer.currency;
    let event = SpendingThreshold {
        customer_id: id,
        customer_reference: customer.reference,
        period_start,
        percent,
        used: Money { amount: used, currency },
        cap: Money { amount: cap, currency },
    };
    listeners.tell(tx, &[event], clock).await?;
    Ok(())
}
