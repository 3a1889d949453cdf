//! How is a file answered? With its kind and its name.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// Answers a file; `disposition` says whether it is shown or saved, and its name.
pub fn download(kind: &'static str, disposition: &str, bytes: Vec<u8>) -> Response {
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    if let Ok(disposition) = HeaderValue::from_str(disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
