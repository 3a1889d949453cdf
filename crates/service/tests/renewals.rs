//! Does a prepaid plan take its fee and grant its seconds, once for each of the customer's months?

use serde_json::json;
use tollbook::prepaid;

use crate::support::account::Account;
use crate::support::cycle::{at, customer, line, patch, plan, provider, round_at};
use crate::support::mailing::execute;
use crate::support::operator::create;
use crate::support::purse::{assert_purses_add_up, minutes, posted, prepaid_plan};
use crate::support::{TestApp, on_both_databases};

/// The first of October 2026 in Berlin, of November and of December.
const OCTOBER: &str = "2026-09-30T22:00:00Z";
const NOVEMBER: &str = "2026-10-31T23:00:00Z";
const DECEMBER: &str = "2026-11-30T23:00:00Z";
/// Ten in the morning on the 15th.
const MID_OCTOBER: &str = "2026-10-15T08:00:00Z";

/// The provider, with a prepaid plan of 31.00 and 3100 seconds, both divided by days.
async fn prepaid_provider(db: &TestApp) {
    provider(db).await;
    let more = json!({"allowances": minutes(3100), "terms": {"prorate_allowances": true}});
    prepaid_plan(db, "Daily", "31.00", more).await;
}

async fn berliner<'a>(db: &'a TestApp, reference: &str, plan: &str, from: &str) -> Account<'a> {
    customer(db, reference, "Europe/Berlin", (plan, from), json!({})).await
}

async fn subscribe(account: &Account<'_>, plan: &str, from: &str) {
    let body = json!({"plan": plan, "valid_from": from});
    create(account.db, &format!("{}/subscriptions", account.path), body).await;
}

/// How many months a round renews, and how many wait.
async fn renewed_at(db: &TestApp, now: &str) -> (u64, u64) {
    let kept = round_at(db, at(now)).await.prepaid;
    assert_eq!(kept.failed, 0, "{kept:?}");
    (kept.renewed, kept.waiting)
}

fn paid(months: &[(&str, i64)]) -> Vec<(String, i64)> {
    months.iter().map(|(start, cents)| ((*start).to_owned(), cents * 10_000)).collect()
}

fn main(amount: &str) -> Vec<(String, String)> {
    vec![("Main balance".to_owned(), amount.to_owned())]
}

fn germany(seconds: i64, until: &str) -> Vec<(String, i64, String)> {
    vec![("Germany".to_owned(), seconds, until.to_owned())]
}

on_both_databases! {
    async fn the_first_month_is_paid_for_its_days_and_each_next_as_it_begins(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Daily", MID_OCTOBER).await;
        account.top_up("t1", "50.00", json!({})).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (1, 0));
        // 17 of 31 days.
        assert_eq!(account.money().await, main("33.00"));
        assert_eq!(account.seconds().await, germany(1700, NOVEMBER));
        assert_eq!(renewed_at(&db, "2026-10-31T22:59:59Z").await, (0, 0));
        assert_eq!(renewed_at(&db, NOVEMBER).await, (1, 0));
        assert_eq!(account.money().await, main("2.00"));
        assert_eq!(account.seconds().await, germany(3100, DECEMBER));
        assert_eq!(account.renewals().await, paid(&[(OCTOBER, 17_00), (NOVEMBER, 31_00)]));
        let posted = posted(&db).await;
        assert_eq!((posted["revenue"], posted["prepaid"], posted["bank"]), (-48_000_000, -2_000_000, 50_000_000));
        assert_purses_add_up(&db).await;
    }

    async fn what_is_not_divided_is_whole(db: TestApp) {
        provider(&db).await;
        let terms = json!({"prorate_fee": false});
        prepaid_plan(&db, "Whole", "31.00", json!({"allowances": minutes(3100), "terms": terms})).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Whole", MID_OCTOBER).await;
        account.top_up("t1", "31.00", json!({})).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (1, 0));
        assert_eq!((account.money().await, account.seconds().await), (main("0.00"), germany(3100, NOVEMBER)));
        assert_purses_add_up(&db).await;
    }

    async fn a_month_begins_where_the_customer_is(db: TestApp) {
        prepaid_provider(&db).await;
        let mut accounts = Vec::new();
        for (zone, begins) in [
            ("Pacific/Kiritimati", "2026-10-31T10:00:00Z"),
            ("Asia/Kathmandu", "2026-10-31T18:15:00Z"),
            // Its midnight of 1 November happens twice.
            ("America/Havana", "2026-11-01T04:00:00Z"),
            ("Pacific/Pago_Pago", "2026-11-01T11:00:00Z"),
        ] {
            db.app.clock.set(at(MID_OCTOBER));
            let account = customer(&db, zone, zone, ("Daily", OCTOBER), json!({})).await;
            account.top_up(zone, "100.00", json!({})).await;
            accounts.push((account, begins));
        }
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (4, 0));
        for (account, begins) in accounts {
            let before = at(begins).checked_sub(jiff::SignedDuration::from_micros(1)).unwrap().to_string();
            assert_eq!(renewed_at(&db, &before).await, (0, 0), "{begins}");
            assert_eq!(account.seconds().await[0].2, begins);
            assert_eq!(renewed_at(&db, begins).await, (1, 0), "{begins}");
            assert_eq!(account.renewals().await.last(), Some(&(begins.to_owned(), 31_000_000)));
        }
        assert_purses_add_up(&db).await;
    }

    async fn who_moves_has_the_month_after_in_the_new_zone(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Daily", OCTOBER).await;
        account.top_up("t1", "100.00", json!({})).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (1, 0));
        assert_eq!(patch(&db, &account.path, json!({"zone": "Pacific/Honolulu"})).await.status, 200);
        assert_eq!(renewed_at(&db, NOVEMBER).await, (1, 0));
        assert_eq!(account.seconds().await, germany(3100, "2026-12-01T10:00:00Z"));
        assert_eq!(renewed_at(&db, DECEMBER).await, (0, 0));
        assert_eq!(renewed_at(&db, "2026-12-01T10:00:00Z").await, (1, 0));
    }

    async fn a_zone_stays_once_a_month_in_it_was_paid(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let new = json!({"reference": "A", "currency": "EUR", "party": {"name": "A", "country": "DE"},
                         "subscription": {"plan": "Daily", "valid_from": OCTOBER}});
        let made = create(&db, "/v1/customers", new).await;
        let id = made["id"].as_str().unwrap().parse().unwrap();
        let account = Account { db: &db, id, path: format!("/v1/customers/{id}") };
        account.top_up("t1", "100.00", json!({})).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (1, 0));
        create(&db, &format!("{}/lines", account.path), line("+12125550109")[0].clone()).await;
        assert_eq!(db.get(&account.path).await.body["zone"], "Europe/Berlin");
        assert_eq!(renewed_at(&db, "2026-10-16T08:00:00Z").await, (0, 0));
    }

    async fn with_too_little_money_nothing_is_granted_until_there_is_enough(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Daily", OCTOBER).await;
        account.top_up("t1", "30.99", json!({})).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (0, 1));
        assert_eq!((account.money().await, account.seconds().await), (main("30.99"), vec![]));
        // It is tried again hourly.
        assert_eq!(renewed_at(&db, "2026-10-15T08:59:59Z").await, (0, 0));
        assert_eq!(renewed_at(&db, "2026-10-15T09:00:00Z").await, (0, 1));
        // At once, when there is enough.
        account.reserve("Main balance", 1_000_000).await;
        account.top_up("t2", "1.00", json!({})).await;
        assert_eq!(renewed_at(&db, "2026-10-15T09:00:01Z").await, (0, 0));
        account.reserve("Main balance", -1_000_000).await;
        assert_eq!(renewed_at(&db, "2026-10-15T09:00:02Z").await, (1, 0));
        assert_eq!((account.money().await, account.seconds().await), (main("0.99"), germany(3100, NOVEMBER)));
        assert_purses_add_up(&db).await;
    }

    async fn a_month_that_waits_for_money_is_let_go_when_it_is_over(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Daily", OCTOBER).await;
        assert_eq!(renewed_at(&db, "2026-10-31T22:30:00Z").await, (0, 1));
        assert_eq!(account.renew_at().await, Some(at(NOVEMBER)));
        account.top_up("t1", "100.00", json!({})).await;
        assert_eq!(renewed_at(&db, NOVEMBER).await, (1, 0));
        // A service that was away renews the running month alone.
        assert_eq!(renewed_at(&db, "2027-01-10T12:00:00Z").await, (1, 0));
        assert_eq!(account.renewals().await, paid(&[(NOVEMBER, 31_00), ("2026-12-31T23:00:00Z", 31_00)]));
        assert_purses_add_up(&db).await;
    }

    async fn a_fee_is_taken_in_the_order_of_use_and_never_from_a_line_s_money(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let number = "+493023125001";
        let more = json!({"lines": line(number)});
        let account = customer(&db, "A", "Europe/Berlin", ("Daily", OCTOBER), more).await;
        account.top_up("line", "100.00", json!({"line": number})).await;
        account.top_up("main", "5.00", json!({})).await;
        account.top_up("last", "9.00", json!({"name": "Last", "priority": 1})).await;
        account.top_up("late", "7.00", json!({"name": "Late", "expires_at": "2026-12-01T00:00:00Z"})).await;
        account.top_up("soon", "3.00", json!({"name": "Soon", "expires_at": "2026-11-01T00:00:00Z"})).await;
        account.top_up("over", "2.00", json!({"name": "Over", "expires_at": "2026-10-15T08:00:01Z"})).await;
        account.reserve("Soon", 1_000_000).await;
        account.agree(json!({"credit_limit": "11.00"})).await;
        // 2 and 7 by expiry, 5 and 11 of credit, then 6 of the last.
        assert_eq!(renewed_at(&db, "2026-10-15T08:00:01Z").await, (1, 0));
        let left: Vec<_> = account.money().await.into_iter().map(|(name, amount)| format!("{name} {amount}")).collect();
        assert_eq!(left, ["Main balance 100.00", "Main balance -11.00", "Last 3.00", "Soon 1.00"]);
        account.reserve("Soon", -1_000_000).await;
        assert_purses_add_up(&db).await;
    }

    async fn another_prepaid_plan_ends_the_seconds_and_is_paid_for_its_days(db: TestApp) {
        prepaid_provider(&db).await;
        let terms = json!({"prorate_allowances": true});
        prepaid_plan(&db, "Other", "6.20", json!({"allowances": minutes(620), "terms": terms})).await;
        db.app.clock.set(at("2026-10-01T08:00:00Z"));
        let account = berliner(&db, "A", "Daily", OCTOBER).await;
        account.top_up("t1", "100.00", json!({})).await;
        assert_eq!(renewed_at(&db, "2026-10-01T08:00:00Z").await, (1, 0));
        // Asked for ahead, it ends them only then.
        subscribe(&account, "Other", MID_OCTOBER).await;
        assert_eq!(account.seconds().await, germany(3100, MID_OCTOBER));
        assert_eq!(renewed_at(&db, "2026-10-15T07:59:59Z").await, (0, 0));
        assert_eq!(account.seconds().await, germany(3100, MID_OCTOBER));
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (1, 0));
        // What was paid stays paid.
        assert_eq!((account.money().await, account.seconds().await), (main("65.60"), germany(340, NOVEMBER)));
        assert_eq!(account.renewals().await, paid(&[(OCTOBER, 31_00), (OCTOBER, 3_40)]));
        assert_eq!(renewed_at(&db, NOVEMBER).await, (1, 0));
        assert_eq!((account.money().await, account.seconds().await), (main("59.40"), germany(620, DECEMBER)));
        assert_purses_add_up(&db).await;
    }

    async fn a_plan_that_is_left_on_its_first_day_costs_nothing(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Daily", MID_OCTOBER).await;
        account.top_up("t1", "100.00", json!({})).await;
        subscribe(&account, "Daily", "2026-10-15T12:00:00Z").await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (0, 0));
        assert_eq!((account.money().await, account.seconds().await), (main("100.00"), vec![]));
        assert_eq!(renewed_at(&db, "2026-10-15T12:00:00Z").await, (1, 0));
        assert_eq!(account.renewals().await, paid(&[(OCTOBER, 17_00)]));
    }

    async fn who_pays_afterwards_from_now_on_keeps_the_money_and_no_seconds(db: TestApp) {
        prepaid_provider(&db).await;
        plan(&db, "Afterwards", "10.00", json!({})).await;
        db.app.clock.set(at("2026-10-01T08:00:00Z"));
        let account = berliner(&db, "A", "Daily", OCTOBER).await;
        account.top_up("t1", "100.00", json!({})).await;
        assert_eq!(renewed_at(&db, "2026-10-01T08:00:00Z").await, (1, 0));
        db.app.clock.set(at(MID_OCTOBER));
        subscribe(&account, "Afterwards", MID_OCTOBER).await;
        let kept = round_at(&db, at(MID_OCTOBER)).await.prepaid;
        assert_eq!((kept.expired, kept.renewed), (1, 0));
        assert_eq!((account.money().await, account.seconds().await), (main("69.00"), vec![]));
        assert_eq!(renewed_at(&db, NOVEMBER).await, (0, 0));
        assert_eq!(account.renew_at().await, None);
        // And back.
        subscribe(&account, "Daily", "2026-11-30T22:00:00Z").await;
        assert_eq!(account.renew_at().await, Some(at("2026-11-30T22:00:00Z")));
        assert_eq!(renewed_at(&db, "2026-11-30T22:00:00Z").await, (1, 0));
        // One of thirty days: 1.0333…
        assert_eq!(account.renewals().await, paid(&[(OCTOBER, 31_00), (NOVEMBER, 1_03)]));
        assert_purses_add_up(&db).await;
    }

    async fn who_is_closed_has_no_seconds_and_pays_no_fee(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at("2026-10-01T08:00:00Z"));
        let account = berliner(&db, "A", "Daily", OCTOBER).await;
        account.top_up("t1", "100.00", json!({})).await;
        assert_eq!(renewed_at(&db, "2026-10-01T08:00:00Z").await, (1, 0));
        let answer = db.post_json(&format!("{}/close", account.path), &json!({"closed_at": MID_OCTOBER})).await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!(account.seconds().await, germany(3100, MID_OCTOBER));
        assert_eq!(round_at(&db, at(MID_OCTOBER)).await.prepaid.expired, 1);
        assert_eq!(renewed_at(&db, NOVEMBER).await, (0, 0));
        assert_eq!((account.money().await, account.seconds().await), (main("69.00"), vec![]));
        assert_eq!(account.renew_at().await, None);
        assert_purses_add_up(&db).await;
    }

    async fn a_plan_that_costs_and_grants_nothing_leaves_no_trace(db: TestApp) {
        provider(&db).await;
        prepaid_plan(&db, "Per call", "0", json!({})).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Per call", OCTOBER).await;
        account.top_up("t1", "1.00", json!({"name": "Gift", "priority": 1})).await;
        let id = account.balances(false).await[0]["id"].as_str().unwrap().to_owned();
        let off = json!({"reference": "a1", "reason": "spent", "amount": "-1.00", "currency": "EUR"});
        create(&db, &format!("{}/balances/{id}/adjustments", account.path), off).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (0, 0));
        assert_eq!((account.renewals().await, account.renew_at().await), (vec![], Some(at(NOVEMBER))));
        // What is used up is put away then.
        assert_eq!(account.money().await, []);
        assert_eq!(account.balances(true).await[0]["closed_at"], MID_OCTOBER);
        assert_purses_add_up(&db).await;
    }

    async fn seconds_without_a_fee_are_granted_without_money(db: TestApp) {
        provider(&db).await;
        prepaid_plan(&db, "Free", "0", json!({"allowances": minutes(60)})).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Free", OCTOBER).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (1, 0));
        assert_eq!(account.seconds().await, germany(60, NOVEMBER));
        assert_eq!(posted(&db).await.len(), 0);
        let movements = db.get(&format!("{}/movements", account.path)).await.body["items"].clone();
        assert_eq!((&movements[0]["kind"], &movements[0]["reason"]), (&json!("allowance"), &json!("Free, 2026-10")));
        assert_purses_add_up(&db).await;
    }

    async fn a_renewal_that_did_not_take_its_fee_is_found(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let account = berliner(&db, "A", "Daily", OCTOBER).await;
        account.top_up("t1", "31.00", json!({})).await;
        assert_eq!(renewed_at(&db, MID_OCTOBER).await, (1, 0));
        for wrong in ["fee = fee - 1", "fee = fee + 1, booking_id = 1"] {
            execute(&db, &format!("update renewals set {wrong} where customer_id = $1"), &[&account.id.0]).await;
            let mut tx = db.app.db.read().await.unwrap();
            let faults = prepaid::verify(&mut tx).await.unwrap().faults;
            assert!(faults.len() == 1 && faults[0].ends_with("did not take the fee of its month"), "{faults:?}");
        }
    }

    async fn one_customer_s_fault_is_that_customer_s_alone(db: TestApp) {
        prepaid_provider(&db).await;
        db.app.clock.set(at(MID_OCTOBER));
        let mut accounts = Vec::new();
        for reference in ["A", "B", "C"] {
            let account = berliner(&db, reference, "Daily", OCTOBER).await;
            account.top_up(reference, "31.00", json!({})).await;
            accounts.push(account);
        }
        let zone = "update customers set zone = $2 where customer_id = $1";
        execute(&db, zone, &[&accounts[1].id.0, &"Berlin/Nowhere"]).await;
        let kept = round_at(&db, at(MID_OCTOBER)).await.prepaid;
        assert_eq!((kept.renewed, kept.failed), (2, 1));
        execute(&db, zone, &[&accounts[1].id.0, &"Europe/Berlin"]).await;
        assert_eq!(renewed_at(&db, "2026-10-15T08:59:59Z").await, (0, 0));
        assert_eq!(renewed_at(&db, "2026-10-15T09:00:00Z").await, (1, 0));
        assert_purses_add_up(&db).await;
    }
}
