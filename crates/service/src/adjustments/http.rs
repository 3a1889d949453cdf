//! The API of one-off charges and discounts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Charged, Discount, DiscountEnded, Discounted, NewCharge, NewDiscount, OneOffCharge};
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, Write, check_instant, check_name};
use crate::id::{CustomerId, DiscountId};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(charge, charges))
        .routes(routes!(discount, discounts))
        .routes(routes!(end_discount))
}

fn unknown(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

fn closed() -> Problem {
    Problem::conflict("the customer is closed")
}

/// Charge a customer something once
///
/// It is on the invoice of the month that holds `charged_at` or, if that is issued, on the next.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/charges", tag = "adjustments",
    security(("oauth" = ["adjustments:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewCharge,
    responses((status = 201, body = OneOffCharge), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn charge(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewCharge = sent.json()?;
    check_name("/description", &new.description, 200)?;
    if let Some(at) = new.charged_at {
        check_instant("/charged_at", at)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::charge(&mut write.tx, id, new, &app.clock).await? {
        Charged::Charge(charge) => write.finish(StatusCode::CREATED, &charge).await,
        Charged::UnknownCustomer => Err(unknown(id)),
        Charged::Erased => Err(Problem::conflict("nobody knows any more who the customer is")),
        Charged::OtherCurrency(currency) => {
            Err(Problem::invalid("/amount/currency", format!("the customer pays in {currency}")))
        }
        Charged::NotAboveZero => Err(Problem::invalid(
            "/amount/amount",
            "is not above zero: to give something back, issue a credit note or give a discount",
        )),
        Charged::TooLarge(over) => Err(Problem::invalid("/amount/amount", over.to_string())),
        Charged::TooFine => Err(Problem::invalid("/amount/amount", "is finer than the currency is paid in")),
    }
}

/// List a customer's one-off charges, oldest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/charges", tag = "adjustments",
    security(("oauth" = ["adjustments:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Vec<OneOffCharge>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn charges(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
) -> Result<Json<Vec<OneOffCharge>>, Problem> {
    let mut tx = app.db.read().await?;
    crate::customers::by_id(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(super::charges(&mut tx, id).await?))
}

/// Give a customer a discount
#[utoipa::path(post, path = "/v1/customers/{customer_id}/discounts", tag = "adjustments",
    security(("oauth" = ["adjustments:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewDiscount,
    responses((status = 201, body = Discount), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn discount(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewDiscount = sent.json()?;
    check_name("/description", &new.description, 200)?;
    if let Some(from) = new.valid_from {
        check_instant("/valid_from", from)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::discount(&mut write.tx, id, new, &app.clock).await? {
        Discounted::Discount(discount) => write.finish(StatusCode::CREATED, &discount).await,
        Discounted::UnknownCustomer => Err(unknown(id)),
        Discounted::Closed => Err(closed()),
        Discounted::Unsound(error) => {
            Err(Problem::invalid(format!("/terms{}", error.pointer), error.message))
        }
        Discounted::TooFine => {
            Err(Problem::invalid("/terms/amount", "is finer than the currency is paid in"))
        }
    }
}

/// List a customer's discounts, oldest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/discounts", tag = "adjustments",
    security(("oauth" = ["adjustments:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Vec<Discount>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn discounts(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
) -> Result<Json<Vec<Discount>>, Problem> {
    let mut tx = app.db.read().await?;
    crate::customers::by_id(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(super::discounts(&mut tx, id).await?))
}

/// When a discount ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndDiscount {
    /// It is on no invoice of a month that begins at or after this instant.
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
}

/// End a discount
#[utoipa::path(post, path = "/v1/customers/{customer_id}/discounts/{discount_id}/end", tag = "adjustments",
    security(("oauth" = ["adjustments:write"])),
    params(("customer_id" = String, Path), ("discount_id" = String, Path), IdempotencyKey), request_body = EndDiscount,
    responses((status = 200, body = Discount), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn end_discount(
    State(app): State<SharedApp>,
    Key((id, discount)): Key<(CustomerId, DiscountId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let end: EndDiscount = sent.json()?;
    check_instant("/valid_to", end.valid_to)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::end_discount(&mut write.tx, id, discount, end.valid_to).await? {
        DiscountEnded::Discount(discount) => write.finish(StatusCode::OK, &discount).await,
        DiscountEnded::Unknown => {
            Err(Problem::not_found(format!("customer {id} has no discount {discount}")))
        }
        DiscountEnded::Already(at) => Err(Problem::conflict(format!("the discount ended at {at}"))),
    }
}
