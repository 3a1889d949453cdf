//! What does a draft look like in a preview, beside the month before?

use calculation::money::Money;
use serde::Serialize;
use utoipa::ToSchema;

use super::Held;
use crate::calls::MoneySchema;
use crate::id::CustomerId;

/// A customer's month in a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PreviewedInvoice)]
pub struct Draft {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub customer_reference: String,
    pub customer_name: String,
    #[schema(example = "2026-10")]
    pub month: String,
    pub state: DraftState,
    /// Whether the month is over where the customer is.
    pub is_over: bool,
    /// Of an issued invoice.
    #[schema(example = "INV-2026-000001")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Why the customer is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Held>,
    /// The invoice of the month before, with tax; absent when there is none.
    #[schema(value_type = Option<MoneySchema>)]
    pub last_month: Option<Money>,
    /// What the month comes to, with tax; absent when no invoice can be made of it: the flags say why.
    #[schema(value_type = Option<MoneySchema>)]
    pub this_month: Option<Money>,
    /// This month less the last; absent when one of them is.
    #[schema(value_type = Option<MoneySchema>)]
    pub change: Option<Money>,
    /// What a person may want to look at. An issued invoice has none.
    pub flags: Vec<Flag>,
}

/// Where a month stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PreviewState)]
pub enum DraftState {
    Issued,
    /// It is approved, or goes out by itself, once its month is over.
    GoesOut,
    /// It waits until somebody approves it.
    Waits,
    /// The customer is held.
    Held,
}

impl DraftState {
    /// As it is shown to a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::GoesOut => "goes out",
            Self::Waits => "waits",
            Self::Held => "held",
        }
    }
}

/// What is unusual about a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PreviewFlag)]
pub enum Flag {
    /// The customer has no invoice yet.
    FirstBill,
    /// It is more than three times the average of the invoices of the last twelve months.
    ThreeTimesAverage,
    /// It comes to nothing.
    Zero,
    /// A call of more than two hours is on it.
    LongCall,
    /// A country is on it that was not charged in the twelve months before; the customer's own is never new.
    NewCountry,
    /// Records of the customer's calls wait in suspense.
    Suspense,
    /// The customer gets letters and has no street or city, or e-mail and has no address.
    NoAddress,
    /// No tax rate is known.
    NoTaxRate,
    /// A sum does not fit an amount.
    TooLarge,
}

impl Flag {
    /// As it is shown to a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::FirstBill => "first bill",
            Self::ThreeTimesAverage => "over 3 times the average",
            Self::Zero => "zero",
            Self::LongCall => "call over two hours",
            Self::NewCountry => "new country",
            Self::Suspense => "records in suspense",
            Self::NoAddress => "no address",
            Self::NoTaxRate => "no tax rate",
            Self::TooLarge => "too large",
        }
    }
}
