//! The letters' API.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Letter;
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Page, PageQuery, Params, Problem, Sent, Write, download};
use crate::id::LetterId;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(letters)).routes(routes!(letters_pdf)).routes(routes!(mark_letters))
}

/// Which letters are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LettersQuery {
    /// Those that are printed, instead of those that wait.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    printed: bool,
    /// How many entries, 1 to 500; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// List letters, oldest first
///
/// What is to be printed for customers who get letters instead of mails: invoices, credit notes, reminders.
#[utoipa::path(get, path = "/v1/letters", tag = "jobs",
    security(("oauth" = ["jobs:read"])), params(LettersQuery),
    responses((status = 200, body = Page<Letter>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn letters(
    State(app): State<SharedApp>,
    Params(query): Params<LettersQuery>,
) -> Result<Page<Letter>, Problem> {
    let LettersQuery { printed, limit, cursor } = query;
    let page = PageQuery::new(limit, cursor);
    let (limit, after) = (page.limit()?, page.after()?);
    let letters = super::list(&mut app.db.read().await?, printed, after, limit + 1).await?;
    Ok(Page::new(letters, limit, |letter| letter.id.to_string()))
}

/// So many letters are one file at most.
const IN_A_FILE: usize = 500;

/// Read what waits to be printed as one PDF
///
/// The oldest letters, up to 500, each as its documents stand now. Mark them as printed afterwards.
#[utoipa::path(get, path = "/v1/letters/pdf", tag = "jobs",
    security(("oauth" = ["jobs:read"])),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn letters_pdf(State(app): State<SharedApp>) -> Result<Response, Problem> {
    let letters = super::list(&mut app.db.read().await?, false, None, IN_A_FILE).await?;
    if letters.is_empty() {
        return Err(Problem::not_found("nothing is to be printed"));
    }
    let bytes = super::draw(&app, &letters).await?;
    Ok(download("application/pdf", "attachment; filename=\"letters.pdf\"", bytes))
}

/// Letters that are printed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MarkPrinted {
    /// Up to 500.
    #[schema(value_type = Vec<LetterIdSchema>, min_items = 1, max_items = 500, example = json!(["let_01h2x3y4z5a6b"]))]
    letters: Vec<LetterId>,
}

/// A letter, by its id.
#[derive(ToSchema)]
#[schema(as = LetterId, pattern = "^let_[0-7][0-9a-hjkmnp-tv-z]{12}$")]
#[expect(dead_code, reason = "describes the id, which is text")]
struct LetterIdSchema(String);

/// How many were marked.
#[derive(Debug, Serialize, ToSchema)]
struct Marked {
    /// Those that waited until now.
    printed: u64,
}

/// Mark letters as printed
///
/// Each once: one that is printed already, or is not there, is passed over.
#[utoipa::path(post, path = "/v1/letters/printed", tag = "jobs",
    security(("oauth" = ["jobs:write"])), params(IdempotencyKey), request_body = MarkPrinted,
    responses((status = 200, body = Marked), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn mark_letters(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let MarkPrinted { letters } = sent.json()?;
    if letters.is_empty() || letters.len() > IN_A_FILE {
        return Err(Problem::invalid("/letters", format!("must be 1 to {IN_A_FILE} letters")));
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let printed = super::mark_printed(&mut write.tx, &letters, app.clock.now()).await?;
    write.finish(StatusCode::OK, &Marked { printed }).await
}
