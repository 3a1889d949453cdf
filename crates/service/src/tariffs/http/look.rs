//! The API that looks at a tariff, writes it as a deck and takes a version back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use calculation::tariff::deck;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::described::TariffDifference;
use super::super::show::{self, TariffRates};
use super::super::{Tariff, Withdrawn, by_id, version, version_at};
use crate::app::SharedApp;
use crate::error::Error;
use crate::http::{Begun, IdempotencyKey, Key, Params, Problem, Sent, Write, check_instant, download};
use crate::id::TariffId;

pub(super) fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(rates)).routes(routes!(export)).routes(routes!(withdraw))
}

/// Which rates are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RatesQuery {
    /// A number with its +, or a prefix as in a deck.
    #[param(example = "+491711234567")]
    number: String,
    /// At this instant; now when absent.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// Tell which rates of a tariff compete for a number
///
/// All rates of the version in force then, which one holds and why, and what will hold later. Time bands go by the clock
/// of the tariff's zone.
#[utoipa::path(get, path = "/v1/tariffs/{tariff_id}/rates", tag = "tariffs",
    security(("oauth" = ["tariffs:read"])), params(("tariff_id" = String, Path), RatesQuery),
    responses((status = 200, body = TariffRates), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn rates(
    State(app): State<SharedApp>,
    Key(id): Key<TariffId>,
    Params(query): Params<RatesQuery>,
) -> Result<Json<TariffRates>, Problem> {
    let at = query.at.unwrap_or_else(|| app.clock.now());
    check_instant("at", at)?;
    let asked = show::asked(&query.number).map_err(|reason| Problem::invalid("number", reason))?;
    let mut tx = app.db.read().await?;
    let tariff = by_id(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    let zone = version_at(&tariff, at).and_then(|version| TimeZone::get(&version.terms.zone).ok());
    let zone = zone.unwrap_or(TimeZone::UTC);
    let rates = show::rates(&mut tx, &app.tariffs, &tariff, &query.number, &asked, at, &zone).await?;
    Ok(Json(rates))
}

/// Read a version of a tariff as a deck
///
/// CSV that, imported with exclusive end dates under the version's terms, makes the very same content.
#[utoipa::path(get, path = "/v1/tariffs/{tariff_id}/versions/{version}/deck", tag = "tariffs",
    security(("oauth" = ["tariffs:read"])), params(("tariff_id" = String, Path), ("version" = i64, Path)),
    responses((status = 200, content_type = "text/csv", body = String), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn export(
    State(app): State<SharedApp>,
    Key((id, number)): Key<(TariffId, i64)>,
) -> Result<Response, Problem> {
    let mut tx = app.db.read().await?;
    let list = version(&mut tx, id, number).await?;
    let list = list.ok_or_else(|| Problem::not_found(format!("tariff {id} has no version {number}")))?;
    let text = deck::write(list.rates()).map_err(|error| Error::Other(error.to_string()))?;
    let name = format!("attachment; filename=\"{id}-{number}.csv\"");
    Ok(download("text/csv; charset=utf-8", &name, text.into_bytes()))
}

/// A tariff of which a version was withdrawn.
#[derive(Debug, Serialize, ToSchema)]
struct TariffWithdrawn {
    #[serde(flatten)]
    tariff: Tariff,
    /// What changes for calls of then, compared with the version; absent when it was not published, or when nothing
    /// else is in force then.
    #[schema(nullable)]
    difference: Option<TariffDifference>,
}

/// Withdraw a version of a tariff
///
/// Only one that is not yet in force. It stays in the record, and the version before it goes on.
#[utoipa::path(post, path = "/v1/tariffs/{tariff_id}/versions/{version}/withdraw", tag = "tariffs",
    security(("oauth" = ["tariffs:write"])),
    params(("tariff_id" = String, Path), ("version" = i64, Path), IdempotencyKey),
    responses((status = 200, body = TariffWithdrawn), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn withdraw(
    State(app): State<SharedApp>,
    Key((id, number)): Key<(TariffId, i64)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::super::withdraw(&mut write.tx, id, number, app.clock.now()).await? {
        Withdrawn::Tariff(tariff, change) => {
            let difference = change.map(|change| TariffDifference::new(&change, None));
            write.finish(StatusCode::OK, &TariffWithdrawn { tariff, difference }).await
        }
        Withdrawn::UnknownTariff => Err(unknown(id)),
        Withdrawn::UnknownVersion => Err(Problem::not_found(format!("tariff {id} has no version {number}"))),
        Withdrawn::Already(since) => {
            Err(Problem::conflict(format!("version {number} was withdrawn at {since}")))
        }
        Withdrawn::InForce(since) => Err(Problem::conflict(format!(
            "version {number} is in force since {since}, and calls are charged by it: import the list that shall hold \
             instead, with `valid_from` and `mode`: `replace`"
        ))),
    }
}

fn unknown(id: TariffId) -> Problem {
    Problem::not_found(format!("there is no tariff {id}"))
}
