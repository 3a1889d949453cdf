//! How is a file of records uploaded, and what became of it?

use std::io::Cursor as Bytestream;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use calculation::cdr::{Flaw, Format};
use calculation::phone_number::{NumberForm, Region, UnknownBareDigits, UnknownOutsideDigit};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, SharedApp};
use crate::calls::{self, BegunImport, BegunUpload, Import, ImportRow, Imported, Reasons, Source};
use crate::http::{Key, PREFERENCE_APPLIED, Page, PageQuery, Params, Patience, Prefer, Problem, check_name};
use crate::id::ImportId;

pub(super) fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(upload, imports)).routes(routes!(import))
}

/// How an uploaded file is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct UploadQuery {
    /// The switch or feed: with the record's id the key that prevents charging twice.
    #[param(example = "switch-a")]
    source: String,
    /// The file's name, to find it again.
    file_name: Option<String>,
    /// `csv`, `ndjson`, `asterisk` or `asterisk-table`; told from the first line when absent.
    #[param(pattern = "^(csv|ndjson|asterisk|asterisk-table)$")]
    format: Option<String>,
    /// The IANA zone of times without an offset; without it they are refused.
    #[param(example = "Europe/Berlin")]
    zone: Option<String>,
    /// The region (ISO 3166-1) of calling numbers without a country code.
    #[param(example = "DE", pattern = "^[A-Z]{2}$")]
    region: Option<String>,
    /// How digits without `+` are read that are no number of the region: `national` refuses them, `international` takes
    /// them for whole numbers.
    #[param(pattern = "^(national|international)$")]
    bare_digits: Option<String>,
    /// The digit that callers dial for an outside line, if it stands before the called numbers.
    #[param(example = "0", pattern = "^[0-9]$")]
    outside_digit: Option<String>,
    /// Channel names of Asterisk's trunks, with commas between.
    #[param(example = "PJSIP/carrier")]
    trunks: Option<String>,
    /// Our column name for a name in the header: ours=theirs, with commas between.
    #[param(example = "calling_number=ani,called_number=dnis")]
    columns: Option<String>,
    /// Charge the file although another source brought such calls at the same times.
    other_calls: Option<bool>,
}

/// What became of an upload.
#[derive(Debug, Serialize, ToSchema)]
struct UploadAnswer {
    import: ImportRow,
    /// How many records are suspended for each reason.
    suspended: Reasons,
    /// How many records were taken in under each warning (docs/operating.md).
    warnings: Reasons,
    /// The name of another source, if this one is new and looks the same to a reader. Make sure that both are meant. Absent when
    /// there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    looks_like: Option<String>,
}

/// Upload a file of call records
///
/// Importing the same file again charges nothing. When most of its first hundred calls are there already under another source, nothing is
/// charged and the answer is 409. With `Prefer: respond-async` the answer does not wait until all is charged: read at
/// `Location` how it stands.
#[utoipa::path(post, path = "/v1/imports", tag = "calls",
    security(("oauth" = ["imports:write"])), params(UploadQuery, Prefer),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, body = UploadAnswer),
        (status = 202, description = "It is charged from now on", body = ImportRow), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn upload(
    State(app): State<SharedApp>,
    Params(query): Params<UploadQuery>,
    Patience(is_patient): Patience,
    body: Bytes,
) -> Result<Response, Problem> {
    let mut source = source(&query)?;
    source.name = calls::known_feed(&app, &source.name).await?;
    let file_name = query.file_name.unwrap_or_else(|| "upload".to_owned());
    check_name("/file_name", &file_name, 300)?;
    let import = Import { source, file_name, input: Bytestream::new(body) };
    let unreadable = |flaw: Flaw| Problem::invalid("/line 1", flaw.to_string());
    let begun = match calls::begin_import(&app, import).await? {
        BegunUpload::Import(begun) => begun,
        BegunUpload::Unreadable(flaw) => return Err(unreadable(flaw)),
        BegunUpload::Elsewhere(elsewhere) => return Err(Problem::conflict(elsewhere.to_string())),
    };
    if !is_patient {
        return Ok(accept(&app, begun));
    }
    match begun.finish(&app, &|_, _| ()).await? {
        Imported::Done { import, reasons, warnings, looks_like } => {
            let answer = UploadAnswer { import, suspended: reasons, warnings, looks_like };
            Ok((StatusCode::CREATED, Json(answer)).into_response())
        }
        Imported::Unreadable(flaw) => Err(unreadable(flaw)),
        Imported::Elsewhere(elsewhere) => Err(Problem::conflict(elsewhere.to_string())),
    }
}

/// Charges an upload after it was answered. The program does not end before.
fn accept(app: &App, begun: Box<BegunImport<Bytestream<Bytes>>>) -> Response {
    let (row, app) = (begun.row.clone(), app.clone());
    let location = format!("/v1/imports/{}", row.id);
    app.background.clone().spawn(async move {
        if let Err(error) = begun.finish(&app, &|_, _| ()).await {
            tracing::error!(%error, "an upload was not charged to its end: it can be sent again");
        }
    });
    let headers = [(header::LOCATION, location), (PREFERENCE_APPLIED, "respond-async".to_owned())];
    (StatusCode::ACCEPTED, headers, Json(row)).into_response()
}

fn source(query: &UploadQuery) -> Result<Source, Problem> {
    check_name("/source", query.source.trim(), 100)?;
    let mut source =
        Source { other_calls: query.other_calls.unwrap_or_default(), ..Source::new(query.source.trim()) };
    if let Some(format) = &query.format {
        let format: Format = format.parse().map_err(|error| Problem::malformed(format!("{error}")))?;
        source.format = Some(format);
    }
    if let Some(zone) = &query.zone {
        source.zone = TimeZone::get(zone).map_err(|_| Problem::malformed("zone is no IANA time zone"))?;
    }
    if let Some(region) = &query.region {
        let region: Region = region.parse().map_err(|error| Problem::malformed(format!("{error}")))?;
        source.region = Some(region);
    }
    source.form = number_form(query.bare_digits.as_deref(), query.outside_digit.as_deref())?;
    for column in query.columns.iter().flat_map(|columns| columns.split(',')) {
        let pair = crate::tariffs::cli::pair(column);
        source.columns.push(pair.map_err(|error| Problem::malformed(format!("columns: {error}")))?);
    }
    source.trunks.extend(query.trunks.iter().flat_map(|trunks| trunks.split(',').map(str::to_owned)));
    Ok(source)
}

/// How a source writes numbers, as the query says.
pub(super) fn number_form(bare: Option<&str>, outside: Option<&str>) -> Result<NumberForm, Problem> {
    let mut form = NumberForm::default();
    if let Some(bare) = bare {
        form.bare_digits =
            bare.parse().map_err(|error: UnknownBareDigits| Problem::malformed(format!("{error}")))?;
    }
    if let Some(digit) = outside {
        let digit =
            digit.parse().map_err(|error: UnknownOutsideDigit| Problem::malformed(format!("{error}")))?;
        form.outside_digit = Some(digit);
    }
    Ok(form)
}

/// List imports, newest first
#[utoipa::path(get, path = "/v1/imports", tag = "calls",
    security(("oauth" = ["imports:read"])), params(PageQuery),
    responses((status = 200, body = Page<ImportRow>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn imports(
    State(app): State<SharedApp>,
    Params(page): Params<PageQuery>,
) -> Result<Page<ImportRow>, Problem> {
    let (limit, before) = (page.limit()?, page.after()?.unwrap_or(ImportId(i64::MAX)));
    let mut tx = app.db.read().await?;
    let imports = calls::imports(&mut tx, before, limit + 1).await?;
    Ok(Page::new(imports, limit, |import| import.id.to_string()))
}

/// Read how an import stands
#[utoipa::path(get, path = "/v1/imports/{import_id}", tag = "calls",
    security(("oauth" = ["imports:read"])), params(("import_id" = String, Path)),
    responses((status = 200, body = ImportRow), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn import(State(app): State<SharedApp>, Key(id): Key<ImportId>) -> Result<Json<ImportRow>, Problem> {
    let mut tx = app.db.read().await?;
    let found = calls::import_by_id(&mut tx, id).await?;
    found.map(Json).ok_or_else(|| Problem::not_found(format!("there is no import {id}")))
}
