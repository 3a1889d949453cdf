//! Does the ledger add up? Every entry balances, and there is one for each document, with its amounts.

use super::{EntryKind, store};
use crate::db::Tx;
use crate::error::Result;

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub entries: u64,
    /// Customers who have an entry.
    pub customers: u64,
    pub faults: Vec<String>,
}

/// Verifies every entry, and that invoices, credit notes, payments, refunds and write-offs have theirs.
pub async fn verify(tx: &mut Tx) -> Result<Verified> {
    let (entries, customers) = store::counts(tx).await?;
    let mut faults = Vec::new();
    for (customer, entry, sum) in store::unbalanced(tx).await? {
        faults.push(format!("entry {entry} of {customer}: its postings sum to {sum}, not to zero"));
    }
    for (customer, entry) in store::lone_postings(tx).await? {
        faults.push(format!("entry {entry} of {customer} has postings, but is not there"));
    }
    for kind in EntryKind::OWED {
        let code = kind.code();
        for (customer, subject) in store::documents_posted_wrong(tx, kind).await? {
            let subject = kind.subject(subject);
            faults.push(format!("{subject} of {customer}: no {code} entry has its amounts"));
        }
        for (customer, subject) in store::entries_of_nothing(tx, kind).await? {
            let subject = kind.subject(subject);
            faults.push(format!("{subject} of {customer} has a {code} entry, but is not there"));
        }
    }
    Ok(Verified { entries, customers, faults })
}
