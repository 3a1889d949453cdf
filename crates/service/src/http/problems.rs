//! What does a problem's `type` mean? Who follows it is told, as JSON or as a page.

use std::fmt::Write as _;

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::kind::Kind;
use super::page::Key;
use super::problem::Problem;
use crate::app::SharedApp;

pub(super) fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// A kind of problem.
#[derive(Debug, Serialize, ToSchema)]
struct ProblemKind {
    /// The `type` of such problems.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "/problems/not-found")]
    uri: String,
    /// The kind in words.
    #[schema(example = "Not found")]
    title: &'static str,
    /// The HTTP status they come with.
    #[schema(example = 404)]
    status: u16,
    /// What it means, and what to do.
    meaning: &'static str,
}

impl From<Kind> for ProblemKind {
    fn from(kind: Kind) -> Self {
        let (title, status, meaning) = (kind.title(), kind.status().as_u16(), kind.meaning());
        Self { uri: kind.uri(), title, status, meaning }
    }
}

/// List the kinds of problems
///
/// What the `type` of a refusal may be. There may be more at any time; `about:blank` says no more than the status.
#[utoipa::path(get, path = "/problems", tag = "problems", security(()),
    responses((status = 200, content((Vec<ProblemKind> = "application/json"), (String = "text/html; charset=utf-8")))))]
async fn list(headers: HeaderMap) -> Response {
    let kinds: Vec<ProblemKind> = Kind::ALL.iter().map(|kind| (*kind).into()).collect();
    if wants_page(&headers) { page(&kinds) } else { Json(kinds).into_response() }
}

/// Read what a kind of problem means
#[utoipa::path(get, path = "/problems/{kind}", tag = "problems", security(()),
    params(("kind" = String, Path, example = "not-found")),
    responses((status = 200, content((ProblemKind = "application/json"), (String = "text/html; charset=utf-8"))),
        (status = 404, description = "There is no such kind", body = Problem, content_type = "application/problem+json")))]
async fn read(Key(code): Key<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let kind = Kind::of(&code);
    let kind = kind.ok_or_else(|| Problem::not_found("there is no such kind of problem: see /problems"))?;
    let kind = ProblemKind::from(kind);
    Ok(if wants_page(&headers) { page(&[kind]) } else { Json(kind).into_response() })
}

/// Browsers ask for HTML before anything else.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.trim_start().starts_with("text/html"))
}

/// All that is shown is our own text: nothing in it must be escaped.
fn page(kinds: &[ProblemKind]) -> Response {
    let mut html =
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Problems</title>\n".to_owned();
    for ProblemKind { uri, title, status, meaning } in kinds {
        let _ = writeln!(html, "<h1>{title}</h1>\n<p><code>{uri}</code>, status {status}\n<p>{meaning}");
    }
    Html(html).into_response()
}
