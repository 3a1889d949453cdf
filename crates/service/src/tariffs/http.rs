//! The tariffs' API.

mod look;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use calculation::tariff::deck::{Columns, EndDates};
use calculation::tariff::{Mode, Terms};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::described::{TariffDifference, advice, count_of_losses};
use super::{Change, Imported, NewTariff, Published, Tariff, TermsSchema};
use crate::app::SharedApp;
use crate::db::Tx;
use crate::http::{
    Begun, FieldError, IdempotencyKey, Key, Kind, Problem, Sent, Write, check_instant, check_name,
};
use crate::id::TariffId;
use crate::many::Many;

/// No more faults than this are listed in one answer.
const FAULTS_SHOWN: usize = 1_000;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(import, list))
        .routes(routes!(compare))
        .routes(routes!(read))
        .routes(routes!(publish))
        .merge(look::routes())
}

/// A deck to import.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TariffImport {
    /// The tariff's name; a known one gets a new version.
    #[schema(example = "standard-eur")]
    name: String,
    /// What holds for the whole tariff. May be absent when the list amends: the terms in force stay.
    #[schema(value_type = Option<TermsSchema>, nullable = false)]
    terms: Option<Terms>,
    /// The deck as CSV text with a header row.
    #[schema(example = "prefix,destination,rate_per_min,increments\n49,Germany,0.0150,60/60\n")]
    deck: String,
    /// Our column name for a name in the header, where it is not understood.
    #[serde(default)]
    #[schema(example = json!({"rate_per_min": "cost"}))]
    columns: std::collections::BTreeMap<String, String>,
    /// Columns of the header to leave out.
    #[serde(default)]
    ignored_columns: Vec<String>,
    /// Puts the version into force from this instant; without it, publish it later.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_from: Option<Timestamp>,
    /// What the list is to the one in force. Without it, a list that leaves a prefix without a price is refused.
    #[schema(nullable = false)]
    mode: Option<ImportMode>,
    /// Whether a price holds on its end date. Without it, it does not, and a list in which that leaves a day
    /// between two rows is refused.
    #[schema(nullable = false)]
    end_dates: Option<EndDatesAre>,
}

/// What a list is to the one in force.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ImportMode {
    /// It is complete: what it does not name has no price any more. A code that it names keeps its old price until its
    /// new one begins.
    Replace,
    /// What it does not name stays. A code that it names keeps its old price until its new one begins.
    Amend,
}

/// Whether a price holds on its end date.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EndDatesAre {
    Inclusive,
    Exclusive,
}

impl From<ImportMode> for Mode {
    fn from(mode: ImportMode) -> Self {
        match mode {
            ImportMode::Replace => Self::Replace,
            ImportMode::Amend => Self::Amend,
        }
    }
}

impl From<EndDatesAre> for EndDates {
    fn from(ends: EndDatesAre) -> Self {
        match ends {
            EndDatesAre::Inclusive => Self::Inclusive,
            EndDatesAre::Exclusive => Self::Exclusive,
        }
    }
}

/// A tariff, and what its new version changes.
#[derive(Debug, Serialize, ToSchema)]
struct TariffImported {
    #[serde(flatten)]
    tariff: Tariff,
    /// Absent when the deck made no new version.
    #[schema(nullable)]
    difference: Option<TariffDifference>,
    /// The name of another tariff, if this one's looks the same to a reader. Make sure that both are meant. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    looks_like: Option<String>,
}

/// When a version comes into force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Publication {
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
    /// Says that the list is complete: what it does not name is meant to have no price any more.
    #[serde(default)]
    replace: bool,
}

/// Import a rate deck
///
/// The deck becomes a new version of the tariff of that name. A deck with any fault is refused whole,
/// with every fault listed by line; so is one that would leave a prefix without a price of its own, unless `mode` says
/// what is meant. The answer tells what changes.
#[utoipa::path(post, path = "/v1/tariffs", tag = "tariffs",
    security(("oauth" = ["tariffs:write"])), params(IdempotencyKey), request_body = TariffImport,
    responses((status = 201, body = TariffImported),
        (status = 200, description = "The newest version already", body = TariffImported),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn import(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: TariffImport = sent.json()?;
    new.check()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let (id, difference) = match imported(&app, &mut write.tx, new).await? {
        Made::New { id, difference, .. } => (id, Some(*difference)),
        Made::Same { id } => (id, None),
    };
    let status = if difference.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    let tariff = super::by_id(&mut write.tx, id).await?;
    let tariff = tariff.ok_or_else(|| Problem::not_found("the tariff is gone"))?;
    let looks_like = super::looks_like(&mut write.tx, &tariff.name).await?;
    write.finish(status, &TariffImported { tariff, difference, looks_like }).await
}

/// What an import would change.
#[derive(Debug, Serialize, ToSchema)]
struct TariffComparison {
    /// How many rates the version would have; 0 when the deck would make none.
    rates: usize,
    /// Absent when the deck would make no new version.
    #[schema(nullable)]
    difference: Option<TariffDifference>,
}

/// Tell what an import would change
///
/// Takes what an import takes, refuses what it refuses, and stores nothing.
#[utoipa::path(post, path = "/v1/tariffs/compare", tag = "tariffs",
    security(("oauth" = ["tariffs:write"])), request_body = TariffImport,
    responses((status = 200, body = TariffComparison),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn compare(State(app): State<SharedApp>, sent: Sent) -> Result<Json<TariffComparison>, Problem> {
    let new: TariffImport = sent.json()?;
    new.check()?;
    // What is not committed was never there.
    let mut tx = app.db.begin().await?;
    Ok(Json(match imported(&app, &mut tx, new).await? {
        Made::New { rates, difference, .. } => TariffComparison { rates, difference: Some(*difference) },
        Made::Same { .. } => TariffComparison { rates: 0, difference: None },
    }))
}

enum Made {
    New { id: TariffId, rates: usize, difference: Box<TariffDifference> },
    Same { id: TariffId },
}

impl TariffImport {
    fn check(&self) -> Result<(), Problem> {
        check_name("/name", &self.name, 200)?;
        self.valid_from.map_or(Ok(()), |from| check_instant("/valid_from", from))
    }
}

async fn imported(app: &SharedApp, tx: &mut Tx, new: TariffImport) -> Result<Made, Problem> {
    let (now, mode) = (app.clock.now(), new.mode.map(Mode::from));
    let columns = Columns {
        named: new.columns.into_iter().collect(),
        ignored: new.ignored_columns,
        end_dates: new.end_dates.map(Into::into),
    };
    let terms = match (new.terms, mode) {
        (Some(terms), _) => terms,
        (None, Some(Mode::Amend)) => {
            let kept = super::terms_at(tx, &new.name, new.valid_from.unwrap_or(now)).await?;
            kept.ok_or_else(nothing_to_amend)?
        }
        (None, _) => {
            return Err(Problem::invalid("/terms", "missing: only a list that amends keeps those in force"));
        }
    };
    let import = NewTariff {
        name: &new.name,
        terms,
        deck: new.deck.as_bytes(),
        columns: &columns,
        valid_from: new.valid_from,
        mode,
    };
    match super::import(tx, import, TariffId(app.clock.id()), now).await? {
        Imported::New { id, rates, change, .. } => {
            let difference = Box::new(TariffDifference::new(&change, mode));
            Ok(Made::New { id, rates, difference })
        }
        Imported::Same { id, .. } => Ok(Made::Same { id }),
        Imported::Faults(faults) => {
            let shown = faults.iter().take(FAULTS_SHOWN);
            let errors = shown.map(|fault| FieldError {
                pointer: format!("/deck line {} {}", fault.line, fault.field),
                detail: fault.message.clone(),
            });
            let detail = format!("the deck has {} and is refused whole", Many(faults.len(), "fault"));
            Err(Problem::invalid_many(detail, errors.collect()))
        }
        Imported::OtherCurrency(currency) => {
            Err(Problem::invalid("/terms/currency", format!("the tariff is in {currency}")))
        }
        Imported::NothingToAmend => Err(nothing_to_amend()),
        Imported::AmendedFromWhen => {
            Err(Problem::invalid("/valid_from", "missing: to amend is to keep what holds from an instant on"))
        }
        Imported::Lost(change) => Err(prices_lost(&change, mode, "`mode`: `amend`", "`mode`: `replace`")),
    }
}

fn nothing_to_amend() -> Problem {
    Problem::conflict("no list of the tariff is in force then: import a whole list, not an amendment")
}

/// Refuses what would leave prefixes without a price, and lists them.
fn prices_lost(change: &Change, mode: Option<Mode>, amend: &str, replace: &str) -> Problem {
    let shown = TariffDifference::new(change, mode).without_price.into_iter().filter(|lost| !lost.meant);
    let errors: Vec<FieldError> = shown
        .map(|lost| FieldError { pointer: format!("/deck prefix {}", lost.prefix), detail: lost.words() })
        .collect();
    let detail = format!(
        "{}: {}",
        count_of_losses(change.unmeant(mode).count()),
        advice(change.advised(mode), amend, replace)
    );
    Problem::of_kind(Kind::PricesLost, detail).listing(errors)
}

/// List all tariffs
#[utoipa::path(get, path = "/v1/tariffs", tag = "tariffs",
    security(("oauth" = ["tariffs:read"])), responses((status = 200, body = Vec<Tariff>)))]
async fn list(State(app): State<SharedApp>) -> Result<Json<Vec<Tariff>>, Problem> {
    let mut tx = app.db.read().await?;
    Ok(Json(super::all(&mut tx).await?))
}

/// Read a tariff and its versions
#[utoipa::path(get, path = "/v1/tariffs/{tariff_id}", tag = "tariffs",
    security(("oauth" = ["tariffs:read"])), params(("tariff_id" = String, Path)),
    responses((status = 200, body = Tariff), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(State(app): State<SharedApp>, Key(id): Key<TariffId>) -> Result<Json<Tariff>, Problem> {
    let mut tx = app.db.read().await?;
    let tariff = super::by_id(&mut tx, id).await?;
    tariff.map(Json).ok_or_else(|| Problem::not_found(format!("there is no tariff {id}")))
}

/// Put a version of a tariff into force
#[utoipa::path(post, path = "/v1/tariffs/{tariff_id}/versions/{version}/publish", tag = "tariffs",
    security(("oauth" = ["tariffs:write"])),
    params(("tariff_id" = String, Path), ("version" = i64, Path), IdempotencyKey), request_body = Publication,
    responses((status = 200, body = Tariff), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn publish(
    State(app): State<SharedApp>,
    Key((id, version)): Key<(TariffId, i64)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let publication: Publication = sent.json()?;
    check_instant("/valid_from", publication.valid_from)?;
    let mode = publication.replace.then_some(Mode::Replace);
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::publish(&mut write.tx, id, version, publication.valid_from, mode).await? {
        Published::Tariff(tariff) => write.finish(StatusCode::OK, &tariff).await,
        Published::UnknownTariff => Err(Problem::not_found(format!("there is no tariff {id}"))),
        Published::UnknownVersion => Err(Problem::not_found(format!("tariff {id} has no version {version}"))),
        Published::Already(since) => {
            Err(Problem::conflict(format!("version {version} is in force since {since}: import a new one")))
        }
        Published::Withdrawn(since) => {
            Err(Problem::conflict(format!("version {version} was withdrawn at {since}: import it again")))
        }
        Published::Lost(change) => {
            Err(prices_lost(&change, mode, "importing with `mode`: `amend`", "`replace`"))
        }
    }
}
