//! Ready to bill? What keeps invoices, electronic ones or their mails from going out, as far as that is known now.

use std::collections::BTreeMap;

use calculation::tax::{TaxClass, TaxTreatment};
use calculation::{bank_account, country, vat_id};
use jiff::Timestamp;

use crate::config::{Config, Operator};
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::email;
use crate::error::Result;
use crate::invoices;

/// Something that keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unready {
    /// Whether something is wrong, not only missing.
    pub(crate) wrong: bool,
    pub(crate) what: String,
}

fn missing(what: impl Into<String>) -> Unready {
    Unready { wrong: false, what: what.into() }
}

fn wrong(what: impl Into<String>) -> Unready {
    Unready { wrong: true, what: what.into() }
}

/// What the settings lack, and then what is wrong with them.
pub(crate) fn of_settings(config: &Config) -> Vec<Unready> {
    let Operator { party, small_business, .. } = &config.operator;
    let blank = |text: &str| text.trim().is_empty();
    let unset = |text: &Option<String>| text.as_deref().is_none_or(blank);
    let mut found = Vec::new();
    if blank(&party.name) {
        found.push(missing("operator.name is missing: no invoice is issued without"));
    }
    if blank(&party.country) {
        found.push(missing("operator.country is missing: invoices need it to be electronic"));
    }
    if party.vat_id.is_none() && party.tax_number.is_none() {
        let what =
            "operator.vat_id and operator.tax_number are missing: invoices need one of them to be electronic";
        found.push(missing(what));
    }
    if unset(&party.iban) {
        found.push(missing("operator.iban is missing: invoices do not say where to pay to"));
    }
    if party.country == "DE" && (unset(&party.phone) || unset(&party.email)) {
        let what =
            "operator.phone and operator.email are needed for electronic invoices in UBL among Germans";
        found.push(missing(what));
    }
    let mut note =
        |name: &str, what: Option<String>| found.extend(what.map(|what| wrong(format!("{name} {what}"))));
    note(
        "operator.country",
        Some(&party.country).filter(|code| !blank(code)).and_then(|code| country::fault(code)),
    );
    note("operator.vat_id", party.vat_id.as_deref().and_then(|id| fault_of_vat_id(id, &party.country)));
    let empty = |text: &Option<String>| {
        text.as_deref()
            .filter(|text| blank(text))
            .map(|_| "is empty: leave it out if there is none".to_owned())
    };
    note("operator.tax_number", empty(&party.tax_number));
    note("operator.small_business", empty(small_business));
    note("operator.email", party.email.as_deref().and_then(email::fault));
    note("operator.iban", party.iban.as_deref().and_then(|iban| bank_account::iban(iban).err()));
    note("operator.bic", party.bic.as_deref().and_then(|bic| bank_account::bic(bic).err()));
    note("operator.peppol", party.peppol.as_ref().and_then(customers::fault_of_peppol));
    let own = [&party.name, &party.street, &party.postcode, &party.city].map(String::as_str);
    let letters = documents::unprintable(own, &config.brand.fonts);
    note("operator:", letters.map(|letters| letters.to_string()));
    let letters = documents::unprintable(config.brand.said(), &config.brand.fonts);
    note("brand.footer, brand.en or brand.de:", letters.map(|letters| letters.to_string()));
    found
}

fn fault_of_vat_id(id: &str, country: &str) -> Option<String> {
    let fault = vat_id::fault(id, country)?;
    let remedy = if id.contains('/') || id.chars().all(|char| !char.is_alphabetic()) {
        "; the number of a tax office is operator.tax_number"
    } else {
        ""
    };
    Some(format!("`{id}` {fault}{remedy}"))
}

/// So many customers are read at once.
const PAGE: usize = 500;
/// So many of a kind are named.
const NAMED: usize = 5;

/// What the customers and tax rates lack.
pub(crate) async fn of_database(tx: &mut Tx, config: &Config, now: Timestamp) -> Result<Vec<Unready>> {
    let rates = invoices::tax_rates(tx).await?;
    let mut kinds: BTreeMap<String, (u64, Vec<String>)> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = customers::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for customer in
            page.iter().filter(|customer| !customer.is_closed(now) && customer.erased_at.is_none())
        {
            let taxed = |country: &str| {
                rates.iter().any(|rate| rate.country == country && rate.class == TaxClass::Standard)
            };
            let needs_rate = config.operator.small_business.is_none();
            let lacks_rate = needs_rate && !taxed(&customer.party.country);
            for kind in kinds_of(customer, lacks_rate, config) {
                let (count, named) = kinds.entry(kind).or_default();
                *count += 1;
                if named.len() < NAMED {
                    named.push(customer.reference.clone());
                }
            }
        }
    }
    let told = kinds.into_iter().map(|(kind, (count, named))| {
        let more = if count > NAMED as u64 { ", …" } else { "" };
        let customers = if count == 1 { "customer" } else { "customers" };
        wrong(format!("{count} {customers} ({}{more}): {kind}", named.join(", ")))
    });
    Ok(told.collect())
}

/// What keeps the documents of a customer from going out.
fn kinds_of(customer: &Customer, lacks_rate: bool, config: &Config) -> Vec<String> {
    let Customer { party, billing, .. } = customer;
    let mut kinds = Vec::new();
    if lacks_rate && billing.tax_treatment == TaxTreatment::Standard {
        kinds.push(format!("no tax rate is set for {}", party.country));
    }
    for fault in customers::all_faults(party, billing) {
        let field = fault.pointer.trim_start_matches('/').replace('/', ".");
        // Those of one field together: what each says stands in the answer to setting it again.
        kinds.push(match fault.pointer {
            "/party/country" => format!("{field} {}", fault.what),
            _ => format!("{field} is wrong or missing, such as: {}", first_words(&fault.what)),
        });
    }
    let own = [&party.name, &party.street, &party.postcode, &party.city].map(String::as_str);
    if let Some(letters) = documents::unprintable(own, &config.brand.fonts) {
        kinds.push(format!("no document can be drawn: {letters}"));
    }
    kinds
}

/// What is wrong without the value, so that many are told together.
fn first_words(what: &str) -> &str {
    let after_value = what.rsplit_once("` ").map_or(what, |(_, rest)| rest);
    after_value.split(':').next().unwrap_or(after_value)
}
