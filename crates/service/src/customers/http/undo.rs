//! The way back from what has not begun, over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::SharedApp;
use crate::customers::{self, Customer, Undone};
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, Write};
use crate::id::{CustomerId, LineId, SubscriptionId};

pub(super) fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(cancel_subscription))
        .routes(routes!(cancel_line))
        .routes(routes!(reopen))
}

async fn answer(write: Write, id: CustomerId, undone: Undone) -> Result<Response, Problem> {
    match undone {
        Undone::Done(customer) => write.finish(StatusCode::OK, &customer).await,
        Undone::UnknownCustomer => Err(Problem::not_found(format!("there is no customer {id}"))),
        Undone::Unknown => {
            Err(Problem::not_found("the customer has no such line or subscription, or is not closed"))
        }
        Undone::Begun(at) => {
            Err(Problem::conflict(format!("it took effect at {at} and cannot be cancelled: end it instead")))
        }
        Undone::Prepaid => Err(Problem::conflict(
            "a prepaid plan is affected, and its balances were ended already: put the customer on a plan again instead",
        )),
        Undone::NumberTaken => Err(Problem::conflict(
            "one of the customer's numbers is assigned to a line from then on: end or cancel that line first",
        )),
    }
}

/// Cancel a subscription that has not begun
///
/// The plan that it would have ended goes on.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/subscriptions/{subscription_id}/cancel", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), ("subscription_id" = String, Path), IdempotencyKey),
    responses((status = 200, body = Customer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn cancel_subscription(
    State(app): State<SharedApp>,
    Key((id, subscription)): Key<(CustomerId, SubscriptionId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let undone = customers::cancel_subscription(&mut write.tx, id, subscription, &app.clock).await?;
    answer(write, id, undone).await
}

/// Cancel a line that has not begun
#[utoipa::path(post, path = "/v1/customers/{customer_id}/lines/{line_id}/cancel", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), ("line_id" = String, Path), IdempotencyKey),
    responses((status = 200, body = Customer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn cancel_line(
    State(app): State<SharedApp>,
    Key((id, line)): Key<(CustomerId, LineId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let undone = customers::cancel_line(&mut write.tx, id, line, &app.clock).await?;
    answer(write, id, undone).await
}

/// Take back the closing of a customer that lies ahead
///
/// Lines and subscription that would have ended go on.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/reopen", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), IdempotencyKey),
    responses((status = 200, body = Customer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn reopen(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let undone = customers::reopen(&mut write.tx, id, &app.clock).await?;
    answer(write, id, undone).await
}
