//! Who sells? The settings `[operator]`.

use calculation::invoice::{Party, PeppolAddress};
use serde::Deserialize;

/// The operator: the seller on every invoice, and what that means for its invoices.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Settings")]
pub struct Operator {
    pub party: Party,
    /// The zone of the days on which invoices are issued.
    pub zone: Option<String>,
    /// Why the operator charges no tax, if it is a small business.
    pub small_business: Option<String>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    name: String,
    street: String,
    postcode: String,
    city: String,
    country: String,
    vat_id: Option<String>,
    tax_number: Option<String>,
    small_business: Option<String>,
    peppol: Option<PeppolAddress>,
    email: Option<String>,
    phone: Option<String>,
    iban: Option<String>,
    bic: Option<String>,
    zone: Option<String>,
}

impl From<Settings> for Operator {
    fn from(set: Settings) -> Self {
        let Settings { name, street, postcode, city, country, vat_id, tax_number, peppol, .. } = set;
        let Settings { email, phone, iban, bic, zone, small_business, .. } = set;
        let party = Party {
            name,
            street,
            postcode,
            city,
            country,
            vat_id,
            tax_number,
            peppol,
            email,
            phone,
            iban,
            bic,
        };
        Self { party, zone, small_business }
    }
}
