//! The API of prepaid balances.

mod vouchers;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Adjusted, Agreed, BookingDone, ChangePrepaidTerms, NewAdjustment, NewTopUp, NewTransfer, PrepaidBalance,
    PrepaidTerms, Quantity, StatementMovement, ToppedUp, Transferred, WrongField,
};
use crate::app::SharedApp;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::http::{
    Begun, IdempotencyKey, IfMatch, Key, Page, PageQuery, Params, Problem, Sent, Write, check_instant,
    check_name,
};
use crate::id::{BalanceId, CustomerId};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(top_up))
        .routes(routes!(adjust))
        .routes(routes!(transfer))
        .routes(routes!(read_terms, agree))
        .routes(routes!(balances))
        .routes(routes!(movements))
        .merge(vouchers::routes())
}

impl From<WrongField> for Problem {
    fn from(wrong: WrongField) -> Self {
        Self::invalid(wrong.pointer, wrong.message)
    }
}

fn unknown(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

fn closed() -> Problem {
    Problem::conflict("the customer is closed")
}

fn reference_taken() -> Problem {
    Problem::conflict("another booking has this reference: look at it, or choose another")
}

fn beyond(left: Quantity) -> Problem {
    Problem::conflict(format!("only {left} of the balance are available"))
}

fn unknown_balance(id: BalanceId) -> Problem {
    Problem::not_found(format!("the customer has no open balance {id}"))
}

fn expired(id: BalanceId) -> Problem {
    Problem::conflict(format!("the balance {id} has expired"))
}

async fn find(tx: &mut Tx, id: CustomerId) -> Result<Customer, Problem> {
    customers::by_id(tx, id).await?.ok_or_else(|| unknown(id))
}

/// Put money or seconds on a balance
///
/// Once by its reference: sent again it is answered as it was. Money without priority and expiry goes to the
/// main balance of the customer or of the line; everything else gets a balance of its own.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/top-ups", tag = "prepaid",
    security(("oauth" = ["prepaid:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewTopUp,
    responses((status = 201, body = BookingDone), (status = 200, description = "Done before", body = BookingDone),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn top_up(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewTopUp = sent.json()?;
    if let Some(name) = &new.name {
        check_name("/name", name, 200)?;
    }
    if let Some(at) = new.expires_at {
        check_instant("/expires_at", at)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let topped_up = super::top_up(&mut write.tx, id, new, &app.clock).await?;
    let words = topped_up.refusal().unwrap_or_default();
    match topped_up {
        ToppedUp::New(done) => write.finish(StatusCode::CREATED, &done).await,
        ToppedUp::Known(done) => write.finish(StatusCode::OK, &done).await,
        ToppedUp::Wrong(wrong) => Err(wrong.into()),
        ToppedUp::UnknownCustomer => Err(unknown(id)),
        ToppedUp::ReferenceTaken | ToppedUp::Closed => Err(Problem::conflict(words)),
        ToppedUp::OtherCurrency(_) => Err(Problem::invalid("/currency", words)),
        ToppedUp::NotTheirLine(_) => Err(Problem::invalid("/line", words)),
    }
}

/// Correct a balance by hand
///
/// Above zero it is put on, below zero taken off, no more than is available. Once by its reference.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/balances/{balance_id}/adjustments", tag = "prepaid",
    security(("oauth" = ["prepaid:write"])),
    params(("customer_id" = String, Path), ("balance_id" = String, Path), IdempotencyKey),
    request_body = NewAdjustment,
    responses((status = 201, body = BookingDone), (status = 200, description = "Done before", body = BookingDone),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn adjust(
    State(app): State<SharedApp>,
    Key((id, balance)): Key<(CustomerId, BalanceId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewAdjustment = sent.json()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::adjust(&mut write.tx, id, balance, new, &app.clock).await? {
        Adjusted::New(done) => write.finish(StatusCode::CREATED, &done).await,
        Adjusted::Known(done) => write.finish(StatusCode::OK, &done).await,
        Adjusted::Wrong(wrong) => Err(wrong.into()),
        Adjusted::UnknownCustomer => Err(unknown(id)),
        Adjusted::ReferenceTaken => Err(reference_taken()),
        Adjusted::UnknownBalance => Err(unknown_balance(balance)),
        Adjusted::Expired => Err(expired(balance)),
        Adjusted::BeyondAvailable(left) => Err(beyond(left)),
    }
}

/// Move money or seconds from one balance of a customer to another
///
/// No more than is available; seconds only to a balance for the same destinations. Once by its reference.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/transfers", tag = "prepaid",
    security(("oauth" = ["prepaid:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewTransfer,
    responses((status = 201, body = BookingDone), (status = 200, description = "Done before", body = BookingDone),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn transfer(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewTransfer = sent.json()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::transfer(&mut write.tx, id, new, &app.clock).await? {
        Transferred::New(done) => write.finish(StatusCode::CREATED, &done).await,
        Transferred::Known(done) => write.finish(StatusCode::OK, &done).await,
        Transferred::Wrong(wrong) => Err(wrong.into()),
        Transferred::UnknownCustomer => Err(unknown(id)),
        Transferred::ReferenceTaken => Err(reference_taken()),
        Transferred::UnknownBalance(balance) => Err(unknown_balance(balance)),
        Transferred::Expired(balance) => Err(expired(balance)),
        Transferred::Unlike => {
            let words = "the balances hold different things: money goes to money, seconds to seconds for the \
                         same destinations";
            Err(Problem::conflict(words))
        }
        Transferred::BeyondAvailable(left) => Err(beyond(left)),
    }
}

/// Read what was agreed about a customer's prepaid money
#[utoipa::path(get, path = "/v1/customers/{customer_id}/prepaid", tag = "prepaid",
    security(("oauth" = ["prepaid:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = PrepaidTerms), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read_terms(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
) -> Result<Json<PrepaidTerms>, Problem> {
    let mut tx = app.db.read().await?;
    let customer = find(&mut tx, id).await?;
    Ok(Json(super::terms(&mut tx, &customer).await?))
}

/// Agree on a credit limit, or when a balance is low
///
/// What is absent stays as it is, null takes away. The credit limit is for the customer's main balance, not for
/// those of single lines.
#[utoipa::path(put, path = "/v1/customers/{customer_id}/prepaid", tag = "prepaid",
    security(("oauth" = ["prepaid:write"])),
    params(("customer_id" = String, Path), IdempotencyKey, IfMatch), request_body = ChangePrepaidTerms,
    responses((status = 200, body = PrepaidTerms), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn agree(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: ChangePrepaidTerms = sent.json()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    if let Some(customer) = customers::hold(&mut write.tx, id).await? {
        sent.check_match(&super::terms(&mut write.tx, &customer).await?)?;
    }
    match super::agree(&mut write.tx, id, new, &app.clock).await? {
        Agreed::Terms(terms) => write.finish(StatusCode::OK, &terms).await,
        Agreed::UnknownCustomer => Err(unknown(id)),
        Agreed::Wrong(wrong) => Err(wrong.into()),
        Agreed::BelowUsed(used) => {
            Err(Problem::conflict(format!("{used} of the credit limit are used already")))
        }
    }
}

/// Which balances are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BalancesQuery {
    /// Closed ones too.
    #[serde(default)]
    closed: bool,
}

/// List a customer's balances, oldest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/balances", tag = "prepaid",
    security(("oauth" = ["prepaid:read"])),
    params(("customer_id" = String, Path), BalancesQuery),
    responses((status = 200, body = Vec<PrepaidBalance>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn balances(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    Params(query): Params<BalancesQuery>,
) -> Result<Json<Vec<PrepaidBalance>>, Problem> {
    let mut tx = app.db.read().await?;
    let customer = find(&mut tx, id).await?;
    Ok(Json(super::balances(&mut tx, &customer, query.closed, app.clock.now()).await?))
}

/// Which movements are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MovementsQuery {
    /// Of this balance only.
    #[param(value_type = Option<String>, pattern = "^bal_[0-7][0-9a-hjkmnp-tv-z]{12}$")]
    balance: Option<BalanceId>,
}

/// Read what moved a customer's balances, oldest first
///
/// Each movement with what was on its balance after it.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/movements", tag = "prepaid",
    security(("oauth" = ["prepaid:read"])),
    params(("customer_id" = String, Path), MovementsQuery, PageQuery),
    responses((status = 200, body = Page<StatementMovement>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn movements(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    Params(query): Params<MovementsQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Page<StatementMovement>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?);
    let mut tx = app.db.read().await?;
    let customer = find(&mut tx, id).await?;
    let found = super::movements(&mut tx, &customer, query.balance, after, limit + 1).await?;
    Ok(Page::new(found, limit, |movement| movement.id.to_string()))
}
