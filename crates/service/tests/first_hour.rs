//! Does the program meet a newcomer well: misspelt parameters, blanks at the ends of ids, pipes that close?

use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::cli::Shell;
use crate::support::account::Account;
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::program::on_a_terminal;
use crate::support::{TestApp, on_both_databases};

on_both_databases! {
    async fn a_query_parameter_that_an_operation_does_not_know_is_refused(db: TestApp) {
        let document: Value = serde_json::to_value(tollbook::http::openapi()).unwrap();
        let mut asked = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            let place = path.replace(['{', '}'], "");
            for method in methods.as_object().unwrap().keys().filter(|_| path.starts_with("/v1/")) {
                let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
                let request = Request::builder().method(method.clone()).uri(format!("{place}?limt=1"));
                let answer = db.send(request.body(Body::empty()).unwrap()).await;
                assert_eq!(answer.status.as_u16(), 400, "{method} {path}: {answer:?}");
                assert!(answer.body["detail"].as_str().unwrap().contains("`limt` is not a parameter"), "{answer:?}");
                asked += 1;
            }
        }
        assert!(asked > 90, "{asked}");
        assert_eq!(db.get("/v1/customers?limit=1").await.status, 200);
        assert_eq!(db.get("/livez?from=a-probe").await.status, 200);
    }

    async fn a_quote_is_refused_as_a_session_is(db: TestApp) {
        operator(&db).await;
        for (to, kind) in [("%2B5511999990000", "/problems/no-rate"), ("%2B881612345678", "/problems/call-barred")] {
            let quote = db.get(&format!("/v1/quote?from=%2B493023125004&to={to}")).await;
            assert_eq!((quote.status.as_u16(), &quote.body["type"]), (403, &json!(kind)), "{quote:?}");
            let session = json!({"call_id": to, "calling_number": "+493023125004", "called_number": to.replace("%2B", "+")});
            let session = db.post_json("/v1/charging/sessions", &session).await;
            assert_eq!((session.status.as_u16(), &session.body["type"]), (403, &json!(kind)), "{session:?}");
        }
    }

    async fn a_call_in_the_history_names_its_invoice(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let account = Account::of(&db, "C-1").await;
        let path = format!("{}/calls", account.path);
        assert_eq!(db.get(&path).await.body["items"][0]["invoice"], Value::Null);
        let invoice = account.issue("2026-10", "2026-11-05").await;
        let named = db.get(&path).await.body["items"][0]["invoice"].clone();
        assert_eq!((&named["id"], &named["number"]), (&invoice["id"], &invoice["number"]), "{invoice}");
        assert_eq!(db.get(&format!("{path}/switch/r1")).await.body["invoice"], named);
    }

    async fn a_blank_at_the_end_of_a_reference_makes_nothing_twice(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-4").await;
        let top_up = |reference: &str| json!({"reference": reference, "kind": "payment", "amount": "5.00", "currency": "EUR"});
        let path = format!("{}/top-ups", account.path);
        assert_eq!(db.post_json(&path, &top_up("t-1")).await.status, 201);
        for again in ["t-1 ", " t-1", "t-1\u{a0}"] {
            assert_eq!(db.post_json(&path, &top_up(again)).await.status, 200, "{again:?}");
        }
        let payer = Account::of(&db, "C-1").await;
        let paid = |reference: &str| json!({"reference": reference, "amount": "5.00", "currency": "EUR", "paid_on": "2026-11-05"});
        assert_eq!(payer.send(paid("p-1 ")).await.status, 201);
        assert_eq!(payer.send(paid("p-1")).await.status, 200);
        let body = json!({"reference": "C-1 ", "currency": "EUR", "party": {"name": "Twice", "country": "DE"}});
        assert_eq!(db.post_json("/v1/customers", &body).await.status, 409);
        let created = create(&db, "/v1/customers", json!({"reference": " C-9 ", "currency": "EUR", "party": {"name": "Nine", "country": "DE"}})).await;
        assert_eq!(created["reference"], "C-9");
    }
}

#[test]
fn a_pipe_that_closes_ends_a_command_quietly() {
    let shell = Shell::new();
    for arguments in [&["openapi"][..], &["openapi", "--json"], &["settings"], &["migrate"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
        command.current_dir(shell.path("")).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{arguments:?}: {} {said}", ended.status);
    }
}

#[test]
fn a_terminal_shows_the_answer_and_nothing_else() {
    let shell = Shell::new();
    let database = format!("sqlite://{}", shell.path("tollbook.db").display());
    let shown = on_a_terminal(&database, &["migrate"]);
    assert!(shown.starts_with("ran 0001_start"), "{shown}");
    assert_eq!(shown.trim_end().lines().count(), 1, "{shown}");
}
