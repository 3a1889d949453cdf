//! Does the API do what its description says, whoever asks and whatever? `scripts/check_api.py` asks a lot.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::access::Guarded;
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::python::python;
use crate::support::receiver::{endpoint, local, ping};
use crate::support::served::served;
use crate::support::{TestApp, on_both_databases};

/// So much is asked of each operation that may be reached.
const EXAMPLES: &str = "8";
/// So much of those that refuse.
const FEW: &str = "2";

/// What the paths' parameters may be, of things that exist.
struct Known(Vec<(&'static str, String)>);

impl Known {
    fn note(&mut self, name: &'static str, value: &Value) {
        let value = value.as_str().unwrap_or_else(|| panic!("no {name}: {value}"));
        self.0.push((name, value.to_owned()));
    }

    fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

/// The small operator with something of everything: C-1 has calls, an invoice, a credit note, a discount; C-4 is prepaid.
async fn stock(db: &TestApp) -> Known {
    operator(db).await;
    let mut known = Known(vec![("version", "1".to_owned()), ("source", "switch-a".to_owned())]);
    let customers = db.get("/v1/customers").await.body["items"].clone();
    known.note("customer_id", &customers[0]["id"]);
    known.note("customer_id", &customers[3]["id"]);
    let [postpaid, prepaid] =
        [0, 3].map(|place| format!("/v1/customers/{}", customers[place]["id"].as_str().unwrap()));
    known.note("plan_id", &db.get("/v1/plans").await.body[0]["id"]);
    known.note("tariff_id", &db.get("/v1/tariffs").await.body[0]["id"]);
    import_text(db, "switch-a", &Record::file(&[Record::new("a-1"), Record::new("a-2")])).await;
    known.0.push(("record_id", "a-1".to_owned()));
    known.note("import_id", &db.get("/v1/imports").await.body["items"][0]["id"]);
    known.note("line_id", &db.get(&format!("{postpaid}/lines")).await.body[0]["id"]);
    db.patch_json(&postpaid, &json!({"party": {"email": "anna@example.org"}})).await;
    let invoice = create(db, &format!("{postpaid}/invoices"), json!({"month": "2026-10"})).await;
    known.note("invoice_id", &invoice["id"]);
    let credit = json!({"reason": "Noise", "credits": {"call": {"source": "switch-a", "record_id": "a-2"}}});
    let path = format!("{postpaid}/invoices/{}/credit-notes", known.one("invoice_id"));
    known.note("credit_note_id", &create(db, &path, credit).await["id"]);
    let discount = json!({"description": "Welcome", "terms": {"percent": "10", "duration": "forever"}});
    known.note("discount_id", &create(db, &format!("{postpaid}/discounts"), discount).await["id"]);
    known.note("job_id", &db.get("/v1/jobs").await.body["items"][0]["id"]);
    let top_up = json!({"reference": "t-1", "amount": "100.00", "currency": "EUR"});
    let topped = create(db, &format!("{prepaid}/top-ups"), top_up).await;
    known.note("balance_id", &topped["movements"][0]["balance_id"]);
    let call = json!({"call_id": "s-1", "calling_number": "+493023125004", "called_number": "+442079460123"});
    known.note("session_id", &create(db, "/v1/charging/sessions", call).await["session_id"]);
    let (path, _) = endpoint(&local(db), "http://127.0.0.1:9/hook", &["invoice.issued"]).await;
    known.note("message_id", &ping(db, &path).await.into());
    known.note("endpoint_id", &path.trim_start_matches("/v1/webhooks/").into());
    let client = create(db, "/v1/clients", json!({"name": "switch-a", "role": "switch"})).await;
    known.note("client_id", &client["id"]);
    known.0.push(("kind", "not-found".to_owned()));
    known
}

/// Asks a server as somebody with such a role, or as nobody.
async fn check(db: &TestApp, role: Option<&str>, examples: &str) {
    let known = stock(db).await;
    let server = served(db).await;
    let mut command = Command::new(python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/check_api.py"));
    command.arg(format!("http://{}", server.address)).args(["--examples", examples]);
    command.args(known.0.iter().map(|(name, value)| format!("--known={name}={value}")));
    if let Some(role) = role {
        let customer = (role == "customer").then(|| known.one("customer_id"));
        let guarded = Guarded::new(db);
        let client = guarded.client("checker", role, customer).await;
        let token = guarded.token_of(&client, "").await;
        command.args([format!("--token={token}"), format!("--self={}", client.id)]);
    }
    let checked = tokio::task::spawn_blocking(move || command.output().expect("Python runs")).await.unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let tested = tollbook::http::openapi().paths.paths.len();
    assert!(tested > 70 && said.contains(" generated"), "{said}");
}

on_both_databases! {
    async fn what_operators_are_answered_is_described(db: TestApp) {
        check(&db, Some("operator"), EXAMPLES).await;
    }

    async fn what_support_is_answered_is_described(db: TestApp) {
        check(&db, Some("support"), FEW).await;
    }

    async fn what_switches_are_answered_is_described(db: TestApp) {
        check(&db, Some("switch"), FEW).await;
    }

    async fn what_customers_are_answered_is_described(db: TestApp) {
        check(&db, Some("customer"), FEW).await;
    }

    async fn what_strangers_are_answered_is_described(db: TestApp) {
        check(&db, None, FEW).await;
    }
}
