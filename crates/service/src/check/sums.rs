//! Which customers have numbers that do not add up to an amount? Such a sum fails every request that needs it, so each is named here.

use std::fmt;

use calculation::total::Total;
use serde::Serialize;

use crate::db::{self, Halves, Row, Tx};
use crate::id::CustomerId;

/// A sum of a customer's that no amount holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsummable {
    pub customer: CustomerId,
    /// What is added up.
    pub what: &'static str,
    /// In full, in the customer's currency.
    pub sum: Total,
}

impl fmt::Display for Unsummable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { customer, what, sum } = self;
        write!(
            out,
            "cannot be added up: {what} of {customer} would be {sum}, which is more than an amount holds"
        )
    }
}

/// What of a customer is added up somewhere: what it is, its column, its table with a condition, and besides the customer by
/// what it is grouped.
const SUMS: [(&str, &str, &str, &str); 8] = [
    ("the balance", "amount", "postings where account = 'receivable'", ""),
    ("what is open", "open", "receivables where open > 0", ""),
    ("the credit", "remaining", "credits", ""),
    ("the prepaid money", "amount", "balances where unit = 'money' and closed_at is null", ""),
    ("what waits for an invoice", "amount", "one_off_charges where invoice_id is null", ""),
    ("a month of calls", "amount", "calls", ", period_start"),
    ("what settled an invoice", "amount", "allocations", ", invoice_id"),
    ("what was credited of a line", "net", "credited_lines", ", invoice_id, line"),
];

/// Every sum that no amount holds.
pub(super) async fn verify(tx: &mut Tx) -> db::Result<Vec<Unsummable>> {
    let mut found = Vec::new();
    for (what, column, from, group) in SUMS {
        let sum = Halves::sum(column);
        let sql = format!(
            "select customer_id, {} from {from} group by customer_id{group} having {} order by customer_id",
            sum.columns("amount"),
            sum.nearly_fills()
        );
        let read = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.total("amount")?));
        let sums: Vec<(CustomerId, Total)> =
            tx.rows(&sql, &[]).await?.iter().map(read).collect::<db::Result<_>>()?;
        let beyond = sums.into_iter().filter(|(_, sum)| sum.amount().is_none());
        found.extend(beyond.map(|(customer, sum)| Unsummable { customer, what, sum }));
    }
    Ok(found)
}
