//! What happened on a customer's account, and what did they owe after each of it?

use calculation::money::{Amount, Currency, Money};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{EntryKind, store};
use crate::calls::MoneySchema;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, EntryId};

/// An entry as the customer sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatementEntry {
    #[schema(value_type = String, example = "ent_01h2x3y4z5a6b")]
    pub id: EntryId,
    pub kind: EntryKind,
    /// The invoice, credit note, payment, refund or write-off; of a reversal the payment, of a recovery what was recovered.
    #[schema(example = "inv_01h2x3y4z5a6b")]
    pub subject: String,
    #[schema(value_type = String, format = DateTime)]
    pub posted_at: Timestamp,
    /// By how much the customer owes more; below zero, less.
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// What they owe after it; below zero, it is their credit.
    #[schema(value_type = MoneySchema)]
    pub balance: Money,
}

/// What a customer owes: the sum of the postings to their receivable account. Below zero it is their credit.
pub async fn balance(tx: &mut Tx, customer: CustomerId) -> Result<Amount> {
    store::balance_until(tx, customer, EntryId(i64::MAX)).await
}

/// A customer's entries after a cursor, oldest first, each with the balance after it.
pub async fn statement(
    tx: &mut Tx,
    customer: CustomerId,
    after: Option<EntryId>,
    limit: usize,
) -> Result<Vec<StatementEntry>> {
    let after = after.unwrap_or(EntryId(0));
    let mut balance = store::balance_until(tx, customer, after).await?;
    let mut entries = Vec::new();
    for row in store::entries_after(tx, customer, after, limit).await? {
        let store::StoredEntry { id, kind, subject, currency, posted_at, amount } = row;
        let too_large = || Error::Contradiction(format!("what {customer} owes does not fit an amount"));
        balance = balance.checked_add(amount).ok_or_else(too_large)?;
        let money = |amount: Amount, currency: Currency| Money { amount, currency };
        entries.push(StatementEntry {
            id,
            kind,
            subject: kind.subject(subject),
            posted_at,
            amount: money(amount, currency),
            balance: money(balance, currency),
        });
    }
    Ok(entries)
}
