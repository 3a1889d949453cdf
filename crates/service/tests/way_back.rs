//! Has a mistake a way back? Invoices issued anew, credit notes taken back, what has not begun cancelled.

use serde_json::{Value, json};

use crate::calls::assert_adds_up;
use crate::right_bills::{FROM, berliner, call, credit, credit_call, discount, issue, kinds, lines, text};
use crate::support::cycle::{at, import, patch, plan, provider};
use crate::support::operator::create;
use crate::support::{TestApp, on_both_databases};

on_both_databases! {
    async fn a_month_whose_invoice_was_credited_in_full_is_invoiced_anew(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        discount(&account, json!({"percent": "50", "applies_to": "fees", "duration": "once"}), FROM).await;
        let charge = json!({"description": "Router", "amount": {"amount": "20.00", "currency": "EUR"}, "charged_at": "2026-10-02T10:00:00Z"});
        create(&db, &format!("{}/charges", account.path), charge).await;
        import(&db, &[call("c1", "2026-10-05T10:00:00Z", 100), call("c2", "2026-10-06T10:00:00Z", 50)]).await;
        let first = issue(&account, "2026-10").await;
        assert_eq!(lines(&first), kinds(&[("fee", "10.00"), ("one_off", "20.00"), ("usage", "3.00"), ("discount", "-5.00")]));
        // A call that was never made stays credited.
        assert_eq!(credit_call(&account, &first, "c2").await, "1.00");
        let rest = credit(&account, &first, json!("whole")).await;
        assert_eq!((rest.status.as_u16(), account.standing(&first).await.0.as_str()), (201, "void"), "{rest:?}");
        let mended = json!({"party": {"name": "Anna Brandt GmbH"}});
        assert_eq!(patch(&db, &account.path, mended).await.status, 200);
        let second = issue(&account, "2026-10").await;
        assert_eq!(second["number"], "INV-2026-000002");
        assert_eq!(second["invoice"]["corrects"]["number"], "INV-2026-000001");
        assert_eq!(second["invoice"]["buyer"]["name"], "Anna Brandt GmbH");
        assert_eq!(lines(&second), kinds(&[("fee", "10.00"), ("one_off", "20.00"), ("usage", "2.00"), ("discount", "-5.00")]));
        let again = db.post_json(&format!("{}/invoices", account.path), &json!({"month": "2026-10"})).await;
        assert_eq!((again.status.as_u16(), &again.body["number"]), (200, &json!("INV-2026-000002")));
        // Nothing of it is billed again, and nothing given back.
        let november = issue(&account, "2026-11").await;
        assert_eq!(lines(&november), kinds(&[("fee", "10.00")]));
        // A run over the whole month issues none anew.
        credit(&account, &second, json!("whole")).await;
        let run = tollbook::invoices::bill(&db.app, "2026-10", &|| ()).await.unwrap();
        assert!(matches!(run, tollbook::invoices::Run::Billed(billed) if billed.issued == 0), "a void invoice stays");
        let calls = db.get(&format!("{}/calls", account.path)).await;
        assert_eq!(calls.body["items"][0]["invoice"]["number"], "INV-2026-000002", "{calls:?}");
        let pdf = db.get(&format!("{}/invoices/{}/pdf", account.path, text(&second, "id"))).await;
        assert_eq!(pdf.status, 200);
        assert_adds_up(&db).await;
    }

    async fn a_mistaken_credit_note_is_taken_back_by_another(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        import(&db, &[call("c1", "2026-10-05T10:00:00Z", 100)]).await;
        let invoice = issue(&account, "2026-10").await;
        assert_eq!(credit_call(&account, &invoice, "c1").await, "2.00");
        let notes = db.get(&format!("{}/credit-notes", account.path)).await.body;
        let path = format!("{}/credit-notes/{}/take-back", account.path, text(&notes[0], "id"));
        let back = db.post_json(&path, &json!({"reason": "was right"})).await;
        assert_eq!(back.status, 201, "{back:?}");
        assert_eq!((text(&back.body, "number"), text(&back.body["gross"], "amount")), ("CN-2026-000002", "-2.38"));
        assert_eq!(back.body["credit_note"]["corrects"]["number"], "CN-2026-000001");
        assert_eq!(account.standing(&invoice).await, ("open".to_owned(), "14.28".to_owned()));
        assert_eq!(account.balance().await, ["14.28", "14.28", "0.00", "0.00"]);
        let (status, detail) = { let again = db.post_json(&path, &json!({"reason": "again"})).await;
            (again.status.as_u16(), text(&again.body, "detail").to_owned()) };
        assert!(status == 409 && detail.contains("was taken back by"), "{status} {detail}");
        let its_own = format!("{}/credit-notes/{}/take-back", account.path, text(&back.body, "id"));
        assert_eq!(db.post_json(&its_own, &json!({"reason": "no"})).await.status, 409);
        let unknown = format!("{}/credit-notes/crn_0000000000000/take-back", account.path);
        assert_eq!(db.post_json(&unknown, &json!({"reason": "no"})).await.status, 404);
        let xml = db.get(&format!("{}/credit-notes/{}/xml", account.path, text(&back.body, "id"))).await;
        assert!(xml.status == 200 || xml.status == 409, "{xml:?}");
        let pdf = db.get(&format!("{}/credit-notes/{}/pdf", account.path, text(&back.body, "id"))).await;
        assert_eq!(pdf.status, 200);
        // The call may be credited again.
        assert_eq!(credit_call(&account, &invoice, "c1").await, "2.00");
        assert_adds_up(&db).await;
        let mut tx = db.app.db.read().await.unwrap();
        assert_eq!(crate::support::account::faults(&mut tx).await, [""; 0]);
        assert_eq!(tollbook::credit_notes::verify(&mut tx).await.unwrap().faults, [""; 0]);
    }

    async fn a_rate_that_no_invoice_has_is_put_right(db: TestApp) {
        provider(&db).await;
        let rate = |day: &str, rate: &str| json!({"country": "DE", "valid_from": day, "rate": rate});
        create(&db, "/v1/tax-rates", rate("2027-01-01", "91")).await;
        create(&db, "/v1/tax-rates", rate("2027-01-01", "20")).await;
        let known = db.get("/v1/tax-rates").await.body;
        assert_eq!(known.as_array().unwrap().len(), 2, "{known}");
        assert_eq!(known[1]["rate"], "20");
        let account = berliner(&db, "Ten").await;
        issue(&account, "2026-10").await;
        let used = db.post_json("/v1/tax-rates", &rate("2010-01-01", "16")).await;
        assert_eq!(used.status, 409);
        assert!(text(&used.body, "detail").contains("invoices have it"), "{used:?}");
        create(&db, "/v1/tax-rates", rate("2027-01-01", "21")).await;
    }

    async fn what_has_not_begun_is_taken_back(db: TestApp) {
        provider(&db).await;
        plan(&db, "Twenty", "20.00", json!({})).await;
        let account = berliner(&db, "Ten").await;
        db.app.clock.set(at("2026-11-05T12:00:00Z"));
        let ahead = json!({"plan": "Twenty", "valid_from": "2026-11-10T23:00:00Z"});
        let change = create(&db, &format!("{}/subscriptions", account.path), ahead).await;
        let cancel = |id: &str| format!("{}/subscriptions/{id}/cancel", account.path);
        assert_eq!(db.post_json(&cancel(text(&change, "id")), &json!({})).await.status, 200);
        let held = db.get(&format!("{}/subscriptions", account.path)).await.body;
        assert_eq!((held.as_array().unwrap().len(), &held[0]["valid_to"]), (2, &Value::Null), "{held}");
        let begun = db.post_json(&cancel(text(&held[0], "id")), &json!({})).await;
        assert_eq!(begun.status, 409, "{begun:?}");
        assert_eq!(db.post_json(&cancel(text(&change, "id")), &json!({})).await.status, 404);
        let line = json!({"number": "+493023125099", "valid_from": "2026-12-01T00:00:00Z"});
        let line = create(&db, &format!("{}/lines", account.path), line).await;
        let path = format!("{}/lines/{}/cancel", account.path, text(&line, "id"));
        assert_eq!(db.post_json(&path, &json!({})).await.status, 200);
        assert_eq!(db.get(&format!("{}/lines", account.path)).await.body.as_array().unwrap().len(), 1);
        let close = json!({"closed_at": "2026-11-20T23:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        let reopened = db.post_json(&format!("{}/reopen", account.path), &json!({})).await;
        assert_eq!((reopened.status.as_u16(), &reopened.body["closed_at"]), (200, &Value::Null), "{reopened:?}");
        assert_eq!(db.get(&format!("{}/lines", account.path)).await.body[0]["valid_to"], Value::Null);
        assert_eq!(db.post_json(&format!("{}/reopen", account.path), &json!({})).await.status, 404);
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00")]));
        // Once closed it stays closed, and what is owed still is charged.
        let close = json!({"closed_at": "2026-12-01T10:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        assert_eq!(db.post_json(&format!("{}/reopen", account.path), &json!({})).await.status, 409);
        let router = json!({"description": "Router not returned", "amount": {"amount": "25.00", "currency": "EUR"}});
        create(&db, &format!("{}/charges", account.path), router).await;
        assert_adds_up(&db).await;
    }

    async fn a_draft_of_an_issued_month_is_its_invoice(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        let invoice = issue(&account, "2026-10").await;
        let draft = db.get(&format!("{}/invoices/draft?month=2026-10", account.path)).await;
        assert_eq!(draft.body, invoice["invoice"]);
    }
}
