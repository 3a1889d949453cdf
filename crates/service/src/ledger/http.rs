//! The ledger's API.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use calculation::money::{Amount, Money};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{JournalForm, StatementEntry};
use crate::app::SharedApp;
use crate::calls::MoneySchema;
use crate::customers::{self, Customer, Suspension};
use crate::db::Tx;
use crate::http::{Key, Page, PageQuery, Params, Problem, WAITING, streamed};
use crate::id::CustomerId;
use crate::payments;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(balance)).routes(routes!(statement)).routes(routes!(journal))
}

/// What a customer owes.
#[derive(Debug, Serialize, ToSchema)]
struct Owed {
    /// What they owe by the ledger: `open` less `credit`. Below zero it is their credit.
    #[schema(value_type = MoneySchema)]
    balance: Money,
    /// What is open of their invoices.
    #[schema(value_type = MoneySchema)]
    open: Money,
    /// The part of it that is overdue.
    #[schema(value_type = MoneySchema)]
    overdue: Money,
    /// What they paid or were given beyond that. Below zero: what was paid back to them of a payment that was taken back since.
    #[schema(value_type = MoneySchema)]
    credit: Money,
    /// Absent while they may use the service.
    suspension: Option<Suspension>,
}

async fn find(tx: &mut Tx, id: CustomerId) -> Result<Customer, Problem> {
    let found = customers::by_id(tx, id).await?;
    found.ok_or_else(|| Problem::not_found(format!("there is no customer {id}")))
}

/// Read what a customer owes
#[utoipa::path(get, path = "/v1/customers/{customer_id}/balance", tag = "payments",
    security(("oauth" = ["payments:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Owed), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn balance(State(app): State<SharedApp>, Key(id): Key<CustomerId>) -> Result<Json<Owed>, Problem> {
    let mut tx = app.db.read().await?;
    let currency = find(&mut tx, id).await?.currency;
    let money = |amount: Amount| Money { amount, currency };
    let balance = super::balance(&mut tx, id).await?;
    let position = payments::position(&mut tx, id, app.clock.now()).await?;
    Ok(Json(Owed {
        balance: money(balance),
        open: money(position.open),
        overdue: money(position.overdue),
        credit: money(position.credit),
        suspension: customers::suspension(&mut tx, id).await?,
    }))
}

/// Read a customer's statement, oldest entry first
///
/// Each invoice, credit note, payment, refund, write-off, recovery and reversal, with what the customer owed after it.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/statement", tag = "payments",
    security(("oauth" = ["payments:read"])),
    params(("customer_id" = String, Path), PageQuery),
    responses((status = 200, body = Page<StatementEntry>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn statement(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    Params(page): Params<PageQuery>,
) -> Result<Page<StatementEntry>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?);
    let mut tx = app.db.read().await?;
    find(&mut tx, id).await?;
    let entries = super::statement(&mut tx, id, after, limit + 1).await?;
    Ok(Page::new(entries, limit, |entry| entry.id.to_string()))
}

/// Which days of the journal are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct JournalQuery {
    /// The first day, in the zone of the setting `customers.zone`.
    #[param(value_type = String, format = Date, example = "2026-10-01")]
    from: Date,
    /// The last day.
    #[param(value_type = String, format = Date, example = "2026-10-31")]
    to: Date,
    /// `ndjson`, a line of JSON for each posting, or `csv`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "ndjson", pattern = "^(ndjson|csv)$")]
    form: JournalForm,
}

/// Export the journal
///
/// Every posting of some days, the oldest first, as it stands in the ledger: their sum by account is the ledger's. A line of JSON
/// each, or a row.
#[utoipa::path(get, path = "/v1/journal", tag = "payments",
    security(("oauth" = ["payments:read"])), params(JournalQuery),
    responses((status = 200, content((String = "application/x-ndjson"), (String = "text/csv"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn journal(
    State(app): State<SharedApp>,
    Params(query): Params<JournalQuery>,
) -> Result<Response, Problem> {
    let JournalQuery { from, to, form } = query;
    let (begin, end) = super::cli::span(from, to, &app.config.customers.zone).map_err(Problem::malformed)?;
    let mut tx = app.db.read().await?;
    let (lines, read) = mpsc::channel(WAITING);
    let copying = tokio::spawn(async move { super::journal(&mut tx, begin, end, form, lines).await });
    let (kind, ending) = match form {
        JournalForm::Ndjson => ("application/x-ndjson", "ndjson"),
        JournalForm::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    Ok(streamed(kind, &format!("journal-{from}-{to}.{ending}"), read, copying))
}
