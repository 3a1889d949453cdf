//! The door for customers who follow a link in a mail.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::documents;
use super::link::Opened;
use crate::app::SharedApp;
use crate::http::Problem;
use crate::invoices;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(document))
}

/// Read a document by the link in a mail
///
/// The token is the permission: it names one document, is signed, and expires.
#[utoipa::path(get, path = "/d/{token}", tag = "invoices",
    security(()), params(("token" = String, Path)),
    responses((status = 200, description = "The PDF", content_type = "application/pdf"),
        (status = 404, description = "No link of ours", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The link has expired", body = Problem, content_type = "application/problem+json")))]
async fn document(State(app): State<SharedApp>, Path(token): Path<String>) -> Result<Response, Problem> {
    let none = || Problem::not_found("this link leads to nothing: see that it is whole");
    let links = app.mailer.links.as_ref().ok_or_else(none)?;
    let (customer, document) = match links.opened(&token, app.clock.now()) {
        Opened::Document(customer, document) => (customer, document),
        Opened::Forged => return Err(none()),
        Opened::Expired => {
            let detail = "this link has expired: ask who sent it for the document";
            return Err(Problem::of_status(StatusCode::GONE, detail));
        }
    };
    let mut tx = app.db.read().await?;
    let invoice = documents::read(&mut tx, customer, document).await?;
    drop(tx);
    let invoice = invoice.ok_or_else(none)?;
    let name = invoice.number.clone().ok_or_else(none)?;
    let mut response = invoices::file::of(&app, customer, &invoice).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    // Whoever has the address has the document: it is not to be kept on the way, nor told to others.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(shown) = HeaderValue::from_str(&format!("inline; filename=\"{name}.pdf\"")) {
        headers.insert(header::CONTENT_DISPOSITION, shown);
    }
    Ok(response)
}
