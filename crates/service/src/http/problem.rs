//! How does the API say no? As RFC 9457 problem details.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::kind::Kind;
use crate::error::Error;
use crate::log::Concealed;

/// A refusal or fault (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A stable URI for the kind of problem, which tells more when it is read. There may be more kinds at any time;
    /// `about:blank` says no more than the status.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "/problems/not-found")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong this time, and what to do.
    detail: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// After how many seconds to try again; in the header `Retry-After`.
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// One field at fault.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// Where in the request body, as a JSON pointer (RFC 6901), or the line and column of a file.
    #[schema(example = "/lines/0/number")]
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Problem {
    /// A refusal of a kind.
    pub fn of_kind(kind: Kind, detail: impl Into<String>) -> Self {
        let (title, status, detail) = (kind.title(), kind.status().as_u16(), detail.into());
        Self { kind: kind.uri(), title, status, detail, errors: Vec::new(), retry_after: None }
    }

    /// 400: the request cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::of_kind(Kind::MalformedRequest, detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::of_kind(Kind::NotFound, detail)
    }

    /// 409: it contradicts what is there already.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::of_kind(Kind::Conflict, detail)
    }

    /// 422: readable, but a field is wrong.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let errors = vec![FieldError { pointer: pointer.into(), detail: detail.clone() }];
        Self::invalid_many(detail, errors)
    }

    /// 422: several things are wrong.
    pub fn invalid_many(detail: impl Into<String>, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::of_kind(Kind::InvalidField, detail) }
    }

    /// The same refusal, with what it is about.
    #[must_use]
    pub fn listing(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// Another status, which explains itself.
    pub fn of_status(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let kind = "about:blank".to_owned();
        let (status, detail) = (status.as_u16(), detail.into());
        Self { kind, title, status, detail, errors: Vec::new(), retry_after: None }
    }

    /// 503: the same request may succeed in so many seconds.
    pub fn unavailable(retry_after: u32, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(retry_after), ..Self::of_kind(Kind::Unavailable, detail) }
    }

    /// 503: many requests wait for the same rows.
    pub(super) fn crowded() -> Self {
        Self::unavailable(1, "many requests wait for the same rows: send this one again")
    }

    /// The same, without the secrets that a request brought along.
    #[must_use]
    pub(super) fn concealed(mut self) -> Self {
        let of_fields = self.errors.iter_mut().flat_map(|error| [&mut error.pointer, &mut error.detail]);
        for text in of_fields.chain([&mut self.detail]) {
            *text = Concealed(text).to_string();
        }
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Error> for Problem {
    /// A fault is logged here, once, and shows the client nothing of the inside.
    fn from(error: Error) -> Self {
        if let Error::Database(fault) = &error {
            if fault.is_unstorable_value() {
                return Self::malformed(
                    "the request holds a text or time that cannot be stored, such as a NUL",
                );
            }
            if fault.is_transient() || fault.is_unique_violation() {
                tracing::info!(%error, "a request met another writer");
                return Self::unavailable(1, "another request was at the same rows: send this one again");
            }
            if fault.is_full() {
                tracing::error!(%error, "the database has no room");
                return Self::unavailable(
                    60,
                    "the database has no room: nothing was stored. Send the same again later",
                );
            }
            if fault.is_away() {
                tracing::warn!(%error, "the database cannot serve");
                return Self::unavailable(5, "the database cannot serve now: send the same again");
            }
        }
        if let Error::Letters(detail) = &error {
            tracing::warn!(%error, "a document cannot be drawn");
            return Self::conflict(detail);
        }
        if let Error::Clock(why) = &error {
            tracing::warn!(%error, "a request waits for the time");
            let refused = Self::of_kind(Kind::ClockInDoubt, why);
            return Self { retry_after: Some(60), ..refused };
        }
        if let Error::Crowded(_) = error {
            tracing::info!(%error, "a request is refused");
            return Self::crowded();
        }
        if let Error::Moved(_) = error {
            let detail = "a customer of the request got another time zone meanwhile: send it again";
            return Self::unavailable(1, detail);
        }
        tracing::error!(%error, "request failed");
        Self::of_status(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server could not do this; the fault was logged",
        )
    }
}

impl From<crate::db::Error> for Problem {
    fn from(error: crate::db::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(&self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Who knows the request names it, in `http::as_problem`.
        response.extensions_mut().insert(self);
        response
    }
}
