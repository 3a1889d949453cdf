//! Do balances hold what was put on them, once, and never give more than is there?

use serde_json::{Value, json};

use crate::support::account::assert_sound;
use crate::support::prepaid::{LINE, Prepaid, assert_wrong, at, euros, quantity, seconds, with};
use crate::support::{TestApp, on_both_databases};

fn shown(balances: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    balances.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}

/// Amounts and running balances of a statement.
fn moves(movements: &Value) -> Vec<(String, String)> {
    let items = movements["items"].as_array().unwrap();
    items.iter().map(|one| (quantity(&one["amount"]), quantity(&one["balance"]))).collect()
}

fn pairs(moves: &[(&str, &str)]) -> Vec<(String, String)> {
    moves.iter().map(|(amount, balance)| ((*amount).to_owned(), (*balance).to_owned())).collect()
}

on_both_databases! {
    async fn money_goes_to_the_main_balance_and_all_else_to_one_of_its_own(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        customer.top_up(&euros("t1", "20.00")).await;
        customer.top_up(&with(euros("t2", "1.00"), json!({"line": LINE}))).await;
        customer.top_up(&with(euros("t3", "3.00"), json!({"expires_at": "2026-12-01T00:00:00Z", "kind": "bonus"}))).await;
        customer.top_up(&with(euros("t4", "4.00"), json!({"priority": 0, "name": "Reserve"}))).await;
        customer.top_up(&with(seconds("t5", 600), json!({"name": "Weekend", "priority": -5, "destinations": ["49", "44", "49"]}))).await;
        customer.top_up(&seconds("t6", 60)).await;
        customer.top_up(&euros("t7", "5.50")).await;
        customer.top_up(&with(euros("t8", "0.50"), json!({"line": LINE, "kind": "bonus"}))).await;
        assert_eq!(customer.balances().await, shown(&[
            ("Main balance", "25.50", "25.50"), ("Main balance", "1.50", "1.50"), ("Extra money", "3.00", "3.00"),
            ("Reserve", "4.00", "4.00"), ("Weekend", "600", "600"), ("Minutes", "60", "60"),
        ]));
        let balances = customer.get("balances").await;
        let fields = |place: usize| {
            let balance = &balances[place];
            ["unit", "line", "destinations", "priority", "expires_at", "main", "reserved"].map(|name| balance[name].clone())
        };
        let zero = json!({"amount": "0.00", "currency": "EUR"});
        assert_eq!(fields(0), [json!("money"), Value::Null, json!([]), json!(0), Value::Null, json!(true), zero.clone()]);
        assert_eq!(fields(1), [json!("money"), json!(LINE), json!([]), json!(0), Value::Null, json!(true), zero.clone()]);
        assert_eq!(fields(2), [json!("money"), Value::Null, json!([]), json!(0), json!("2026-12-01T00:00:00Z"), json!(false), zero]);
        assert_eq!(fields(4), [json!("seconds"), Value::Null, json!(["44", "49"]), json!(-5), Value::Null, json!(false), json!(0)]);
        // What was paid and what was given away are told apart.
        let mut tx = db.app.db.read().await.unwrap();
        let sql = "select account, cast(sum(amount) as bigint) as amount from postings group by account order by account";
        let rows = tx.rows(sql, &[]).await.unwrap();
        let sums: Vec<(String, i64)> = rows.iter().map(|row| (row.get("account").unwrap(), row.get("amount").unwrap())).collect();
        let sums: Vec<_> = sums.iter().map(|(account, amount)| (account.as_str(), *amount)).collect();
        assert_eq!(sums, [("bank", 30_500_000), ("bonus", 3_500_000), ("prepaid", -34_000_000)]);
        assert_sound(&db).await;
    }

    async fn a_top_up_is_done_once_by_its_reference(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let other = Prepaid::of(&db, "C-1").await;
        let first = customer.done("top-ups", &euros("t1", "20.00")).await;
        assert_eq!((&first["kind"], &first["reference"], &first["movements"][0]["subject"]), (&json!("top_up"), &json!("t1"), &first["id"]));
        customer.done("top-ups", &euros("t2", "1.00")).await;
        let again = customer.post("top-ups", &euros("t1", "20.0")).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &first));
        for body in [euros("t1", "20.01"), with(euros("t1", "20.00"), json!({"kind": "bonus"})), with(euros("t1", "20.00"), json!({"line": LINE}))] {
            assert!(customer.refused("top-ups", &body, 409).await.contains("reference"));
        }
        assert!(other.refused("top-ups", &euros("t1", "20.00"), 409).await.contains("reference"));
        assert_eq!(customer.balances().await, shown(&[("Main balance", "21.00", "21.00")]));
        // Neither time nor a closed customer changes what was done.
        let expiring = with(euros("t3", "1.00"), json!({"expires_at": "2026-11-06T00:00:00Z"}));
        customer.done("top-ups", &expiring).await;
        db.app.clock.set(at("2026-11-07T00:00:00Z"));
        assert_eq!(customer.post("close", &json!({"closed_at": "2026-11-07T00:00:00Z"})).await.status, 200);
        for body in [euros("t1", "20.00"), expiring] {
            assert_eq!(customer.post("top-ups", &body).await.status, 200);
        }
    }

    async fn twenty_top_ups_with_one_reference_at_once_are_one(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let body = euros("t1", "20.00");
        let answers = futures_util::future::join_all((0..20).map(|_| customer.post("top-ups", &body))).await;
        let new = answers.iter().filter(|answer| answer.status == 201).count();
        let known = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((new, known), (1, 19), "{answers:?}");
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!(customer.balances().await, shown(&[("Main balance", "20.00", "20.00")]));
        // Different ones at once are all done, on one main balance.
        let bodies: Vec<_> = (0..20).map(|place| with(euros(&format!("u{place}"), "1.00"), json!({"line": LINE}))).collect();
        let answers = futures_util::future::join_all(bodies.iter().map(|body| customer.post("top-ups", body))).await;
        assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
        assert_eq!(customer.balances().await, shown(&[("Main balance", "20.00", "20.00"), ("Main balance", "20.00", "20.00")]));
        assert_sound(&db).await;
    }

    async fn a_top_up_that_makes_no_sense_is_refused(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let long = "x".repeat(141);
        for (fields, pointer) in [
            (json!({"reference": " "}), "/reference"),
            (json!({"reference": long}), "/reference"),
            (json!({"reference": "a\u{7}"}), "/reference"),
            (json!({"amount": null}), "/amount"),
            (json!({"amount": "0.00"}), "/amount"),
            (json!({"amount": "-1.00"}), "/amount"),
            (json!({"amount": "1.001"}), "/amount"),
            (json!({"amount": "100000000000.01"}), "/amount"),
            (json!({"amount": "1,00"}), "/amount"),
            (json!({"currency": null}), "/currency"),
            (json!({"currency": "USD"}), "/currency"),
            (json!({"seconds": 60}), "/seconds"),
            (json!({"destinations": ["49"]}), "/destinations"),
            (json!({"destinations": ["0049"]}), "/destinations/0"),
            (json!({"name": "Gift"}), "/name"),
            (json!({"name": "", "priority": 1}), "/name"),
            (json!({"expires_at": "2026-11-05T12:00:00Z"}), "/expires_at"),
            (json!({"expires_at": "3000-01-01T00:00:00Z"}), "/expires_at"),
            (json!({"line": "+493023125001"}), "/line"),
            (json!({"kind": "gift"}), "/kind"),
        ] {
            customer.wrong("top-ups", &with(euros("t1", "1.00"), fields), pointer).await;
        }
        let many: Vec<_> = (0..501).map(|place| (1_000 + place).to_string()).collect();
        for (fields, pointer) in [
            (json!({"seconds": 0}), "/seconds"),
            (json!({"seconds": -1}), "/seconds"),
            (json!({"seconds": 1_000_000_001}), "/seconds"),
            (json!({"currency": "EUR"}), "/currency"),
            (json!({"destinations": []}), "/destinations"),
            (json!({"destinations": many}), "/destinations"),
        ] {
            customer.wrong("top-ups", &with(seconds("t1", 60), fields), pointer).await;
        }
        // A line that is held no more, or not yet.
        let lines = db.get(&format!("{}/lines", customer.account.path)).await.body;
        let line = format!("lines/{}/end", lines[0]["id"].as_str().unwrap());
        let ended = customer.post(&line, &json!({"valid_to": "2026-11-05T12:00:00Z"})).await;
        assert_eq!(ended.status, 200, "{ended:?}");
        customer.done("lines", &json!({"number": "+493023125099", "valid_from": "2026-11-05T12:00:01Z"})).await;
        for line in [LINE, "+493023125099"] {
            customer.wrong("top-ups", &with(euros("t1", "1.00"), json!({"line": line})), "/line").await;
        }
        db.app.clock.set(at("2026-11-05T12:00:01Z"));
        customer.done("top-ups", &with(euros("t1", "1.00"), json!({"line": "+493023125099"}))).await;
        let nobody = db.post_json("/v1/customers/cus_0000000000011/top-ups", &euros("t2", "1.00")).await;
        assert_eq!(nobody.status, 404);
        assert_eq!(customer.post("close", &json!({"closed_at": "2026-11-06T00:00:00Z"})).await.status, 200);
        db.app.clock.set(at("2026-11-06T00:00:00Z"));
        assert!(customer.refused("top-ups", &euros("t2", "1.00"), 409).await.contains("closed"));
        assert_eq!(customer.post("top-ups", &with(euros("t1", "1.00"), json!({"line": "+493023125099"}))).await.status, 200);
        assert_sound(&db).await;
    }

    async fn a_balance_is_adjusted_as_far_as_it_is_available(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let money = customer.top_up(&euros("t1", "5.00")).await;
        let minutes = customer.top_up(&seconds("t2", 60)).await;
        let of = |id: tollbook::id::BalanceId| format!("balances/{id}/adjustments");
        let change = |reference: &str, amount: &str| with(euros(reference, amount), json!({"reason": "a mistake"}));
        let first = customer.done(&of(money), &change("a1", "-2.0001")).await;
        assert_eq!((&first["reason"], moves(&json!({"items": first["movements"]}))), (&json!("a mistake"), pairs(&[("-2.0001", "2.9999")])));
        assert_eq!(customer.post(&of(money), &change("a1", "-2.0001")).await.body, first);
        assert!(customer.refused(&of(money), &change("a1", "-2.00"), 409).await.contains("reference"));
        assert!(customer.refused(&of(minutes), &change("a1", "-2.0001"), 409).await.contains("reference"));
        customer.reserve(7, money, 1_000_000).await;
        let why = customer.refused(&of(money), &change("a2", "-2.00"), 409).await;
        assert!(why.contains("only 1.9999 EUR"), "{why}");
        customer.done(&of(money), &change("a2", "-1.9999")).await;
        customer.done(&of(money), &change("a3", "7.00")).await;
        let less = |reference: &str, seconds: i64| json!({"reference": reference, "reason": "a mistake", "seconds": seconds});
        let why = customer.refused(&of(minutes), &less("a4", -61), 409).await;
        assert!(why.contains("only 60 s"), "{why}");
        customer.done(&of(minutes), &less("a4", -60)).await;
        assert_eq!(customer.balances().await, shown(&[("Main balance", "8.00", "7.00"), ("Minutes", "0", "0")]));
        for (id, body, pointer) in [
            (money, change("a5", "0.00"), "/amount"),
            (money, change("a5", "100000000000.01"), "/amount"),
            (money, change("a5", "-100000000000.01"), "/amount"),
            (money, with(change("a5", "1.00"), json!({"currency": "USD"})), "/currency"),
            (money, with(change("a5", "1.00"), json!({"currency": null})), "/currency"),
            (money, with(change("a5", "1.00"), json!({"seconds": 1})), "/amount"),
            (money, less("a5", 1), "/amount"),
            (money, with(change("a5", "1.00"), json!({"reason": " "})), "/reason"),
            (money, with(change("a5", "1.00"), json!({"reference": ""})), "/reference"),
            (minutes, change("a5", "1.00"), "/seconds"),
            (minutes, less("a5", 0), "/seconds"),
            (minutes, less("a5", i64::MIN), "/seconds"),
            (minutes, with(less("a5", 1), json!({"currency": "EUR"})), "/currency"),
        ] {
            customer.wrong(&of(id), &body, pointer).await;
        }
        customer.refused("balances/bal_0000000000011/adjustments", &change("a5", "1.00"), 404).await;
        let other = format!("/v1/customers/cus_0000000000011/balances/{money}/adjustments");
        assert_eq!(db.post_json(&other, &change("a5", "1.00")).await.status, 404);
        assert_sound(&db).await;
    }

    async fn money_and_seconds_move_between_balances_of_a_kind(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let main = customer.top_up(&euros("t1", "5.00")).await;
        let line = customer.top_up(&with(euros("t2", "1.00"), json!({"line": LINE}))).await;
        let [one, two] = [customer.top_up(&seconds("t3", 60)).await, customer.top_up(&seconds("t4", 30)).await];
        let far = customer.top_up(&with(seconds("t5", 30), json!({"destinations": ["44"]}))).await;
        let money = |from, to, reference: &str, amount: &str| with(euros(reference, amount), json!({"from": from, "to": to}));
        let done = customer.done("transfers", &money(main, line, "x1", "2.00")).await;
        assert_eq!((moves(&json!({"items": done["movements"]})), &done["kind"]), (pairs(&[("-2.00", "3.00"), ("2.00", "3.00")]), &json!("transfer")));
        assert_eq!(customer.post("transfers", &money(main, line, "x1", "2.00")).await.body, done);
        assert!(customer.refused("transfers", &money(line, main, "x1", "2.00"), 409).await.contains("reference"));
        assert!(customer.refused("transfers", &money(main, line, "x2", "3.01"), 409).await.contains("only 3.00 EUR"));
        let time = |from, to, seconds: i64| json!({"reference": "x3", "reason": "merged", "from": from, "to": to, "seconds": seconds});
        customer.done("transfers", &time(one, two, 60)).await;
        for (body, words) in [(with(time(two, far, 1), json!({"reference": "x4"})), "different things"), (money(main, two, "x4", "1.00"), "different things")] {
            assert!(customer.refused("transfers", &body, 409).await.contains(words));
        }
        for (body, pointer) in [
            (money(main, main, "x4", "1.00"), "/to"),
            (money(main, line, "x4", "0.00"), "/amount"),
            (money(main, line, "x4", "-1.00"), "/amount"),
            (with(time(two, one, -1), json!({"reference": "x4"})), "/seconds"),
            (with(money(main, line, "x4", "1.00"), json!({"currency": "USD"})), "/currency"),
            (with(money(main, line, "x4", "1.00"), json!({"reason": ""})), "/reason"),
            (money(main, line, "", "1.00"), "/reference"),
        ] {
            customer.wrong("transfers", &body, pointer).await;
        }
        let theirs = Prepaid::of(&db, "C-1").await.top_up(&euros("t6", "9.00")).await;
        assert!(customer.refused("transfers", &money(main, theirs, "x4", "1.00"), 404).await.contains(&theirs.to_string()));
        assert!(customer.refused("transfers", &money(theirs, main, "x4", "1.00"), 404).await.contains(&theirs.to_string()));
        let nobody = db.post_json("/v1/customers/cus_0000000000011/transfers", &money(main, line, "x4", "1.00")).await;
        assert_eq!(nobody.status, 404);
        assert_eq!(customer.balances().await, shown(&[
            ("Main balance", "3.00", "3.00"), ("Main balance", "3.00", "3.00"), ("Minutes", "0", "0"), ("Minutes", "90", "90"),
            ("Minutes", "30", "30"),
        ]));
        // The ledger knows what is prepaid, not where.
        let mut tx = db.app.db.read().await.unwrap();
        let row = tx.row("select count(*) as entries from ledger_entries where customer_id = $1", &[&customer.account.id.0]).await.unwrap();
        assert_eq!(row.unwrap().get::<i64>("entries").unwrap(), 2);
        drop(tx);
        assert_sound(&db).await;
    }

    async fn what_has_expired_moves_no_more(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let main = customer.top_up(&euros("t1", "5.00")).await;
        let short = customer.top_up(&with(euros("t2", "1.00"), json!({"expires_at": "2026-11-06T00:00:00Z"}))).await;
        db.app.clock.set(at("2026-11-06T00:00:00Z"));
        assert_eq!(customer.balances().await[1], shown(&[("Extra money", "1.00", "0.00")])[0]);
        let adjust = with(euros("a1", "1.00"), json!({"reason": "kindness"}));
        assert!(customer.refused(&format!("balances/{short}/adjustments"), &adjust, 409).await.contains("expired"));
        for (from, to) in [(main, short), (short, main)] {
            let body = with(euros("x1", "1.00"), json!({"from": from, "to": to}));
            assert!(customer.refused("transfers", &body, 409).await.contains(&format!("{short} has expired")));
        }
    }

    async fn a_credit_limit_is_the_floor_of_the_main_balance(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let none = json!({"credit_limit": null, "low_balance": null, "top_up_amount": null});
        assert_eq!(customer.get("prepaid").await, none);
        let euro = |amount: &str| json!({"amount": amount, "currency": "EUR"});
        let agreed = customer.put("prepaid", &json!({"credit_limit": "10.00", "low_balance": "2.00"})).await;
        assert_eq!((agreed.status.as_u16(), &agreed.body), (200, &json!({"credit_limit": euro("10.00"), "low_balance": euro("2.00"), "top_up_amount": null})));
        assert_eq!(customer.balances().await, shown(&[("Main balance", "0.00", "10.00")]));
        let main = customer.top_up(&euros("t1", "5.00")).await;
        let line = customer.top_up(&with(euros("t2", "1.00"), json!({"line": LINE}))).await;
        customer.done("transfers", &with(euros("x1", "12.00"), json!({"from": main, "to": line}))).await;
        customer.reserve(7, main, 1_000_000).await;
        // The line's own balance has no credit.
        assert_eq!(customer.balances().await, shown(&[("Main balance", "-7.00", "2.00"), ("Main balance", "13.00", "13.00")]));
        let refused = customer.put("prepaid", &json!({"credit_limit": "7.99"})).await;
        assert_eq!(refused.status, 409);
        assert!(refused.body["detail"].as_str().unwrap().starts_with("8.00 EUR of the credit limit are used"), "{refused:?}");
        assert_eq!(customer.put("prepaid", &json!({"credit_limit": null})).await.status, 409);
        let agreed = customer.put("prepaid", &json!({"credit_limit": "8.00", "top_up_amount": "20.00"})).await.body;
        assert_eq!(agreed, json!({"credit_limit": euro("8.00"), "low_balance": euro("2.00"), "top_up_amount": euro("20.00")}));
        assert_eq!(customer.get("prepaid").await, agreed);
        customer.top_up(&euros("t3", "20.00")).await;
        assert_eq!(customer.put("prepaid", &none).await.body, none);
        assert_eq!(customer.put("prepaid", &json!({})).await.body, none);
        assert_eq!(customer.balances().await[0], shown(&[("Main balance", "13.00", "12.00")])[0]);
        for (body, pointer) in [
            (json!({"credit_limit": "-1.00"}), "/credit_limit"),
            (json!({"credit_limit": "1.001"}), "/credit_limit"),
            (json!({"low_balance": "100000000000.01"}), "/low_balance"),
            (json!({"top_up_amount": "0.00"}), "/top_up_amount"),
            (json!({"floor": "1.00"}), "/floor"),
        ] {
            assert_wrong(&customer.put("prepaid", &body).await, pointer);
        }
        let nobody = Prepaid { account: crate::support::account::Account { path: "/v1/customers/cus_0000000000011".into(), ..customer.account } };
        assert_eq!(nobody.put("prepaid", &json!({})).await.status, 404);
        for path in ["prepaid", "balances", "movements"] {
            assert_eq!(db.get(&format!("{}/{path}", nobody.account.path)).await.status, 404);
        }
        assert_sound(&db).await;
    }

    async fn the_statement_tells_what_was_left_each_time(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let main = customer.top_up(&euros("t1", "5.00")).await;
        let line = customer.top_up(&with(euros("t2", "1.00"), json!({"line": LINE}))).await;
        customer.done(&format!("balances/{main}/adjustments"), &with(euros("a1", "-1.50"), json!({"reason": "a mistake"}))).await;
        customer.done("transfers", &with(euros("x1", "1.00"), json!({"from": main, "to": line}))).await;
        customer.take(77, main, 250_000).await;
        let minutes = customer.top_up(&seconds("t3", 60)).await;
        let all = customer.get("movements").await;
        let expected = [("5.00", "5.00"), ("1.00", "1.00"), ("-1.50", "3.50"), ("-1.00", "2.50"), ("1.00", "2.00"), ("-0.25", "2.25"), ("60", "60")];
        assert_eq!(moves(&all), pairs(&expected));
        let call = &all["items"][5];
        assert_eq!((&call["kind"], &call["balance_name"], &call["reference"]), (&json!("call"), &json!("Main balance"), &Value::Null));
        let letters = customer.account.id.to_string().replace("cus_", "");
        assert_eq!(call["subject"], format!("ses_{letters}000000000002d"));
        assert_eq!((&all["items"][2]["reason"], &all["items"][2]["reference"]), (&json!("a mistake"), &json!("a1")));
        assert_eq!(all["items"][3]["subject"], all["items"][4]["subject"]);
        // By pages, and of one balance.
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = customer.get(&format!("movements?limit=3{cursor}")).await;
            paged.extend(moves(&page));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, pairs(&expected));
        assert_eq!(moves(&customer.get(&format!("movements?balance={line}")).await), pairs(&[("1.00", "1.00"), ("1.00", "2.00")]));
        assert_eq!(moves(&customer.get(&format!("movements?balance={minutes}")).await), pairs(&[("60", "60")]));
        assert_eq!(db.get(&format!("{}/movements?balance=cus_0000000000011", customer.account.path)).await.status, 400);
        assert_eq!(db.get(&format!("{}/movements?cursor=x", customer.account.path)).await.status, 400);
        assert_sound(&db).await;
    }

    async fn closed_balances_are_shown_when_they_are_asked_for(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        customer.top_up(&seconds("t1", 60)).await;
        customer.top_up(&euros("t2", "5.00")).await;
        let mut tx = db.app.db.begin().await.unwrap();
        let now = tollbook::db::Ts(db.app.clock.now());
        tx.execute("update balances set closed_at = $1 where unit = 'seconds'", &[&now]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(customer.balances().await, shown(&[("Main balance", "5.00", "5.00")]));
        let all = customer.get("balances?closed=true").await;
        assert_eq!((all.as_array().unwrap().len(), &all[0]["closed_at"], &all[0]["available"]), (2, &json!("2026-11-05T12:00:00Z"), &json!(0)));
    }

    async fn movements_stay_in_order_when_a_clock_is_behind(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        customer.top_up(&euros("t1", "5.00")).await;
        // Another machine, whose clock is ahead, moved the balance last.
        let mut tx = db.app.db.begin().await.unwrap();
        for sql in ["update movements set movement_id = 9000000", "update balances set last_movement_id = 9000000"] {
            tx.execute(sql, &[]).await.unwrap();
        }
        tx.commit().await.unwrap();
        customer.top_up(&euros("t2", "1.00")).await;
        customer.top_up(&euros("t3", "1.00")).await;
        assert_eq!(moves(&customer.get("movements").await), pairs(&[("5.00", "5.00"), ("1.00", "6.00"), ("1.00", "7.00")]));
        assert_sound(&db).await;
    }

    async fn a_prepaid_plan_has_no_terms_by_the_month(db: TestApp) {
        Prepaid::new(&db).await;
        let plan = |payment: &str, terms: Value| {
            json!({"name": format!("{payment} {terms}"), "currency": "EUR", "payment": payment, "monthly_fee": "5.00",
                   "tariff": "standard", "terms": terms})
        };
        let pricing = json!({"usage_pricing": [{"name": "Packages", "destinations": ["49"], "model": "package", "minutes": 10, "price": "1.00"}]});
        for (terms, pointer) in [
            (json!({"minimum_commitment": "20.00"}), "/terms/minimum_commitment"),
            (json!({"spending_cap": "20.00"}), "/terms/spending_cap"),
            (pricing, "/terms/usage_pricing"),
        ] {
            let answer = db.post_json("/v1/plans", &plan("prepaid", terms.clone())).await;
            assert_wrong(&answer, pointer);
            assert_eq!(db.post_json("/v1/plans", &plan("postpaid", terms)).await.status, 201);
        }
        for terms in [json!({}), json!({"fee_timing": "advance"}), json!({"fee_timing": "arrears", "prorate_fee": false})] {
            assert_eq!(db.post_json("/v1/plans", &plan("prepaid", terms)).await.status, 201);
        }
    }
}
