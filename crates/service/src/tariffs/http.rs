//! The tariffs' API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use calculation::tariff::Terms;
use calculation::tariff::deck::Columns;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Imported, NewTariff, Published, Tariff, TermsSchema};
use crate::app::SharedApp;
use crate::http::{Begun, FieldError, IdempotencyKey, Key, Problem, Sent, Write, check_instant, check_name};
use crate::id::TariffId;

/// No more faults than this are listed in one answer.
const FAULTS_SHOWN: usize = 1_000;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(import, list)).routes(routes!(read)).routes(routes!(publish))
}

/// A deck to import.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TariffImport {
    /// The tariff's name; a known one gets a new version.
    #[schema(example = "standard-eur")]
    name: String,
    #[schema(value_type = TermsSchema)]
    terms: Terms,
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
}

/// When a version comes into force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Publication {
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
}

/// Import a rate deck
///
/// The deck becomes a new version of the tariff of that name. A deck with any fault is refused whole,
/// with every fault listed by line.
#[utoipa::path(post, path = "/v1/tariffs", tag = "tariffs",
    security(("oauth" = ["tariffs:write"])), params(IdempotencyKey), request_body = TariffImport,
    responses((status = 201, body = Tariff), (status = 200, description = "The newest version already", body = Tariff),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn import(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: TariffImport = sent.json()?;
    check_name("/name", &new.name, 200)?;
    new.valid_from.map_or(Ok(()), |from| check_instant("/valid_from", from))?;
    let columns = Columns { named: new.columns.into_iter().collect(), ignored: new.ignored_columns };
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let import = NewTariff {
        name: &new.name,
        terms: new.terms,
        deck: new.deck.as_bytes(),
        columns: &columns,
        valid_from: new.valid_from,
    };
    let fresh_id = TariffId(app.clock.id());
    let (status, id) = match super::import(&mut write.tx, import, fresh_id, app.clock.now()).await? {
        Imported::New { id, .. } => (StatusCode::CREATED, id),
        Imported::Same { id, .. } => (StatusCode::OK, id),
        Imported::Faults(faults) => {
            let shown = faults.iter().take(FAULTS_SHOWN);
            let errors = shown.map(|fault| FieldError {
                pointer: format!("/deck line {} {}", fault.line, fault.field),
                detail: fault.message.clone(),
            });
            let detail = format!("the deck has {} faults and is refused whole", faults.len());
            return Err(Problem::invalid_many(detail, errors.collect()));
        }
        Imported::OtherCurrency(currency) => {
            return Err(Problem::invalid("/terms/currency", format!("the tariff is in {currency}")));
        }
    };
    let tariff = super::by_id(&mut write.tx, id).await?;
    let tariff = tariff.ok_or_else(|| Problem::not_found("the tariff is gone"))?;
    write.finish(status, &tariff).await
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
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::publish(&mut write.tx, id, version, publication.valid_from).await? {
        Published::Tariff(tariff) => write.finish(StatusCode::OK, &tariff).await,
        Published::UnknownTariff => Err(Problem::not_found(format!("there is no tariff {id}"))),
        Published::UnknownVersion => Err(Problem::not_found(format!("tariff {id} has no version {version}"))),
        Published::Already(since) => {
            Err(Problem::conflict(format!("version {version} is in force since {since}: import a new one")))
        }
    }
}
