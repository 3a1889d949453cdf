//! The plans' API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Created, NewPlan, Plan};
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, Write, check_name, check_text};
use crate::id::PlanId;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(read))
}

/// A plan that was created.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedPlan {
    #[serde(flatten)]
    plan: Plan,
    /// The name of another plan, if this one's looks the same to a reader. Make sure that both are meant. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    looks_like: Option<String>,
}

/// Create a plan
#[utoipa::path(post, path = "/v1/plans", tag = "plans",
    security(("oauth" = ["plans:write"])), params(IdempotencyKey), request_body = NewPlan,
    responses((status = 201, body = CreatedPlan), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn create(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: NewPlan = sent.json()?;
    check_name("/name", &new.name, 200)?;
    check_text("/tariff", &new.tariff, 200)?;
    for (position, allowance) in new.allowances.iter().enumerate() {
        check_name(&format!("/allowances/{position}/name"), &allowance.name, 200)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let id = PlanId(app.clock.id());
    match super::create(&mut write.tx, new, id, app.clock.now()).await? {
        Created::Plan(plan, looks_like) => {
            write.finish(StatusCode::CREATED, &CreatedPlan { plan, looks_like }).await
        }
        Created::NameTaken => Err(Problem::conflict("a plan with this name exists: plans are never changed")),
        Created::UnknownTariff => Err(Problem::invalid("/tariff", "no tariff has this name")),
        Created::OtherCurrency(currency) => {
            Err(Problem::invalid("/currency", format!("the tariff is in {currency}")))
        }
        Created::Unsound(error) => Err(Problem::invalid(format!("/terms{}", error.pointer), error.message)),
        Created::NegativeFee => Err(Problem::invalid("/monthly_fee", "is below zero")),
        Created::FeeTooLarge(over) => Err(Problem::invalid("/monthly_fee", over.to_string())),
    }
}

/// List all plans
#[utoipa::path(get, path = "/v1/plans", tag = "plans",
    security(("oauth" = ["plans:read"])), responses((status = 200, body = Vec<Plan>)))]
async fn list(State(app): State<SharedApp>) -> Result<Json<Vec<Plan>>, Problem> {
    let mut tx = app.db.read().await?;
    Ok(Json(super::all(&mut tx).await?))
}

/// Read a plan
#[utoipa::path(get, path = "/v1/plans/{plan_id}", tag = "plans",
    security(("oauth" = ["plans:read"])), params(("plan_id" = String, Path)),
    responses((status = 200, body = Plan), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(State(app): State<SharedApp>, Key(id): Key<PlanId>) -> Result<Json<Plan>, Problem> {
    let mut tx = app.db.read().await?;
    let plan = super::by_id(&mut tx, id).await?;
    plan.map(Json).ok_or_else(|| Problem::not_found(format!("there is no plan {id}")))
}
