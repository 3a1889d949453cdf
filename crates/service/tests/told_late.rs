//! What is told late, after credits and other late things: does it come to what it would have been in time?

use serde_json::json;

use crate::calls::assert_adds_up;
use crate::right_bills::{FROM, berliner, call, credit, credit_call, discount, issue, kinds, lines, text};
use crate::support::cycle::{customer, import, line, plan, provider};
use crate::support::operator::create;
use crate::support::{TestApp, on_both_databases};

on_both_databases! {
    async fn calls_count_to_the_plan_that_was_told_late(db: TestApp) {
        provider(&db).await;
        plan(&db, "Least", "0", json!({"terms": {"minimum_commitment": "100.00"}})).await;
        let more = json!({"lines": line(crate::right_bills::LINE), "bill_from": FROM});
        let account = customer(&db, "B-1", "Europe/Berlin", ("Ten", "2026-07-31T22:00:00Z"), more).await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 1000), call("a2", "2026-09-06T10:00:00Z", 1000)]).await;
        assert_eq!(lines(&issue(&account, "2026-09").await), kinds(&[("fee", "10.00"), ("usage", "40.00")]));
        let change = json!({"plan": "Least", "valid_from": FROM});
        create(&db, &format!("{}/subscriptions", account.path), change).await;
        let october = [("fee", "-10.00"), ("minimum_commitment", "60.00"), ("minimum_commitment", "100.00")];
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&october));
        assert_adds_up(&db).await;
    }

    async fn what_an_invoice_cannot_give_back_the_next_one_does(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        discount(&account, json!({"amount": "20.00", "applies_to": "usage", "duration": {"months": 1}}), FROM).await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 1000)]).await;
        let september = issue(&account, "2026-09").await;
        assert_eq!(lines(&september), kinds(&[("fee", "10.00"), ("usage", "20.00"), ("discount", "-20.00")]));
        // The fee is credited, so that nothing is left that September's invoice could give back.
        assert_eq!(text(&credit(&account, &september, json!({"line": {"number": 1}})).await.body["credit_note"], "net"), "10.00");
        import(&db, &[call("a2", "2026-09-06T10:00:00Z", 1250)]).await;
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&[("fee", "10.00"), ("late_usage", "25.00")]));
        let later = credit(&account, &september, json!({"call": {"source": "switch", "record_id": "a1"}})).await;
        assert_eq!((later.status.as_u16(), text(&later.body, "credited")), (200, "0.00"), "{later:?}");
        assert!(text(&later.body, "reason").contains("the next one gives back 20.00"), "{later:?}");
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00"), ("late_usage", "-20.00")]));
        assert_adds_up(&db).await;
    }

    async fn a_volume_that_was_reached_late_is_not_credited_again(db: TestApp) {
        provider(&db).await;
        let volume = json!([{"name": "London", "destinations": ["44"], "model": "volume", "tiers": [
            {"up_to_minutes": 10, "price_per_minute": "10", "flat_fee": "2"}, {"price_per_minute": "5", "flat_fee": "3"}]}]);
        plan(&db, "Volume", "10.00", json!({"terms": {"usage_pricing": volume}})).await;
        let account = berliner(&db, "Volume").await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 10)]).await;
        let september = issue(&account, "2026-09").await;
        assert_eq!(lines(&september), kinds(&[("fee", "10.00"), ("usage", "102.00")]));
        import(&db, &[call("a2", "2026-09-06T10:00:00Z", 1)]).await;
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&[("fee", "10.00"), ("late_usage", "-44.00")]));
        let whole = credit(&account, &september, json!("whole")).await;
        assert_eq!(text(&whole.body["credit_note"], "net"), "68.00", "{whole:?}");
        // Nothing is left of it: the month is invoiced anew, and comes to what it would have in time.
        let anew = issue(&account, "2026-09").await;
        assert_eq!(lines(&anew), kinds(&[("fee", "10.00"), ("usage", "102.00"), ("late_usage", "-44.00")]));
        assert_adds_up(&db).await;
    }

    async fn what_changed_while_a_credit_note_stood_is_put_right_when_it_is_taken_back(db: TestApp) {
        provider(&db).await;
        plan(&db, "V31", "31.00", json!({"terms": {"fee_timing": "advance"}})).await;
        let account = berliner(&db, "V31").await;
        discount(&account, json!({"amount": "5.00", "applies_to": "usage", "duration": "forever"}), FROM).await;
        let september = issue(&account, "2026-09").await;
        assert_eq!(lines(&september), kinds(&[("fee", "31.00"), ("fee", "31.00")]));
        let whole = credit(&account, &september, json!("whole")).await;
        assert_eq!(text(&whole.body["credit_note"], "net"), "62.00");
        let close = json!({"closed_at": "2026-10-10T22:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        let router = json!({"description": "Router", "amount": {"amount": "5.00", "currency": "EUR"}, "charged_at": "2026-10-05T10:00:00Z"});
        create(&db, &format!("{}/charges", account.path), router).await;
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&[("one_off", "5.00")]));
        let path = format!("{}/credit-notes/{}/take-back", account.path, text(&whole.body, "id"));
        assert_eq!(db.post_json(&path, &json!({"reason": "was right"})).await.status, 201);
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "-21.00")]));
        assert_adds_up(&db).await;
    }

    async fn a_discount_that_was_told_late_is_given_in_its_months(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 1000)]).await;
        let september = issue(&account, "2026-09").await;
        discount(&account, json!({"percent": "50", "applies_to": "usage", "duration": {"months": 1}}), FROM).await;
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&[("fee", "10.00"), ("discount", "-10.00")]));
        // Half of the call was paid.
        assert_eq!(credit_call(&account, &september, "a1").await, "10.00");
        assert_adds_up(&db).await;
    }

    async fn a_discount_of_one_invoice_is_given_once_however_late_it_is_told(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        issue(&account, "2026-09").await;
        issue(&account, "2026-10").await;
        discount(&account, json!({"percent": "100", "duration": "once"}), FROM).await;
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00"), ("discount", "-10.00")]));
        assert_adds_up(&db).await;
    }

    async fn discounts_of_one_name_are_told_apart(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        discount(&account, json!({"percent": "10", "duration": "forever"}), FROM).await;
        issue(&account, "2026-09").await;
        discount(&account, json!({"amount": "7.00", "duration": "once"}), FROM).await;
        let october = [("fee", "10.00"), ("discount", "-1.00"), ("discount", "-7.00")];
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&october));
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00"), ("discount", "-1.00")]));
        assert_adds_up(&db).await;
    }

    async fn a_discount_that_ended_earlier_than_was_known_is_taken_back(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        let off = json!({"description": "off", "terms": {"amount": "4.00", "duration": "forever"}, "valid_from": FROM});
        let off = create(&db, &format!("{}/discounts", account.path), off).await;
        issue(&account, "2026-09").await;
        issue(&account, "2026-10").await;
        let end = format!("{}/discounts/{}/end", account.path, text(&off, "id"));
        assert_eq!(db.post_json(&end, &json!({"valid_to": "2026-09-30T22:00:00Z"})).await.status, 200);
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00"), ("discount", "4.00")]));
        assert_adds_up(&db).await;
    }

    async fn seconds_that_a_credited_call_took_cover_a_late_one(db: TestApp) {
        provider(&db).await;
        let twenty = json!([{"name": "20 minutes", "seconds": 1200, "destinations": ["44"]}]);
        plan(&db, "Twenty", "10.00", json!({"allowances": twenty})).await;
        let account = berliner(&db, "Twenty").await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 20)]).await;
        let september = issue(&account, "2026-09").await;
        assert_eq!(credit_call(&account, &september, "a1").await, "0.00");
        import(&db, &[call("a2", "2026-09-06T10:00:00Z", 20)]).await;
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&[("fee", "10.00"), ("late_usage", "0.00")]));
        assert_adds_up(&db).await;
    }

    async fn what_is_issued_anew_keeps_the_corrections_of_earlier_months(db: TestApp) {
        provider(&db).await;
        plan(&db, "Least", "0", json!({"terms": {"minimum_commitment": "30.00"}})).await;
        let account = berliner(&db, "Least").await;
        issue(&account, "2026-09").await;
        let change = json!({"plan": "Ten", "valid_from": "2026-09-15T22:00:00Z"});
        create(&db, &format!("{}/subscriptions", account.path), change).await;
        let corrected = [("fee", "5.00"), ("fee", "10.00"), ("minimum_commitment", "-15.00")];
        let october = issue(&account, "2026-10").await;
        assert_eq!(lines(&october), kinds(&corrected));
        // It is below what was charged: nothing is left of the minimum that it gave back.
        let router = json!({"description": "Router", "amount": {"amount": "50.00", "currency": "EUR"}, "charged_at": "2026-11-05T10:00:00Z"});
        create(&db, &format!("{}/charges", account.path), router).await;
        let november = issue(&account, "2026-11").await;
        assert_eq!(lines(&november), kinds(&[("fee", "10.00"), ("one_off", "50.00")]));
        let whole = credit(&account, &november, json!("whole")).await;
        assert_eq!(whole.status, 201, "{whole:?}");
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00"), ("one_off", "50.00")]));
        assert_adds_up(&db).await;
    }

    async fn a_fee_in_advance_keeps_the_discounts_of_the_invoice_that_it_was_on(db: TestApp) {
        provider(&db).await;
        plan(&db, "V31", "31.00", json!({"terms": {"fee_timing": "advance"}})).await;
        let account = berliner(&db, "Ten").await;
        // Known before September's invoice, which has the fee of the days that are left of October.
        let change = json!({"plan": "V31", "valid_from": "2026-10-15T22:00:00Z"});
        create(&db, &format!("{}/subscriptions", account.path), change).await;
        discount(&account, json!({"percent": "50", "duration": "forever"}), "2026-09-30T22:00:00Z").await;
        assert_eq!(lines(&issue(&account, "2026-09").await), kinds(&[("fee", "10.00"), ("fee", "16.00")]));
        let october = [("fee", "4.84"), ("fee", "31.00"), ("discount", "-17.92")];
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&october));
        import(&db, &[call("a1", "2026-10-20T10:00:00Z", 1000)]).await;
        let november = [("fee", "31.00"), ("late_usage", "20.00"), ("discount", "-15.50"), ("discount", "-10.00")];
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&november));
        assert_adds_up(&db).await;
    }

    async fn calls_that_were_purged_are_not_given_back(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 1000)]).await;
        issue(&account, "2026-09").await;
        issue(&account, "2026-10").await;
        let app = db.configured("[retention]\ncall_detail_months = 1\nkeep_unpaid = false\n").unwrap();
        assert_eq!(tollbook::retention::purge(&app).await.unwrap().calls, 1);
        let close = json!({"closed_at": "2026-09-15T22:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "-5.00"), ("fee", "-10.00")]));
        assert_adds_up(&db).await;
    }
}
