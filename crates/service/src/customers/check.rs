//! Can a customer be invoiced, and written to, as their data say?
//!
//! What is being set is judged and refused at the door. What was stored before it was judged stays readable and can
//! be mended field by field; `config check` lists whose it is.

use calculation::invoice::{Party, PeppolAddress};
use calculation::tax::TaxTreatment;
use calculation::{bank_account, country, vat_id};
use serde_json::Value;

use super::{Billing, Delivery};
use crate::email;

/// What is wrong with a field of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaultOf {
    /// A JSON pointer.
    pub(crate) pointer: &'static str,
    pub(crate) what: String,
}

/// Which fields are being set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Being<'a> {
    /// All of a new customer.
    Set,
    /// Those that patches of a party and of its billing name.
    Changed(Option<&'a Value>, Option<&'a Value>),
}

impl Being<'_> {
    fn names(self, part: &str, field: &str) -> bool {
        let patch = match self {
            Self::Set => return true,
            Self::Changed(party, billing) => {
                if part == "party" {
                    party
                } else {
                    billing
                }
            }
        };
        patch.and_then(|patch| patch.get(field)).is_some()
    }
}

/// Everything that is wrong with a customer.
pub(crate) fn all_faults(party: &Party, billing: &Billing) -> Vec<FaultOf> {
    faults(party, billing, Being::Set)
}

/// What is wrong with the fields that are being set.
pub(super) fn faults(party: &Party, billing: &Billing, being: Being<'_>) -> Vec<FaultOf> {
    let mut found = Vec::new();
    let mut note = |pointer, what: Option<String>| found.extend(what.map(|what| FaultOf { pointer, what }));
    if being.names("party", "country") {
        note("/party/country", country::fault(&party.country));
    }
    let vat_fault = party.vat_id.as_deref().and_then(|id| vat_id::fault(id, &party.country));
    let vat_words =
        vat_fault.map(|fault| format!("`{}` {fault}", party.vat_id.as_deref().unwrap_or_default()));
    if being.names("party", "vat_id") {
        note("/party/vat_id", vat_words.clone());
    } else if being.names("billing", "tax_treatment") && billing.tax_treatment == TaxTreatment::ReverseCharge
    {
        note("/party/vat_id", vat_words);
    }
    let treated = being.names("billing", "tax_treatment") || being.names("party", "vat_id");
    if treated && billing.tax_treatment == TaxTreatment::ReverseCharge && party.vat_id.is_none() {
        let missing = "is missing: a reverse charge needs the customer's VAT identifier";
        note("/party/vat_id", Some(missing.to_owned()));
    }
    let tax_note = billing.tax_note.as_deref().unwrap_or_default();
    let noted = being.names("billing", "tax_treatment") || being.names("billing", "tax_note");
    if noted && billing.tax_treatment == TaxTreatment::Exempt && tax_note.trim().is_empty() {
        let missing = "is missing: say why the customer is exempt, as the invoice must";
        note("/billing/tax_note", Some(missing.to_owned()));
    }
    if being.names("party", "email") {
        note("/party/email", party.email.as_deref().and_then(email::fault));
    }
    let reached = being.names("billing", "delivery") || being.names("party", "email");
    if reached && billing.delivery == Some(Delivery::Email) && party.email.is_none() {
        let missing = "is missing: documents by e-mail need an address; set delivery to letter without one";
        note("/party/email", Some(missing.to_owned()));
    }
    if being.names("party", "iban") {
        note("/party/iban", party.iban.as_deref().and_then(|iban| bank_account::iban(iban).err()));
    }
    if being.names("party", "bic") {
        note("/party/bic", party.bic.as_deref().and_then(|bic| bank_account::bic(bic).err()));
    }
    if being.names("party", "peppol") {
        note("/party/peppol", party.peppol.as_ref().and_then(fault_of_peppol));
    }
    found
}

/// What is wrong with an address in Peppol.
pub(crate) fn fault_of_peppol(address: &PeppolAddress) -> Option<String> {
    let PeppolAddress { scheme, id } = address;
    if scheme.len() != 4 || !scheme.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("`{scheme}` is not a scheme of Peppol's: it has four digits, such as 0208"));
    }
    let sound = !id.is_empty() && id.len() <= 50 && id.chars().all(|char| char.is_ascii_graphic());
    if !sound {
        return Some(format!("`{id}` is not an identifier of scheme {scheme}: write it without blanks"));
    }
    let enterprise = id.len() == 10 && vat_id::fault(&format!("BE{id}"), "BE").is_none();
    (scheme == "0208" && !enterprise).then(|| {
        format!("`{id}` is not a number of scheme 0208: it has the ten digits of a Belgian enterprise")
    })
}

/// A party as it is kept: without the blanks around what is looked up or written to.
pub(super) fn tidied(party: Party) -> Party {
    let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned());
    Party { email: trimmed(party.email), vat_id: trimmed(party.vat_id), ..party }
}
