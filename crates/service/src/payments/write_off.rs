//! Writes off what is open of an invoice: nobody will pay it.

use calculation::money::Money;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::allocate::Allocation;
use super::save::{later_than_issue, save};
use super::{Source, settle, store};
use crate::calls::MoneySchema;
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId, WriteOffId};
use crate::ledger::{self, Entry};

/// What was given up of an invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WriteOff {
    #[schema(value_type = String, example = "wof_01h2x3y4z5a6b")]
    pub id: WriteOffId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub invoice_id: InvoiceId,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    #[schema(example = "Insolvent, proceedings 36 IN 4711/26")]
    pub reason: String,
    #[schema(value_type = String, format = DateTime)]
    pub written_at: Timestamp,
}

/// What became of it.
#[derive(Debug)]
pub enum WrittenOff {
    WriteOff(WriteOff),
    UnknownCustomer,
    UnknownInvoice,
    NothingOpen,
}

/// Writes off what is open of an invoice: it becomes bad debt. A payment that names the invoice all the same recovers it.
pub async fn write_off(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    reason: &str,
    clock: &Clock,
) -> Result<WrittenOff> {
    if customers::hold(tx, customer).await?.is_none() {
        return Ok(WrittenOff::UnknownCustomer);
    }
    let Some(open) = store::receivable(tx, customer, invoice).await? else {
        return Ok(WrittenOff::UnknownInvoice);
    };
    let Money { amount, currency } = open;
    if amount.micros() <= 0 {
        return Ok(WrittenOff::NothingOpen);
    }
    let now = later_than_issue(tx, customer, invoice, clock.now()).await?;
    let id = WriteOffId(clock.id());
    let reason = reason.to_owned();
    let written =
        WriteOff { id, customer_id: customer, invoice_id: invoice, amount: open, reason, written_at: now };
    store::insert_write_off(tx, &written).await?;
    let allocation = Allocation { invoice, source: Source::WriteOff, source_id: id.0, amount };
    save(tx, customer, &[allocation], now, clock).await?;
    ledger::post(tx, &[Entry::write_off(customer, id, currency, amount, now)], clock).await?;
    settle::restore_if_settled(tx, customer, now).await?;
    Ok(WrittenOff::WriteOff(written))
}
