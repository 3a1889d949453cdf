//! The door where clients get tokens: `/oauth/token` and `/oauth/revoke`.
//!
//! It refuses as OAuth 2.0 says (RFC 6749, 5.2), not with problems.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::grant::{self, Answer, Credentials, Granted, Proven};
use super::{Client, scope, secret};
use crate::app::{App, SharedApp};
use crate::http::{Guess, Problem, Whence, refuse_guess};
use crate::log::Concealed;

/// A form longer than this is none of ours.
const LONGEST_FORM: usize = 16 * 1024;

pub(super) fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(token)).routes(routes!(revoke))
}

/// What asks for a token, as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes a form, which `Form` reads")]
struct TokenRequest {
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Fewer scopes than the role has, with spaces between.
    #[schema(example = "calls:read invoices:read")]
    scope: Option<String>,
    /// Unless the request has an `Authorization: Basic` header.
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// What takes a token away, as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes a form, which `Form` reads")]
struct RevokeRequest {
    token: String,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
struct TokenAnswer {
    /// For the header `Authorization: Bearer …`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 3600)]
    expires_in: i64,
    /// What it permits.
    scope: String,
}

/// A refusal (RFC 6749, 5.2).
#[derive(Debug, Serialize, ToSchema)]
struct TokenRefusal {
    #[schema(example = "invalid_client")]
    error: &'static str,
    error_description: String,
}

/// Get a token
///
/// The client credentials grant (RFC 6749, 4.4): a form with `grant_type=client_credentials`, and the client's id and
/// secret as HTTP Basic authentication or in the form.
#[utoipa::path(post, path = "/oauth/token", tag = "access", security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenAnswer), (status = 400, body = TokenRefusal),
        (status = 401, description = "No such client, or another secret", body = TokenRefusal),
        (status = 503, description = "Too many ask at once", body = TokenRefusal)))]
async fn token(
    State(app): State<SharedApp>,
    whence: Whence,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (form, client) = match ask(&app, whence, &headers, &body).await? {
        Ok(asked) => asked,
        Err(refusal) => return Ok(refusal),
    };
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Ok(refuse("unsupported_grant_type", "only client_credentials is known here")),
        None => return Ok(refuse("invalid_request", "grant_type is missing")),
    }
    let mut tx = app.db.begin().await?;
    let Granted { token, expires_at, scopes } =
        match grant::grant(&mut tx, client.id, form.get("scope"), &app).await? {
            Answer::Token(granted) => granted,
            Answer::NotPermitted(word) => {
                let detail = format!(
                    "the role {} has no scope `{}`",
                    client.role.code(),
                    printable(&Concealed(&word).to_string())
                );
                return Ok(refuse("invalid_scope", detail));
            }
            Answer::Revoked => return Ok(wrong_client(&headers)),
        };
    tx.commit().await?;
    let expires_in = expires_at.duration_since(app.clock.now()).as_secs();
    let answer =
        TokenAnswer { access_token: token, token_type: "Bearer", expires_in, scope: scope::text(&scopes) };
    Ok(unkept(Json(answer).into_response()))
}

/// Take a token away
///
/// RFC 7009: the client that got it authenticates as for a token. A token that is unknown or another's is no error.
#[utoipa::path(post, path = "/oauth/revoke", tag = "access", operation_id = "revoke_token", security(()),
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is worth nothing"), (status = 400, body = TokenRefusal),
        (status = 401, description = "No such client, or another secret", body = TokenRefusal),
        (status = 503, description = "Too many ask at once", body = TokenRefusal)))]
async fn revoke(
    State(app): State<SharedApp>,
    whence: Whence,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (form, client) = match ask(&app, whence, &headers, &body).await? {
        Ok(asked) => asked,
        Err(refusal) => return Ok(refusal),
    };
    let Some(token) = form.get("token") else { return Ok(refuse("invalid_request", "token is missing")) };
    let mut tx = app.db.begin().await?;
    grant::revoke(&mut tx, client.id, token).await?;
    tx.commit().await?;
    app.access.forget(&secret::hash_token(token));
    Ok(unkept(StatusCode::OK.into_response()))
}

/// Reads the form and sees who sends it.
async fn ask(
    app: &App,
    whence: Whence,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Result<(Form, Client), Response>, Problem> {
    let form = match Form::read(headers, body) {
        Ok(form) => form,
        Err(why) => return Ok(Err(refuse("invalid_request", why))),
    };
    let shown = match credentials(headers, &form) {
        Ok(shown) => shown,
        Err(Shown::Nothing) => return Ok(Err(wrong_client(headers))),
        Err(Shown::Malformed(why)) => return Ok(Err(refuse("invalid_request", why))),
    };
    let guesses = &app.rates.guesses;
    if let Some(wait) = guesses.barred(whence) {
        return Ok(Err(refuse_guess(wait)));
    }
    Ok(match grant::prove(app, &shown).await? {
        Proven::Client(client) => Ok((form, client)),
        Proven::No => {
            guesses.wrong(whence, Guess::Secret);
            Err(wrong_client(headers))
        }
        Proven::Busy => {
            let mut busy =
                refusal(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "too many ask at once");
            busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            Err(busy)
        }
    })
}

/// The fields of a form, each once.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, &'static str> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") || body.len() > LONGEST_FORM {
            return Err("the body must be a form: application/x-www-form-urlencoded");
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let twice = |place: usize| fields.iter().take(place).any(|(name, _)| *name == fields[place].0);
        if (0..fields.len()).any(twice) {
            return Err("a field is there twice");
        }
        Ok(Self(fields))
    }

    /// A field's value; an empty one is none (RFC 6749, 3.2).
    fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(found, value)| found == name && !value.is_empty());
        field.map(|(_, value)| value.as_str())
    }
}

/// Why no credentials were read.
enum Shown {
    Nothing,
    Malformed(&'static str),
}

/// From the header or the form, not both (RFC 6749, 2.3.1).
fn credentials(headers: &HeaderMap, form: &Form) -> Result<Credentials, Shown> {
    let mut basic = headers.get_all(header::AUTHORIZATION).iter();
    let in_form = form.get("client_secret");
    let Some(value) = basic.next() else {
        let (Some(id), Some(secret)) = (form.get("client_id"), in_form) else { return Err(Shown::Nothing) };
        return Ok(Credentials { client_id: id.to_owned(), client_secret: secret.to_owned() });
    };
    if basic.next().is_some() || in_form.is_some() {
        return Err(Shown::Malformed("the client authenticates twice: once is enough"));
    }
    let decoded = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim_matches(' ')).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let (id, secret) =
        decoded.as_deref().and_then(|decoded| decoded.split_once(':')).ok_or(Shown::Nothing)?;
    Ok(Credentials { client_id: decode(id), client_secret: decode(secret) })
}

/// Both parts are encoded as in a form before Basic encodes them.
fn decode(part: &str) -> String {
    let field = form_urlencoded::parse(part.as_bytes()).next();
    field.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// One answer for a client that is not there, has another secret, or was revoked.
fn wrong_client(headers: &HeaderMap) -> Response {
    let detail = "there is no client with this id and secret";
    let mut response = refusal(StatusCode::UNAUTHORIZED, "invalid_client", detail);
    if headers.contains_key(header::AUTHORIZATION) {
        let challenge = HeaderValue::from_static("Basic realm=\"tollbook\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn refuse(error: &'static str, detail: impl Into<String>) -> Response {
    refusal(StatusCode::BAD_REQUEST, error, detail)
}

fn refusal(status: StatusCode, error: &'static str, detail: impl Into<String>) -> Response {
    let answer = TokenRefusal { error, error_description: detail.into() };
    unkept((status, Json(answer)).into_response())
}

/// No cache may keep a token (RFC 6749, 5.1).
fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// What an error description may hold.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_graphic() && !"\"\\`".contains(*letter)).collect()
}
