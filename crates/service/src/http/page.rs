//! Which part of a long list is asked for? A page after a cursor (keyset pagination).

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

const DEFAULT_LIMIT: u16 = 50;
const LARGEST_LIMIT: u16 = 500;

/// Which page of a list is asked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many entries, 1 to 500; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last.
    pub next: Option<String>,
}

impl PageQuery {
    /// Of a query that asks for more than a page.
    pub fn new(limit: Option<u16>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// How many entries.
    pub fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=LARGEST_LIMIT => Ok(limit.into()),
            _ => Err(Problem::malformed(format!("limit must be 1 to {LARGEST_LIMIT}"))),
        }
    }

    /// The cursor, parsed.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        let parse =
            |text: &String| text.parse().map_err(|_| Problem::malformed("the cursor is none of ours"));
        self.cursor.as_ref().map(parse).transpose()
    }
}

impl<T> Page<T> {
    /// A page from one entry more than was asked for, which shows that there is a next.
    pub fn new(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let next = self.next.clone().map(NextPage);
        let mut response = Json(self).into_response();
        if let Some(next) = next {
            response.extensions_mut().insert(next);
        }
        response
    }
}

/// The cursor of the page after an answer.
#[derive(Clone)]
struct NextPage(String);

/// Says in a header, too, where the next page is (RFC 8288).
pub(super) async fn linked(request: Request, next: axum::middleware::Next) -> Response {
    let uri = request.uri().clone();
    let mut response = next.run(request).await;
    let Some(NextPage(cursor)) = response.extensions_mut().remove() else { return response };
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.filter(|(name, _)| name != "cursor")).append_pair("cursor", &cursor);
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish());
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// The query of a request; what cannot be read is a problem.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(query) =
            Query::try_from_uri(&parts.uri).map_err(|error| Problem::malformed(error.body_text()))?;
        Ok(Self(query))
    }
}

/// An id in the path; what is no id cannot be found.
pub struct Key<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Key<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(key)) => Ok(Self(key)),
            Err(rejection) => Err(Problem::not_found(rejection.body_text())),
        }
    }
}
