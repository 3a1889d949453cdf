//! Does a client wait for long work? It says so with `Prefer: respond-async` (RFC 7240).

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use utoipa::IntoParams;

/// Says that the answer does not wait.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Does not wait for long work.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header, which `Patience` reads")]
pub struct Prefer {
    /// `respond-async`: answer at once (202) with where the work can be looked at.
    #[param(rename = "Prefer", nullable = false, example = "respond-async")]
    prefer: Option<String>,
}

/// Whether the client waits until the work is done.
pub struct Patience(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for Patience {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let values = parts.headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
        let mut preferences = values.flat_map(|value| value.split(','));
        Ok(Self(!preferences.any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))))
    }
}
