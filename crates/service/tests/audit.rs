//! Is it known who saw or changed what?

use serde_json::{Value, json};

use crate::support::operator::{Record, operator};
use crate::support::program;
use crate::support::{TestApp, on_both_databases};

/// The log, newest first, as action, status and whose data it was.
async fn log(db: &TestApp, query: &str) -> Vec<(String, u64, Value)> {
    db.app.audit.settle().await;
    let page = db.get(&format!("/v1/audit?{query}")).await;
    let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{page:?}"));
    let told = |entry: &Value| {
        (
            entry["action"].as_str().unwrap().to_owned(),
            entry["status"].as_u64().unwrap(),
            entry["customer_id"].clone(),
        )
    };
    items.iter().map(told).filter(|(action, ..)| !action.contains("/audit")).collect()
}

async fn first_customer(db: &TestApp) -> String {
    db.get("/v1/customers").await.body["items"][0]["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn what_is_changed_and_what_is_seen_is_noted(db: TestApp) {
        operator(&db).await;
        let id = first_customer(&db).await;
        let path = format!("/v1/customers/{id}");
        db.get(&format!("{path}/calls")).await;
        db.patch_json(&path, &json!({"party": {"city": "Bremen"}})).await;
        let told = log(&db, &format!("customer_id={id}")).await;
        let about = |action: &str, status| (action.to_owned(), status, json!(id));
        assert_eq!(
            told[..2],
            [about("PATCH /v1/customers/{customer_id}", 200), about("GET /v1/customers/{customer_id}/calls", 200)]
        );
        // Whoever is made is in the log with the making.
        assert_eq!(told.last(), Some(&about("POST /v1/customers", 201)));
        let all = log(&db, "limit=500").await;
        assert!(all.contains(&("GET /v1/customers".to_owned(), 200, Value::Null)), "{all:?}");
    }

    async fn a_change_that_is_refused_or_repeated_is_not_noted(db: TestApp) {
        operator(&db).await;
        let id = first_customer(&db).await;
        let path = format!("/v1/customers/{id}");
        let charge = json!({"description": "Setup", "amount": {"amount": "5.00", "currency": "EUR"}});
        for _ in 0..3 {
            assert_eq!(db.post_json_once(&format!("{path}/charges"), "once", &charge).await.status, 201);
        }
        assert_eq!(db.patch_json(&path, &json!({"zone": "Nowhere"})).await.status, 422);
        let told = log(&db, &format!("customer_id={id}")).await;
        let changes: Vec<_> = told.iter().filter(|(action, ..)| !action.starts_with("GET")).collect();
        assert_eq!(changes.len(), 2, "made, and charged once: {told:?}");
    }

    async fn what_switches_send_has_a_record_of_its_own(db: TestApp) {
        operator(&db).await;
        let before = log(&db, "limit=500").await.len();
        db.post_json("/v1/calls?source=switch", &Record::new("r1").json()).await;
        assert_eq!(log(&db, "limit=500").await.len(), before);
    }

    async fn the_log_is_asked_by_time_and_in_pages(db: TestApp) {
        operator(&db).await;
        let later = "2026-11-05T13:00:00Z";
        db.app.clock.set(later.parse().unwrap());
        let id = first_customer(&db).await;
        for _ in 0..3 {
            db.get(&format!("/v1/customers/{id}")).await;
        }
        assert_eq!(log(&db, &format!("from={later}")).await.len(), 4);
        assert_eq!(log(&db, &format!("to={later}&limit=500")).await.len(), log(&db, "limit=500").await.len() - 4);
        let first = db.get(&format!("/v1/audit?customer_id={id}&limit=2")).await.body;
        let next = db.get(&format!("/v1/audit?customer_id={id}&limit=2&cursor={}", first["next"].as_str().unwrap())).await;
        assert_eq!(next.body["items"].as_array().unwrap().len(), 2, "{next:?}");
        assert_ne!(first["items"], next.body["items"]);
        for query in ["customer_id=7", "from=yesterday", "cursor=x", "from=0001-01-01T00:00:00Z"] {
            let refused = db.get(&format!("/v1/audit?{query}")).await;
            assert!(refused.status.is_client_error(), "{query}: {refused:?}");
        }
    }

    async fn a_command_is_noted_before_it_begins(db: TestApp) {
        operator(&db).await;
        let id = first_customer(&db).await;
        program::done(&db.url, &["history", "C-1", "--limit", "7"]);
        program::failed(&db.url, &["dispute", "open", "C-1", "--invoice", "INV-9", "--reason", "secret"]);
        program::done(&db.url, &["quote", "--from", "+493023125001", "--to", "+442079460123", "--at", "2026-10-05T10:00:00Z"]);
        program::done(&db.url, &["check"]);
        let told = db.get("/v1/audit?limit=3").await.body["items"].clone();
        let of = |place: usize| {
            let entry = &told[place];
            assert!(entry["subject"].as_str().unwrap().starts_with("user:"), "{entry}");
            assert_eq!((&entry["role"], &entry["status"]), (&json!("command line"), &json!(0)));
            ["action", "target", "customer_id"].map(|field| entry[field].clone())
        };
        assert_eq!(of(0), [json!("tollbook quote"), json!(""), Value::Null], "no numbers");
        assert_eq!(of(1), [json!("tollbook dispute open"), json!("customer=C-1 invoice=INV-9"), json!(id)]);
        assert_eq!(of(2), [json!("tollbook history"), json!("customer=C-1"), json!(id)]);
        let words = program::done(&db.url, &["audit", "--customer", "C-1", "--limit", "2"]);
        assert!(words.contains("(command line) tollbook audit\n  customer=C-1"), "{words}");
    }
}
