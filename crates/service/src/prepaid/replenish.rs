//! Asks for a top-up when a customer's money is low, or tells the customer.
//!
//! Whatever changes balances looks (`watch`), and asks by a job in the same transaction. The payment service
//! then charges the customer and tops up under the reference that it was given. Until that comes nothing more
//! is asked for, for a day.

use calculation::money::{Amount, Money};
use jiff::{SignedDuration, Timestamp};

use super::top_up_service::TopUpRequest;
use super::{Purse, Unit, hold, look, purse_of, save};
use crate::app::App;
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::jobs::{Job, StoredJob, Tried};
use crate::mail;
use crate::webhooks::events::BalanceLow;
use crate::webhooks::listeners;

/// Who was asked for a top-up and brought none is asked again after so long.
const AWAITED: SignedDuration = SignedDuration::from_hours(24);

/// How low a customer's money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Low {
    pub(crate) available: Amount,
    /// It should not be below this.
    pub(crate) below: Amount,
    top_up: Option<Amount>,
}

/// Looks whether a purse that is to be saved is low; answers how low it is, and what is to be asked for.
pub(super) fn watch(purse: &mut Purse, now: Timestamp) -> Option<(Low, Job)> {
    let customer_id = purse.customer();
    let low = low_of(purse, now);
    let account = purse.account_mut();
    let asks = account.top_up_amount.is_some();
    let Some(low) = low else {
        // The customer is told again another time. A top-up that was asked for may still come.
        if !asks {
            account.top_up_asked_at = None;
        }
        return None;
    };
    let over = |asked_at: Timestamp| asks && asked_at.checked_add(AWAITED).is_ok_and(|until| until <= now);
    if !account.top_up_asked_at.is_none_or(over) {
        return None;
    }
    account.top_ups_asked = account.top_ups_asked.saturating_add(1);
    account.top_up_asked_at = Some(now);
    let number = account.top_ups_asked;
    let told = Job::SendLowBalance { customer_id, number };
    Some((low, if asks { Job::RequestTopUp { customer_id, number } } else { told }))
}

/// Tells those who want to know that customers' money is low.
pub(super) async fn announce(tx: &mut Tx, low: &[(CustomerId, Low)], clock: &Clock) -> Result<()> {
    if low.is_empty() {
        return Ok(());
    }
    let Some(listeners) = listeners::<BalanceLow>(tx).await? else { return Ok(()) };
    let ids: Vec<_> = low.iter().map(|(customer, _)| *customer).collect();
    let customers = customers::by_ids(tx, &ids).await?;
    let events = customers.into_iter().filter_map(|customer| {
        let (_, low) = low.iter().find(|(id, _)| *id == customer.id)?;
        let money = |amount| Money { amount, currency: customer.currency };
        Some(BalanceLow {
            customer_id: customer.id,
            available: money(low.available),
            below: money(low.below),
            top_up: low.top_up.map(money),
            customer_reference: customer.reference,
        })
    });
    listeners.tell(tx, &events.collect::<Vec<_>>(), clock).await?;
    Ok(())
}

/// How low a purse is, if it is. Credit is no money of the customer's, and what is kept for one line is left
/// out.
fn low_of(purse: &Purse, now: Timestamp) -> Option<Low> {
    let account = purse.account();
    let (below, top_up) = (account.low_balance?, account.top_up_amount);
    let money = purse
        .balances()
        .iter()
        .filter(|balance| balance.unit == Unit::Money && balance.line.is_none() && balance.is_usable(now));
    let available = money.map(|balance| balance.amount.saturating_sub(balance.reserved));
    let available = Amount::from_micros(available.fold(0, i64::saturating_add));
    (available < below).then_some(Low { available, below, top_up })
}

impl Purse {
    /// Notes that a top-up came: if it is the one that was asked for, another may be.
    pub(super) fn answered(&mut self, reference: &str) {
        let (customer, account) = (self.customer(), self.account_mut());
        if reference == self::reference(customer, account.top_ups_asked) {
            account.top_up_asked_at = None;
        }
    }

    /// Whether the answer to this request is awaited.
    fn awaits(&self, number: i64) -> bool {
        let account = self.account();
        account.top_ups_asked == number && account.top_up_asked_at.is_some()
    }
}

/// Names the top-up that is asked for.
fn reference(customer: CustomerId, number: i64) -> String {
    format!("auto-{customer}-{number}")
}

/// How low a customer's money is, unless it is not any more, or was asked about again since.
pub(crate) async fn low(
    tx: &mut Tx,
    customer: CustomerId,
    number: i64,
    now: Timestamp,
) -> Result<Option<Low>> {
    let purse = look(tx, customer).await?;
    Ok(low_of(&purse, now).filter(|_| purse.awaits(number)))
}

/// The same of a customer who is held. What need not be asked for any more may be asked for anew.
async fn still_low(tx: &mut Tx, customer: CustomerId, number: i64, clock: &Clock) -> Result<Option<Low>> {
    let mut purses = hold(tx, &[customer]).await?;
    let purse = purse_of(&mut purses, customer)?;
    if !purse.awaits(number) {
        return Ok(None);
    }
    let low = low_of(purse, clock.now());
    if low.is_none() {
        purse.account_mut().top_up_asked_at = None;
        save(tx, &mut purses, clock).await?;
    }
    Ok(low)
}

/// Does the job of asking for a top-up: from the payment service or, where there is none, from the customer.
pub(crate) async fn replenish(
    app: &App,
    stored: &StoredJob,
    customer_id: CustomerId,
    number: i64,
) -> Result<Tried> {
    let now = app.clock.now();
    let Some(service) = app.top_ups.service() else { return Box::pin(mail::send(app, stored)).await };
    if let Some(why) = service.resting(now) {
        return Ok(Tried::Again(why));
    }
    let mut tx = app.db.begin().await?;
    let low = still_low(&mut tx, customer_id, number, &app.clock).await?;
    let customer = customers::by_id(&mut tx, customer_id).await?;
    tx.commit().await?;
    let (Some(customer), Some(amount)) = (customer, low.and_then(|low| low.top_up)) else {
        return Ok(Tried::Done);
    };
    if customer.is_closed(now) {
        return Ok(Tried::Done);
    }
    let request = TopUpRequest {
        customer_id,
        customer_reference: customer.reference,
        amount,
        currency: customer.currency,
        top_up_reference: reference(customer_id, number),
    };
    Ok(service.ask(&request, stored.id, now).await)
}
