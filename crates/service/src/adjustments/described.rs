//! How does the API describe the terms of a discount? These describe calculation's types, which know no HTTP.

use utoipa::ToSchema;

/// What a discount takes off: either an amount or a percentage.
#[derive(ToSchema)]
#[schema(as = DiscountTerms)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) struct DiscountTermsSchema {
    #[schema(example = "5.00")]
    amount: Option<String>,
    #[schema(example = "10")]
    percent: Option<String>,
    /// All when absent.
    #[schema(required = false)]
    applies_to: DiscountScope,
    duration: DiscountDuration,
}

/// Which lines of an invoice a discount reduces.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) enum DiscountScope {
    Fees,
    Usage,
    All,
}

/// For how long a discount is given.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) enum DiscountDuration {
    /// On one invoice.
    Once,
    /// In so many months, the one in which it begins included.
    Months(u32),
    /// In every month from the one in which it begins.
    Forever,
}
