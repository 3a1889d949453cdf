//! The customers' API.

mod undo;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use calculation::invoice::Party;
use calculation::limit;
use calculation::money::Amount;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check::{Being, FaultOf};
use super::{
    Assigned, Billing, ChangeCustomer, Changed, Closed, Created, CreatedCustomer, Customer, Ended, Line,
    NewCustomer, NewLine, NewSubscription, Restored, Subscribed, Subscription, Suspended, Suspension,
};
use crate::app::SharedApp;
use crate::http::{
    Begun, FieldError, IdempotencyKey, IfMatch, Key, Page, PageQuery, Params, Problem, Sent, Write,
    check_instant, check_name, check_text,
};
use crate::id::{CustomerId, LineId};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(read, change))
        .routes(routes!(close))
        .routes(routes!(assign_line, lines))
        .routes(routes!(end_line))
        .routes(routes!(subscribe, subscriptions))
        .routes(routes!(suspend))
        .routes(routes!(restore))
        .merge(undo::routes())
}

/// Create a customer
///
/// Lines and a plan may be given at once. Without a zone it is found from the first line's number.
#[utoipa::path(post, path = "/v1/customers", tag = "customers",
    security(("oauth" = ["customers:write"])), params(IdempotencyKey), request_body = NewCustomer,
    responses((status = 201, body = CreatedCustomer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn create(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: NewCustomer = sent.json()?;
    check_name("/reference", &new.reference, 100)?;
    check_party(&new.party)?;
    check_billing(&new.billing)?;
    refuse(super::check::faults(&new.party, &new.billing, Being::Set))?;
    if let Some(bill_from) = new.bill_from {
        check_instant("/bill_from", bill_from)?;
    }
    for (position, line) in new.lines.iter().enumerate() {
        check_line(&format!("/lines/{position}"), line)?;
    }
    if let Some(subscription) = &new.subscription {
        check_text("/subscription/plan", &subscription.plan, 200)?;
        check_instant("/subscription/valid_from", subscription.valid_from)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::create(&mut write.tx, new, &app.config.customers.zone, &app.clock).await? {
        Created::Customer(created) => write.finish(StatusCode::CREATED, &created).await,
        Created::UnknownZone => Err(Problem::invalid("/zone", "is no IANA time zone, such as Europe/Berlin")),
        Created::ReferenceTaken => Err(Problem::conflict("a customer with this reference exists")),
        Created::Line(position, refusal) => Err(refused_line(&format!("/lines/{position}"), &refusal)),
        Created::Subscription(refusal) => Err(refused_subscription("/subscription", &refusal)),
    }
}

fn check_line(pointer: &str, line: &NewLine) -> Result<(), Problem> {
    check_instant(&format!("{pointer}/valid_from"), line.valid_from)?;
    line.valid_to.map_or(Ok(()), |end| check_instant(&format!("{pointer}/valid_to"), end))
}

fn check_party(party: &Party) -> Result<(), Problem> {
    check_name("/party/name", &party.name, 200)?;
    let Party { street, postcode, city, .. } = party;
    for (pointer, text) in [("/party/street", street), ("/party/postcode", postcode), ("/party/city", city)] {
        check_text(pointer, text, 200)?;
    }
    let (scheme, id) = party.peppol.as_ref().map(|address| (&address.scheme, &address.id)).unzip();
    let optional = [
        ("/party/vat_id", &party.vat_id),
        ("/party/tax_number", &party.tax_number),
        ("/party/bic", &party.bic),
        ("/party/peppol/scheme", &scheme.cloned()),
        ("/party/peppol/id", &id.cloned()),
        ("/party/email", &party.email),
        ("/party/phone", &party.phone),
        ("/party/iban", &party.iban),
    ];
    for (pointer, text) in optional {
        check_text(pointer, text.as_deref().unwrap_or_default(), 200)?;
    }
    Ok(())
}

fn refuse(faults: Vec<FaultOf>) -> Result<(), Problem> {
    let mut errors: Vec<_> = faults
        .into_iter()
        .map(|fault| FieldError { pointer: fault.pointer.to_owned(), detail: fault.what })
        .collect();
    match errors.len() {
        0 => Ok(()),
        1 => Err(errors
            .pop()
            .map_or_else(|| Problem::malformed(""), |one| Problem::invalid(one.pointer, one.detail))),
        _ => {
            let all: Vec<_> = errors.iter().map(|one| format!("{} {}", one.pointer, one.detail)).collect();
            Err(Problem::invalid_many(all.join("; "), errors))
        }
    }
}

/// Refuses what no invoice can be made of.
fn check_billing(billing: &Billing) -> Result<(), Problem> {
    let note = billing.tax_note.as_deref().unwrap_or_default();
    check_text("/billing/tax_note", note, 300)?;
    if billing.spending_cap.is_some_and(|cap| cap <= Amount::ZERO) {
        return Err(Problem::invalid("/billing/spending_cap", "is not above zero"));
    }
    if let Err(over) = limit::one(billing.spending_cap.unwrap_or_default()) {
        return Err(Problem::invalid("/billing/spending_cap", over.to_string()));
    }
    Ok(())
}

fn refused_line(pointer: &str, refusal: &Assigned) -> Problem {
    match refusal {
        Assigned::Line(_) | Assigned::UnknownCustomer => Problem::not_found("there is no such customer"),
        Assigned::Closed => closed(),
        Assigned::EndsBeforeItBegins => {
            Problem::invalid(format!("{pointer}/valid_to"), "is not after valid_from")
        }
        Assigned::Taken => Problem::conflict("somebody holds this number in that span: end that line first"),
    }
}

fn refused_subscription(pointer: &str, refusal: &Subscribed) -> Problem {
    match refusal {
        Subscribed::Subscription(_) | Subscribed::UnknownCustomer => {
            Problem::not_found("there is no such customer")
        }
        Subscribed::Closed => closed(),
        Subscribed::UnknownPlan => Problem::invalid(format!("{pointer}/plan"), "no plan has this name"),
        Subscribed::OtherCurrency(currency) => Problem::invalid(
            format!("{pointer}/plan"),
            format!("the plan is in {currency}, unlike the customer"),
        ),
        Subscribed::NotAfterTheLast(last) => Problem::invalid(
            format!("{pointer}/valid_from"),
            format!("is not after {last}, when the last subscription begins"),
        ),
    }
}

/// List customers
#[utoipa::path(get, path = "/v1/customers", tag = "customers",
    security(("oauth" = ["customers:read"])), params(PageQuery),
    responses((status = 200, body = Page<Customer>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list(
    State(app): State<SharedApp>,
    Params(page): Params<PageQuery>,
) -> Result<Page<Customer>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?);
    let mut tx = app.db.read().await?;
    let customers = super::page(&mut tx, after, limit + 1).await?;
    Ok(Page::new(customers, limit, |customer| customer.id.to_string()))
}

/// Read a customer
#[utoipa::path(get, path = "/v1/customers/{customer_id}", tag = "customers",
    security(("oauth" = ["customers:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Customer), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(State(app): State<SharedApp>, Key(id): Key<CustomerId>) -> Result<Json<Customer>, Problem> {
    let mut tx = app.db.read().await?;
    super::by_id(&mut tx, id).await?.map(Json).ok_or_else(|| unknown(id))
}

fn unknown(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

fn closed() -> Problem {
    Problem::conflict("the customer is closed")
}

/// Change a customer
///
/// A merge patch (RFC 7396): what is absent stays as it is, null takes away. Another zone holds from the customer's next month on: the running month
/// ends where it would have ended, and the next begins there.
#[utoipa::path(patch, path = "/v1/customers/{customer_id}", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), IdempotencyKey, IfMatch), request_body = ChangeCustomer,
    responses((status = 200, body = Customer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn change(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: ChangeCustomer = sent.json()?;
    if let Some((pointer, message)) = super::change::unreadable(&new) {
        return Err(Problem::invalid(pointer, message));
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    if let Some(now) = super::hold(&mut write.tx, id).await? {
        sent.check_match(&now)?;
    }
    // Only what is being set is judged: what was stored before may be mended field by field.
    let (party, billing) = (new.party.clone(), new.billing.clone());
    match super::change(&mut write.tx, id, new, &app.clock).await? {
        Changed::Customer(customer) => {
            check_party(&customer.party)?;
            check_billing(&customer.billing)?;
            let changed = Being::Changed(party.as_ref(), billing.as_ref());
            refuse(super::check::faults(&customer.party, &customer.billing, changed))?;
            write.finish(StatusCode::OK, &customer).await
        }
        Changed::Unknown => Err(unknown(id)),
        Changed::NotYet(today) => Err(Problem::invalid(
            "/valid_from",
            format!("lies ahead: today is {today} where the customer is. Send the change when it holds"),
        )),
        Changed::Unreadable(pointer, message) => Err(Problem::invalid(pointer, message)),
        Changed::UnknownZone => Err(Problem::invalid("/zone", "is no IANA time zone, such as Europe/Berlin")),
    }
}

/// When a customer is closed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Close {
    /// From this instant on the customer has no line and no plan.
    #[schema(value_type = String, format = DateTime)]
    closed_at: Timestamp,
}

/// Close a customer
///
/// Lines and subscription end. What is owed is invoiced with the last month, less what was paid in advance
/// for the days after.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/close", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = Close,
    responses((status = 200, body = Customer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn close(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let Close { closed_at } = sent.json()?;
    check_instant("/closed_at", closed_at)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::close(&mut write.tx, id, closed_at).await? {
        Closed::Customer(customer) => write.finish(StatusCode::OK, &customer).await,
        Closed::Unknown => Err(unknown(id)),
        Closed::Already(at) => Err(Problem::conflict(format!("the customer was closed at {at}"))),
        Closed::BeforeItBegins(from) => Err(Problem::invalid(
            "/closed_at",
            format!("is not after {from}, when a line or subscription of the customer begins"),
        )),
    }
}

/// Give a customer a line
#[utoipa::path(post, path = "/v1/customers/{customer_id}/lines", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewLine,
    responses((status = 201, body = Line), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn assign_line(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewLine = sent.json()?;
    check_line("", &new)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::assign_line(&mut write.tx, id, new, &app.clock).await? {
        Assigned::Line(line) => write.finish(StatusCode::CREATED, &line).await,
        refusal => Err(refused_line("", &refusal)),
    }
}

/// List a customer's lines, oldest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/lines", tag = "customers",
    security(("oauth" = ["customers:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Vec<Line>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn lines(State(app): State<SharedApp>, Key(id): Key<CustomerId>) -> Result<Json<Vec<Line>>, Problem> {
    let mut tx = app.db.read().await?;
    super::by_id(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(super::lines(&mut tx, id).await?))
}

/// When something ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct End {
    /// The first instant at which it no longer holds.
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
}

/// End a line, so that its number may go to another customer
#[utoipa::path(post, path = "/v1/customers/{customer_id}/lines/{line_id}/end", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), ("line_id" = String, Path), IdempotencyKey), request_body = End,
    responses((status = 200, body = Line), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn end_line(
    State(app): State<SharedApp>,
    Key((id, line)): Key<(CustomerId, LineId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let end: End = sent.json()?;
    check_instant("/valid_to", end.valid_to)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::end_line(&mut write.tx, id, line, end.valid_to).await? {
        Ended::Line(line) => write.finish(StatusCode::OK, &line).await,
        Ended::Unknown => Err(Problem::not_found(format!("customer {id} has no line {line}"))),
        Ended::BeforeItBegins => Err(Problem::invalid("/valid_to", "is not after the line's valid_from")),
        Ended::Already(at) => Err(Problem::conflict(format!("the line ended at {at} already"))),
    }
}

/// Put a customer on a plan
///
/// The subscription before ends where this one begins.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/subscriptions", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewSubscription,
    responses((status = 201, body = Subscription), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn subscribe(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewSubscription = sent.json()?;
    check_text("/plan", &new.plan, 200)?;
    check_instant("/valid_from", new.valid_from)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::subscribe(&mut write.tx, id, new, &app.clock).await? {
        Subscribed::Subscription(subscription) => write.finish(StatusCode::CREATED, &subscription).await,
        refusal => Err(refused_subscription("", &refusal)),
    }
}

/// List a customer's subscriptions, oldest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/subscriptions", tag = "customers",
    security(("oauth" = ["customers:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Vec<Subscription>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn subscriptions(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
) -> Result<Json<Vec<Subscription>>, Problem> {
    let mut tx = app.db.read().await?;
    super::by_id(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(super::subscriptions(&mut tx, id).await?))
}

/// Why a service is to be suspended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Suspend {
    #[schema(example = "The line is misused: case 4711")]
    reason: String,
}

/// Suspend a customer's service by hand
///
/// It stays suspended until it is restored, whatever is paid.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/suspend", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = Suspend,
    responses((status = 200, body = Suspension), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn suspend(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let Suspend { reason } = sent.json()?;
    check_name("/reason", &reason, 500)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::suspend(&mut write.tx, id, &reason, app.clock.now()).await? {
        Suspended::Suspended(suspension) => write.finish(StatusCode::OK, &suspension).await,
        Suspended::UnknownCustomer => Err(unknown(id)),
        Suspended::Already(known) => {
            Err(Problem::conflict(format!("it is suspended by hand since {}", known.suspended_at)))
        }
    }
}

/// Restore a customer's service
///
/// Whatever it was suspended for. An invoice that is overdue still suspends it again only at its next step.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/restore", tag = "customers",
    security(("oauth" = ["customers:write"])),
    params(("customer_id" = String, Path), IdempotencyKey),
    responses((status = 200, body = Customer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn restore(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::restore(&mut write.tx, id).await? {
        Restored::Restored => {
            let customer = super::by_id(&mut write.tx, id).await?;
            write.finish(StatusCode::OK, &customer).await
        }
        Restored::UnknownCustomer => Err(unknown(id)),
        Restored::NotSuspended => Err(Problem::conflict("the customer's service is not suspended")),
    }
}
