//! Does an invoice wait until somebody has looked, where it should, and go out by itself everywhere else?

use serde_json::{Value, json};
use tollbook::config::BillingMode;
use tollbook::invoices;

use crate::support::account::Account;
use crate::support::cycle::{at, customer, provider, round_at};
use crate::support::operator::create;
use crate::support::program::{done, failed};
use crate::support::reviewed::{approve, billed_at, months_of, reachable, under};
use crate::support::{TestApp, on_both_databases};

/// A customer to be, billed from an instant on.
fn billed_from(bill_from: &str) -> Value {
    json!({"bill_from": bill_from})
}

fn refusal(answer: &crate::support::Answer) -> (u16, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text(&answer.body["errors"][0]["pointer"]), text(&answer.body["detail"]))
}

on_both_databases! {
    async fn no_month_goes_out_before_it_is_approved(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        let (one, two) = (reachable(&db, "one", json!({})).await, reachable(&db, "two", json!({})).await);
        // The month runs, and then its grace.
        assert_eq!(billed_at(&db, "2026-11-20T00:00:00Z").await, (0, 0, 0));
        assert_eq!(billed_at(&db, "2026-12-01T00:00:00Z").await, (0, 0, 0));
        for now in ["2026-12-01T05:00:00Z", "2026-12-02T05:00:00Z"] {
            assert_eq!(billed_at(&db, now).await, (0, 2, 0), "{now}");
        }
        assert_eq!(approve(&db, json!({"customers": [one.id]})).await, 1);
        assert_eq!(approve(&db, json!({"customers": [one.id]})).await, 0, "it waits no more");
        assert_eq!(billed_at(&db, "2026-12-02T06:00:00Z").await, (1, 1, 0));
        assert_eq!((months_of(&one).await, months_of(&two).await), (vec!["2026-11".to_owned()], vec![]));
        // An approval is of months that are over: the next one waits again, and both of the other wait together.
        assert_eq!(billed_at(&db, "2027-01-02T00:00:00Z").await, (0, 2, 0));
        assert_eq!(approve(&db, json!({})).await, 2);
        assert_eq!(billed_at(&db, "2027-01-02T01:00:00Z").await, (3, 0, 0));
        assert_eq!(months_of(&two).await, ["2026-11", "2026-12"]);
    }

    async fn an_approval_up_to_a_month_lets_no_later_one_out(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        let zones = ["Pacific/Kiritimati", "Europe/Berlin", "Pacific/Pago_Pago"];
        for zone in zones {
            customer(&db, zone, zone, ("Ten", "2010-01-01T00:00:00Z"), billed_from("2026-08-15T00:00:00Z")).await;
        }
        assert_eq!(billed_at(&db, "2026-11-05T13:00:00Z").await, (0, 3, 0));
        assert_eq!(approve(&db, json!({"month": "2026-09"})).await, 3);
        assert_eq!(billed_at(&db, "2026-11-05T14:00:00Z").await, (6, 3, 0));
        // Once more before the round that bills it: the later month counts.
        assert_eq!(approve(&db, json!({"month": "2026-09"})).await, 0);
        assert_eq!(approve(&db, json!({"month": "2026-10"})).await, 3);
        assert_eq!(billed_at(&db, "2026-11-05T15:00:00Z").await, (3, 0, 0));
        for zone in zones {
            assert_eq!(months_of(&Account::of(&db, zone).await).await, ["2026-08", "2026-09", "2026-10"], "{zone}");
        }
        // On the first of a month it is over in the east only.
        let first = "2026-11-30T11:00:00Z";
        db.app.clock.set(at(first));
        let approved = db.post_json("/v1/billing/approvals", &json!({"month": "2026-11"})).await.body;
        let expected = json!({"month": "2026-11", "customers": 1, "over_everywhere_at": "2026-12-01T14:00:00Z"});
        assert_eq!(approved, expected);
        assert_eq!(billed_at(&db, "2026-12-02T00:00:00Z").await, (1, 2, 0));
    }

    async fn months_of_before_a_customer_was_created_wait_and_later_ones_do_not(db: TestApp) {
        let db = under(db, None);
        provider(&db).await;
        let new = |reference: &str, more: Value| {
            let mut all = json!({"reference": reference, "currency": "EUR", "zone": "Europe/Berlin",
                "party": {"name": "Somebody", "country": "DE"}, "subscription": {"plan": "Ten", "valid_from": "2010-01-01T00:00:00Z"}});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let late = create(&db, "/v1/customers", new("late", billed_from("2026-07-15T00:00:00Z"))).await;
        assert_eq!(late["back_invoices"], 4);
        for (reference, more) in [("new", json!({})), ("this month", billed_from("2026-11-01T00:00:00Z"))] {
            let created = create(&db, "/v1/customers", new(reference, more)).await;
            assert_eq!(created.get("back_invoices"), None, "{created}");
        }
        let late = Account::of(&db, "late").await;
        assert_eq!(billed_at(&db, "2026-12-02T00:00:00Z").await, (2, 1, 0));
        assert_eq!(approve(&db, json!({"month": "2026-08"})).await, 1);
        assert_eq!(billed_at(&db, "2026-12-02T01:00:00Z").await, (2, 1, 0));
        assert_eq!(approve(&db, json!({})).await, 1);
        // The month that ran when they were created needs no approval.
        assert_eq!(billed_at(&db, "2026-12-02T02:00:00Z").await, (3, 0, 0));
        assert_eq!(billed_at(&db, "2027-01-02T02:00:00Z").await, (3, 0, 0));
        assert_eq!(months_of(&late).await, ["2026-07", "2026-08", "2026-09", "2026-10", "2026-11", "2026-12"]);
    }

    async fn a_mode_that_says_automatic_lets_old_months_out_too(db: TestApp) {
        provider(&db).await;
        reachable(&db, "late", billed_from("2026-07-15T00:00:00Z")).await;
        assert_eq!(billed_at(&db, "2026-11-05T13:00:00Z").await, (4, 0, 0));
        assert_eq!(approve(&db, json!({})).await, 0, "nothing ever waits");
    }

    async fn the_months_of_before_are_those_of_the_zone_that_the_first_line_tells(db: TestApp) {
        let db = under(db, None);
        provider(&db).await;
        // In Berlin October has begun, in New York it has not.
        for (reference, number, months) in [("berlin", "+493023125001", 1), ("new york", "+12125550123", 2)] {
            let lines = json!([{"number": number, "valid_from": "2020-01-01T00:00:00Z"}]);
            let body = json!({"reference": reference, "currency": "EUR", "party": {"name": "Somebody", "country": "DE"},
                              "lines": lines, "bill_from": "2026-09-30T22:30:00Z"});
            assert_eq!(create(&db, "/v1/customers", body).await["back_invoices"], months, "{reference}");
        }
        // The line may come later.
        let body = json!({"reference": "later", "currency": "EUR", "party": {"name": "Somebody", "country": "DE"},
                          "subscription": {"plan": "Ten", "valid_from": "2026-01-01T00:00:00Z"}, "bill_from": "2026-09-30T22:30:00Z"});
        assert_eq!(create(&db, "/v1/customers", body).await["back_invoices"], 1);
        let later = Account::of(&db, "later").await;
        let line = json!({"number": "+12125550124", "valid_from": "2020-01-01T00:00:00Z"});
        create(&db, &format!("{}/lines", later.path), line).await;
        assert_eq!(billed_at(&db, "2026-11-05T13:00:00Z").await, (0, 3, 0));
        assert_eq!(approve(&db, json!({"customers": [later.id]})).await, 1);
        assert_eq!(billed_at(&db, "2026-11-05T14:00:00Z").await, (2, 2, 0));
        assert_eq!(months_of(&later).await, ["2026-09", "2026-10"]);
    }

    async fn a_held_customer_gets_no_invoice_until_they_are_released(db: TestApp) {
        provider(&db).await;
        let (one, two) = (reachable(&db, "one", json!({})).await, reachable(&db, "two", json!({})).await);
        let (hold, release) = (format!("{}/hold", one.path), format!("{}/release", one.path));
        let reason = json!({"reason": " The calls are disputed: case 4711 "});
        let held = db.post_json_once(&hold, "key-1", &reason).await;
        assert_eq!((held.status.as_u16(), held.body["reason"].as_str().unwrap()), (200, "The calls are disputed: case 4711"));
        assert_eq!(db.post_json_once(&hold, "key-1", &reason).await.body, held.body);
        let (status, _, why) = refusal(&db.post_json(&hold, &reason).await);
        assert!(status == 409 && why.contains("case 4711") && why.contains("release them first"), "{why}");
        assert_eq!(billed_at(&db, "2026-12-02T00:00:00Z").await, (1, 0, 1));
        assert_eq!((months_of(&one).await.len(), months_of(&two).await.len()), (0, 1));
        // Nor by its name, of one or of all.
        let (status, _, why) = refusal(&db.post_json(&format!("{}/invoices", one.path), &json!({"month": "2026-11"})).await);
        assert!(status == 409 && why.contains("case 4711") && why.contains("tollbook bill release"), "{why}");
        let invoices::Run::Billed(billed) = invoices::bill(&db.app, "2026-11", &|| ()).await.unwrap() else { panic!() };
        assert_eq!((billed.issued, billed.already, billed.refused.len(), billed.standing.held), (0, 1, 1, 1), "{billed:?}");
        assert!(billed.refused[0].reference == "one" && billed.refused[0].reason.contains("case 4711"), "{billed:?}");
        let list = db.get("/v1/billing/holds").await.body;
        let of_one = json!([{"customer_id": one.id, "customer_reference": "one", "hold": held.body}]);
        assert_eq!((&list["items"], &list["next"]), (&of_one, &Value::Null));
        // What is approved waits as well.
        let (status, pointer, why) = refusal(&db.post_json("/v1/billing/approvals", &json!({"customers": [two.id, one.id]})).await);
        assert!((status, &*pointer) == (422, "/customers/1") && why.contains("case 4711"), "{pointer} {why}");
        let mut tx = db.app.db.read().await.unwrap();
        let verified = invoices::verify(&mut tx).await.unwrap();
        drop(tx);
        assert!(verified.faults.is_empty() && verified.held[0].starts_with("one since 2026-11-05T12:00:00Z"), "{verified:?}");
        assert_eq!(db.post_json(&release, &json!({})).await.body, held.body);
        assert_eq!(refusal(&db.post_json(&release, &json!({})).await).0, 409);
        assert_eq!(billed_at(&db, "2026-12-02T01:00:00Z").await, (1, 0, 0));
        // What was issued before a hold is there.
        db.post_json(&hold, &reason).await;
        let again = db.post_json(&format!("{}/invoices", one.path), &json!({"month": "2026-11"})).await;
        assert_eq!(again.status, 200, "{again:?}");
    }

    async fn a_void_invoice_of_a_held_customer_is_not_issued_anew(db: TestApp) {
        provider(&db).await;
        let one = reachable(&db, "one", json!({})).await;
        let invoice = one.issue("2026-10", "2026-11-05").await;
        let credits = format!("{}/invoices/{}/credit-notes", one.path, invoice["id"].as_str().unwrap());
        let credited = db.post_json(&credits, &json!({"reason": "wrong", "credits": "whole"})).await;
        assert_eq!(credited.status, 201, "{credited:?}");
        db.post_json(&format!("{}/hold", one.path), &json!({"reason": "case 4711"})).await;
        let path = format!("{}/invoices", one.path);
        let (status, _, why) = refusal(&db.post_json(&path, &json!({"month": "2026-10"})).await);
        assert!(status == 409 && why.contains("case 4711"), "{why}");
        db.post_json(&format!("{}/release", one.path), &json!({})).await;
        assert_eq!(db.post_json(&path, &json!({"month": "2026-10"})).await.status, 201);
    }

    async fn what_cannot_be_approved_or_held_says_why(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        let one = reachable(&db, "one", json!({})).await;
        let nobody = "cus_0000000000001";
        let approvals = "/v1/billing/approvals";
        for (path, body, status, pointer, part) in [
            (approvals, json!({"month": "October"}), 422, "/month", "2026-10"),
            (approvals, json!({"month": "2026-11"}), 422, "/month", "over nowhere before 2026-11-30T10:00:00Z"),
            (approvals, json!({"customers": [one.id, nobody]}), 422, "/customers/1", "is not a customer"),
            (approvals, json!({"customers": vec![one.id; 1_001]}), 422, "/customers", "more than 1000"),
            (approvals, json!({"customers": ["C-1"]}), 422, "/customers/0", ""),
            (approvals, json!({"customer": one.id}), 422, "", "customer"),
            (&format!("{}/hold", one.path), json!({"reason": " "}), 422, "/reason", "empty"),
            (&format!("{}/hold", one.path), json!({"reason": "x".repeat(501)}), 422, "/reason", "500"),
            (&format!("{}/hold", one.path), json!({}), 422, "", "reason"),
            (&format!("/v1/customers/{nobody}/hold"), json!({"reason": "why"}), 404, "", nobody),
            (&format!("/v1/customers/{nobody}/release"), json!({}), 404, "", nobody),
            (&format!("{}/release", one.path), json!({}), 409, "", "not held"),
        ] {
            let answer = db.post_json(path, &body).await;
            let (found, at, why) = refusal(&answer);
            assert!(found == status && at.contains(pointer) && why.contains(part), "{path} {body}: {answer:?}");
        }
        assert_eq!(billed_at(&db, "2026-12-02T00:00:00Z").await, (0, 1, 0));
    }

    async fn the_check_names_billing_that_contradicts_itself(db: TestApp) {
        provider(&db).await;
        let one = reachable(&db, "one", json!({})).await;
        for (change, part) in [
            ("held_reason = 'why'", "has a reason to be held and is not held"),
            ("approved_until = review_until, bill_from = next_end", "has months approved of before its first"),
            ("next_end = bill_from, next_start = approved_until", "ends before it begins"),
        ] {
            let mut tx = db.app.db.begin().await.unwrap();
            tx.script(&format!("update cycles set approved_until = next_end; update cycles set {change}")).await.unwrap();
            let found = invoices::verify(&mut tx).await.unwrap().faults;
            assert!(found.iter().any(|fault| fault.contains(part) && fault.contains(&one.id.to_string())), "{change}: {found:?}");
        }
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script("update cycles set held_at = next_end").await.unwrap();
        assert!(invoices::verify(&mut tx).await.unwrap().faults.iter().any(|fault| fault.contains("held without a reason")));
    }

    async fn who_is_forgotten_is_held_for_no_reason_that_tells_of_them(db: TestApp) {
        provider(&db).await;
        let one = reachable(&db, "one", json!({})).await;
        let close = json!({"closed_at": "2026-11-05T12:00:00Z"});
        let closed = db.post_json(&format!("{}/close", one.path), &close).await;
        assert_eq!(closed.status, 200, "{closed:?}");
        round_at(&db, at("2026-12-02T00:00:00Z")).await;
        assert_eq!(months_of(&one).await, ["2026-11"]);
        one.pay("p1", "1.58").await;
        assert_eq!(db.post_json(&format!("{}/hold", one.path), &json!({"reason": "Anna moved"})).await.status, 200);
        let copy = done(&db.url, &["export", "one"]);
        assert!(copy.contains("billing_hold") && copy.contains("Anna moved"), "{copy}");
        let erased = db.post_json(&format!("{}/erase", one.path), &json!({})).await;
        assert_eq!(erased.status, 200, "{erased:?}");
        assert_eq!(db.get("/v1/billing/holds").await.body["items"][0]["hold"]["reason"], "erased");
    }

    async fn the_program_bills_one_customers_month(db: TestApp) {
        provider(&db).await;
        let one = reachable(&db, "one", billed_from("2020-01-15T00:00:00Z")).await;
        let two = reachable(&db, "two", billed_from("2020-01-15T00:00:00Z")).await;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let bill = |month: &str, customer: &str| {
            let whom = ["bill", "--month", month, "--customer", customer, "--pdf", folder];
            crate::support::program::tollbook(&db.url, &[&whom[..], &["--set", "operator.name=Harbour", "--set", "operator.country=DE"]].concat())
        };
        let said = |month: &str, customer: &str| {
            let output = bill(month, customer);
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let refused = |month: &str, customer: &str| {
            let output = bill(month, customer);
            assert!(!output.status.success(), "{output:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        let first = said("2020-01", "one");
        assert!(first.starts_with("2020-01: INV-") && first.contains(" of one over ") && first.contains(" EUR issued\n1 PDF file in "), "{first}");
        assert!(said("2020-01", "one").contains(" issued before\n"));
        assert_eq!((months_of(&one).await, months_of(&two).await), (vec!["2020-01".to_owned()], vec![]));
        assert!(refused("2998-01", "one").contains("one: the month ends at 2998-01-31"));
        assert!(refused("2020-01", "nobody").contains("nobody"));
        done(&db.url, &["bill", "hold", "two", "--reason", "case 4711"]);
        assert!(refused("2020-01", "two").contains("case 4711"));
        let sent = db.get("/v1/jobs").await.body;
        assert_eq!(sent["items"].as_array().unwrap().len(), 1, "{sent}");
    }

    async fn the_program_approves_holds_and_releases(db: TestApp) {
        provider(&db).await;
        reachable(&db, "one", billed_from("2020-01-15T00:00:00Z")).await;
        reachable(&db, "two", billed_from("2020-01-15T00:00:00Z")).await;
        let tollbook = |arguments: &[&str]| done(&db.url, &[&["bill"], arguments].concat());
        let fails = |arguments: &[&str]| failed(&db.url, &[&["bill"], arguments].concat());
        assert_eq!(tollbook(&["held"]), "nobody is held\n");
        let said = tollbook(&["hold", "one", "--reason", "case 4711"]);
        assert!(said.contains("tollbook bill release one"), "{said}");
        assert!(tollbook(&["held"]).starts_with("one ") && tollbook(&["held"]).contains("case 4711"));
        assert!(tollbook(&["held", "--json"]).contains("\"customer_reference\":\"one\""));
        for (arguments, part) in [
            (&["hold", "one", "--reason", "again"][..], "release them first"),
            (&["hold", "nobody", "--reason", "why"], "nobody"),
            (&["hold", "two", "--reason", " "], "--reason: say why"),
            (&["hold", "two"], "--reason"),
            (&["release", "two"], "two is not held"),
            (&["approve", "one"], "case 4711"),
            (&["approve", "--month", "March"], "--month: "),
            (&["approve", "--month", "2999-01"], "over nowhere before"),
            (&["--month", "2020-01"], "one got none: the customer's invoices are held"),
            (&["--preview", "--month", "March"], "--month: "),
            (&["--flagged", "--month", "2020-01"], "--preview"),
            (&[], "say which month is to be billed: `tollbook bill --month 2"),
            (&["--customer", "two"], "--month"),
        ] {
            let output = crate::support::program::tollbook(&db.url, &[&["bill"], arguments].concat());
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(!output.status.success() && said.contains(part), "{arguments:?}: {said}");
        }
        assert!(fails(&["approve", "nobody"]).contains("nobody"));
        let said = tollbook(&["approve", "--month", "2020-03"]);
        assert!(said.starts_with("1 customer approved: their invoices up to 2020-03") && said.contains("1 are held"), "{said}");
        let released = tollbook(&["release", "one"]);
        assert!(released.contains("case 4711") && released.contains(" months wait for `tollbook bill approve one`"), "{released}");
        tollbook(&["hold", "two", "--reason", "once more"]);
        let released = tollbook(&["release", "two"]);
        assert!(released.contains("issues up to 3 invoices, one for each month; "), "{released}");
        assert!(tollbook(&["approve", "one", "--month", "2020-02", "--json"]).contains("\"customers\": 1"));
        assert!(tollbook(&["approve", "--month", "2020-02"]).starts_with("nothing waited up to 2020-02"));
        let db = under(db, None);
        // The commands had the machine's clock, which is ahead of the test's.
        tollbook::timekeeping::accept(&db.app).await.unwrap();
        assert_eq!(billed_at(&db, "2026-11-05T13:00:00Z").await, (5, 2, 0));
        assert_eq!(months_of(&Account::of(&db, "one").await).await, ["2020-01", "2020-02"]);
    }
}
