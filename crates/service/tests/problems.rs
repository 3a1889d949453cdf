//! Does each kind of refusal say what it means, and do the documents know them all?

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tollbook::http::{Kind, openapi};

use crate::support::access::Guarded;
use crate::support::{Engine, app};

const DOCUMENT: &str = include_str!("../../../docs/api.md");

#[tokio::test]
async fn whoever_follows_a_type_is_told_what_it_means() {
    let db = app(Engine::Sqlite).await;
    // Without a token.
    let guarded = Guarded::new(&db);
    let all = guarded.ask("GET", "/problems", None).await;
    assert_eq!(
        (all.status.as_u16(), all.body.as_array().map(Vec::len)),
        (200, Some(Kind::ALL.len())),
        "{all:?}"
    );
    let refused = guarded.ask("GET", "/v1/plans", None).await;
    let uri = refused.body["type"].as_str().unwrap();
    let meaning = guarded.ask("GET", uri, None).await;
    assert_eq!(meaning.status, 200, "{meaning:?}");
    for part in ["type", "title", "status"] {
        assert_eq!(meaning.body[part], refused.body[part], "{meaning:?}");
    }
    assert!(meaning.body["meaning"].as_str().unwrap().contains("/oauth/token"), "{meaning:?}");
    assert!(all.body.as_array().unwrap().contains(&meaning.body), "{all:?}");
    for path in ["/problems/lost", "/problems/", "/problems/Not-Found", "/problems/not-found/x"] {
        let unknown = guarded.ask("GET", path, None).await;
        assert_eq!(
            (unknown.status.as_u16(), &unknown.body["type"]),
            (404, &json!("/problems/not-found")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_browser_is_shown_a_page() {
    let db = app(Engine::Sqlite).await;
    for (path, accepted, kind) in [
        ("/problems/not-found", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("/problems", "text/html", "text/html; charset=utf-8"),
        ("/problems/not-found", "application/json, text/html;q=0.5", "application/json"),
        ("/problems/not-found", "*/*", "application/json"),
    ] {
        let request = Request::get(path).header("accept", accepted).body(Body::empty()).unwrap();
        let answer = db.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["content-type"]),
            (200, &kind.parse().unwrap()),
            "{path}"
        );
        assert_eq!(answer.body.is_null(), kind.starts_with("text/html"), "{answer:?}");
    }
}

#[test]
fn the_documents_know_every_kind() {
    let described = serde_json::to_value(openapi()).unwrap();
    let types = described["components"]["schemas"]["Problem"]["properties"]["type"]["examples"].clone();
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
    assert_eq!(types, Value::from(kinds.clone()));
    let listed: Vec<_> = DOCUMENT.lines().filter(|line| line.starts_with("| `/problems/")).collect();
    let row = |kind: &Kind| format!("| `{}` | {} | {} |", kind.uri(), kind.status().as_u16(), kind.meaning());
    let wanted: Vec<_> = Kind::ALL.iter().map(row).collect();
    assert_eq!(listed, wanted, "docs/api.md lists:\n{}", wanted.join("\n"));
    for (place, kind) in Kind::ALL.iter().enumerate() {
        assert_eq!(Kind::of(kind.code()), Some(*kind), "no two have one code");
        assert!(kind.status().is_client_error() || kind.status() == 503, "{}", kind.code());
        assert_eq!(kinds.iter().filter(|uri| **uri == kinds[place]).count(), 1);
    }
}

/// Each operation of the description.
fn operations() -> Vec<(String, Value)> {
    let document = serde_json::to_value(openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
    });
    operations.collect()
}

#[test]
fn each_operation_has_a_name_of_its_own_and_says_what_it_answers() {
    let mut names = std::collections::BTreeSet::new();
    for (operation, said) in operations() {
        let name = said["operationId"].as_str().unwrap().to_owned();
        assert!(name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{name}");
        assert!(names.insert(name.clone()), "{operation}: another operation is called {name}");
        for status in ["429", "4XX", "5XX"] {
            assert!(said["responses"][status].is_object(), "{operation} does not say what {status} is");
        }
        assert!(said["responses"]["429"]["headers"]["Retry-After"].is_object(), "{operation}");
        for (status, answer) in said["responses"].as_object().unwrap() {
            assert!(!answer["description"].as_str().unwrap_or_default().is_empty(), "{operation} {status}");
        }
    }
    assert!(names.len() > 90 && names.contains("customers_create"), "{names:?}");
}
