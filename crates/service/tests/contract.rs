//! Can an integrator rely on the contract? Versions of things, pages, and work that goes on after its answer.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::operator::{Record, create, operator};
use crate::support::{Answer, TestApp, on_both_databases};

async fn get_with(db: &TestApp, path: &str, header: &str, value: &str) -> Answer {
    db.send(Request::get(path).header(header, value).body(Body::empty()).unwrap()).await
}

async fn change(db: &TestApp, method: &str, path: &str, tag: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(path).header("if-match", tag);
    db.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

async fn first_customer(db: &TestApp) -> String {
    let id = db.get("/v1/customers").await.body["items"][0]["id"].as_str().unwrap().to_owned();
    format!("/v1/customers/{id}")
}

/// Follows the links of a list from its first page on, two entries at a time.
async fn walk(db: &TestApp, path: &str) -> Vec<Value> {
    let mut next = Some(format!("{path}{}limit=2", if path.contains('?') { '&' } else { '?' }));
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = db.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {page:?}");
        let items = page.body["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()), "{path}: {page:?}");
        found.extend(items.iter().cloned());
        let link = page.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
        assert_eq!(link.is_some(), page.body["next"].is_string(), "{page:?}");
        next = link.map(|link| {
            let (target, relation) = link.split_once("; ").unwrap();
            assert_eq!(relation, "rel=\"next\"");
            target.trim_matches(['<', '>']).to_owned()
        });
    }
    found
}

fn upload(query: &str) -> axum::http::request::Builder {
    Request::post(format!("/v1/imports?{query}"))
}

on_both_databases! {
    async fn what_is_known_already_is_not_sent_again(db: TestApp) {
        operator(&db).await;
        let path = first_customer(&db).await;
        let read = db.get(&path).await;
        let again = get_with(&db, &path, "if-none-match", &tag(&read)).await;
        assert_eq!((again.status, again.body.clone()), (StatusCode::NOT_MODIFIED, Value::Null), "{again:?}");
        assert_eq!(tag(&again), tag(&read));
        let changed = db.patch_json(&path, &json!({"party": {"city": "Bremen"}})).await;
        assert_ne!(tag(&changed), tag(&read));
        let anew = get_with(&db, &path, "if-none-match", &tag(&read)).await;
        assert_eq!((anew.status, tag(&anew)), (StatusCode::OK, tag(&changed)), "{anew:?}");
    }

    async fn a_change_of_what_was_changed_meanwhile_is_refused(db: TestApp) {
        operator(&db).await;
        let path = first_customer(&db).await;
        let hook = create(&db, "/v1/webhooks", json!({"url": "https://8.8.8.8/hook", "events": ["invoice.paid"]})).await;
        let hook = format!("/v1/webhooks/{}", hook["id"].as_str().unwrap());
        for (method, path, one, other) in [
            ("PATCH", hook, json!({"description": "CRM"}), json!({"description": "ERP"})),
            ("PATCH", path.clone(), json!({"party": {"city": "Bremen"}}), json!({"party": {"city": "Kiel"}})),
            ("PUT", format!("{path}/prepaid"), json!({"low_balance": "1.00"}), json!({"low_balance": "2.00"})),
        ] {
            let seen = tag(&db.get(&path).await);
            let first = change(&db, method, &path, &seen, &one).await;
            assert_eq!(first.status, StatusCode::OK, "{first:?}");
            let late = change(&db, method, &path, &seen, &other).await;
            assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{late:?}");
            assert_eq!(late.body["type"], "/problems/changed-meanwhile");
            let now = db.get(&path).await;
            assert_eq!((&now.body, tag(&now)), (&first.body, tag(&first)), "nothing was done");
            // A list of tags, any tag, and a weak one, which is none to go by.
            for (tags, status) in [(format!("\"0\", {}", tag(&now)), 200), ("*".to_owned(), 200), (format!("W/{}", tag(&now)), 412)] {
                assert_eq!(change(&db, method, &path, &tags, &one).await.status, status, "{tags}");
            }
        }
    }

    async fn every_long_list_is_walked_by_its_links(db: TestApp) {
        operator(&db).await;
        for number in 1..=5 {
            let records: Vec<_> = (1..=3).map(|line| Record { to: "*98", ..Record::new(&format!("{number}-{line}")) }).collect();
            let done = db.send(upload(&format!("source=switch{number}")).body(Body::from(Record::file(&records))).unwrap()).await;
            assert_eq!(done.status, StatusCode::CREATED, "{done:?}");
            let call = Record::new(&format!("call {number}"));
            assert_eq!(db.post_json("/v1/calls?source=switch", &call.json()).await.status, StatusCode::CREATED);
        }
        let imports = walk(&db, "/v1/imports").await;
        let names: Vec<_> = imports.iter().map(|import| import["source"].as_str().unwrap()).collect();
        assert_eq!(names, ["switch5", "switch4", "switch3", "switch2", "switch1"]);
        let suspended = walk(&db, "/v1/suspense").await;
        let whole = db.get("/v1/suspense?limit=500").await;
        assert_eq!((suspended.len(), Value::from(suspended)), (15, whole.body["items"].clone()));
        assert_eq!(walk(&db, "/v1/suspense?source=switch3").await.len(), 3);
        for query in ["limit=2", "state=ready&limit=2", "state=ready&limit=2&cursor=job_0000000000001"] {
            assert_eq!(db.get(&format!("/v1/jobs?{query}")).await.body, json!({"items": [], "next": null}), "{query}");
        }
        let path = first_customer(&db).await;
        assert_eq!(walk(&db, &format!("{path}/calls")).await.len(), 5);
        for path in ["/v1/imports", "/v1/suspense", "/v1/jobs", "/v1/customers", &format!("{path}/calls")] {
            let refused = db.get(&format!("{path}?cursor=none%20of%20ours")).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}: {refused:?}");
        }
    }

    async fn an_upload_is_charged_after_its_answer(db: TestApp) {
        operator(&db).await;
        let records: Vec<_> = (1..=3).map(|number| Record::new(&format!("r{number}"))).collect();
        let request = upload("source=switch").header("prefer", "wait=1, respond-async");
        let accepted = db.send(request.body(Body::from(Record::file(&records))).unwrap()).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
        assert_eq!(accepted.headers["preference-applied"], "respond-async");
        assert_eq!(accepted.body["finished_at"], Value::Null);
        let location = accepted.headers["location"].to_str().unwrap().to_owned();
        // The program waits for it before it ends.
        db.app.background.close();
        db.app.background.wait().await;
        let done = db.get(&location).await;
        assert_eq!(done.body["id"], accepted.body["id"], "{done:?}");
        assert!(done.body["finished_at"].is_string(), "{done:?}");
        assert_eq!(done.body["control"]["charged"], 3);
        let unreadable = upload("source=switch").header("prefer", "respond-async");
        let refused = db.send(unreadable.body(Body::from("what,is,this\n")).unwrap()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert_eq!(db.get("/v1/imports/imp_0000000000001").await.status, StatusCode::NOT_FOUND);
    }
}
