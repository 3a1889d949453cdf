//! Does the API keep the promises that hold on every path?

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, on_both_databases};

fn deck(rate: &str) -> Value {
    let deck = format!("prefix,destination,rate_per_min,increments\n49,Germany,{rate},60/60\n");
    let terms = json!({"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}});
    json!({"name": "standard-eur", "terms": terms, "deck": deck})
}

fn assert_problem(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{answer:?}");
    assert_eq!(answer.body["status"], status.as_u16(), "{answer:?}");
    for part in ["type", "title", "detail"] {
        assert!(answer.body[part].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
    }
}

async fn versions(db: &TestApp) -> usize {
    let tariffs = db.get("/v1/tariffs").await;
    assert_eq!(tariffs.status, StatusCode::OK);
    tariffs.body.as_array().unwrap().iter().map(|tariff| tariff["versions"].as_array().unwrap().len()).sum()
}

on_both_databases! {
    async fn a_write_sent_again_gets_the_first_answer(db: TestApp) {
        let first = db.post_json_once("/v1/tariffs", "key-1", &deck("0.02")).await;
        assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
        // Whatever happens meanwhile.
        assert_eq!(db.post_json("/v1/tariffs", &deck("0.03")).await.status, StatusCode::CREATED);
        let again = db.post_json_once("/v1/tariffs", "key-1", &deck("0.02")).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(versions(&db).await, 2);
    }

    async fn a_write_sent_twice_at_once_is_done_once(db: TestApp) {
        let body = deck("0.02");
        let (one, two) =
            tokio::join!(db.post_json_once("/v1/tariffs", "key-1", &body), db.post_json_once("/v1/tariffs", "key-1", &body));
        assert_eq!((one.status, two.status), (StatusCode::CREATED, StatusCode::CREATED), "{one:?} {two:?}");
        assert_eq!(one.body, two.body);
        assert_eq!(versions(&db).await, 1);
    }

    async fn a_key_that_was_used_for_another_request_is_refused(db: TestApp) {
        db.post_json_once("/v1/tariffs", "key-1", &deck("0.02")).await;
        let other = db.post_json_once("/v1/tariffs", "key-1", &deck("0.03")).await;
        assert_problem(&other, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(other.body["type"], "/problems/key-reused");
        assert_eq!(versions(&db).await, 1);
        for key in ["", "two words", "a\ttab", &"k".repeat(201)] {
            assert_problem(&db.post_json_once("/v1/tariffs", key, &deck("0.03")).await, StatusCode::BAD_REQUEST);
        }
    }

    async fn a_refused_write_leaves_nothing_and_frees_its_key(db: TestApp) {
        let refused = db.post_json_once("/v1/tariffs", "key-1", &deck("two cents")).await;
        assert_problem(&refused, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.body["errors"][0]["pointer"], "/deck line 2 rate_per_min");
        assert_eq!(versions(&db).await, 0);
        assert_eq!(db.post_json_once("/v1/tariffs", "key-1", &deck("0.02")).await.status, StatusCode::CREATED);
    }

    async fn whatever_is_refused_is_a_problem(db: TestApp) {
        assert_problem(&db.get("/v1/nothing").await, StatusCode::NOT_FOUND);
        assert_problem(&db.get("/v1/tariffs/tar_0000000000011").await, StatusCode::NOT_FOUND);
        assert_problem(&db.get("/v1/tariffs/cus_0000000000011").await, StatusCode::NOT_FOUND);
        let post = |body: &'static str| Request::post("/v1/tariffs").body(Body::from(body)).unwrap();
        assert_problem(&db.send(post("{")).await, StatusCode::BAD_REQUEST);
        assert_problem(&db.send(post("")).await, StatusCode::BAD_REQUEST);
        let unknown = db.send(post(r#"{"nme": "standard-eur"}"#)).await;
        assert_problem(&unknown, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(unknown.body["errors"][0]["pointer"], "/nme", "{unknown:?}");
        let delete = Request::builder().method(Method::DELETE).uri("/v1/tariffs").body(Body::empty()).unwrap();
        assert_problem(&db.send(delete).await, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[test]
fn no_two_types_have_one_name_in_the_api() {
    // The description would show one of them for both.
    let mut names = std::collections::BTreeMap::<String, usize>::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            for after in text.split("ToSchema)]").skip(1) {
                let named = after.split_once("schema(as = ").map(|(before, name)| (before.len(), name));
                let plain = after.find("struct ").into_iter().chain(after.find("enum ")).min();
                let plain = plain.map(|at| (at, after[at..].split_once(' ').map_or("", |(_, name)| name)));
                let first = named.into_iter().chain(plain).min_by_key(|(at, _)| *at);
                let name = first.map_or("", |(_, name)| name).split(|letter: char| !letter.is_alphanumeric());
                *names.entry(name.take(1).collect()).or_default() += 1;
            }
        }
    }
    assert!(names.len() > 40 && names.contains_key("PlanPayment"), "{names:?}");
    let twice: Vec<_> = names.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
