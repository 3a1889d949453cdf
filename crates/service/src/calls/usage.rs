//! What did customers use in a month? Their charges, added up for their invoices.

use std::collections::BTreeMap;

use calculation::call::LONGEST_RING_SECONDS;
use calculation::money::Amount;
use calculation::period::{Calendar, Period};
use jiff::Timestamp;

use super::store::{self, InvoicedWith, StoredCall};
use super::without::InvoicedCalls;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, PlanId};
use crate::tariffs::TariffBook;

/// The charges of one customer, plan, month and destination, added up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthUse {
    pub plan_id: PlanId,
    pub destination: String,
    /// Which of the plan's month pricings prices them, if one does: then their own charges are zero.
    pub month_pricing: Option<usize>,
    /// The beginning of the month they belong to, when that was invoiced already.
    pub late_for: Option<Timestamp>,
    pub calls: u64,
    /// Billed seconds, included ones too.
    pub seconds: u64,
    pub included_seconds: u64,
    /// The exact sum of the charges, each already rounded once.
    pub amount: Amount,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// A customer's month.
pub type Month = (CustomerId, Period);
/// What was used in each customer's month, by its beginning.
pub type Uses = BTreeMap<(CustomerId, Timestamp), Vec<MonthUse>>;

/// What is to be invoiced for some customers' months: on time or late, on plans that are paid afterwards.
pub async fn usage(tx: &mut Tx, months: &[Month]) -> Result<Uses> {
    let mut uses = Uses::new();
    for some in months.chunks(crate::db::IN_LIST) {
        let Some(Spans { rang, months }) = spans(some) else { continue };
        let customers: Vec<_> = some.iter().map(|(customer, _)| customer.0).collect();
        let mut found = store::usage(tx, &customers, rang, months).await?;
        found.append(&mut store::late_usage(tx, &customers, months).await?);
        for (customer, start, used) in found {
            let wanted = |(id, period): &Month| *id == customer && period.starts_at == start;
            if some.iter().any(wanted) {
                uses.entry((customer, start)).or_default().push(used);
            }
        }
    }
    for used in uses.values_mut() {
        used.sort();
    }
    Ok(uses)
}

/// Between which instants calls of some months began to ring, and between which these months begin.
pub(super) struct Spans {
    pub(super) rang: (Timestamp, Timestamp),
    pub(super) months: (Timestamp, Timestamp),
}

/// The spans of some months; none of no months.
pub(super) fn spans(some: &[Month]) -> Option<Spans> {
    let starts = || some.iter().map(|(_, period)| period.starts_at);
    let (first, last) = (starts().min()?, starts().max()?);
    let end = some.iter().map(|(_, period)| period.ends_at).max()?;
    // A call that is answered in the month may have begun to ring before it.
    let ring_from = Timestamp::from_second(first.as_second() - LONGEST_RING_SECONDS).unwrap_or(first);
    Some(Spans { rang: (ring_from, end), months: (first, last) })
}

/// The calls of a month that were invoiced, late ones too.
#[derive(Clone, Copy)]
pub struct Invoiced<'c> {
    pub customer: CustomerId,
    pub calendar: &'c Calendar,
    pub month: Period,
    /// But for those that the month which begins then is invoiced with.
    pub but: Option<Timestamp>,
}

/// What a month used.
pub struct InvoicedUsage {
    pub invoiced: Vec<MonthUse>,
    /// Of the calls that were left out, when seconds of allowances that credited calls took cover some of them.
    pub now: Option<Vec<MonthUse>>,
}

/// What was invoiced of a month, late calls too, but for what was credited since; seconds of allowances that credited calls took
/// cover others.
pub async fn invoiced_usage(tx: &mut Tx, of: &Invoiced<'_>) -> Result<InvoicedUsage> {
    let Invoiced { customer, calendar, month, but } = *of;
    if store::any_settled(tx, customer).await? {
        let calls = InvoicedCalls::load(tx, customer, calendar.clone(), (month, but)).await?;
        let [invoiced, now] = calls.left(tx, &TariffBook::default()).await?;
        return Ok(InvoicedUsage { invoiced, now: Some(now) });
    }
    let mut invoiced = store::usage_left(tx, customer, month, InvoicedWith::AllBut(but)).await?;
    invoiced.sort();
    Ok(InvoicedUsage { invoiced, now: None })
}

/// The charged calls that are on a month's own invoice, late ones too.
pub async fn invoiced_with(tx: &mut Tx, customer: CustomerId, month: Period) -> Result<Vec<StoredCall>> {
    store::invoiced_with(tx, customer, month).await
}

/// What a month that is invoiced anew is to be invoiced with: its calls and the late ones of its first invoice, but for those that
/// were credited one by one, until an instant if one is given.
pub async fn usage_left(
    tx: &mut Tx,
    customer: CustomerId,
    month: Period,
    credited_until: Option<Timestamp>,
) -> Result<Vec<MonthUse>> {
    let mut used = store::usage_left(tx, customer, month, InvoicedWith::Itself { credited_until }).await?;
    used.append(&mut store::late_usage_left(tx, customer, month.starts_at, credited_until).await?);
    used.sort();
    Ok(used)
}
