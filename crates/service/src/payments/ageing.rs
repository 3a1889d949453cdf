//! How old is what customers owe? What is open, by the days since it was due.

use calculation::total::TotalMoney;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::store;
use crate::calls::MoneySchema;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, NOBODY};

/// What is open, by the days since it was due. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ages {
    #[schema(value_type = MoneySchema)]
    pub not_due: TotalMoney,
    #[schema(value_type = MoneySchema)]
    pub days_1_to_30: TotalMoney,
    #[schema(value_type = MoneySchema)]
    pub days_31_to_60: TotalMoney,
    #[schema(value_type = MoneySchema)]
    pub days_61_to_90: TotalMoney,
    #[schema(value_type = MoneySchema)]
    pub days_over_90: TotalMoney,
    /// All of it.
    #[schema(value_type = MoneySchema)]
    pub open: TotalMoney,
}

/// What a customer owes, by its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgedCustomer {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub reference: String,
    pub ages: Ages,
}

/// What all customers owe, by its age, one entry a currency.
pub async fn ageing(tx: &mut Tx, now: Timestamp) -> Result<Vec<Ages>> {
    store::ageing(tx, &edges(now)).await
}

/// The same for each customer who owes something, after a cursor.
pub async fn ageing_of_customers(
    tx: &mut Tx,
    now: Timestamp,
    after: Option<CustomerId>,
    limit: usize,
) -> Result<Vec<AgedCustomer>> {
    store::ageing_of_customers(tx, &edges(now), after.unwrap_or(NOBODY), limit).await
}

/// Now, and 30, 60 and 90 days before.
fn edges(now: Timestamp) -> [Timestamp; 4] {
    [0, 30, 60, 90].map(|days| now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now))
}
