//! How are types of the description found by a name? Each object has one, so that a generated client has a class for it.

use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Object, Schema};
use utoipa::openapi::{OpenApi as Document, Ref, RefOr};

/// Generic types, whose part is a type of the description too: the name's beginning and the property.
const GENERIC: [(&str, &str); 2] = [("Page_", "items"), ("Payload_", "data")];

/// Types that refuse a field which they do not know, and whose derive cannot say it: calculation's, merge patches and variants.
const CLOSED: [&str; 22] = [
    "AboutCall",
    "AboutInvoice",
    "Allowance",
    "Band",
    "CallCredits",
    "CallLimits",
    "ChangeBilling",
    "ChangeParty",
    "CreditsCall",
    "CreditsLine",
    "DiscountDurationMonths",
    "DiscountTerms",
    "InvoiceAbout",
    "LineCredits",
    "Money",
    "Party",
    "PeppolAddress",
    "PlanTerms",
    "Rounding",
    "Terms",
    "Tier",
    "UsagePricing",
];

/// Gives each object of a document's schemas a name of its own.
pub(super) fn name(document: &mut Document) {
    let Some(components) = &mut document.components else { return };
    let names: Vec<_> = components.schemas.keys().cloned().collect();
    let mut named = Vec::new();
    for (name, schema) in &mut components.schemas {
        match schema {
            RefOr::T(Schema::Object(object)) => refer(name, object, &names),
            RefOr::T(Schema::OneOf(variants)) => {
                for variant in &mut variants.items {
                    name_variant(name, variant, &mut named);
                }
            }
            _ => {}
        }
    }
    components.schemas.extend(named);
}

/// Says of what is closed that it is.
pub(super) fn close(document: &mut Document) {
    let Some(components) = &mut document.components else { return };
    for name in CLOSED {
        if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name) {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// A page of calls holds calls, which are described by themselves.
fn refer(name: &str, object: &mut Object, names: &[String]) {
    for (beginning, property) in GENERIC {
        let Some(part) = name.strip_prefix(beginning).filter(|part| names.iter().any(|name| name == part))
        else {
            continue;
        };
        let part = RefOr::Ref(Ref::from_schema_name(part));
        match object.properties.get_mut(property) {
            Some(RefOr::T(Schema::Array(array))) => array.items = ArrayItems::RefOrSchema(Box::new(part)),
            Some(whole) => *whole = part,
            None => {}
        }
    }
}

/// A variant is called by its tag: `ChargedAnswer`; by its only field, if it has no tag: `CreditsLine` with a `LineCredits`.
fn name_variant(name: &str, variant: &mut RefOr<Schema>, named: &mut Vec<(String, RefOr<Schema>)>) {
    let RefOr::T(Schema::Object(object)) = variant else { return };
    let tag = object.properties.values().find_map(|property| match property {
        RefOr::T(Schema::Object(tag)) => match tag.enum_values.as_deref() {
            Some([value]) => value.as_str(),
            _ => None,
        },
        _ => None,
    });
    let chosen = match (tag, object.properties.len()) {
        (Some(tag), _) => format!("{}{name}", capitalised(tag)),
        (None, 1) => {
            let Some((field, content)) = object.properties.iter_mut().next() else { return };
            let field = capitalised(field);
            hoist(&format!("{field}{name}"), content, named);
            format!("{name}{field}")
        }
        (None, _) => return,
    };
    hoist(&chosen, variant, named);
}

/// Puts a nameless object under a name, and a reference in its place.
fn hoist(name: &str, schema: &mut RefOr<Schema>, named: &mut Vec<(String, RefOr<Schema>)>) {
    if matches!(schema, RefOr::T(Schema::Object(object)) if !object.properties.is_empty()) {
        let whole = std::mem::replace(schema, RefOr::Ref(Ref::from_schema_name(name)));
        named.push((name.to_owned(), whole));
    }
}

/// `one_off` as `OneOff`.
fn capitalised(words: &str) -> String {
    let capital =
        |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    words.split('_').map(|word| -> String { capital(word) }).collect()
}
