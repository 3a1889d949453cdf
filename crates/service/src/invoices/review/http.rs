//! The API of looking at invoices before they go out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use calculation::period::Period;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Approval, Approved, Draft, Held, HeldCustomer, Hold, Look, Release, last_month};
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Key, Page, PageQuery, Params, Problem, Sent, Write, check_name};
use crate::id::CustomerId;

/// A page looks at no more customers than this: where few have a flag, it may be short or empty.
const MOST_CUSTOMERS: usize = 2_000;
/// The most customers that one approval may name.
const MOST_NAMED: usize = 1_000;
/// The longest reason of a hold, in characters.
pub(super) const LONGEST_REASON: usize = 500;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(preview_invoices))
        .routes(routes!(approve_invoices))
        .routes(routes!(held_customers))
        .routes(routes!(hold_invoices))
        .routes(routes!(release_invoices))
}

/// What is looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PreviewQuery {
    /// The month: each customer's own; the last that is over where the operator is when absent.
    #[param(example = "2026-10")]
    month: Option<String>,
    /// Whether only drafts with a flag are wanted.
    #[serde(default)]
    flagged: bool,
    /// How many entries, 1 to 500; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Preview all customers' invoices of a month
///
/// What each invoice would come to if the month ended now, beside the one before, and what is unusual about it. Nothing is issued.
/// Of a month that was issued its invoice. Customers who get no invoice are left out, but for those who had one last month.
/// A page may have fewer entries than were asked for and still a `next`.
#[utoipa::path(get, path = "/v1/billing/preview", tag = "invoices",
    security(("oauth" = ["invoices:read"])), params(PreviewQuery),
    responses((status = 200, body = Page<Draft>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn preview_invoices(
    State(app): State<SharedApp>,
    Params(query): Params<PreviewQuery>,
) -> Result<Page<Draft>, Problem> {
    let PreviewQuery { month, flagged, limit, cursor } = query;
    let page = PageQuery::new(limit, cursor);
    let (limit, mut after) = (page.limit()?, page.after::<CustomerId>()?);
    let now = app.clock.now();
    let month = match month {
        Some(month) => month,
        None => last_month(&app.config, now)?,
    };
    if let Err(error) = Period::of_month(&month, &TimeZone::UTC) {
        return Err(Problem::malformed(format!("month: {error}")));
    }
    let mut tx = app.db.read().await?;
    let look = Look::begin(&mut tx, month, flagged).await?;
    let (mut items, mut customers) = (Vec::new(), 0);
    loop {
        let looked = super::look(&mut tx, &app.config, &look, after, now).await?;
        let Some(last) = looked.last else { return Ok(Page { items, next: None }) };
        (after, customers) = (Some(last), customers + looked.customers);
        items.extend(looked.drafts);
        if items.len() > limit {
            items.truncate(limit);
            let next = items.last().map(|draft| draft.customer_id.to_string());
            return Ok(Page { items, next });
        }
        if items.len() == limit || customers >= MOST_CUSTOMERS {
            return Ok(Page { items, next: Some(last.to_string()) });
        }
    }
}

/// A customer's id.
#[derive(ToSchema)]
#[schema(as = CustomerId, pattern = "^cus_[0-7][0-9a-hjkmnp-tv-z]{12}$")]
#[expect(dead_code, reason = "describes an id in a list")]
struct CustomerIdSchema(String);

/// What is approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approve {
    /// Months up to this one; up to the last that is over when absent.
    #[schema(example = "2026-10")]
    month: Option<String>,
    /// Of these customers, at most 1000; of all who are not held when absent.
    #[schema(value_type = Option<Vec<CustomerIdSchema>>, max_items = 1000, example = json!(["cus_01h2x3y4z5a6b"]))]
    customers: Option<Vec<CustomerId>>,
}

/// What was approved.
#[derive(Debug, Serialize, ToSchema)]
struct InvoicesApproved {
    /// Months up to this one.
    #[schema(example = "2026-10")]
    month: String,
    /// How many customers had a month that waited. Their invoices are issued by the next round of work, when the grace of
    /// the month is over.
    customers: u64,
    /// When that month is over everywhere, while it is not: of customers where it was not over, it is not approved.
    #[schema(value_type = Option<String>, format = DateTime)]
    over_everywhere_at: Option<Timestamp>,
}

/// Approve months that wait
///
/// Months that have ended in the customers' own time zones. Held customers stay held.
#[utoipa::path(post, path = "/v1/billing/approvals", tag = "invoices",
    security(("oauth" = ["invoices:write"])), params(IdempotencyKey), request_body = Approve,
    responses((status = 200, body = InvoicesApproved), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn approve_invoices(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let Approve { month, customers } = sent.json()?;
    if customers.as_ref().is_some_and(|customers| customers.len() > MOST_NAMED) {
        let what = format!(
            "has more than {MOST_NAMED} customers: approve them in several requests, or all without naming them"
        );
        return Err(Problem::invalid("/customers", what));
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let approval = Approval { month: month.as_deref(), of: customers.as_deref() };
    match super::approve(&mut write.tx, &app.config, approval, app.clock.now()).await? {
        Approved::Approved { month, customers, over_everywhere_at } => {
            let approved = InvoicesApproved { month, customers, over_everywhere_at };
            write.finish(StatusCode::OK, &approved).await
        }
        Approved::NotAMonth(why) => Err(Problem::invalid("/month", why)),
        Approved::NotOver(end) => Err(Problem::invalid(
            "/month",
            format!("is over nowhere before {end}: approve it then, or an earlier month now"),
        )),
        Approved::Unknown(place) => Err(Problem::invalid(
            format!("/customers/{place}"),
            "is not a customer: take it out, or name another",
        )),
        Approved::Held(place, held) => Err(Problem::invalid(format!("/customers/{place}"), held.refusal())),
    }
}

/// List customers whose invoices are held
#[utoipa::path(get, path = "/v1/billing/holds", tag = "invoices",
    security(("oauth" = ["invoices:read"])), params(PageQuery),
    responses((status = 200, body = Page<HeldCustomer>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn held_customers(
    State(app): State<SharedApp>,
    Params(page): Params<PageQuery>,
) -> Result<Page<HeldCustomer>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?);
    let mut tx = app.db.read().await?;
    let held = super::held(&mut tx, after, limit + 1).await?;
    Ok(Page::new(held, limit, |held| held.customer_id.to_string()))
}

/// Why a customer's invoices are to be held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldInvoices {
    #[schema(example = "The calls of October are disputed: case 4711")]
    reason: String,
}

/// Hold a customer's invoices
///
/// Until they are released, no invoice is issued for any month, no matter who asks. Calls are still charged.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/hold", tag = "invoices",
    security(("oauth" = ["invoices:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = HoldInvoices,
    responses((status = 200, body = Held), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn hold_invoices(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let HoldInvoices { reason } = sent.json()?;
    check_name("/reason", &reason, LONGEST_REASON)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::hold(&mut write.tx, id, &reason, app.clock.now()).await? {
        Hold::Held(held) => write.finish(StatusCode::OK, &held).await,
        Hold::UnknownCustomer => Err(unknown(id)),
        Hold::Already(held) => Err(Problem::conflict(already(&held))),
    }
}

/// Release a customer's invoices
///
/// What is approved, or goes out by itself, is issued by the next round of work. Answers the hold that ended.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/release", tag = "invoices",
    security(("oauth" = ["invoices:write"])),
    params(("customer_id" = String, Path), IdempotencyKey),
    responses((status = 200, body = Held), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn release_invoices(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::release(&mut write.tx, id).await? {
        Release::Released(held) => write.finish(StatusCode::OK, &held).await,
        Release::UnknownCustomer => Err(unknown(id)),
        Release::NotHeld => Err(Problem::conflict("the customer's invoices are not held")),
    }
}

fn unknown(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

/// Why a hold is refused.
pub(super) fn already(held: &Held) -> String {
    let Held { held_at, reason } = held;
    format!(
        "the customer's invoices are held since {held_at}: {reason}. To change the reason, release them first"
    )
}
