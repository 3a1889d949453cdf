//! How does the API describe what is to be changed of a customer? As merge patches.

use utoipa::ToSchema;

use super::{ItemisationSchema, LanguageSchema, TaxTreatmentSchema};

/// What is to be changed of a name and address.
#[derive(ToSchema)]
#[schema(as = ChangeParty)]
#[expect(dead_code, reason = "describes a merge patch")]
pub struct ChangePartySchema {
    #[schema(nullable = false)]
    name: Option<String>,
    street: Option<String>,
    postcode: Option<String>,
    city: Option<String>,
    #[schema(nullable = false, example = "DE")]
    country: Option<String>,
    vat_id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    iban: Option<String>,
}

/// What is to be changed of how a customer is billed; null is as if it had never been set.
#[derive(ToSchema)]
#[schema(as = ChangeBilling)]
#[expect(dead_code, reason = "describes a merge patch")]
pub struct ChangeBillingSchema {
    language: Option<LanguageSchema>,
    itemisation: Option<ItemisationSchema>,
    tax_treatment: Option<TaxTreatmentSchema>,
    tax_note: Option<String>,
    #[schema(example = "50.00")]
    spending_cap: Option<String>,
}
