//! What does every operation say alike? Its name, its refusals, the headers of its answers and the forms of common values.
//!
//! It is said here once instead of at each operation, so that none forgets it.

use axum::http::StatusCode;
use serde_json::Value;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{
    Content, ContentBuilder, Header, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder,
};

use super::kind::Kind;
use super::schemas;
use crate::id;

const AMOUNT: &str = r"^-?[0-9]+(\.[0-9]+)?$";

/// How a value is written whose name says what it is: one word is one thing.
const FORMS: [(&str, &str); 18] = [
    ("currency", "^[A-Z]{3}$"),
    ("month", "^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$"),
    ("amount", AMOUNT),
    ("call_amount", AMOUNT),
    ("credit_limit", AMOUNT),
    ("day_amount", AMOUNT),
    ("flat_fee", AMOUNT),
    ("gross", AMOUNT),
    ("low_balance", AMOUNT),
    ("minimum_commitment", AMOUNT),
    ("monthly_fee", AMOUNT),
    ("net", AMOUNT),
    ("percent", AMOUNT),
    ("price", AMOUNT),
    ("price_per_minute", AMOUNT),
    ("rate", AMOUNT),
    ("spending_cap", AMOUNT),
    ("top_up_amount", AMOUNT),
];

const FILES: [&str; 4] =
    ["application/octet-stream", "application/pdf", "application/x-ndjson", "application/xml"];

/// Completes a document.
pub(super) fn finish(document: &mut Document) {
    for (path, item) in &mut document.paths.paths {
        let PathItem { get, put, post, delete, patch, .. } = item;
        let shows = [&get, &put, &patch].map(|operation| operation.is_some());
        for (operation, is_shown) in
            [(get, shows[0]), (put, shows[1]), (patch, shows[2]), (post, false), (delete, false)]
        {
            let Some(operation) = operation else { continue };
            name(operation);
            refusals(operation);
            files(operation);
            headers(operation, is_shown && path.starts_with("/v1/"));
            for parameter in operation.parameters.iter_mut().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if let Some(schema) = &mut parameter.schema {
                    form(&parameter.name, schema);
                }
            }
        }
    }
    let webhooks = document.webhooks.iter_mut().flat_map(|sent| &mut sent.paths);
    for operation in webhooks.filter_map(|(_, item)| item.post.as_mut()) {
        described(operation);
    }
    for schema in document.components.iter_mut().flat_map(|components| components.schemas.values_mut()) {
        forms(schema);
    }
    kinds(document);
    schemas::name(document);
    schemas::close(document);
}

/// An operation is called by one name in the whole document: `customers_list`.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().map(|tag| tag.replace(' ', "_"));
    if let (Some(tag), Some(verb)) = (tag, &operation.operation_id) {
        operation.operation_id = Some(format!("{tag}_{verb}"));
    }
}

fn answers(operation: &mut Operation) -> impl Iterator<Item = (&String, &mut Response)> {
    operation.responses.responses.iter_mut().filter_map(|(status, response)| match response {
        RefOr::T(response) => Some((status, response)),
        RefOr::Ref(_) => None,
    })
}

/// Whatever is asked may be refused.
fn refusals(operation: &mut Operation) {
    for (status, text) in [
        ("429", "Too many requests: wait for so many seconds as `Retry-After` says"),
        ("4XX", "Refused: `type` says why"),
        ("5XX", "A fault, or nobody has time: try it again later"),
    ] {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(text).content("application/problem+json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    }
    described(operation);
}

/// No answer is without a description: OpenAPI wants one.
fn described(operation: &mut Operation) {
    for (status, response) in answers(operation) {
        if response.description.is_empty() {
            let status = status.parse::<u16>().ok().and_then(|code| StatusCode::from_u16(code).ok());
            let reason =
                status.and_then(|status| status.canonical_reason()).unwrap_or("Refused: `type` says why");
            reason.clone_into(&mut response.description);
        }
    }
}

/// What is sent as it is, without being text or JSON of ours.
fn files(operation: &mut Operation) {
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.iter_mut().for_each(|(kind, content)| file(kind, content));
    }
    for (_, response) in answers(operation) {
        response.content.iter_mut().for_each(|(kind, content)| file(kind, content));
    }
}

fn file(kind: &str, content: &mut RefOr<Content>) {
    if let (true, RefOr::T(content)) = (FILES.contains(&kind), content) {
        let bytes = SchemaFormat::KnownFormat(KnownFormat::Binary);
        content.schema = Some(ObjectBuilder::new().schema_type(Type::String).format(Some(bytes)).into());
    }
}

fn headers(operation: &mut Operation, is_shown: bool) {
    let mut parameters = operation.parameters.iter().flatten();
    let is_once = parameters
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "Idempotency-Key"));
    for (status, response) in answers(operation) {
        let is_json = response.content.contains_key("application/json");
        let is_page =
            serde_json::to_string(&response.content).is_ok_and(|content| content.contains("/Page_"));
        let mut tell = |name: &str, header: Header| {
            response.headers.insert(name.to_owned(), header.into());
        };
        if status == "200" && is_shown && is_json {
            tell("ETag", header(Type::String, "Its version, for `If-None-Match` and `If-Match`"));
        }
        if is_page {
            tell("Link", header(Type::String, "Where the next page is (`rel=\"next\"`)"));
        }
        if is_once && status.starts_with('2') {
            tell(
                "Idempotency-Replayed",
                header(Type::String, "`true`: this was done before under the same key"),
            );
        }
        if status == "429" {
            tell("Retry-After", header(Type::Integer, "Seconds to wait"));
        }
        if status == "401" {
            tell("WWW-Authenticate", header(Type::String, "How to authenticate"));
        }
    }
}

fn header(kind: Type, text: &str) -> Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(kind))).description(Some(text)).build()
}

/// The forms of what an object or its variants hold.
fn forms(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            for (name, property) in &mut object.properties {
                form(name, property);
                forms(property);
            }
        }
        RefOr::T(Schema::OneOf(variants)) => variants.items.iter_mut().for_each(forms),
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter_mut().for_each(forms),
        RefOr::T(_) | RefOr::Ref(_) => {}
    }
}

/// Says how the text of a parameter or field is written, unless it says so itself.
fn form(name: &str, schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    let kind = serde_json::to_value(&object.schema_type).unwrap_or(Value::Null);
    let is_text = kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&"string".into()));
    if is_text && object.pattern.is_none() && object.format.is_none() {
        object.pattern = known_form(name);
    }
}

fn known_form(name: &str) -> Option<String> {
    let form = FORMS.iter().find(|(known, _)| *known == name);
    let kind = name.strip_suffix("_id").and_then(id::kind);
    form.map(|(_, form)| (*form).to_owned()).or_else(|| kind.map(id::form))
}

/// Names the types that a problem may have today. More may come, so it is no closed list.
fn kinds(document: &mut Document) {
    let problem = document.components.as_mut().and_then(|components| components.schemas.get_mut("Problem"));
    let Some(RefOr::T(Schema::Object(problem))) = problem else { return };
    if let Some(RefOr::T(Schema::Object(kind))) = problem.properties.get_mut("type") {
        (kind.example, kind.examples) = (None, Kind::ALL.iter().map(|kind| kind.uri().into()).collect());
    }
}
