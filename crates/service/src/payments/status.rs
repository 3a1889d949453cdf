//! How does an invoice stand? Derived from what is open of it and what became of the rest.

use std::collections::BTreeMap;

use calculation::money::{Amount, Money};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};

/// How an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Status {
    /// Nothing of it was paid, and it is not overdue.
    Open,
    /// Some of it was paid or credited, and the rest is not overdue.
    PartlyPaid,
    /// Nothing is open: paid, credited in part, or never above zero.
    Paid,
    /// Something is open after the day it was due.
    Overdue,
    /// The whole of it was credited.
    Void,
    /// What was open of it was given up.
    WrittenOff,
}

impl Status {
    /// The word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::PartlyPaid => "partly_paid",
            Self::Paid => "paid",
            Self::Overdue => "overdue",
            Self::Void => "void",
            Self::WrittenOff => "written_off",
        }
    }
}

/// An invoice's status and what is open of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub status: Status,
    pub open: Money,
}

/// What tells how an invoice stands.
pub(super) struct Facts {
    pub(super) gross: Amount,
    pub(super) open: Amount,
    pub(super) credited: Amount,
    pub(super) written_off: Amount,
    pub(super) due_at: Timestamp,
}

/// How some invoices of a customer stand, by one query.
pub async fn standing(
    tx: &mut Tx,
    customer: CustomerId,
    invoices: &[InvoiceId],
    now: Timestamp,
) -> Result<BTreeMap<InvoiceId, Standing>> {
    let (Some(first), Some(last)) = (invoices.iter().min(), invoices.iter().max()) else {
        return Ok(BTreeMap::new());
    };
    // Those in between are few: they are the same customer's.
    let found = store::facts(tx, customer, *first, *last).await?;
    let shown = found.into_iter().map(|(id, currency, facts)| {
        (id, Standing { status: status(&facts, now), open: Money { amount: facts.open, currency } })
    });
    Ok(shown.filter(|(id, _)| invoices.contains(id)).collect())
}

/// When an invoice is overdue.
pub(crate) async fn due_of(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
) -> Result<Option<Timestamp>> {
    Ok(store::facts_one(tx, customer, invoice).await?.map(|(_, facts)| facts.due_at))
}

/// How an invoice stands of which this is the gross amount, what is open, credited and written off.
pub(crate) fn status_of(amounts: [Amount; 4], due_at: Timestamp, now: Timestamp) -> Status {
    let [gross, open, credited, written_off] = amounts;
    status(&Facts { gross, open, credited, written_off, due_at }, now)
}

pub(super) fn status(facts: &Facts, now: Timestamp) -> Status {
    let Facts { gross, open, credited, written_off, due_at } = *facts;
    if gross > Amount::ZERO && credited >= gross {
        return Status::Void;
    }
    match open > Amount::ZERO {
        false if written_off > Amount::ZERO => Status::WrittenOff,
        false => Status::Paid,
        true if due_at <= now => Status::Overdue,
        true if open < gross => Status::PartlyPaid,
        true => Status::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_follows_from_what_is_open_and_what_became_of_the_rest() {
        use Status::{Open, Overdue, Paid, PartlyPaid, Void, WrittenOff};
        // Gross, open, credited, written off, seconds until it is due.
        for (gross, open, credited, written_off, due_in, expected) in [
            (100, 100, 0, 0, 1, Open),
            (100, 99, 0, 0, 1, PartlyPaid),
            (100, 60, 40, 0, 1, PartlyPaid),
            (100, 0, 0, 0, 1, Paid),
            (100, 0, 40, 0, 1, Paid),
            (0, 0, 0, 0, 1, Paid),
            (-5, 0, 0, 0, 1, Paid),
            (100, 100, 0, 0, 0, Overdue),
            (100, 1, 0, 0, -1, Overdue),
            (100, 0, 0, 0, -1, Paid),
            (100, 0, 100, 0, 1, Void),
            (100, 0, 100, 0, -1, Void),
            (100, 0, 0, 100, -1, WrittenOff),
            (100, 0, 0, 1, -1, WrittenOff),
        ] {
            let [gross, open, credited, written_off] =
                [gross, open, credited, written_off].map(Amount::from_micros);
            let due_at = Timestamp::from_second(1_000 + due_in).unwrap();
            let facts = Facts { gross, open, credited, written_off, due_at };
            assert_eq!(status(&facts, Timestamp::from_second(1_000).unwrap()), expected, "{gross} {open}");
        }
    }
}
