//! May this caller do this? What the API's description states is what is enforced.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::OpenApi as Document;

use super::authenticate::challenged;
use super::{Caller, Role, Scope, describe};
use crate::app::App;
use crate::http::{Context, Kind, Problem, Standing};
use crate::id::CustomerId;

/// What customers may see of what is no customer's.
const OPEN_TO_CUSTOMERS: [&str; 1] = ["plans:read"];

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it is for everybody.
    Nothing,
    Scope(Scope),
    /// It states nothing, or nothing that is understood: it is refused to all.
    Unstated,
}

/// What each operation of the API needs, by path and method.
#[derive(Debug, Clone, Default)]
pub struct Table(BTreeMap<String, BTreeMap<String, Stated>>);

/// What the API's description states of an operation.
#[derive(Debug, Clone)]
struct Stated {
    need: Need,
    /// The parameters of its query.
    query: Vec<String>,
}

impl Table {
    /// As the API's description states it.
    pub fn of(document: &Document) -> Self {
        let mut table = Self::default();
        for (path, method, operation) in describe::operations(document) {
            let stated = Stated { need: describe::need(operation), query: describe::query(operation) };
            table.0.entry(path.to_owned()).or_default().insert(method.to_owned(), stated);
        }
        table
    }

    /// Every operation: path, method and what it needs.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &str, Need)> {
        self.0.iter().flat_map(|(path, methods)| {
            methods.iter().map(move |(method, stated)| (path.as_str(), method.as_str(), stated.need))
        })
    }

    /// Whether a path without a customer may be asked for by customers.
    pub fn is_open_to_customers(path: &str, scope: Scope) -> bool {
        path.contains("{customer_id}") || OPEN_TO_CUSTOMERS.contains(&scope.code())
    }

    fn stated(&self, path: &str, method: &Method) -> Result<&Stated, String> {
        // What is got may be asked about: the same handler answers both.
        let method = if method == Method::HEAD { Method::GET } else { method.clone() };
        let methods = self.0.get(path);
        let stated = methods.and_then(|methods| methods.get(method.as_str()));
        stated.ok_or_else(|| {
            let allowed: Vec<_> = methods.into_iter().flatten().map(|(method, _)| method.as_str()).collect();
            allowed.join(", ")
        })
    }
}

impl Stated {
    /// Refuses what the operation does not know: a filter that is misspelt would answer everything.
    fn check_query(&self, query: Option<&str>) -> Result<(), Problem> {
        let mut names = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).map(|(name, _)| name);
        let Some(unknown) = names.find(|name| self.query.iter().all(|known| known != name)) else {
            return Ok(());
        };
        let known = if self.query.is_empty() { "none".to_owned() } else { self.query.join(", ") };
        Err(Problem::malformed(format!("`{unknown}` is not a parameter of this query; it has: {known}")))
    }
}

/// Lets a request pass if its caller may, and tells the handler who that is.
pub async fn guard(
    State((app, table)): State<(Arc<App>, Arc<Table>)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let stated = match table.stated(&path, &parts.method) {
        Ok(stated) => stated,
        Err(allowed) => return method_not_allowed(&allowed),
    };
    let need = stated.need;
    if need == Need::Nothing {
        parts.extensions.insert(Arc::new(Caller::nobody()));
        return next.run(Request::from_parts(parts, body)).await;
    }
    let caller = match app.access.caller(&app, &parts).await {
        Ok(caller) => caller,
        Err(unknown) => return unknown.into_response(),
    };
    if app.access.is_required() {
        let Need::Scope(scope) = need else {
            return refused("this operation states no scope: nobody may do it", "");
        };
        let whose = match RawPathParams::from_request_parts(&mut parts, &()).await {
            Ok(params) => params.iter().find(|(name, _)| *name == "customer_id").map(|(_, id)| id.to_owned()),
            Err(rejection) => return Problem::not_found(rejection.body_text()).into_response(),
        };
        if let Err(refusal) = permit(&caller, scope, &path, whose.as_deref()) {
            return refusal;
        }
    }
    if let Err(refusal) = stated.check_query(parts.uri.query()) {
        return refusal.into_response();
    }
    if let Some(context) = parts.extensions.get::<Context>().filter(|_| caller.is_known()) {
        context.prove(&*caller.subject);
    }
    if let Some(standing) = parts.extensions.get::<Standing>().filter(|_| caller.is_known())
        && caller.role == Role::Switch
    {
        standing.prove_switch();
    }
    parts.extensions.insert(caller);
    next.run(Request::from_parts(parts, body)).await
}

#[expect(clippy::result_large_err, reason = "the refusal is the answer, made once")]
fn permit(caller: &Caller, scope: Scope, path: &str, whose: Option<&str>) -> Result<(), Response> {
    if !caller.scopes.contains(&scope) {
        let detail = format!("this needs the scope {}, which the token has not", scope.code());
        return Err(refused(&detail, scope.code()));
    }
    if caller.role != Role::Customer {
        return Ok(());
    }
    match whose {
        None if Table::is_open_to_customers(path, scope) => Ok(()),
        None => Err(refused("this is not open to customers", "")),
        Some(id) => match (id.parse::<CustomerId>(), caller.customer) {
            (Ok(asked), Some(own)) if asked == own => Ok(()),
            // As if there were none: what others are called is nobody's business.
            (Ok(asked), _) => {
                Err(Problem::not_found(format!("there is no customer {asked}")).into_response())
            }
            (Err(error), _) => Err(Problem::not_found(error.to_string()).into_response()),
        },
    }
}

fn refused(detail: &str, scope: &str) -> Response {
    let problem = Problem::of_kind(Kind::Forbidden, detail);
    let scope = if scope.is_empty() { String::new() } else { format!(", scope=\"{scope}\"") };
    challenged(problem, &format!("Bearer realm=\"tollbook\", error=\"insufficient_scope\"{scope}"))
}

fn method_not_allowed(allowed: &str) -> Response {
    let detail = "this path does not take this method: see /docs";
    let mut response = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
