//! Does each month's invoice charge what was agreed: fees, minutes, charges, discounts and minimums?

use serde_json::{Value, json};

use crate::support::account::Account;
use crate::support::cycle::{
    Call, amounts, assert_all_adds_up, at, customer, import, invoices_of, line, lines, plan, provider,
    round_at, round_of,
};
use crate::support::operator::create;
use crate::support::{TestApp, on_both_databases};

const NUMBER: &str = "+493023125001";
/// The first of October 2026 in Berlin.
const OCTOBER: &str = "2026-09-30T22:00:00Z";

/// The provider in October 2026.
async fn in_october(db: &TestApp) {
    provider(db).await;
    db.app.clock.set(at("2026-10-01T12:00:00Z"));
}

/// A customer in Berlin with a line.
async fn berliner<'a>(db: &'a TestApp, reference: &str, plan: &str, from: &str) -> Account<'a> {
    let number = format!("{}{:02}", &NUMBER[..11], reference.bytes().map(u32::from).sum::<u32>() % 100);
    customer(db, reference, "Europe/Berlin", (plan, from), json!({"lines": line(&number)})).await
}

async fn subscribe(account: &Account<'_>, plan: &str, from: &str) {
    let body = json!({"plan": plan, "valid_from": from});
    create(account.db, &format!("{}/subscriptions", account.path), body).await;
}

/// The rounds after October 2026 and the months that follow.
const ROUNDS: [&str; 4] =
    ["2026-11-01T05:00:00Z", "2026-12-01T05:00:00Z", "2027-01-01T05:00:00Z", "2027-02-01T05:00:00Z"];

async fn pass_months(db: &TestApp, months: std::ops::Range<usize>) {
    for round in &ROUNDS[months] {
        round_at(db, at(round)).await;
    }
}

/// What each invoice charges, of one kind of line.
async fn charged(account: &Account<'_>, kind: &str) -> Vec<Vec<String>> {
    let of_kind = |stored: &Value| {
        let found = amounts(stored).into_iter().filter(|(found, _)| found == kind);
        found.map(|(_, net)| net).collect()
    };
    invoices_of(account).await.iter().map(of_kind).collect()
}

/// The days of each line of an invoice, as `15-31` of whichever month.
fn days(stored: &Value) -> Vec<String> {
    let day = |value: &Value| value.as_str().map_or(String::new(), |day| day[5..].to_owned());
    let lines = stored["invoice"]["lines"].as_array().unwrap().iter();
    lines.map(|line| format!("{}..{}", day(&line["days"]["first"]), day(&line["days"]["last"]))).collect()
}

on_both_databases! {
    async fn a_fee_is_charged_with_its_month_or_with_the_month_before(db: TestApp) {
        in_october(&db).await;
        plan(&db, "Ahead", "10.00", json!({"terms": {"fee_timing": "advance"}})).await;
        let arrears = berliner(&db, "A", "Ten", "2026-10-14T22:00:00Z").await;
        let advance = berliner(&db, "B", "Ahead", "2026-10-14T22:00:00Z").await;
        pass_months(&db, 0..3).await;
        // 17 of 31 days: 5.4838…
        assert_eq!(charged(&arrears, "fee").await, [vec!["5.48"], vec!["10.00"], vec!["10.00"]]);
        assert_eq!(charged(&advance, "fee").await, [vec!["5.48", "10.00"], vec!["10.00"], vec!["10.00"]]);
        let invoices = invoices_of(&advance).await;
        assert_eq!(days(&invoices[0]), ["10-15..10-31", "11-01..11-30"]);
        assert_eq!(days(&invoices[1]), ["12-01..12-31"]);
        assert_all_adds_up(&db).await;
    }

    async fn who_changes_plan_on_the_15th_pays_each_for_its_days(db: TestApp) {
        provider(&db).await;
        plan(&db, "Thirty", "30.00", json!({})).await;
        for (change, end, old, new) in [
            ("2026-02-14T23:00:00Z", "2026-03-01T05:00:00Z", "5.00", "15.00"),
            ("2026-04-14T22:00:00Z", "2026-05-01T04:00:00Z", "4.67", "16.00"),
            ("2026-05-14T22:00:00Z", "2026-06-01T04:00:00Z", "4.52", "16.45"),
            ("2028-02-14T23:00:00Z", "2028-03-01T05:00:00Z", "4.83", "15.52"),
        ] {
            db.app.clock.set(at(change));
            let account = customer(&db, change, "Europe/Berlin", ("Ten", "2026-01-01T00:00:00Z"), json!({})).await;
            subscribe(&account, "Thirty", change).await;
            round_at(&db, at(end)).await;
            assert_eq!(charged(&account, "fee").await, [[old, new]], "{change}");
        }
        assert_all_adds_up(&db).await;
    }

    async fn a_change_that_is_told_after_the_month_was_billed_is_put_right_by_the_next_invoice(db: TestApp) {
        in_october(&db).await;
        plan(&db, "Thirty", "30.00", json!({})).await;
        let account = berliner(&db, "A", "Ten", OCTOBER).await;
        pass_months(&db, 0..1).await;
        db.app.clock.set(at("2026-11-05T12:00:00Z"));
        subscribe(&account, "Thirty", "2026-10-14T22:00:00Z").await;
        pass_months(&db, 1..3).await;
        // 10 × 14 / 31 = 4.52 was due and 10.00 charged; 30 × 17 / 31 = 16.45.
        assert_eq!(charged(&account, "fee").await, [vec!["10.00"], vec!["-5.48", "16.45", "30.00"], vec!["30.00"]]);
        let corrected = &invoices_of(&account).await[1];
        assert_eq!(days(corrected), ["10-15..10-31", "10-15..10-31", ".."]);
        let descriptions: Vec<_> = lines(corrected).into_iter().map(|[_, description, _]| description).collect();
        assert_eq!(descriptions, ["Ten, monthly fee, refund", "Thirty, monthly fee", "Thirty, monthly fee"]);
        assert_all_adds_up(&db).await;
    }

    async fn who_paid_in_advance_and_changes_plan_gets_the_rest_back(db: TestApp) {
        in_october(&db).await;
        plan(&db, "Ahead", "10.00", json!({"terms": {"fee_timing": "advance"}})).await;
        let account = berliner(&db, "A", "Ahead", OCTOBER).await;
        pass_months(&db, 0..1).await;
        db.app.clock.set(at("2026-11-09T23:00:00Z"));
        subscribe(&account, "Ten", "2026-11-09T23:00:00Z").await;
        pass_months(&db, 1..3).await;
        assert_eq!(charged(&account, "fee").await, [vec!["10.00", "10.00"], vec!["-7.00", "7.00"], vec!["10.00"]]);
        assert_eq!(invoices_of(&account).await[1]["gross"]["amount"], "0.00");
        assert_all_adds_up(&db).await;
    }

    async fn included_minutes_are_those_of_the_days_or_whole(db: TestApp) {
        in_october(&db).await;
        let minutes = json!([{"name": "100 minutes to Germany", "seconds": 6000, "destinations": ["49"]}]);
        let prorated = json!({"allowances": minutes, "terms": {"prorate_allowances": true}});
        plan(&db, "By day", "0", prorated).await;
        plan(&db, "Whole", "0", json!({"allowances": minutes})).await;
        let by_day = berliner(&db, "A", "By day", "2026-10-14T22:00:00Z").await;
        let whole = berliner(&db, "B", "Whole", "2026-10-14T22:00:00Z").await;
        db.app.clock.set(at("2026-10-21T00:00:00Z"));
        let call = |id: &str, number| Call { to: "+49301234567", seconds: 6_000, ..Call::new(id, number, at("2026-10-20T10:00:00Z")) };
        import(&db, &[call("A", "+493023125065"), call("B", "+493023125066")]).await;
        pass_months(&db, 0..1).await;
        // 6000 × 17 / 31 = 3290.3…; the other 2710 seconds are 0.03 a minute.
        for (account, included, net) in [(by_day, 3_290, "1.36"), (whole, 6_000, "0.00")] {
            let shown = &invoices_of(&account).await[0]["invoice"]["lines"][0];
            assert_eq!((&shown["included_seconds"], &shown["net"]), (&json!(included), &json!(net)), "{shown}");
        }
        assert_all_adds_up(&db).await;
    }

    async fn what_is_charged_once_is_on_one_invoice(db: TestApp) {
        in_october(&db).await;
        let account = berliner(&db, "A", "Ten", OCTOBER).await;
        let path = format!("{}/charges", account.path);
        let charge = |description: &str, on: &str| json!({"description": description, "charged_at": on,
            "amount": {"amount": "25.00", "currency": "EUR"}});
        create(&db, &path, charge("Installation", "2026-10-02T12:00:00Z")).await;
        create(&db, &path, charge("Second line", "2026-11-20T12:00:00Z")).await;
        pass_months(&db, 0..1).await;
        // October is billed, so this comes with November.
        create(&db, &path, charge("Forgotten", "2026-10-20T12:00:00Z")).await;
        pass_months(&db, 1..3).await;
        let found: Vec<Vec<_>> = invoices_of(&account).await.iter().map(|stored| {
            lines(stored).into_iter().filter(|[kind, ..]| kind == "one_off").map(|[_, what, _]| what).collect()
        }).collect();
        assert_eq!(found, [vec!["Installation"], vec!["Forgotten", "Second line"], vec![]]);
        let charges = db.get(&path).await.body;
        assert!(charges.as_array().unwrap().iter().all(|charge| charge["invoice_id"].is_string()), "{charges}");
        assert_all_adds_up(&db).await;
    }

    async fn a_discount_is_given_once_for_three_months_or_for_ever(db: TestApp) {
        in_october(&db).await;
        db.app.clock.set(at("2026-10-20T00:00:00Z"));
        let cases = [
            (json!({"amount": "5.00", "duration": "once"}), ["-5.00", "", "", ""]),
            (json!({"percent": "10", "applies_to": "fees", "duration": {"months": 3}}), ["-1.00", "-1.00", "-1.00", ""]),
            (json!({"amount": "12.00", "duration": "forever"}), ["-10.00"; 4]),
            (json!({"percent": "10", "applies_to": "usage", "duration": "forever"}), [""; 4]),
        ];
        let mut accounts = Vec::new();
        for (reference, (terms, _)) in ["A", "B", "C", "D"].into_iter().zip(&cases) {
            let account = berliner(&db, reference, "Ten", OCTOBER).await;
            create(&db, &format!("{}/discounts", account.path), json!({"description": "Welcome", "terms": terms})).await;
            accounts.push(account);
        }
        pass_months(&db, 0..4).await;
        for (account, (terms, expected)) in accounts.iter().zip(cases) {
            let found: Vec<_> = charged(account, "discount").await.into_iter().map(|all| all.concat()).collect();
            assert_eq!(found, expected, "{terms}");
        }
        assert_all_adds_up(&db).await;
    }

    async fn what_is_missing_to_the_agreed_minimum_is_charged(db: TestApp) {
        in_october(&db).await;
        plan(&db, "Least", "10.00", json!({"terms": {"minimum_commitment": "20.00"}})).await;
        let account = berliner(&db, "A", "Least", OCTOBER).await;
        pass_months(&db, 0..1).await;
        db.app.clock.set(at("2026-11-20T11:00:00Z"));
        let call = |id: &str, on: &str, seconds| Call { seconds, ..Call::new(id, "+493023125065", at(on)) };
        import(&db, &[call("short", "2026-11-20T10:00:00Z", 120)]).await;
        pass_months(&db, 1..2).await;
        db.app.clock.set(at("2026-12-20T20:00:00Z"));
        import(&db, &[call("long", "2026-12-20T10:00:00Z", 30_000)]).await;
        pass_months(&db, 2..3).await;
        // 10.00 of fee and 0, 0.04 and 10.00 of calls.
        assert_eq!(charged(&account, "minimum_commitment").await, [vec!["10.00"], vec!["9.96"], vec![]]);
        assert_all_adds_up(&db).await;
    }

    async fn minutes_are_priced_by_the_month_and_late_ones_as_the_difference(db: TestApp) {
        in_october(&db).await;
        let tiers = json!([{"up_to_minutes": 10, "price_per_minute": "10", "flat_fee": "2"},
                           {"price_per_minute": "5", "flat_fee": "3"}]);
        let pricing = json!([{"name": "London", "destinations": ["44"], "model": "graduated", "tiers": tiers}]);
        plan(&db, "Graduated", "0", json!({"terms": {"usage_pricing": pricing}})).await;
        let minutes = |id: String, number, minutes: i64| Call { seconds: 60 * minutes, ..Call::new(id, number, at("2026-10-20T10:00:00Z")) };
        let mut accounts = Vec::new();
        for (reference, number, count) in [("A", "+493023125065", 10), ("B", "+493023125066", 11), ("C", "+493023125067", 12)] {
            db.app.clock.set(at("2026-10-21T00:00:00Z"));
            accounts.push(berliner(&db, reference, "Graduated", OCTOBER).await);
            import(&db, &[minutes(format!("{reference}1"), number, 4), minutes(format!("{reference}2"), number, count - 4)]).await;
        }
        pass_months(&db, 0..1).await;
        for (account, expected) in accounts.iter().zip(["102.00", "110.00", "115.00"]) {
            assert_eq!(charged(account, "usage").await, [[expected]]);
        }
        // The eleventh minute of October comes late, and the twelfth later still.
        for (late, months) in [("late", 1..2), ("later", 2..3)] {
            import(&db, &[minutes(late.to_owned(), "+493023125065", 1)]).await;
            pass_months(&db, months).await;
        }
        assert_eq!(charged(&accounts[0], "late_usage").await, [vec![], vec!["8.00"], vec!["5.00"]]);
        assert_all_adds_up(&db).await;
    }

    async fn a_month_without_anything_is_an_invoice_of_zero_only_if_that_is_set(db: TestApp) {
        in_october(&db).await;
        plan(&db, "Free", "0", json!({})).await;
        let account = berliner(&db, "A", "Free", OCTOBER).await;
        pass_months(&db, 0..1).await;
        assert_eq!(invoices_of(&account).await.len(), 0);
        let zero = db.configured("[invoices]\nzero_invoices = true\n").unwrap();
        db.app.clock.set(at("2026-12-10T00:00:00Z"));
        let closed = json!({"closed_at": "2026-12-10T00:00:00Z"});
        round_of(&zero, at("2026-12-10T00:00:00Z")).await;
        assert_eq!(db.post_json(&format!("{}/close", account.path), &closed).await.status, 200);
        round_of(&zero, at("2027-01-02T00:00:00Z")).await;
        round_of(&zero, at("2027-02-02T00:00:00Z")).await;
        // November and December; in January the customer is gone.
        let invoices = invoices_of(&account).await;
        let found: Vec<_> = invoices.iter().map(|stored| (amounts(stored), stored["gross"]["amount"].clone())).collect();
        assert_eq!(found, vec![(vec![("fee".to_owned(), "0.00".to_owned())], json!("0.00")); 2]);
        assert_all_adds_up(&db).await;
    }
}
