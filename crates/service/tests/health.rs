//! Does the program say how it is, and who says so when it is not well?

use axum::http::{StatusCode, header};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::{TestApp, now, on_both_databases};

async fn readiness(db: &TestApp) -> (StatusCode, Value) {
    let answer = db.get("/readyz").await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json", "{answer:?}");
    (answer.status, answer.body)
}

fn check(readiness: &Value, name: &str) -> (String, String) {
    let checks = readiness["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{readiness}"));
    (found["status"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

on_both_databases! {
    async fn a_program_with_a_database_is_ready(db: TestApp) {
        assert_eq!(db.get("/livez").await.body, json!({"status": "alive"}));
        let (status, found) = readiness(&db).await;
        assert_eq!((status, &found["status"]), (StatusCode::OK, &json!("ready")), "{found}");
        assert_eq!(check(&found, "database"), ("ready".to_owned(), "answers".to_owned()));
        assert_eq!(check(&found, "jobs"), ("ready".to_owned(), "none waits".to_owned()));
    }

    async fn a_job_that_is_late_is_told_and_no_reason_to_go_elsewhere(db: TestApp) {
        let mut tx = db.app.db.begin().await.unwrap();
        let job = tollbook::jobs::Job::SendLowBalance { customer_id: tollbook::id::CustomerId(7), number: 1 };
        tollbook::jobs::enqueue(&mut tx, &[job], &db.app.clock).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(readiness(&db).await.1["status"], "ready");
        db.app.clock.set(now() + 601.seconds());
        let (status, found) = readiness(&db).await;
        assert_eq!((status, &found["status"]), (StatusCode::OK, &json!("degraded")), "{found}");
        assert_eq!(check(&found, "jobs"), ("degraded".to_owned(), "the oldest has been due for 601 seconds".to_owned()));
    }

    async fn a_schema_that_is_not_ours_is_told(db: TestApp) {
        let change = async |sql: &str| {
            let mut tx = db.app.db.begin().await.unwrap();
            tx.script(sql).await.unwrap();
            tx.commit().await.unwrap();
            readiness(&db).await
        };
        let (status, found) = change("update migrations set name = '9999_other' where name = '0004_prepaid'").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        assert_eq!(check(&found, "migrations").1, "9999_other is of a newer program");
        let (status, found) = change("delete from migrations where name = '9999_other'").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        assert!(check(&found, "migrations").1.ends_with("must run"), "{found}");
        let (status, found) = change("drop table migrations").await;
        assert_eq!((status, check(&found, "database").1), (StatusCode::SERVICE_UNAVAILABLE, "does not answer".to_owned()));
        assert_eq!(db.get("/livez").await.status, StatusCode::OK);
    }

    async fn a_program_that_is_to_stop_is_not_ready(db: TestApp) {
        db.app.stopping.begin();
        let (status, found) = readiness(&db).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        assert_eq!(check(&found, "service").1, "is about to stop");
        assert_eq!(db.get("/livez").await.status, StatusCode::OK);
    }
}
