//! The payments' API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    AgedCustomer, Ages, NewPayment, Payment, Recorded, Reversed, ReversedPayment, WriteOff, WrittenOff,
};
use crate::app::SharedApp;
use crate::customers;
use crate::http::{Begun, IdempotencyKey, Key, Page, PageQuery, Params, Problem, Sent, Write, check_name};
use crate::id::{CustomerId, InvoiceId, PaymentId};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(record, list))
        .routes(routes!(reverse))
        .routes(routes!(write_off))
        .routes(routes!(ageing))
}

/// Record a payment or refund
///
/// Once by its reference, in which blanks are folded: sent again it is answered as it is. A payment goes to the invoice it
/// names, what was written off of it as well, then to those due earliest, to what is contested last, and is the customer's
/// credit with what is left. A refund is of that credit.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/payments", tag = "payments",
    security(("oauth" = ["payments:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewPayment,
    responses((status = 201, body = Payment), (status = 200, description = "Recorded before", body = Payment),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn record(
    State(app): State<SharedApp>,
    Key(customer): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewPayment = sent.json()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let recorded = super::record(&mut write.tx, customer, new, &app.clock).await?;
    let words = recorded.refusal().unwrap_or_default();
    match recorded {
        Recorded::New(payment) => write.finish(StatusCode::CREATED, &payment).await,
        Recorded::Known(payment) => write.finish(StatusCode::OK, &payment).await,
        Recorded::NotAReference => Err(Problem::invalid("/reference", words)),
        Recorded::NotAMethod => Err(Problem::invalid("/method", words)),
        Recorded::NotPositive | Recorded::TooLarge(_) | Recorded::TooFine(_) => {
            Err(Problem::invalid("/amount", words))
        }
        Recorded::NotADay => Err(Problem::invalid("/paid_on", words)),
        Recorded::UnknownCustomer => Err(unknown(customer)),
        Recorded::OtherCurrency(_) => Err(Problem::invalid("/currency", words)),
        Recorded::RefundOfInvoice | Recorded::UnknownInvoice => Err(Problem::invalid("/invoice", words)),
        Recorded::ReferenceTaken | Recorded::BeyondCredit(_) => Err(Problem::conflict(words)),
    }
}

fn unknown(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

/// List a customer's payments and refunds, newest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/payments", tag = "payments",
    security(("oauth" = ["payments:read"])),
    params(("customer_id" = String, Path), PageQuery),
    responses((status = 200, body = Page<Payment>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list(
    State(app): State<SharedApp>,
    Key(customer): Key<CustomerId>,
    Params(page): Params<PageQuery>,
) -> Result<Page<Payment>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?);
    let mut tx = app.db.read().await?;
    customers::by_id(&mut tx, customer).await?.ok_or_else(|| unknown(customer))?;
    let payments = super::of_customer(&mut tx, customer, after, limit + 1).await?;
    Ok(Page::new(payments, limit, |payment| payment.id.to_string()))
}

/// Why a payment is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TakeBack {
    /// In the bank's words.
    #[schema(example = "MD06: refund asked for by the debtor")]
    reason: String,
}

/// Take a payment back
///
/// Once: a debit bounced, a card was charged back. What it settled is open again, and what was left of it is no credit any
/// more. What was paid back of it is credit below zero, which the next payment fills first. A fee is charged if the setting
/// `payments.reversal_fee` has one.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/payments/{payment_id}/reverse", tag = "payments",
    security(("oauth" = ["payments:write"])),
    params(("customer_id" = String, Path), ("payment_id" = String, Path), IdempotencyKey), request_body = TakeBack,
    responses((status = 200, body = ReversedPayment), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn reverse(
    State(app): State<SharedApp>,
    Key((customer, payment)): Key<(CustomerId, PaymentId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let TakeBack { reason } = sent.json()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let fees = &app.config.payments.reversal_fee;
    let reversed = super::reverse(&mut write.tx, customer, payment, &reason, fees, &app.clock).await?;
    let words = reversed.refusal().unwrap_or_default();
    match reversed {
        Reversed::Reversed(reversed) => write.finish(StatusCode::OK, &reversed).await,
        Reversed::UnknownCustomer => Err(unknown(customer)),
        Reversed::UnknownPayment => {
            Err(Problem::not_found(format!("customer {customer} has no payment {payment}")))
        }
        Reversed::NotAReason => Err(Problem::invalid("/reason", words)),
        Reversed::Refund | Reversed::Already(_) => Err(Problem::conflict(words)),
    }
}

/// Why an invoice is written off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GiveUp {
    #[schema(example = "Insolvent, proceedings 36 IN 4711/26")]
    reason: String,
}

/// Write off what is open of an invoice
///
/// It becomes bad debt. A payment that names the invoice all the same recovers it as far as it goes.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/invoices/{invoice_id}/write-off", tag = "payments",
    security(("oauth" = ["payments:write"])),
    params(("customer_id" = String, Path), ("invoice_id" = String, Path), IdempotencyKey), request_body = GiveUp,
    responses((status = 201, body = WriteOff), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn write_off(
    State(app): State<SharedApp>,
    Key((customer, invoice)): Key<(CustomerId, InvoiceId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let GiveUp { reason } = sent.json()?;
    check_name("/reason", &reason, 500)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::write_off(&mut write.tx, customer, invoice, &reason, &app.clock).await? {
        WrittenOff::WriteOff(written) => write.finish(StatusCode::CREATED, &written).await,
        WrittenOff::UnknownCustomer => Err(unknown(customer)),
        WrittenOff::UnknownInvoice => {
            Err(Problem::not_found(format!("customer {customer} has no invoice {invoice}")))
        }
        WrittenOff::NothingOpen => Err(Problem::conflict("nothing is open of this invoice")),
    }
}

/// What customers owe, by its age.
#[derive(Debug, Serialize, ToSchema)]
struct Ageing {
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// Of all customers, one entry a currency.
    totals: Vec<Ages>,
    /// A page of the customers who owe something.
    items: Vec<AgedCustomer>,
    /// The cursor of the next page; absent on the last.
    next: Option<String>,
}

/// Read what customers owe, by the days since it was due
#[utoipa::path(get, path = "/v1/receivables/ageing", tag = "payments",
    security(("oauth" = ["payments:read"])), params(PageQuery),
    responses((status = 200, body = Ageing), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn ageing(
    State(app): State<SharedApp>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Ageing>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?);
    let as_of = app.clock.now();
    let mut tx = app.db.read().await?;
    let totals = super::ageing(&mut tx, as_of).await?;
    let customers = super::ageing_of_customers(&mut tx, as_of, after, limit + 1).await?;
    let Page { items, next } = Page::new(customers, limit, |aged| aged.customer_id.to_string());
    Ok(Json(Ageing { as_of, totals, items, next }))
}
