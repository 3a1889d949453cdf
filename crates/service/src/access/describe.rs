//! How does the API's description say who may do what? By a scheme, a scope of each operation, and what it answers to others.

use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::security::{ClientCredentials, Flow, OAuth2, Scopes as Described, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};

use super::guard::{Need, Table};
use super::{Role, SCOPES, Scope};

/// The scheme's name in the description.
const SCHEME: &str = "oauth";

/// The parameters of an operation's query.
pub(super) fn query(operation: &Operation) -> Vec<String> {
    let of_query = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => {
            Some(parameter.name.clone())
        }
        _ => None,
    };
    operation.parameters.iter().flatten().filter_map(of_query).collect()
}

/// Every operation: path, method and what is said of it.
pub(super) fn operations(document: &Document) -> impl Iterator<Item = (&str, &'static str, &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let PathItem { get, put, post, delete, patch, options, head, trace, .. } = item;
        let methods = [
            ("GET", get),
            ("PUT", put),
            ("POST", post),
            ("DELETE", delete),
            ("PATCH", patch),
            ("OPTIONS", options),
            ("HEAD", head),
            ("TRACE", trace),
        ];
        let stated =
            methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)));
        stated.map(move |(method, operation)| (path.as_str(), method, operation))
    })
}

/// What an operation states that it needs: `security(("oauth" = ["calls:read"]))`, or `security(())`.
pub(super) fn need(operation: &Operation) -> Need {
    let stated = serde_json::to_value(&operation.security).unwrap_or(Value::Null);
    let Some([requirement]) = stated.as_array().map(Vec::as_slice) else { return Need::Unstated };
    let Some(requirement) = requirement.as_object() else { return Need::Unstated };
    if requirement.is_empty() {
        return Need::Nothing;
    }
    let scopes = requirement.get(SCHEME).filter(|_| requirement.len() == 1).and_then(Value::as_array);
    let scope = match scopes.map(Vec::as_slice) {
        Some([scope]) => scope.as_str().and_then(|scope| scope.parse().ok()),
        _ => None,
    };
    scope.map_or(Need::Unstated, Need::Scope)
}

/// Adds the scheme, and to each operation with a scope what it answers to those who have it not.
pub fn describe(document: &mut Document) {
    let flow = ClientCredentials::new("/oauth/token", Described::from_iter(SCOPES));
    let scheme = OAuth2::with_description(
        [Flow::ClientCredentials(flow)],
        "A bearer token: from POST /oauth/token, or from the OpenID Connect issuer of the settings. A role has \
         scopes, a token may have fewer.",
    );
    document.components.get_or_insert_default().add_security_scheme(SCHEME, SecurityScheme::OAuth2(scheme));
    for (path, item) in &mut document.paths.paths {
        let PathItem { get, put, post, delete, patch, .. } = item;
        for operation in [get, put, post, delete, patch].into_iter().flatten() {
            if let Need::Scope(scope) = need(operation) {
                refusals(path, scope, operation);
            }
        }
    }
}

fn refusals(path: &str, scope: Scope, operation: &mut Operation) {
    let roles: Vec<_> = Role::ALL.into_iter().filter(|role| role.scopes().contains(&scope)).collect();
    let open =
        roles.iter().filter(|role| **role != Role::Customer || Table::is_open_to_customers(path, scope));
    let open = open.map(|role| role.code()).collect::<Vec<_>>().join(", ");
    let mut add = |status: &str, text: String| {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(text));
    };
    add("401", "No valid token".to_owned());
    add("403", format!("The token has not the scope `{}`. Roles that have it: {open}", scope.code()));
    if path.contains("{customer_id}") {
        add("404", "There is no such thing, or it is another customer's than the caller".to_owned());
    }
}

fn problem(text: String) -> RefOr<utoipa::openapi::Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(text).content("application/problem+json", content).build().into()
}
