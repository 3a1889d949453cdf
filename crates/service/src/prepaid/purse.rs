//! The balances of a customer while they are held: changed in memory, then saved together.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Balance, ChargingAccount, Movement, MovementKind, renew, replenish, store};
use crate::clock::Clock;
use crate::db::{Hold, Tx};
use crate::error::{Error, Result};
use crate::id::{BalanceId, CustomerId, MovementId};
use crate::jobs::{self, Job};
use crate::ledger::{self, Entry};

/// The purses of some customers.
pub type Purses = BTreeMap<CustomerId, Purse>;

/// The open balances of a customer, who is held, and what is to be stored of them.
#[derive(Debug, Clone)]
pub struct Purse {
    customer: CustomerId,
    account: ChargingAccount,
    account_stored: ChargingAccount,
    balances: Vec<Balance>,
    /// Each balance as it is stored; of a new one nothing.
    stored: Vec<Option<Stored>>,
    /// The id of each balance's last movement; 0 of none.
    last_movements: Vec<i64>,
    movements: Vec<Movement>,
    entries: Vec<Entry>,
}

/// What of a balance changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) amount: i64,
    pub(super) reserved: i64,
    /// The last movement's id; 0 of none. The next one's is greater, whichever machine's clock makes it, so
    /// that the ids tell the order in which a balance moved.
    pub(super) last_movement: i64,
    pub(super) closed_at: Option<Timestamp>,
}

/// Holds the charging accounts of customers until the transaction ends, in the order of their ids, and reads
/// their balances. Who had no account gets one.
pub async fn hold(tx: &mut Tx, customers: &[CustomerId]) -> Result<Purses> {
    hold_as(tx, customers, Hold::Exclusive).await
}

/// As [`hold`], but waits for nobody: accounts that others hold are left out.
pub async fn hold_free(tx: &mut Tx, customers: &[CustomerId]) -> Result<Purses> {
    hold_as(tx, customers, Hold::Free).await
}

async fn hold_as(tx: &mut Tx, customers: &[CustomerId], hold: Hold) -> Result<Purses> {
    let mut customers = customers.to_vec();
    customers.sort_unstable();
    customers.dedup();
    let accounts = store::hold_accounts(tx, &customers, hold).await?;
    let held: Vec<_> = accounts.keys().copied().collect();
    let mut balances: BTreeMap<CustomerId, Vec<_>> = BTreeMap::new();
    for (customer, balance, last_movement) in store::open_balances(tx, &held).await? {
        balances.entry(customer).or_default().push((balance, last_movement));
    }
    let purse = |(customer, account)| {
        let balances = balances.remove(&customer).unwrap_or_default();
        (customer, Purse::new(customer, account, balances))
    };
    Ok(accounts.into_iter().map(purse).collect())
}

/// A customer's balances as they are now, to be looked at only.
pub async fn look(tx: &mut Tx, customer: CustomerId) -> Result<Purse> {
    let account = store::accounts(tx, &[customer], None).await?.remove(&customer).unwrap_or_default();
    let balances = store::open_balances(tx, &[customer]).await?;
    let balances = balances.into_iter().map(|(_, balance, last_movement)| (balance, last_movement));
    Ok(Purse::new(customer, account, balances.collect()))
}

/// A customer's purse among those that are held.
pub fn purse_of(purses: &mut Purses, customer: CustomerId) -> Result<&mut Purse> {
    let lost = || Error::Contradiction(format!("the balances of {customer} are not held"));
    purses.get_mut(&customer).ok_or_else(lost)
}

/// Stores what changed, and what follows from it: a renewal that waited for money, a top-up to be asked for. A
/// balance that is not as it was read is a fault: nobody else may have changed it.
pub async fn save(tx: &mut Tx, purses: &mut Purses, clock: &Clock) -> Result<()> {
    let now = clock.now();
    let (mut low, mut jobs): (Vec<_>, Vec<Job>) = (Vec::new(), Vec::new());
    for purse in purses.values_mut() {
        renew::wake(purse, now);
        if let Some((how, job)) = replenish::watch(purse, now) {
            low.push((purse.customer, how));
            jobs.push(job);
        }
    }
    let (mut new, mut changed, mut movements, mut entries) = (vec![], vec![], vec![], vec![]);
    let mut accounts = vec![];
    for purse in purses.values_mut() {
        let ids = purse.number_movements(clock);
        let purse: &Purse = purse;
        if purse.account != purse.account_stored {
            accounts.push((purse.customer, &purse.account));
        }
        for (place, balance) in purse.balances.iter().enumerate() {
            let now = purse.now(place);
            match purse.stored[place] {
                None => new.push((purse.customer, balance, now.last_movement)),
                Some(before) if before != now => changed.push((purse.customer, balance.id, before, now)),
                Some(_) => {}
            }
        }
        movements.extend(ids.into_iter().zip(&purse.movements).map(|(id, one)| (purse.customer, id, one)));
        entries.extend(purse.entries.iter().cloned());
    }
    store::update_accounts(tx, &accounts).await?;
    store::insert_balances(tx, &new).await?;
    store::update_balances(tx, &changed).await?;
    store::insert_movements(tx, &movements).await?;
    ledger::post(tx, &entries, clock).await?;
    jobs::enqueue(tx, &jobs, clock).await?;
    replenish::announce(tx, &low, clock).await?;
    purses.values_mut().for_each(Purse::saved);
    Ok(())
}

impl Purse {
    fn new(customer: CustomerId, account: ChargingAccount, read: Vec<(Balance, i64)>) -> Self {
        let (balances, last_movements): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        let account_stored = account.clone();
        let (stored, movements, entries) = (Vec::new(), Vec::new(), Vec::new());
        let mut purse =
            Self { customer, account, account_stored, balances, stored, last_movements, movements, entries };
        purse.stored = (0..purse.balances.len()).map(|place| Some(purse.now(place))).collect();
        purse
    }

    /// Whose it is.
    pub fn customer(&self) -> CustomerId {
        self.customer
    }

    /// What is kept besides the balances.
    pub fn account(&self) -> &ChargingAccount {
        &self.account
    }

    /// What is kept besides the balances, to be changed.
    pub fn account_mut(&mut self) -> &mut ChargingAccount {
        &mut self.account
    }

    /// What is to be stored of a balance.
    fn now(&self, place: usize) -> Stored {
        let Balance { amount, reserved, closed_at, .. } = self.balances[place];
        Stored { amount, reserved, last_movement: self.last_movements[place], closed_at }
    }

    /// Gives each movement an id that is greater than the last one's of every open balance.
    fn number_movements(&mut self, clock: &Clock) -> Vec<MovementId> {
        let mut last = self.last_movements.iter().copied().max().unwrap_or_default();
        let mut ids = Vec::new();
        for movement in &self.movements {
            last = clock.id().max(last + 1);
            let place = self.balances.iter().position(|balance| balance.id == movement.balance);
            if let Some(place) = place {
                self.last_movements[place] = last;
            }
            ids.push(MovementId(last));
        }
        ids
    }

    /// The open balances.
    pub fn balances(&self) -> &[Balance] {
        &self.balances
    }

    /// Adds a new balance, which begins at nothing.
    pub fn open(&mut self, balance: Balance) {
        self.balances.push(Balance { amount: 0, reserved: 0, ..balance });
        self.stored.push(None);
        self.last_movements.push(0);
    }

    /// Holds more of a balance for a call, or gives back when below zero.
    pub fn reserve(&mut self, balance: BalanceId, amount: i64) -> Result<()> {
        let balance = self.balance(balance)?;
        balance.reserved = balance.reserved.checked_add(amount).ok_or_else(too_large)?;
        Ok(())
    }

    /// Adds to a balance, or takes from it when below zero.
    pub fn add(
        &mut self,
        id: BalanceId,
        amount: i64,
        (kind, subject): (MovementKind, i64),
        at: Timestamp,
    ) -> Result<()> {
        let balance = self.balance(id)?;
        balance.amount = balance.amount.checked_add(amount).ok_or_else(too_large)?;
        let after = balance.amount;
        self.movements.push(Movement { balance: id, kind, subject, amount, after, at });
        Ok(())
    }

    /// Closes the balances that nothing is left of: those that expired, and others than the main one that are
    /// used up. What is held for a call is still there.
    pub fn close_used_up(&mut self, now: Timestamp) {
        let used_up = |balance: &&mut Balance| {
            let may_come_back = balance.main && balance.is_usable(now);
            balance.amount == 0 && balance.reserved == 0 && !may_come_back
        };
        for balance in self.balances.iter_mut().filter(used_up) {
            balance.closed_at = balance.closed_at.or(Some(now));
        }
    }

    /// Posts an entry of the ledger when the purse is saved.
    pub fn post(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    fn balance(&mut self, id: BalanceId) -> Result<&mut Balance> {
        let lost = || Error::Contradiction(format!("{} has no open balance {id}", self.customer));
        let place = self.balances.iter().position(|balance| balance.id == id).ok_or_else(lost)?;
        Ok(&mut self.balances[place])
    }

    fn saved(&mut self) {
        let balances =
            std::mem::take(&mut self.balances).into_iter().zip(self.last_movements.iter().copied());
        let open = balances.filter(|(balance, _)| balance.closed_at.is_none()).collect();
        *self = Self::new(self.customer, std::mem::take(&mut self.account), open);
    }
}

fn too_large() -> Error {
    Error::Contradiction("a balance does not fit an amount".to_owned())
}
