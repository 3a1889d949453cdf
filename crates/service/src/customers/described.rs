//! How does the API describe what it says of a customer? These describe calculation's types, which know no HTTP.

use utoipa::ToSchema;

use super::Delivery;

/// A language (ISO 639-1).
#[derive(ToSchema)]
#[schema(as = Language, rename_all = "lowercase")]
pub enum LanguageSchema {
    En,
    De,
}

/// Whether the calls of an invoice are listed one by one.
#[derive(ToSchema)]
#[schema(as = Itemisation, rename_all = "snake_case")]
pub enum ItemisationSchema {
    /// Not at all.
    None,
    /// With the last three digits hidden.
    Masked,
    /// With whole numbers.
    Full,
}

/// What a customer is for the tax office.
#[derive(ToSchema)]
#[schema(as = TaxTreatment, rename_all = "snake_case")]
pub enum TaxTreatmentSchema {
    /// Taxed at the rates of their country.
    Standard,
    /// Exempt: say why in `tax_note`.
    Exempt,
    /// A business in another country that owes the tax itself: needs its VAT identifier.
    ReverseCharge,
}

/// A name and address, as an invoice shows it.
#[derive(ToSchema)]
#[schema(as = Party)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub struct PartySchema {
    #[schema(example = "Anna Brandt")]
    name: String,
    #[schema(required = false)]
    street: String,
    #[schema(required = false)]
    postcode: String,
    #[schema(required = false)]
    city: String,
    /// ISO 3166-1 alpha-2; decides the tax rate.
    #[schema(example = "DE")]
    country: String,
    vat_id: Option<String>,
    /// The number of the local tax office (operator only).
    tax_number: Option<String>,
    peppol: Option<PeppolAddressSchema>,
    /// One address, without a name.
    email: Option<String>,
    phone: Option<String>,
    iban: Option<String>,
    bic: Option<String>,
}

/// Where programs send electronic invoices to.
#[derive(ToSchema)]
#[schema(as = PeppolAddress)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub struct PeppolAddressSchema {
    /// Of the Electronic Address Scheme list.
    #[schema(example = "0208")]
    scheme: String,
    #[schema(example = "0123456749")]
    id: String,
}

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
    tax_number: Option<String>,
    peppol: Option<PeppolAddressSchema>,
    email: Option<String>,
    phone: Option<String>,
    iban: Option<String>,
    bic: Option<String>,
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
    delivery: Option<Delivery>,
}

/// What decided a customer's zone.
#[derive(ToSchema)]
#[schema(as = ZoneStep, rename_all = "snake_case")]
pub enum ZoneStepSchema {
    /// It was set by hand.
    Set,
    /// The number's region has one zone.
    Region,
    /// The number's area code.
    AreaCode,
    /// The main zone of the number's country.
    CountryDefault,
    /// The operator's setting.
    OperatorDefault,
}
