//! What else is on a customer's bill? One-off charges, and discounts for a while or for ever.

mod charge;
mod described;
mod discount;
pub mod http;
mod store;

use std::collections::{BTreeMap, BTreeSet};

use calculation::discount::DiscountTerms;
use calculation::money::Money;
use calculation::tax::TaxClass;
use calculation::total::Total;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use charge::{Charged, charge};
pub use discount::{DiscountEnded, Discounted, discount, end_discount};

use crate::calls::MoneySchema;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ChargeId, CustomerId, DiscountId, InvoiceId};

/// Something charged once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OneOffCharge {
    #[schema(value_type = String, example = "chg_01h2x3y4z5a6b")]
    pub id: ChargeId,
    #[schema(example = "Installation")]
    pub description: String,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    #[schema(value_type = TaxClassSchema)]
    pub tax_class: TaxClass,
    /// It is on the invoice of the month that holds this instant or, if that is issued, on the next.
    #[schema(value_type = String, format = DateTime)]
    pub charged_at: Timestamp,
    /// The invoice it is on.
    #[schema(value_type = Option<String>)]
    pub invoice_id: Option<InvoiceId>,
}

/// A one-off charge to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    #[schema(example = "Installation")]
    pub description: String,
    /// Net, above zero, in the customer's currency.
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// Which tax rate applies; the standard one when absent.
    #[serde(default)]
    #[schema(value_type = TaxClassSchema)]
    pub tax_class: TaxClass,
    /// Now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub charged_at: Option<Timestamp>,
}

/// Which of a country's tax rates applies.
#[derive(ToSchema)]
#[schema(as = TaxClass, rename_all = "snake_case")]
pub enum TaxClassSchema {
    Standard,
    Reduced,
}

/// A discount that a customer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Discount {
    #[schema(value_type = String, example = "dis_01h2x3y4z5a6b")]
    pub id: DiscountId,
    #[schema(example = "Welcome, 10 % off")]
    pub description: String,
    #[schema(value_type = described::DiscountTermsSchema, example = json!({"percent": "10", "duration": {"months": 3}}))]
    pub terms: DiscountTerms,
    /// It begins with the month that holds this instant.
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    /// It is on no invoice of a month that begins at or after this instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<Timestamp>,
    /// On how many invoices it was used.
    pub uses: u32,
}

/// A discount to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDiscount {
    #[schema(example = "Welcome, 10 % off")]
    pub description: String,
    /// `amount` or `percent`, what it `applies_to` (`fees`, `usage` or `all`) and its `duration`: `once`,
    /// `{"months": 3}` or `forever`.
    #[schema(value_type = described::DiscountTermsSchema, example = json!({"percent": "10", "applies_to": "usage", "duration": {"months": 3}}))]
    pub terms: DiscountTerms,
    /// Now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
}

/// A customer's one-off charges, oldest first.
pub async fn charges(tx: &mut Tx, customer: CustomerId) -> Result<Vec<OneOffCharge>> {
    store::charges(tx, customer).await
}

/// A customer's discounts, oldest first.
pub async fn discounts(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Discount>> {
    Ok(discounts_of(tx, &[customer]).await?.remove(&customer).unwrap_or_default())
}

/// The one-off charges of some customers that are on no invoice yet, oldest first.
pub async fn open_charges(
    tx: &mut Tx,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<OneOffCharge>>> {
    store::open_charges(tx, customers).await
}

/// The discounts of some customers, oldest first.
pub async fn discounts_of(
    tx: &mut Tx,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<Discount>>> {
    store::discounts(tx, customers).await
}

/// Lets go of what an invoice took up that was credited in full: the one that takes its place takes it up.
pub async fn release(tx: &mut Tx, customer: CustomerId, invoice: InvoiceId) -> Result<()> {
    store::release(tx, customer, invoice).await
}

/// The discounts that an invoice used.
pub async fn used_on(tx: &mut Tx, customer: CustomerId, invoice: InvoiceId) -> Result<BTreeSet<DiscountId>> {
    store::used_on(tx, customer, invoice).await
}

/// What an invoice took up: its one-off charges, and what each discount took off.
#[derive(Debug)]
pub struct TakenUp {
    pub customer: CustomerId,
    pub invoice: InvoiceId,
    pub charges: Vec<ChargeId>,
    pub discounts: Vec<(DiscountId, calculation::money::Amount)>,
}

/// Remembers what invoices took up, so that no other does.
pub async fn take_up(tx: &mut Tx, taken: &[TakenUp]) -> Result<()> {
    store::take_up(tx, taken).await
}

/// What charges and discounts come to by invoice, for a check: net of both.
pub async fn of_invoice(tx: &mut Tx, customer: CustomerId, invoice: InvoiceId) -> Result<(Total, Total)> {
    store::of_invoice(tx, customer, invoice).await
}
