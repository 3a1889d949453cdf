//! What of balances and plans is due: renewals and expiries in the database.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::db::{self, Cell, Hold, IN_LIST, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::{CustomerId, SubscriptionId};
use crate::prepaid::book::Booking;
use crate::prepaid::renew::Renewal;

/// A customer for whom something is due, and since when.
#[derive(Debug, Clone, Copy)]
pub(in crate::prepaid) struct Due {
    pub(in crate::prepaid) at: Timestamp,
    pub(in crate::prepaid) customer: CustomerId,
}

impl Due {
    /// Before all others.
    pub(in crate::prepaid) const FIRST: Self =
        Self { at: Timestamp::constant(-62_135_596_800, 0), customer: CustomerId(0) };

    fn of(row: &Row) -> db::Result<Self> {
        Ok(Self { at: row.time("at")?, customer: CustomerId(row.get("customer_id")?) })
    }
}

/// Claims customers whose renewal is due, after a cursor: those whose row no other holds. Their accounts come
/// after the customers in the order of locks, so who is really due is seen once those are held too.
pub(in crate::prepaid) async fn claim_renewals(
    tx: &mut Tx,
    now: Timestamp,
    after: Due,
    limit: usize,
) -> Result<Vec<Due>> {
    let sql = format!(
        "select a.renew_at as at, a.customer_id from charging_accounts a
         join customers on customers.customer_id = a.customer_id
         where a.renew_at <= $1 and (a.renew_at, a.customer_id) > ($2, $3)
         order by a.renew_at, a.customer_id limit {limit} {}",
        tx.hold(Hold::Free, "customers")
    );
    let rows = tx.rows(&sql, &[&Ts(now), &Ts(after.at), &after.customer.0]).await?;
    Ok(rows.iter().map(Due::of).collect::<db::Result<_>>()?)
}

/// Claims customers with expired balances of which something can go, after a cursor: those whose account no
/// other holds. What is held for calls waits for their end.
pub(in crate::prepaid) async fn claim_expired(
    tx: &mut Tx,
    now: Timestamp,
    after: Due,
    limit: usize,
) -> Result<Vec<Due>> {
    let sql = format!(
        "select b.expires_at as at, b.customer_id from balances b
         join charging_accounts on charging_accounts.customer_id = b.customer_id
         where b.expires_at <= $1 and b.closed_at is null
           and (b.amount > b.reserved or (b.amount = 0 and b.reserved = 0))
           and (b.expires_at, b.customer_id) > ($2, $3)
         order by b.expires_at, b.customer_id limit {limit} {}",
        tx.hold(Hold::Free, "charging_accounts")
    );
    let rows = tx.rows(&sql, &[&Ts(now), &Ts(after.at), &after.customer.0]).await?;
    Ok(rows.iter().map(Due::of).collect::<db::Result<_>>()?)
}

/// Which subscriptions of customers were renewed for months that began since an instant.
pub(in crate::prepaid) async fn renewals(
    tx: &mut Tx,
    customers: &[CustomerId],
    since: Timestamp,
) -> Result<BTreeSet<(SubscriptionId, Timestamp)>> {
    let sql = format!(
        "select subscription_id, period_start from renewals
         where period_start >= $1 and customer_id in ({})",
        in_list(2)
    );
    let mut found = BTreeSet::new();
    for some in customers.chunks(IN_LIST) {
        let ids: Vec<_> = some.iter().map(|customer| customer.0).collect();
        for row in tx.rows_in(&sql, &[&Ts(since)], &ids).await? {
            found.insert((SubscriptionId(row.get("subscription_id")?), row.time("period_start")?));
        }
    }
    Ok(found)
}

pub(in crate::prepaid) async fn insert_renewals(tx: &mut Tx, renewals: &[Renewal]) -> Result<()> {
    if renewals.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = renewals
        .iter()
        .map(|renewal| {
            [
                Cell::Int(renewal.customer.0),
                Cell::Int(renewal.subscription.0),
                Cell::Time(renewal.period_start),
                Cell::Int(renewal.booking.id.0),
                Cell::Int(renewal.fee.micros()),
                Cell::Time(renewal.booking.booked_at),
            ]
        })
        .collect();
    let columns = ["customer_id", "subscription_id", "period_start", "booking_id", "fee", "renewed_at"];
    Ok(tx.insert_rows("renewals", &columns, &rows).await?)
}

/// Stores bookings that nobody asked for by a reference.
pub(in crate::prepaid) async fn insert_bookings(
    tx: &mut Tx,
    bookings: &[(CustomerId, &Booking)],
) -> Result<()> {
    if bookings.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = bookings
        .iter()
        .map(|(customer, booking)| {
            [
                Cell::Int(customer.0),
                Cell::Int(booking.id.0),
                Cell::Text(booking.kind.code()),
                booking.reason.as_deref().into(),
                Cell::Bytes(&booking.content_hash),
                Cell::Time(booking.booked_at),
            ]
        })
        .collect();
    let columns = ["customer_id", "booking_id", "kind", "reason", "content_hash", "booked_at"];
    Ok(tx.insert_rows("bookings", &columns, &rows).await?)
}

/// Puts off a renewal that met a fault.
pub(in crate::prepaid) async fn put_off_renewal(
    tx: &mut Tx,
    customer: CustomerId,
    until: Timestamp,
) -> Result<()> {
    let sql = "update charging_accounts set renew_at = $2 where customer_id = $1 and renew_at < $2";
    tx.execute(sql, &[&customer.0, &Ts(until)]).await?;
    Ok(())
}

/// Lets the seconds that a subscription's months granted expire at an instant, unless they do before. The
/// customer's account is held.
pub(in crate::prepaid) async fn end_allowances(
    tx: &mut Tx,
    customer: CustomerId,
    subscription: SubscriptionId,
    at: Timestamp,
) -> Result<()> {
    let sql = "update balances set expires_at = $3
               where customer_id = $1 and closed_at is null and expires_at > $3 and balance_id in
                 (select m.balance_id from renewals r
                  join movements m on m.customer_id = r.customer_id and m.subject_id = r.booking_id
                  where r.customer_id = $1 and r.subscription_id = $2 and m.kind = 'allowance')";
    tx.execute(sql, &[&customer.0, &subscription.0, &Ts(at)]).await?;
    Ok(())
}
