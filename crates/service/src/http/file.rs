//! How is a file answered? With its kind and its name, at once or line after line.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::Result;

/// Answers a file; `disposition` says whether it is shown or saved, and its name.
pub fn download(kind: &'static str, disposition: &str, bytes: impl Into<Bytes>) -> Response {
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes.into()).into_response();
    if let Ok(disposition) = HeaderValue::from_str(disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// So many lines may wait for a slow reader.
pub const WAITING: usize = 256;

/// Answers a file line by line, as they come. What goes wrong on the way breaks the answer off: the reader must not take a part
/// for the whole.
pub fn streamed(
    kind: &'static str,
    name: &str,
    read: mpsc::Receiver<Vec<u8>>,
    copying: JoinHandle<Result<()>>,
) -> Response {
    let body = stream::unfold((read, Some(copying)), |(mut read, copying)| async move {
        if let Some(line) = read.recv().await {
            return Some((Ok(Bytes::from(line)), (read, copying)));
        }
        let broken = match copying?.await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(error = broken, "an export was cut short");
        Some((Err(std::io::Error::other(broken)), (read, None)))
    });
    // Whoever packs it asks once more after the end.
    let body = Body::from_stream(body.fuse());
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, body).into_response()
}
