//! The calls' API: records in, the history out. Files are taken in by `uploads`.

mod uploads;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use calculation::cdr::{Reason, Warning};
use calculation::phone_number::E164;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Answer, Call, Control, Counted, Cursor, HistoryQuery, Outcome, Posted, Quote, Quoted, Sender, Spending,
    Why,
};
use crate::app::{App, SharedApp};
use crate::http::{
    Begun, IdempotencyKey, Key, Kind, Page, PageQuery, Params, Problem, Sent, Write, check_instant,
    check_name,
};
use crate::id::CustomerId;

/// So many records are charged in one request.
const LARGEST_BATCH: usize = 10_000;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(post_one))
        .routes(routes!(post_many))
        .merge(uploads::routes())
        .routes(routes!(history))
        .routes(routes!(read))
        .routes(routes!(quote))
        .routes(routes!(spending))
}

/// Which switch or feed records come from.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SourceQuery {
    /// The switch or feed: with the record's id the key that prevents charging twice.
    #[param(example = "switch-a")]
    source: String,
    /// How digits without `+` are read that are no number of the region: `national` refuses them, `international` takes
    /// them for whole numbers.
    #[param(pattern = "^(national|international)$")]
    bare_digits: Option<String>,
    /// The digit that callers dial for an outside line, if it stands before the called numbers.
    #[param(example = "0", pattern = "^[0-9]$")]
    outside_digit: Option<String>,
    /// Charge calls although another source told of such calls at the same times.
    other_calls: Option<bool>,
}

impl SourceQuery {
    async fn sender(self, app: &App) -> Result<Sender, Problem> {
        check_name("/source", self.source.trim(), 100)?;
        let source = super::known_feed(app, &self.source).await?;
        let form = uploads::number_form(self.bare_digits.as_deref(), self.outside_digit.as_deref())?;
        Ok(Sender { source, form, other_calls: self.other_calls.unwrap_or_default() })
    }
}

/// Charge one call
///
/// The body is one canonical record (docs/cdr-formats.md). Sent again it is a duplicate and costs nothing. When a charged record of
/// another source says the same, it waits in suspense.
#[utoipa::path(post, path = "/v1/calls", tag = "calls",
    security(("oauth" = ["calls:write"])), params(SourceQuery, IdempotencyKey),
    request_body(content = super::described::CallRecord, content_type = "application/json"),
    responses((status = 201, description = "Charged, or kept as free", body = Answer),
        (status = 200, description = "A duplicate", body = Answer),
        (status = 202, description = "Waits in suspense", body = Answer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn post_one(
    State(app): State<SharedApp>,
    Params(query): Params<SourceQuery>,
    sent: Sent,
) -> Result<Response, Problem> {
    let sender = query.sender(&app).await?;
    if serde_json::from_slice::<serde_json::Map<_, _>>(&sent.body).is_err() {
        return Err(Problem::malformed("the body is no JSON object: send one canonical record"));
    }
    let record = compact(&sent.body);
    if !sent.has_key() {
        // A record is its own key: it may share a commit with others.
        let counted = app.counter.charge(&app.config, sender, record).await?;
        let answer = answer(counted);
        return Ok((status(&answer), Json(answer)).into_response());
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let with = (&app.tariffs, &*app.config, &app.clock);
    let counted = super::charge_records(&mut write.tx, with, &sender, &[(1, &record)]).await?;
    let answer = counted.into_iter().next().map(answer);
    let answer = answer.ok_or_else(|| Problem::malformed("the body holds no record"))?;
    write.finish(status(&answer), &answer).await
}

fn status(answer: &Answer) -> StatusCode {
    match answer {
        Answer::Charged { .. } | Answer::Free { .. } => StatusCode::CREATED,
        Answer::Duplicate { .. } => StatusCode::OK,
        Answer::Suspended { .. } => StatusCode::ACCEPTED,
    }
}

/// A JSON text without the space between its parts: however it is laid out, it is the same record.
fn compact(json: &[u8]) -> Vec<u8> {
    let (mut in_text, mut escaped) = (false, false);
    let keeps = |byte: &u8| {
        let kept = in_text || !byte.is_ascii_whitespace();
        if in_text && *byte == b'\\' {
            escaped = !escaped;
        } else {
            in_text ^= *byte == b'"' && !escaped;
            escaped = false;
        }
        kept
    };
    json.iter().copied().filter(keeps).collect()
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
struct BatchAnswer {
    control: Control,
    /// One for each record, in their order.
    records: Vec<Answer>,
}

/// Charge many calls
///
/// The body is NDJSON: one canonical record a line, up to 10,000. Each gets an answer of its own. When most of the first hundred calls are
/// there already under another source, nothing is charged and the answer is 409.
#[utoipa::path(post, path = "/v1/calls:batch", tag = "calls",
    security(("oauth" = ["calls:write"])), params(SourceQuery, IdempotencyKey),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = BatchAnswer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn post_many(
    State(app): State<SharedApp>,
    Params(query): Params<SourceQuery>,
    sent: Sent,
) -> Result<Response, Problem> {
    let sender = query.sender(&app).await?;
    let lines = sent.body.split(|byte| *byte == b'\n').map(compact).filter(|line| !line.is_empty());
    let compacted: Vec<Vec<u8>> = lines.take(LARGEST_BATCH + 1).collect();
    let records: Vec<_> = (1..).zip(compacted.iter().map(Vec::as_slice)).collect();
    if records.is_empty() || records.len() > LARGEST_BATCH {
        return Err(Problem::malformed(format!("a batch holds 1 to {LARGEST_BATCH} records, one a line")));
    }
    let mut write = match Write::begin_batch(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let with = (&app.tariffs, &*app.config, &app.clock);
    let outcomes = match super::charge_many(&mut write.tx, with, &sender, &records).await? {
        Posted::Counted(outcomes) => outcomes,
        Posted::Elsewhere(elsewhere) => return Err(Problem::conflict(elsewhere.to_string())),
    };
    let mut control = Control::default();
    for counted in &outcomes {
        control.count(&counted.outcome);
    }
    let records = outcomes.into_iter().map(answer).collect();
    write.finish(StatusCode::OK, &BatchAnswer { control, records }).await
}

fn answer(counted: Counted) -> Answer {
    let Counted { record_id, outcome, warnings } = counted;
    let known = record_id.clone().unwrap_or_default();
    let warnings = warnings.iter().map(Warning::code).collect();
    match outcome {
        Outcome::Charged { customer, amount, currency } => Answer::Charged {
            record_id: known,
            customer_id: customer,
            amount: calculation::money::Money { amount, currency },
            warnings,
        },
        Outcome::Free(free) => Answer::Free { record_id: known, reason: free.code(), warnings },
        Outcome::Duplicate => Answer::Duplicate { record_id: known },
        Outcome::Suspended(flaw) => Answer::Suspended {
            record_id,
            reason: flaw.reason.code(),
            field: flaw.field,
            message: flaw.message,
        },
    }
}

/// Which calls are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Between {
    /// Started at or after this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Started before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Read a customer's call history, newest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/calls", tag = "calls",
    security(("oauth" = ["calls:read"])),
    params(("customer_id" = String, Path), Between, PageQuery),
    responses((status = 200, body = Page<Call>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn history(
    State(app): State<SharedApp>,
    Key(customer): Key<CustomerId>,
    Params(between): Params<Between>,
    Params(page): Params<PageQuery>,
) -> Result<Page<Call>, Problem> {
    let limit = page.limit()?;
    let before = page.after::<Cursor>()?;
    for at in [between.from, between.to].into_iter().flatten() {
        check_instant("from, to", at)?;
    }
    let mut tx = app.db.read().await?;
    if crate::customers::by_id(&mut tx, customer).await?.is_none() {
        return Err(Problem::not_found(format!("there is no customer {customer}")));
    }
    let query = HistoryQuery { from: between.from, to: between.to, before, limit: limit + 1 };
    let mut calls = super::history(&mut tx, customer, &query).await?;
    crate::invoices::name_invoices(&mut tx, customer, &mut calls).await?;
    Ok(Page::new(calls, limit, |call| Cursor::after(call).to_string()))
}

/// A call and why it costs what it costs.
#[derive(Debug, Serialize, ToSchema)]
struct Explained {
    #[serde(flatten)]
    call: Call,
    /// Absent for a call that was not charged.
    why: Option<Why>,
}

/// Read one call, and why it costs what it costs
#[utoipa::path(get, path = "/v1/customers/{customer_id}/calls/{source}/{record_id}", tag = "calls",
    security(("oauth" = ["calls:read"])),
    params(("customer_id" = String, Path), ("source" = String, Path), ("record_id" = String, Path)),
    responses((status = 200, body = Explained), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(
    State(app): State<SharedApp>,
    Key((customer, source, record)): Key<(CustomerId, String, String)>,
) -> Result<Json<Explained>, Problem> {
    let unknown = || Problem::not_found("there is no such call");
    if source.contains('\0') || record.contains('\0') {
        return Err(unknown());
    }
    let mut tx = app.db.read().await?;
    let mut stored = super::by_key(&mut tx, customer, &source, &record).await?.ok_or_else(unknown)?;
    let call = std::slice::from_mut(&mut stored.call);
    crate::invoices::name_invoices(&mut tx, customer, call).await?;
    let why = super::explain(&mut tx, &app, &stored).await?;
    Ok(Json(Explained { call: stored.call, why }))
}

/// Which call is to be quoted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct QuoteQuery {
    /// The calling line, E.164; write `+` as `%2B`.
    #[param(value_type = String, example = "+493023125001", pattern = r"^\+[1-9][0-9]{6,14}$")]
    from: E164,
    /// What is dialled.
    #[param(example = "+442079460123")]
    to: String,
    /// Seconds of talk; 60 when absent.
    seconds: Option<u32>,
    /// When it is answered; now when absent.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// Quote a call before it is made
#[utoipa::path(get, path = "/v1/quote", tag = "calls",
    security(("oauth" = ["quotes:read"])), params(QuoteQuery),
    responses((status = 200, body = Quote), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn quote(
    State(app): State<SharedApp>,
    Params(query): Params<QuoteQuery>,
) -> Result<Json<Quote>, Problem> {
    let at = query.at.unwrap_or_else(|| app.clock.now());
    check_instant("at", at)?;
    let mut tx = app.db.read().await?;
    let seconds = query.seconds.unwrap_or(60);
    match super::quote(&mut tx, &app, query.from, &query.to, seconds, at).await? {
        Quoted::Quote(quote) => Ok(Json(quote)),
        Quoted::Emergency => Err(Problem::invalid("/to", "an emergency number: always free, never quoted")),
        Quoted::UnknownLine => {
            Err(Problem::invalid("/from", "nobody holds this number on a plan at that time"))
        }
        Quoted::NotANumber(reason) => Err(Problem::invalid("/to", reason)),
        // As a session is refused.
        Quoted::Refused(flaw) => Err(match flaw.reason {
            Reason::NoRate => Problem::of_kind(Kind::NoRate, flaw.message),
            Reason::BlockedDestination => Problem::of_kind(Kind::CallBarred, flaw.message),
            _ => Problem::invalid("/to", flaw.message),
        }),
    }
}

/// Which month's spending is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SpendingQuery {
    /// A month; the running one when absent.
    #[param(example = "2026-10")]
    month: Option<String>,
}

/// Tell what a customer has spent on calls in a month
///
/// Net, and how much of the spending cap that is.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/spending", tag = "calls",
    security(("oauth" = ["calls:read"])),
    params(("customer_id" = String, Path), SpendingQuery),
    responses((status = 200, body = Spending), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn spending(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    Params(query): Params<SpendingQuery>,
) -> Result<Json<Spending>, Problem> {
    let mut tx = app.db.read().await?;
    let customer = crate::customers::by_id(&mut tx, id).await?;
    let customer = customer.ok_or_else(|| Problem::not_found(format!("there is no customer {id}")))?;
    let calendar = crate::customers::calendar(&mut tx, &customer).await?;
    let period = match &query.month {
        Some(month) => calendar.month(month),
        None => calendar.holding(app.clock.now()),
    };
    let period = period.map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(Json(super::spending(&mut tx, &customer, period.starts_at).await?))
}
