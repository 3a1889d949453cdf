//! The customers of some requests while they are held: their balances and sessions, changed in memory and saved
//! together.

use std::collections::{BTreeMap, BTreeSet};

use calculation::money::Amount;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Authorise, Session, State, store};
use crate::calls::{self, Account, RecordedTalk};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, SessionId};
use crate::prepaid::{self, Purse, Purses};

/// Balances and sessions of customers who are held.
#[derive(Debug, Clone, Default)]
pub(super) struct Till {
    purses: Purses,
    sessions: BTreeMap<SessionId, Kept>,
    by_call: BTreeMap<(CustomerId, String), SessionId>,
    /// Talks that a record was charged for, by call.
    recorded: BTreeMap<(CustomerId, String), Vec<RecordedTalk>>,
    /// What customers with a cap for the day have spent, by day.
    spent: BTreeMap<(CustomerId, Date), Spent>,
}

/// A session, and whether it is to be stored.
#[derive(Debug, Clone)]
struct Kept {
    session: Session,
    known: bool,
    changed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    amount: Amount,
    /// What of it is not stored yet.
    more: Amount,
}

/// Which sessions are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub customers: Vec<CustomerId>,
    pub ids: Vec<SessionId>,
    pub calls: Vec<(CustomerId, String)>,
    /// Customers whom others hold are left out, not waited for.
    pub leaves_out_held: bool,
}

impl Till {
    /// Holds customers until the transaction ends, and reads what is wanted of them. Whoever is left out is not held.
    pub(super) async fn hold(
        tx: &mut Tx,
        wanted: &Wanted,
        accounts: &[&Account],
        now: Timestamp,
    ) -> Result<Self> {
        let customers = wanted.customers.iter().copied();
        let of_ids = wanted.ids.iter().map(|id| id.customer);
        let mut held: Vec<_> = customers.chain(of_ids).collect();
        held.sort_unstable();
        held.dedup();
        let purses = if wanted.leaves_out_held {
            prepaid::hold_free(tx, &held).await?
        } else {
            prepaid::hold(tx, &held).await?
        };
        let mut till = Self { purses, ..Self::default() };
        let (counted, capped) = limited(accounts, now);
        for session in store::some(tx, &wanted.ids, &wanted.calls, &counted).await? {
            till.keep(session, true);
        }
        for ((customer, day), amount) in store::day_spending(tx, &capped).await? {
            till.spent.insert((customer, day), Spent { amount, more: Amount::ZERO });
        }
        Ok(till)
    }

    /// Whether a customer is held.
    pub(super) fn holds(&self, customer: CustomerId) -> bool {
        self.purses.contains_key(&customer)
    }

    fn keep(&mut self, session: Session, known: bool) {
        self.by_call.insert((session.id.customer, session.call_id.clone()), session.id);
        self.sessions.entry(session.id).or_insert(Kept { session, known, changed: !known });
    }

    /// Reads which of some calls a record was charged for already. Their customers are held.
    pub(super) async fn look_for_records(
        &mut self,
        tx: &mut Tx,
        calls: &[(CustomerId, String)],
    ) -> Result<()> {
        let calls: Vec<_> = calls.iter().map(|(customer, call_id)| (*customer, call_id.as_str())).collect();
        for talk in calls::recorded_talks(tx, &calls).await? {
            self.recorded.entry((talk.customer, talk.call_id.clone())).or_default().push(talk);
        }
        Ok(())
    }

    /// The record that was charged for a call that is asked for, unless its talk was over before the asked one began: then a
    /// switch calls two talks alike.
    pub(super) fn charged_by_record(&self, customer: CustomerId, asked: &Authorise) -> Option<&str> {
        let talks = self.recorded.get(&(customer, asked.call_id.clone()))?;
        let is_meant =
            |talk: &&RecordedTalk| asked.started_at.is_none_or(|started_at| started_at < talk.ended_at);
        talks.iter().find(is_meant).map(|talk| talk.record.as_str())
    }

    /// The session of a call.
    pub(super) fn of_call(&self, customer: CustomerId, call_id: &str) -> Option<&Session> {
        let id = self.by_call.get(&(customer, call_id.to_owned()))?;
        self.session(*id)
    }

    /// A session by its id.
    pub(super) fn session(&self, id: SessionId) -> Option<&Session> {
        Some(&self.sessions.get(&id)?.session)
    }

    /// Stores a session, new or changed, when the till is saved.
    pub(super) fn put(&mut self, session: Session) {
        match self.sessions.get_mut(&session.id) {
            Some(kept) => (kept.session, kept.changed) = (session, true),
            None => self.keep(session, false),
        }
    }

    /// A customer's balances.
    pub(super) fn purse(&mut self, customer: CustomerId) -> Result<&mut Purse> {
        let lost = || Error::Contradiction(format!("{customer} is not held"));
        self.purses.get_mut(&customer).ok_or_else(lost)
    }

    /// A customer's calls under way, but for one.
    pub(super) fn others(&self, except: SessionId) -> impl Iterator<Item = &Session> {
        let of_customer = SessionId { number: 0, ..except }..=SessionId { number: i64::MAX, ..except };
        let open = self.sessions.range(of_customer).map(|(_, kept)| &kept.session);
        open.filter(move |session| session.state == State::Open && session.id != except)
    }

    /// What a customer has spent on a day.
    pub(super) fn spent(&self, customer: CustomerId, day: Date) -> Amount {
        self.spent.get(&(customer, day)).map(|spent| spent.amount).unwrap_or_default()
    }

    /// Counts what a customer spent on a day.
    pub(super) fn spend(&mut self, customer: CustomerId, day: Date, more: Amount) -> Result<()> {
        let too_large =
            || Error::Contradiction(format!("what {customer} spent on {day} does not fit an amount"));
        let spent = self.spent.entry((customer, day)).or_default();
        spent.amount = spent.amount.checked_add(more).ok_or_else(too_large)?;
        spent.more = spent.more.checked_add(more).ok_or_else(too_large)?;
        Ok(())
    }

    /// Stores what changed.
    pub(super) async fn save(&mut self, tx: &mut Tx, clock: &Clock) -> Result<()> {
        prepaid::save(tx, &mut self.purses, clock).await?;
        let changed = |known: bool| {
            let kept = self.sessions.values().filter(move |kept| kept.changed && kept.known == known);
            kept.map(|kept| &kept.session).collect::<Vec<_>>()
        };
        let (new, old) = (changed(false), changed(true));
        store::insert(tx, &new).await?;
        store::update(tx, &old).await?;
        store::save_reservations(tx, new.into_iter().chain(old)).await?;
        let spent = self.spent.iter().filter(|(_, spent)| spent.more != Amount::ZERO);
        let spent: Vec<_> = spent.map(|((customer, day), spent)| (*customer, *day, spent.more)).collect();
        store::add_day_spending(tx, &spent).await
    }
}

/// The customers whose calls under way matter for their plan's limits, and those with a cap for the day, with
/// the day it is for them.
fn limited(accounts: &[&Account], now: Timestamp) -> (Vec<CustomerId>, Vec<(CustomerId, Date)>) {
    let (mut counted, mut capped) = (BTreeSet::new(), BTreeSet::new());
    for account in accounts {
        let Some(place) = account.place_of_plan(now) else { continue };
        let limits = &account.plan(place).plan.terms.limits;
        if limits.calls_at_once.is_some() || limits.day_amount.is_some() {
            counted.insert(account.id);
        }
        if limits.day_amount.is_some() {
            capped.insert((account.id, day(account, now)));
        }
    }
    (counted.into_iter().collect(), capped.into_iter().collect())
}

/// The customer's day at an instant.
pub(super) fn day(account: &Account, at: Timestamp) -> Date {
    account.zone(at).to_datetime(at).date()
}
