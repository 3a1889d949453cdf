//! How far may a customer's balance fall below zero, and when is it topped up by itself?

use calculation::limit;
use calculation::money::{Amount, Currency, Money};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::worth::{main_of, new_main};
use super::{ChargingAccount, Checked, Purse, WrongField, hold, look, purse_of, save, store};
use crate::calls::MoneySchema;
use crate::clock::Clock;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{BalanceId, CustomerId};

/// What was agreed with a customer about their prepaid money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PrepaidTerms {
    /// So far may the customer's main balance fall below zero. Absent: not at all.
    #[schema(value_type = Option<MoneySchema>)]
    pub credit_limit: Option<Money>,
    /// Below it the balance is low.
    #[schema(value_type = Option<MoneySchema>)]
    pub low_balance: Option<Money>,
    /// So much is asked for when the balance is low. Absent: nothing is asked for.
    #[schema(value_type = Option<MoneySchema>)]
    pub top_up_amount: Option<Money>,
}

/// What is to be agreed: what is absent stays as it is, null takes away.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePrepaidTerms {
    /// So far may the customer's main balance fall below zero.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "10.00")]
    pub credit_limit: Change,
    /// Below it the balance is low.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "2.00")]
    pub low_balance: Change,
    /// So much is asked for when the balance is low.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "20.00")]
    pub top_up_amount: Change,
}

/// What becomes of something that was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change {
    /// It stays as it is.
    #[default]
    Keep,
    To(Option<Amount>),
}

impl Change {
    fn of(self, before: Option<Amount>) -> Option<Amount> {
        match self {
            Self::Keep => before,
            Self::To(now) => now,
        }
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(input: D) -> std::result::Result<Self, D::Error> {
        Option::deserialize(input).map(Self::To)
    }
}

/// What became of it. A refusal is to be rolled back.
#[derive(Debug)]
pub enum Agreed {
    Terms(PrepaidTerms),
    UnknownCustomer,
    Wrong(WrongField),
    /// So much of the credit limit is used already.
    BelowUsed(Money),
}

/// Changes what was agreed with a customer, who is held. The credit limit is the floor of their main balance,
/// which is opened for it.
pub async fn agree(
    tx: &mut Tx,
    customer: CustomerId,
    new: ChangePrepaidTerms,
    clock: &Clock,
) -> Result<Agreed> {
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(Agreed::UnknownCustomer) };
    if let Err(wrong) = check(new, holder.currency) {
        return Ok(Agreed::Wrong(wrong));
    }
    let mut purses = hold(tx, &[customer]).await?;
    if let Change::To(limit) = new.credit_limit {
        let limit = limit.unwrap_or_default();
        if main_of(purse_of(&mut purses, customer)?, None).is_none() && limit > Amount::ZERO {
            let main = new_main(BalanceId(clock.id()), None, clock.now());
            purse_of(&mut purses, customer)?.open(main);
            save(tx, &mut purses, clock).await?;
        }
        let purse = purse_of(&mut purses, customer)?;
        let used = used(purse);
        if limit < used {
            return Ok(Agreed::BelowUsed(Money { amount: used, currency: holder.currency }));
        }
        if let Some(main) = main_of(purse, None) {
            store::set_floor(tx, customer, main, -limit.micros()).await?;
        }
    }
    // Read again with the new floor: more may be spent now, and what is left may be little now.
    let mut purses = hold(tx, &[customer]).await?;
    let account = purse_of(&mut purses, customer)?.account_mut();
    let top_up_amount = new.top_up_amount.of(account.top_up_amount);
    if account.top_up_amount.is_none() && top_up_amount.is_some() {
        // The customer was told at most: no top-up is awaited.
        account.top_up_asked_at = None;
    }
    account.low_balance = new.low_balance.of(account.low_balance);
    account.top_up_amount = top_up_amount;
    save(tx, &mut purses, clock).await?;
    Ok(Agreed::Terms(terms(tx, &holder).await?))
}

/// What was agreed with a customer.
pub async fn terms(tx: &mut Tx, customer: &Customer) -> Result<PrepaidTerms> {
    let purse = look(tx, customer.id).await?;
    let ChargingAccount { low_balance, top_up_amount, .. } = *purse.account();
    let main = purse.balances().iter().find(|balance| balance.main && balance.line.is_none());
    let limit = main
        .map(|main| Amount::from_micros(main.floor.saturating_neg()))
        .filter(|limit| *limit > Amount::ZERO);
    let money = |amount: Amount| Money { amount, currency: customer.currency };
    Ok(PrepaidTerms {
        credit_limit: limit.map(money),
        low_balance: low_balance.map(money),
        top_up_amount: top_up_amount.map(money),
    })
}

/// Refuses amounts that nobody can mean.
fn check(new: ChangePrepaidTerms, currency: Currency) -> Checked<()> {
    let amounts = [
        ("/credit_limit", new.credit_limit),
        ("/low_balance", new.low_balance),
        ("/top_up_amount", new.top_up_amount),
    ];
    for (pointer, amount) in amounts {
        let Change::To(Some(amount)) = amount else { continue };
        if amount < Amount::ZERO {
            return Err(WrongField::new(pointer, "is below zero"));
        }
        limit::one(amount).map_err(|over| WrongField::new(pointer, over.to_string()))?;
        if amount.to_minor_unit(currency) != Some(amount) {
            return Err(WrongField::new(pointer, "is finer than the currency is paid in"));
        }
    }
    if new.top_up_amount == Change::To(Some(Amount::ZERO)) {
        return Err(WrongField::new("/top_up_amount", "is zero: null takes it away"));
    }
    Ok(())
}

/// How far the main balance is below zero with all that is held of it.
fn used(purse: &Purse) -> Amount {
    let main = purse.balances().iter().find(|balance| balance.main && balance.line.is_none());
    Amount::from_micros(main.map_or(0, |main| main.reserved.saturating_sub(main.amount).max(0)))
}
