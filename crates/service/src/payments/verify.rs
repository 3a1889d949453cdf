//! Do receivables, payments and credit add up, and agree with the ledger?

use super::store;
use crate::db::Tx;
use crate::error::{Result, noted};

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub receivables: u64,
    pub payments: u64,
    pub faults: Vec<String>,
}

/// Verifies every receivable, payment and credit, and every customer's balance.
pub async fn verify(tx: &mut Tx) -> Result<Verified> {
    let (receivables, payments) = store::counts(tx).await?;
    let mut faults = Vec::new();
    for (customer, invoice) in store::lost_receivables(tx).await? {
        faults.push(format!("invoice {invoice} of {customer}: no receivable has its amount"));
    }
    for (customer, invoice) in store::wrong_opens(tx).await? {
        faults.push(format!(
            "invoice {invoice} of {customer}: what is open is not its amount less what settled it"
        ));
    }
    for (customer, invoice) in store::settled_too_early(tx).await? {
        faults.push(format!("invoice {invoice} of {customer}: something settled it before it was issued"));
    }
    for (customer, invoice) in store::wrong_marks(tx).await? {
        faults.push(format!(
            "invoice {invoice} of {customer}: what it says was credited or written off is not what was"
        ));
    }
    let overused = store::overused(tx).await;
    for (customer, source, subject) in noted(overused, &mut faults)?.unwrap_or_default() {
        let subject = source.subject(subject);
        faults.push(format!("{subject} of {customer} settles more than it comes to"));
    }
    for customer in store::wrong_credit(tx).await? {
        faults.push(format!("{customer}: the credit is not what was given less what was used"));
    }
    for customer in store::unfilled(tx).await? {
        faults.push(format!(
            "{customer}: has credit, and owes what was paid back to them: one fills the other"
        ));
    }
    for customer in store::wrong_balances(tx).await? {
        faults.push(format!("{customer}: the balance is not the open invoices less the credit"));
    }
    for customer in store::suspended_for_nothing(tx).await? {
        faults.push(format!("{customer}: is suspended for what is overdue, and nothing is open"));
    }
    for (customer, payment) in store::in_other_currency(tx).await? {
        faults.push(format!(
            "payment {payment} of {customer}: its currency is not that of its entry in the ledger"
        ));
    }
    for (customer, subject) in store::wrong_references(tx).await? {
        faults.push(format!("payment {subject} of {customer}: its reference does not lead to it"));
    }
    Ok(Verified { receivables, payments, faults })
}
