//! What may one thing come to, and what happens where sums are more than 64 bits hold?

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tollbook::db::Ts;
use tollbook::{invoices, payments};

use crate::support::account::{Account, payment};
use crate::support::mailing::execute;
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::{Answer, TestApp, on_both_databases};

/// The most of one thing, and the least that is more.
const MOST: &str = "100000000000.00";
const MORE: &str = "100000000000.01";
/// The same of a price, and of a call's least charge.
const PRICE: &str = "50000000.00";
const DEARER: &str = "50000000.01";

async fn put(db: &TestApp, path: &str, body: &Value) -> Answer {
    let request = Request::put(path).header("content-type", "application/json");
    db.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// A request with an amount, by the place of the amount.
async fn ask(db: &TestApp, method: &str, path: &str, body: &str, amount: &str) -> Answer {
    let body: Value = serde_json::from_str(&body.replace("AMOUNT", amount)).unwrap();
    match method {
        "put" => put(db, path, &body).await,
        "patch" => db.patch_json(path, &body).await,
        _ => db.post_json(path, &body).await,
    }
}

fn plan(name: &str, more: &str) -> String {
    format!(r#"{{"name": "{name}", "currency": "EUR", "payment": "postpaid", "tariff": "standard", {more}}}"#)
}

fn pricing(model: &str) -> String {
    plan(
        "Month",
        &format!(r#""terms": {{"usage_pricing": [{{"name": "Any", "destinations": ["*"], {model}}}]}}"#),
    )
}

fn tariff(prices: &str) -> String {
    let deck =
        format!("prefix,destination,rate_per_min,connection_charge,min_charge\\n49,Germany,{prices}\\n");
    let terms = r#"{"currency": "EUR", "rounding": {"digits": 2, "mode": "half-up"}, "increments": "60/60"}"#;
    format!(r#"{{"name": "dear", "deck": "{deck}", "terms": {terms}}}"#)
}

on_both_databases! {
    async fn more_than_one_thing_may_come_to_is_refused_at_every_door_with_its_field_and_the_limit(db: TestApp) {
        operator(&db).await;
        let postpaid = Account::of(&db, "C-2").await.path;
        let prepaid = Account::of(&db, "C-4").await.path;
        let of = |path: &str, more: &str| format!("{path}{more}");
        let top_up = r#"{"reference": "r1", "amount": "AMOUNT", "currency": "EUR"}"#.to_owned();
        let agreed = |field: &str| format!(r#"{{"{field}": "AMOUNT"}}"#);
        let customer = r#"{"reference": "C-9", "currency": "EUR", "party": {"name": "Nine", "country": "DE"},
                           "billing": {"spending_cap": "AMOUNT"}}"#;
        let payment = r#"{"reference": "p1", "amount": "AMOUNT", "currency": "EUR", "paid_on": "2026-11-04"}"#;
        let charge = r#"{"description": "Once", "amount": {"amount": "AMOUNT", "currency": "EUR"}}"#;
        let discount = r#"{"description": "Off", "terms": {"amount": "AMOUNT", "duration": "once"}}"#;
        let voucher = r#"{"batch": "b1", "count": 1, "amount": "AMOUNT", "currency": "EUR"}"#;
        let doors: Vec<(&str, String, String, &str, [&str; 2])> = vec![
            ("post", of(&postpaid, "/payments"), payment.to_owned(), "/amount", [MOST, MORE]),
            ("post", of(&postpaid, "/charges"), charge.to_owned(), "/amount/amount", [MOST, MORE]),
            ("post", of(&postpaid, "/discounts"), discount.to_owned(), "/terms/amount", [MOST, MORE]),
            ("post", of(&prepaid, "/top-ups"), top_up, "/amount", [MOST, MORE]),
            ("post", "/v1/vouchers".into(), voucher.to_owned(), "/amount", [MOST, MORE]),
            ("put", of(&prepaid, "/prepaid"), agreed("credit_limit"), "/credit_limit", [MOST, MORE]),
            ("put", of(&prepaid, "/prepaid"), agreed("low_balance"), "/low_balance", [MOST, MORE]),
            ("put", of(&prepaid, "/prepaid"), agreed("top_up_amount"), "/top_up_amount", [MOST, MORE]),
            ("post", "/v1/customers".into(), customer.to_owned(), "/billing/spending_cap", [MOST, MORE]),
            ("post", "/v1/plans".into(), plan("Fee", r#""monthly_fee": "AMOUNT""#), "/monthly_fee", [MOST, MORE]),
            ("post", "/v1/plans".into(), plan("Least", r#""terms": {"minimum_commitment": "AMOUNT"}"#), "/terms/minimum_commitment", [MOST, MORE]),
            ("post", "/v1/plans".into(), plan("Cap", r#""terms": {"spending_cap": "AMOUNT"}"#), "/terms/spending_cap", [MOST, MORE]),
            ("post", "/v1/plans".into(), plan("Call", r#""terms": {"limits": {"call_amount": "AMOUNT"}}"#), "/terms/limits/call_amount", [MOST, MORE]),
            ("post", "/v1/plans".into(), plan("Day", r#""terms": {"limits": {"day_amount": "AMOUNT"}}"#), "/terms/limits/day_amount", [MOST, MORE]),
            ("post", "/v1/plans".into(), pricing(r#""model": "package", "minutes": 1, "price": "AMOUNT""#), "/terms/usage_pricing/0/price", [MOST, MORE]),
            ("post", "/v1/plans".into(), pricing(r#""model": "volume", "tiers": [{"price_per_minute": "1", "flat_fee": "AMOUNT"}]"#).replace("Month", "Flat"), "/terms/usage_pricing/0/tiers/0/flat_fee", [MOST, MORE]),
            ("post", "/v1/plans".into(), pricing(r#""model": "volume", "tiers": [{"price_per_minute": "AMOUNT"}]"#).replace("Month", "Minute"), "/terms/usage_pricing/0/tiers/0/price_per_minute", [PRICE, DEARER]),
            ("post", "/v1/tariffs".into(), tariff("AMOUNT,0,0"), "", [PRICE, DEARER]),
            ("post", "/v1/tariffs".into(), tariff("1,AMOUNT,0").replace("dear", "connected"), "", [PRICE, DEARER]),
            ("post", "/v1/tariffs".into(), tariff("1,0,AMOUNT").replace("dear", "least"), "", [PRICE, DEARER]),
        ];
        for (method, path, body, pointer, [most, more]) in &doors {
            let refused = ask(&db, method, path, body, more).await;
            assert_eq!(refused.status, 422, "{path} {body}: {refused:?}");
            let said = refused.body.to_string();
            assert!(said.contains(most) && said.contains("check"), "{path}: {said}");
            let at = &refused.body["errors"][0]["pointer"];
            assert!(pointer.is_empty() || at == pointer, "{path}: {said}");
            let accepted = ask(&db, method, path, body, most).await;
            assert!(accepted.status.is_success(), "{path} {body}: {accepted:?}");
        }
        let seconds = json!({"reference": "s1", "seconds": 1_000_000_001, "destinations": ["*"]});
        let refused = db.post_json(&of(&prepaid, "/top-ups"), &seconds).await;
        assert!(refused.status == 422 && refused.body.to_string().contains("1000000000 seconds"), "{refused:?}");
    }

    async fn what_is_too_much_beside_what_is_there_is_refused_and_nothing_of_it_is_kept(db: TestApp) {
        operator(&db).await;
        let (postpaid, prepaid) = (Account::of(&db, "C-1").await, Account::of(&db, "C-4").await);
        let charge = json!({"description": "Once", "amount": {"amount": MOST, "currency": "EUR"}});
        let top_up = |reference: u32| json!({"reference": format!("t{reference}"), "amount": MOST, "currency": "EUR"});
        create(&db, "/v1/vouchers", json!({"batch": "b1", "count": 1, "amount": "1.00", "currency": "EUR"})).await;
        for count in 0..10 {
            postpaid.pay(&format!("p{count}"), MOST).await;
            create(&db, &format!("{}/charges", postpaid.path), charge.clone()).await;
            create(&db, &format!("{}/top-ups", prepaid.path), top_up(count)).await;
        }
        let cent = json!({"description": "Once", "amount": {"amount": "0.01", "currency": "EUR"}});
        let balances = db.get(&format!("{}/balances", prepaid.path)).await.body;
        let balance = balances[0]["id"].as_str().or_else(|| balances["items"][0]["id"].as_str()).unwrap().to_owned();
        let adjusted = json!({"reference": "a1", "reason": "x", "amount": "0.01", "currency": "EUR"});
        for (path, body) in [
            (format!("{}/payments", postpaid.path), payment("p10", "0.01")),
            (format!("{}/charges", postpaid.path), cent),
            (format!("{}/top-ups", prepaid.path), top_up(10)),
            (format!("{}/balances/{balance}/adjustments", prepaid.path), adjusted),
        ] {
            let refused = db.post_json(&path, &body).await;
            let said = refused.body.to_string();
            assert!(refused.status == 422 && said.contains("1000000000000.00 together with"), "{path}: {said}");
        }
        assert_eq!(postpaid.balance().await, ["-1000000000000.00", "0.00", "0.00", "1000000000000.00"]);
        // The invoice for all of it is issued, and its credit pays most of it.
        let invoice = postpaid.issue("2026-11", "2026-12-02").await;
        assert_eq!(invoice["gross"]["amount"], "1190000000000.00", "{invoice}");
        assert_eq!(postpaid.standing(&invoice).await.1, "190000000000.00");
        let mut tx = db.app.db.read().await.unwrap();
        let report = tollbook::check::verify(&mut tx, &db.app).await.unwrap();
        assert!(report.faults.is_empty() && report.cannot_be_summed.is_empty(), "{report:#?}");
    }

    async fn sums_of_many_customers_are_shown_in_full(db: TestApp) {
        operator(&db).await;
        let now = Ts(db.app.clock.now());
        let most = i64::MAX;
        for (reference, invoice) in [("C-1", 1_i64), ("C-2", 2)] {
            let customer = Account::of(&db, reference).await.id.0;
            let sql = "insert into receivables (customer_id, invoice_id, currency, due_at, gross, open, reminders)
                       values ($1, $2, 'EUR', $3, $4, $4, 0)";
            execute(&db, sql, &[&customer, &invoice, &now, &most]).await;
        }
        let mut tx = db.app.db.read().await.unwrap();
        let totals = payments::ageing(&mut tx, db.app.clock.now()).await.unwrap();
        drop(tx);
        let in_full = "18446744073709.551614";
        assert_eq!(totals[0].open.amount.to_string(), in_full, "{totals:?}");
        let answer = db.get("/v1/receivables/ageing").await.body;
        assert_eq!(answer["totals"][0]["open"], json!({"amount": in_full, "currency": "EUR"}), "{answer}");
        assert_eq!(answer["items"][1]["ages"]["open"]["amount"], "9223372036854.775807", "{answer}");
    }

    async fn who_cannot_be_summed_is_named_and_everybody_else_is_checked_and_billed(db: TestApp) {
        operator(&db).await;
        let [one, two, three] = [Account::of(&db, "C-1").await, Account::of(&db, "C-2").await, Account::of(&db, "C-3").await];
        let calls = [Record::new("a1"), Record { from: "+493023125002", ..Record::new("b1") }, Record::new("a2")];
        let lines: Vec<_> = calls.iter().map(Record::line).collect();
        import_text(&db, "switch", &format!("{}\n{}\n", Record::HEADER, lines.join("\n"))).await;
        // Stored before there were limits, at both edges of what a column holds.
        for id in ["a1", "a2"] {
            execute(&db, "update calls set amount = $1 where record_id = $2", &[&i64::MAX, &id]).await;
        }
        execute(&db, "update calls set amount = $1 where record_id = $2", &[&7_i64, &"b1"]).await;
        let sql = "insert into postings (customer_id, entry_id, account, amount) values ($1, $2, 'receivable', $3)";
        for entry in [1_i64, 2] {
            execute(&db, sql, &[&three.id.0, &entry, &i64::MIN]).await;
        }
        let mut tx = db.app.db.read().await.unwrap();
        let report = tollbook::check::verify(&mut tx, &db.app).await.unwrap();
        drop(tx);
        let named: Vec<_> = report.cannot_be_summed.iter().map(|one| (one.customer, one.what, one.sum.to_string())).collect();
        assert_eq!(named, [
            (three.id, "the balance", "-18446744073709.551616".to_owned()),
            (one.id, "a month of calls", "18446744073709.551614".to_owned()),
        ]);
        let said = report.faults.join("\n");
        for part in [
            format!("cannot be added up: the balance of {}", three.id),
            format!("cannot be added up: a month of calls of {}", one.id),
            // It went on: to the calls of the next customer, and to the next postings.
            "call switch/b1 is not what it costs".to_owned(),
            "call switch/a2 is not what it costs".to_owned(),
            format!("{}: the balance is not the open invoices less the credit", three.id),
        ] {
            assert!(said.contains(&part), "{part}:\n{said}");
        }
        // The balance is refused with its reason in the log, and that of nobody else.
        assert_eq!(db.get(&format!("{}/balance", three.path)).await.status, 500);
        assert_eq!(db.get(&format!("{}/balance", two.path)).await.status, 200);
        let invoices::Run::Billed(billed) = invoices::bill(&db.app, "2026-10", &|| ()).await.unwrap() else {
            panic!("a month");
        };
        let refused: Vec<_> = billed.refused.iter().map(|one| (one.reference.as_str(), one.reason.as_str())).collect();
        assert!(billed.issued == 1 && refused.len() == 1 && refused[0].0 == "C-1", "{billed:?}");
        assert!(refused[0].1.contains("18446744073709.551614 does not fit an amount"), "{refused:?}");
        let round = tollbook::jobs::round(&db.app).await.unwrap();
        assert!(round.billed.refused.iter().all(|one| one.reference == "C-1"), "{:?}", round.billed);
    }

    async fn a_full_counter_of_a_spending_cap_stops_no_import(db: TestApp) {
        operator(&db).await;
        create(&db, "/v1/customers", json!({"reference": "C-9", "currency": "EUR", "zone": "Europe/Berlin",
            "party": {"name": "Nine", "country": "DE"}, "billing": {"spending_cap": "10.00"},
            "lines": [{"number": "+493023125009", "valid_from": "2025-01-01T00:00:00Z"}],
            "subscription": {"plan": "Per call", "valid_from": "2026-01-01T00:00:00Z"}})).await;
        let nine = |id: &str| Record { from: "+493023125009", ..Record::new(id) }.line();
        import_text(&db, "switch", &format!("{}\n{}\n", Record::HEADER, nine("n1"))).await;
        execute(&db, "update spending set amount = $1", &[&(i64::MAX - 1)]).await;
        let lines = [nine("n2"), Record::new("a1").line()].join("\n");
        let control = import_text(&db, "switch", &format!("{}\n{lines}\n", Record::HEADER)).await;
        assert_eq!(control.charged, 2, "{control}");
        let mut tx = db.app.db.read().await.unwrap();
        let row = tx.row("select amount from spending", &[]).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("amount").unwrap(), i64::MAX);
    }

    async fn check_names_each_row_that_cannot_be_and_goes_on(db: TestApp) {
        operator(&db).await;
        let [one, two] = [Account::of(&db, "C-1").await, Account::of(&db, "C-2").await];
        let lines = ["a1", "a2", "a3"].map(|id| Record::new(id).line());
        import_text(&db, "switch", &format!("{}\n{}\n", Record::HEADER, lines.join("\n"))).await;
        let first = one.issue("2026-10", "2026-11-05").await;
        let second = two.issue("2026-10", "2026-11-05").await;
        execute(&db, "update calls set billed_seconds = -1 where record_id = 'a2'", &[]).await;
        execute(&db, "update calls set amount = 1 where record_id = 'a3'", &[]).await;
        let id = crate::support::account::id_of(&first);
        execute(&db, "update invoices set content = '{' where invoice_id = $1", &[&id.0]).await;
        let id = crate::support::account::id_of(&second);
        execute(&db, "update invoices set gross = 1 where invoice_id = $1", &[&id.0]).await;
        let mut tx = db.app.db.read().await.unwrap();
        let report = tollbook::check::verify(&mut tx, &db.app).await.unwrap();
        let said = report.faults.join("\n");
        for part in [
            "`billed_seconds` of calls",
            "call switch/a3 is not what it costs",
            "`content` of invoices",
            &format!("invoice {}: its lines do not add up to its total", second["number"].as_str().unwrap()),
        ] {
            assert!(said.contains(part), "{part}:\n{said}");
        }
        let once = report.faults.iter().filter(|fault| fault.contains("`billed_seconds` of calls")).count();
        assert_eq!(once, 1, "each is named once: {said}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["charges"], &json["invoices"]), (&json!(3), &json!(2)), "{json}");
    }
}
