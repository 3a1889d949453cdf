//! The invoices' API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use calculation::invoice::Invoice;
use calculation::tax::TaxClass;
use documents::Drawing;
use documents::einvoice::{self, Syntax};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Composed, Issued, NewTaxRate, SetTaxRate, StoredInvoice, TaxRateEntry, file, number};
use crate::app::{App, SharedApp};
use crate::db::Tx;
use crate::error::Error;
use crate::http::{Begun, IdempotencyKey, Key, Params, Problem, Sent, Write, download};
use crate::id::{CustomerId, InvoiceId};
use crate::timekeeping;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(issue, list))
        .routes(routes!(draft))
        .routes(routes!(read))
        .routes(routes!(pdf))
        .routes(routes!(xml))
        .routes(routes!(set_tax_rate, tax_rates))
        .merge(super::review::http::routes())
}

/// Which month is to be invoiced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Issue {
    /// A month that is over in the customer's zone.
    #[schema(example = "2026-10")]
    month: String,
}

/// Issue a customer's invoice for a month
///
/// Issued once: asking again answers the same invoice. If that was credited in full, the month is invoiced anew, with what is known
/// now, by an invoice that names the one before.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/invoices", tag = "invoices",
    security(("oauth" = ["invoices:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = Issue,
    responses((status = 201, body = StoredInvoice), (status = 200, description = "Issued before", body = StoredInvoice),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn issue(
    State(app): State<SharedApp>,
    Key(customer): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let wanted: Issue = sent.json()?;
    timekeeping::require(&app).await?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::issue(&mut write.tx, &app.config, customer, &wanted.month, &app.clock).await? {
        issued @ (Issued::New(invoice) | Issued::Already(invoice)) => {
            // Nothing leaves the house unnumbered.
            number::number_in(&mut write.tx, &app.config, &app.clock).await?;
            let numbered = shown(&mut write.tx, customer, invoice, &app).await?;
            let new = matches!(issued, Issued::New(_));
            write.finish(if new { StatusCode::CREATED } else { StatusCode::OK }, &numbered).await
        }
        Issued::TooLarge => Err(too_large()),
        Issued::UnknownCustomer => Err(unknown_customer(customer)),
        Issued::NotAMonth(reason) => Err(Problem::invalid("/month", reason)),
        Issued::NotOver(end) | Issued::InGrace(end, _) => {
            Err(Problem::conflict(format!("the month ends only at {end}: see the draft")))
        }
        Issued::Waits(end) => {
            Err(Problem::conflict(format!("the month that ended at {end} waits for approval")))
        }
        Issued::Held(held) => Err(Problem::conflict(held.refusal())),
        Issued::Nothing => Err(Problem::conflict(super::bill::NOTHING)),
        Issued::NoOperator => Err(Problem::conflict(super::bill::NO_OPERATOR)),
        Issued::Prepaid => Err(Problem::conflict(super::bill::PREPAID)),
        Issued::NoTaxRate { country, class, day } => Err(no_tax_rate(&country, class, day)),
    }
}

/// An invoice with its number and how it stands.
async fn shown(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
    app: &App,
) -> Result<Option<StoredInvoice>, Error> {
    let mut found = super::by_id(tx, customer, id).await?;
    super::tell_standing(tx, found.as_mut_slice(), app.clock.now()).await?;
    Ok(found)
}

fn unknown_customer(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

fn too_large() -> Problem {
    Problem::conflict(super::bill::TOO_LARGE)
}

fn no_tax_rate(country: &str, class: TaxClass, day: jiff::civil::Date) -> Problem {
    Problem::conflict(super::bill::no_tax_rate(country, class, day))
}

/// Which month is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct MonthQuery {
    /// A month; the running one when absent.
    #[param(example = "2026-10")]
    month: Option<String>,
}

/// Preview a month's invoice
///
/// What the invoice would show if the month ended now; nothing is issued. Of a month that was issued its invoice.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/invoices/draft", tag = "invoices",
    security(("oauth" = ["invoices:read"])),
    params(("customer_id" = String, Path), MonthQuery),
    responses((status = 200, body = super::described::InvoiceSchema), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn draft(
    State(app): State<SharedApp>,
    Key(customer): Key<CustomerId>,
    Params(query): Params<MonthQuery>,
) -> Result<Json<Invoice>, Problem> {
    let mut tx = app.db.read().await?;
    let found =
        crate::customers::by_id(&mut tx, customer).await?.ok_or_else(|| unknown_customer(customer))?;
    let calendar = crate::customers::calendar(&mut tx, &found).await?;
    let now = app.clock.now();
    let period = match &query.month {
        Some(month) => calendar.month(month),
        None => calendar.holding(now),
    };
    let period = period.map_err(|error| Problem::malformed(error.to_string()))?;
    // What was issued is what it comes to.
    if let Some(issued) = super::of_period(&mut tx, customer, period.starts_at).await?
        && let Some(stored) = super::by_id(&mut tx, customer, issued).await?
    {
        return Ok(Json(stored.invoice));
    }
    match super::compose(&mut tx, &app.config, &found, &period, now).await? {
        Composed::Invoice(composed) => Ok(Json(composed.invoice)),
        Composed::Nothing => Err(Problem::not_found("no fee and no calls in that month")),
        Composed::Prepaid => Err(Problem::not_found("the customer is on a prepaid plan")),
        Composed::TooLarge => Err(too_large()),
        Composed::NoTaxRate { country, class, day } => Err(no_tax_rate(&country, class, day)),
    }
}

/// List a customer's invoices, newest month first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/invoices", tag = "invoices",
    security(("oauth" = ["invoices:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Vec<StoredInvoice>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn list(
    State(app): State<SharedApp>,
    Key(customer): Key<CustomerId>,
) -> Result<Json<Vec<StoredInvoice>>, Problem> {
    let mut tx = app.db.read().await?;
    crate::customers::by_id(&mut tx, customer).await?.ok_or_else(|| unknown_customer(customer))?;
    let mut invoices = super::of_customer(&mut tx, customer).await?;
    super::tell_standing(&mut tx, &mut invoices, app.clock.now()).await?;
    Ok(Json(invoices))
}

async fn find(app: &App, customer: CustomerId, id: InvoiceId) -> Result<StoredInvoice, Problem> {
    let mut tx = app.db.read().await?;
    let found = shown(&mut tx, customer, id, app).await?;
    found.ok_or_else(|| Problem::not_found(format!("customer {customer} has no invoice {id}")))
}

/// Read an invoice
#[utoipa::path(get, path = "/v1/customers/{customer_id}/invoices/{invoice_id}", tag = "invoices",
    security(("oauth" = ["invoices:read"])),
    params(("customer_id" = String, Path), ("invoice_id" = String, Path)),
    responses((status = 200, body = StoredInvoice), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, InvoiceId)>,
) -> Result<Json<StoredInvoice>, Problem> {
    Ok(Json(find(&app, customer, id).await?))
}

/// Read an invoice as a PDF
///
/// It asks for what is open now. With the electronic invoice inside (Factur-X, ZUGFeRD), if the invoice says all
/// that one must.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/invoices/{invoice_id}/pdf", tag = "invoices",
    security(("oauth" = ["invoices:read"])),
    params(("customer_id" = String, Path), ("invoice_id" = String, Path), DrawnQuery),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn pdf(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, InvoiceId)>,
    Params(query): Params<DrawnQuery>,
) -> Result<Response, Problem> {
    let stored = find(&app, customer, id).await?;
    let name = file_name(&stored)?;
    let drawing = drawing(&app, &stored, query.as_issued).await?;
    let bytes = file::of(&app, customer, &drawing).await?;
    Ok(download("application/pdf", &format!("inline; filename=\"{name}.pdf\""), bytes))
}

/// In which syntax the electronic invoice is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SyntaxQuery {
    /// `cii` (Factur-X, ZUGFeRD) or `ubl` (Peppol BIS Billing 3).
    #[serde(default)]
    #[param(value_type = Option<String>, example = "cii", pattern = "^(cii|ubl)$")]
    pub syntax: Syntax,
    /// As it stood when it was issued, not as it stands now.
    #[serde(default)]
    pub as_issued: bool,
}

/// As of when a document is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DrawnQuery {
    /// As it stood when it was issued, not as it stands now.
    #[serde(default)]
    pub as_issued: bool,
}

/// An invoice as it stands, or as it stood when it was issued.
async fn drawing(app: &App, stored: &StoredInvoice, as_issued: bool) -> Result<Drawing, Error> {
    let mut tx = app.db.read().await?;
    super::drawing(&mut tx, stored, as_issued).await
}

/// Read an invoice as XML
///
/// An electronic invoice by EN 16931. Refused if the invoice does not say all that one must.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/invoices/{invoice_id}/xml", tag = "invoices",
    security(("oauth" = ["invoices:read"])),
    params(("customer_id" = String, Path), ("invoice_id" = String, Path), SyntaxQuery),
    responses((status = 200, content_type = "application/xml", body = String), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn xml(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, InvoiceId)>,
    Params(query): Params<SyntaxQuery>,
) -> Result<Response, Problem> {
    let stored = find(&app, customer, id).await?;
    let name = file_name(&stored)?;
    let made = einvoice::xml(&drawing(&app, &stored, query.as_issued).await?, query.syntax);
    let text = made.map_err(|error| Problem::conflict(format!("{name} has no XML: {error}")))?;
    Ok(download("application/xml", &format!("attachment; filename=\"{name}.xml\""), text.into_bytes()))
}

fn file_name(stored: &StoredInvoice) -> Result<&str, Problem> {
    sendable(stored.number.as_deref(), stored.purged_at)
}

/// The number of a document. Nothing leaves the house unnumbered, and what is not kept any more cannot.
pub(crate) fn sendable(number: Option<&str>, purged_at: Option<jiff::Timestamp>) -> Result<&str, Problem> {
    if let Some(at) = purged_at {
        return Err(gone(at));
    }
    number.ok_or_else(|| Problem::conflict("the document has no number yet: ask again in a moment"))
}

/// A document that was kept long enough.
pub(crate) fn gone(at: jiff::Timestamp) -> Problem {
    Problem::of_status(StatusCode::GONE, format!("the document is not kept any more since {at}"))
}

/// Set the tax rate of a country from a day on
#[utoipa::path(post, path = "/v1/tax-rates", tag = "invoices",
    security(("oauth" = ["taxes:write"])), params(IdempotencyKey), request_body = NewTaxRate,
    responses((status = 201, body = TaxRateEntry), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn set_tax_rate(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: NewTaxRate = sent.json()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::set_tax_rate(&mut write.tx, new, app.clock.now()).await? {
        SetTaxRate::Set(entry) => write.finish(StatusCode::CREATED, &entry).await,
        SetTaxRate::NotACountry(fault) => Err(Problem::invalid("/country", fault)),
        SetTaxRate::OutOfRange => Err(Problem::invalid("/rate", "must be 0 to 100 percent")),
        SetTaxRate::Taken(rate) => Err(Problem::conflict(format!(
            "from that day on {rate} percent is set, and invoices have it: set another from a later day"
        ))),
    }
}

/// List all tax rates
#[utoipa::path(get, path = "/v1/tax-rates", tag = "invoices",
    security(("oauth" = ["taxes:read"])),
    responses((status = 200, body = Vec<TaxRateEntry>)))]
async fn tax_rates(State(app): State<SharedApp>) -> Result<Json<Vec<TaxRateEntry>>, Problem> {
    let mut tx = app.db.read().await?;
    Ok(Json(super::tax_rates(&mut tx).await?))
}
