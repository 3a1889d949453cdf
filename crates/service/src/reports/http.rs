//! The clerk's API about all customers.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use calculation::money::Amount;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Asked, By, Cursor, Form, ListedInvoice, Month, Revenue, csv_row};
use crate::app::{App, SharedApp};
use crate::error::{Error, Result as Done};
use crate::http::{Page, PageQuery, Params, Problem, WAITING, streamed};
use crate::id::CustomerId;
use crate::payments::Status;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(invoices)).routes(routes!(revenue))
}

/// Which invoices are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct InvoicesQuery {
    /// Of this month: each customer's own.
    #[param(example = "2026-10")]
    month: Option<String>,
    /// Those that stand so.
    #[param(value_type = Option<String>, pattern = "^(open|partly_paid|paid|overdue|void|written_off)$")]
    status: Option<Status>,
    /// Of this customer.
    #[param(value_type = Option<String>, example = "cus_01h2x3y4z5a6b", pattern = "^cus_[0-7][0-9a-hjkmnp-tv-z]{12}$")]
    customer: Option<CustomerId>,
    /// Of no less, with tax.
    #[param(value_type = Option<String>, example = "10.00", pattern = r"^-?[0-9]{1,9}(\.[0-9]{1,6})?$")]
    min: Option<Amount>,
    /// Of no more, with tax.
    #[param(value_type = Option<String>, example = "100.00", pattern = r"^-?[0-9]{1,9}(\.[0-9]{1,6})?$")]
    max: Option<Amount>,
    /// `json`, a page, or `csv`: all of them, a row each.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "json", pattern = "^(json|csv)$")]
    form: Form,
    /// How many entries, 1 to 500; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// List invoices of all customers
///
/// By month, then by customer.
#[utoipa::path(get, path = "/v1/invoices", tag = "invoices",
    security(("oauth" = ["invoices:read"])), params(InvoicesQuery),
    responses((status = 200, description = "A page, or all of them as CSV", content((Page<ListedInvoice> = "application/json"), (String = "text/csv"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn invoices(
    State(app): State<SharedApp>,
    Params(query): Params<InvoicesQuery>,
) -> Result<Response, Problem> {
    let InvoicesQuery { month, status, customer, min, max, form, limit, cursor } = query;
    let page = PageQuery::new(limit, cursor);
    let (limit, after) = (page.limit()?, page.after::<Cursor>()?);
    let month = month.as_deref().map(Month::of).transpose().map_err(Problem::malformed)?;
    let asked = Asked { month, status, customer, min, max };
    if form == Form::Csv {
        let (rows, read) = mpsc::channel(WAITING);
        let copying = tokio::spawn(async move { send_rows(&app, asked, rows).await });
        return Ok(streamed("text/csv; charset=utf-8", "invoices.csv", read, copying));
    }
    let mut tx = app.db.read().await?;
    let found = super::invoices(&mut tx, &asked, after, limit + 1, app.clock.now()).await?;
    Ok(Page::new(found, limit, |listed| Cursor::of(listed).to_string()).into_response())
}

/// So many are read at once.
const PAGE: usize = 500;

async fn send_rows(app: &App, asked: Asked, rows: mpsc::Sender<Vec<u8>>) -> Done<()> {
    let put = |row| async {
        rows.send(row).await.map_err(|_| Error::Other("nobody reads the list any more".to_owned()))
    };
    let (mut tx, now) = (app.db.read().await?, app.clock.now());
    put(csv_row(ListedInvoice::HEADER)).await?;
    let mut after = None;
    loop {
        let page = super::invoices(&mut tx, &asked, after, PAGE, now).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(Cursor::of(last));
        for listed in &page {
            put(csv_row(listed.cells())).await?;
        }
    }
}

/// Which month is added up, and by what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RevenueQuery {
    /// The month: each customer's own.
    #[param(example = "2026-10")]
    month: String,
    /// `tax`: the country, category and rate; `plan`: the plan that a customer was on last in the month; `destination`: of calls,
    /// all else by its kind.
    #[param(value_type = String, example = "tax", pattern = "^(tax|plan|destination)$")]
    by: By,
}

/// Add up what was sold in a month
///
/// The sums of the month's invoices, to the cent, and apart from them those of the credit notes that correct them.
#[utoipa::path(get, path = "/v1/reports/revenue", tag = "invoices",
    security(("oauth" = ["invoices:read"])), params(RevenueQuery),
    responses((status = 200, body = Revenue), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn revenue(
    State(app): State<SharedApp>,
    Params(query): Params<RevenueQuery>,
) -> Result<Json<Revenue>, Problem> {
    let RevenueQuery { month, by } = query;
    let span = Month::of(&month).map_err(Problem::malformed)?;
    let mut tx = app.db.read().await?;
    Ok(Json(super::revenue(&mut tx, &month, span, by).await?))
}
