//! Is every request answered in order, whatever it holds?
//!
//! An input is a request in plain text: `POST /v1/customers?a=b`, lines of headers, an empty line, the body.
//! `{customer}` and other names stand for ids of things in the database (`fixture.rs`).

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;

use crate::world::{Answer, send};

/// An answer may contain a shorter one by chance.
const SHORTEST_SECRET: usize = 12;

/// A whole request, with headers.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut secrets = Vec::new();
    let answer = send(text, |text| {
        let asked = request(text)?;
        secrets = secrets_of(&asked.0);
        Some(asked)
    });
    if let Some(answer) = answer {
        sound(text, &answer, &secrets);
    }
}

/// A method and path on the first line, then a JSON body.
pub(crate) fn bodies(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let answer = send(text, |text| {
        let (asked, body) = text.split_once('\n')?;
        request(&format!("{asked}\n\n{body}"))
    });
    if let Some(answer) = answer {
        sound(text, &answer, &[]);
    }
}

/// Reads a request, and tells whether it needs no token: a request with a token is permitted what the token permits.
pub(crate) fn request(text: &str) -> Option<(Request<Body>, bool)> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let method: Method = method.parse().ok()?;
    let mut request = Request::builder().method(method).uri(path);
    let headers = request.headers_mut()?;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    if !headers.contains_key(header::CONTENT_TYPE) && !body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let open = !headers.contains_key(header::AUTHORIZATION);
    request.body(Body::from(body.to_owned())).ok().map(|request| (request, open))
}

fn secrets_of(request: &Request<Body>) -> Vec<String> {
    let values = request.headers().get_all(header::AUTHORIZATION).iter();
    let tokens =
        values.filter_map(|value| value.to_str().ok()?.split_once(' ').map(|(_, token)| token.trim()));
    tokens.filter(|token| token.len() >= SHORTEST_SECRET).map(str::to_owned).collect()
}

fn sound(asked: &str, answer: &Answer, secrets: &[String]) {
    let Answer { status, headers, body } = answer;
    let text = String::from_utf8_lossy(body);
    // 503 is right here: nobody answers at the issuer's address.
    let is_fault = status.is_server_error() && *status != StatusCode::SERVICE_UNAVAILABLE;
    assert!(!is_fault, "{asked}\n{status} {text}");
    assert!(
        secrets.iter().all(|secret| !text.contains(secret.as_str())),
        "{asked}\nrepeats a secret: {text}"
    );
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_json = ["application/json", "application/problem+json"].contains(&kind);
    if is_json && !body.is_empty() {
        let json = serde_json::from_slice::<Value>(body);
        let json = json.unwrap_or_else(|error| panic!("{asked}\n{error}: {text}"));
        if kind == "application/problem+json" {
            problem(asked, *status, &json);
        }
    }
    let refuses = status.is_client_error() || status.is_server_error();
    let is_head = asked.starts_with("HEAD ");
    assert!(!refuses || is_head || is_json, "{asked}\n{status} {kind} {text}");
}

/// Checks what every refusal has (RFC 9457).
fn problem(asked: &str, status: StatusCode, problem: &Value) {
    assert_eq!(problem["status"], status.as_u16(), "{asked}\n{problem}");
    for part in ["type", "title", "detail"] {
        let says = problem[part].as_str().is_some_and(|text| !text.is_empty());
        assert!(says, "{asked}\nno {part}: {problem}");
    }
}
