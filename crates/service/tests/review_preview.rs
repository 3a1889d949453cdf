//! Does a preview show what each invoice would come to, and what a person would want to look at?

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tollbook::config::BillingMode;

use crate::support::account::Account;
use crate::support::cycle::{Call, at, customer, import, line, plan, provider, round_at};
use crate::support::operator::{Record, import_text};
use crate::support::program::done;
use crate::support::reviewed::{reachable, under};
use crate::support::{TestApp, on_both_databases};

async fn preview(db: &TestApp, query: &str) -> Vec<Value> {
    let answer = db.get(&format!("/v1/billing/preview?{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["items"].as_array().unwrap().clone()
}

/// By reference: last month, this month, change, state, flags.
fn shown(drafts: &[Value]) -> BTreeMap<String, [String; 5]> {
    let amount = |value: &Value| value["amount"].as_str().unwrap_or("-").to_owned();
    let row = |draft: &Value| {
        let flags: Vec<_> =
            draft["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        let state = draft["state"].as_str().unwrap().to_owned();
        let [last, this, change] = ["last_month", "this_month", "change"].map(|name| amount(&draft[name]));
        (
            draft["customer_reference"].as_str().unwrap().to_owned(),
            [last, this, change, state, flags.join(" ")],
        )
    };
    drafts.iter().map(row).collect()
}

fn flags(drafts: &[Value], reference: &str) -> String {
    shown(drafts).remove(reference).unwrap_or_default()[4].clone()
}

/// A customer with a number, reachable.
async fn caller<'a>(db: &'a TestApp, reference: &str, number: &str) -> Account<'a> {
    reachable(db, reference, json!({"lines": line(number)})).await
}

const FROM: [&str; 6] =
    ["+493023125001", "+493023125002", "+493023125003", "+493023125004", "+493023125005", "+493023125006"];

on_both_databases! {
    async fn a_month_stands_beside_the_one_before_with_what_is_unusual(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        plan(&db, "Per call", "0", json!({})).await;
        plan(&db, "Prepaid", "0", json!({"payment": "prepaid"})).await;
        let usual = caller(&db, "usual", FROM[0]).await;
        let more = caller(&db, "more", FROM[1]).await;
        let suspended = caller(&db, "suspended", FROM[2]).await;
        let held = reachable(&db, "held", json!({})).await;
        let since = "2010-01-01T00:00:00Z";
        let quiet = json!({"lines": line(FROM[3]), "party": {"name": "Quiet", "country": "DE", "email": "quiet@example.org"}});
        let quiet = customer(&db, "quiet", "Europe/Berlin", ("Per call", since), quiet).await;
        customer(&db, "never", "Europe/Berlin", ("Per call", since), json!({})).await;
        customer(&db, "prepaid", "Europe/Berlin", ("Prepaid", since), json!({"lines": line(FROM[4])})).await;
        customer(&db, "nowhere", "Europe/Berlin", ("Ten", since), json!({})).await;
        let french = json!({"party": {"name": "French", "country": "FR", "street": "Rue 1", "city": "Paris"}});
        customer(&db, "french", "Europe/Paris", ("Ten", since), french).await;
        // October, with a call abroad of those who call abroad again.
        import(&db, &[
            Call { to: "+493023125999", ..Call::new("o1", FROM[1], at("2026-10-05T10:00:00Z")) },
            Call::new("o2", FROM[0], at("2026-10-06T10:00:00Z")),
            Call::new("o3", FROM[3], at("2026-10-07T10:00:00Z")),
        ]).await;
        for account in [&usual, &more, &suspended, &held, &quiet] {
            account.issue("2026-10", "2026-11-05").await;
        }
        db.app.clock.set(at("2026-12-02T00:00:00Z"));
        // November: 16 hours and 46 minutes to London at 0.02 a minute are 20.12, just enough for three times October.
        import(&db, &[
            Call { seconds: 60_360, ..Call::new("n1", FROM[1], at("2026-11-10T00:00:00Z")) },
            Call { seconds: 7_200, ..Call::new("n2", FROM[0], at("2026-11-10T10:00:00Z")) },
        ]).await;
        let elsewhere = Record { from: FROM[2], to: "+390236618300", start: "2026-11-11T10:00:00Z", ..Record::new("n3") };
        assert_eq!(import_text(&db, "switch", &Record::file(&[elsewhere])).await.suspended, 1);
        db.post_json(&format!("{}/hold", held.path), &json!({"reason": "case 4711"})).await;
        let drafts = preview(&db, "month=2026-11").await;
        let expected = [
            ("french", ["-", "-", "-", "waits", "first_bill no_tax_rate"]),
            ("held", ["11.90", "11.90", "0.00", "held", ""]),
            ("more", ["11.94", "35.84", "23.90", "waits", "three_times_average long_call new_country"]),
            ("nowhere", ["-", "11.90", "-", "waits", "first_bill no_address"]),
            ("quiet", ["0.02", "0.00", "-0.02", "waits", "zero"]),
            ("suspended", ["11.90", "11.90", "0.00", "waits", "suspense"]),
            ("usual", ["11.92", "14.76", "2.84", "waits", ""]),
        ];
        let expected = expected.map(|(reference, row)| (reference.to_owned(), row.map(str::to_owned)));
        let mut found = shown(&drafts);
        // A minute to Germany costs 0.03, of which 0.0057 is tax.
        assert_eq!(found["more"][0], "11.94");
        assert_eq!(found.remove("never"), None);
        assert_eq!(found, expected.into());
        assert_eq!(drafts.iter().find(|draft| draft["customer_reference"] == "held").unwrap()["hold"]["reason"], "case 4711");
        // It is the last month that is over, if none is named; and nothing was issued.
        assert_eq!(preview(&db, "").await, drafts);
        assert_eq!(db.get(&format!("{}/invoices", usual.path)).await.body.as_array().unwrap().len(), 1);
        let flagged = preview(&db, "month=2026-11&flagged=true").await;
        assert_eq!(shown(&flagged).into_keys().collect::<Vec<_>>(), ["french", "more", "nowhere", "quiet", "suspended"]);
    }

    async fn a_record_that_waits_without_a_called_number_is_somebodys(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        caller(&db, "one", FROM[0]).await;
        db.app.clock.set(at("2026-12-02T00:00:00Z"));
        let line = r#""","+493023125001","","from-internal","","PJSIP/1-1","PJSIP/trunk-2","Dial","","2026-11-11 10:09:35","2026-11-11 10:09:43","2026-11-11 10:10:03",28,20,"ANSWERED","DOCUMENTATION","1794391775.17","""#;
        let path = "/v1/imports?source=pbx&format=asterisk&zone=UTC&region=DE";
        let answer = db.send(Request::post(path).body(Body::from(format!("{line}\n"))).unwrap()).await;
        assert_eq!(answer.body["import"]["control"]["suspended"], 1, "{answer:?}");
        let waits = db.get("/v1/suspense").await;
        assert_eq!(waits.body["items"][0]["reason"], "not_a_number", "{waits:?}");
        assert!(flags(&preview(&db, "month=2026-11").await, "one").contains("suspense"));
    }

    async fn a_preview_is_what_is_then_issued(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        let one = caller(&db, "one", FROM[0]).await;
        db.app.clock.set(at("2026-12-02T00:00:00Z"));
        import(&db, &[Call { seconds: 600, ..Call::new("n1", FROM[0], at("2026-11-10T10:00:00Z")) }]).await;
        let before = shown(&preview(&db, "").await);
        assert_eq!(db.post_json("/v1/billing/approvals", &json!({})).await.body["customers"], 1);
        assert_eq!(shown(&preview(&db, "").await)["one"][3], "goes_out");
        assert_eq!(round_at(&db, at("2026-12-02T01:00:00Z")).await.billed.issued, 1);
        let after = preview(&db, "month=2026-11").await;
        let [last, this, change, ..] = before["one"].clone();
        let expected = [last, this, change, "issued".to_owned(), String::new()];
        assert_eq!(shown(&after)["one"], expected);
        assert_eq!(after[0]["number"], "INV-2026-000001");
        assert_eq!(preview(&db, "month=2026-11&flagged=true").await, Vec::<Value>::new());
        assert_eq!(after[0]["customer_id"], one.id.to_string());
    }

    async fn a_country_is_new_for_twelve_months(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        caller(&db, "lately", FROM[0]).await;
        caller(&db, "long ago", FROM[1]).await;
        caller(&db, "within", FROM[2]).await;
        import(&db, &[
            Call::new("1", FROM[0], at("2026-10-31T10:00:00Z")),
            Call::new("2", FROM[1], at("2025-10-01T10:00:00Z")),
            Call::new("3", FROM[2], at("2025-12-01T10:00:00Z")),
            Call::new("4", FROM[0], at("2026-11-01T10:00:00Z")),
            Call::new("5", FROM[1], at("2026-11-01T10:00:01Z")),
            Call { to: "+441481960194", ..Call::new("6", FROM[2], at("2026-11-01T10:00:02Z")) },
        ]).await;
        db.app.clock.set(at("2026-12-02T00:00:00Z"));
        let drafts = preview(&db, "month=2026-11").await;
        assert_eq!(flags(&drafts, "lately"), "first_bill");
        assert_eq!(flags(&drafts, "long ago"), "first_bill new_country");
        // Guernsey shares the code of the United Kingdom, and is another country.
        assert_eq!(flags(&drafts, "within"), "first_bill new_country");
        let november = preview(&db, "month=2025-12").await;
        assert_eq!(flags(&november, "within"), "first_bill new_country");
    }

    async fn many_customers_are_read_page_by_page(db: TestApp) {
        let db = under(db, Some(BillingMode::Review));
        provider(&db).await;
        for number in 0..5 {
            let more = if number % 2 == 0 { json!({}) } else { json!({"party": {"name": "Nowhere", "country": "DE"}}) };
            let account = reachable(&db, &format!("C-{number}"), more).await;
            account.issue("2026-10", "2026-11-05").await;
        }
        db.app.clock.set(at("2026-12-02T00:00:00Z"));
        for (query, expected) in [
            ("limit=2", vec!["C-0", "C-1", "C-2", "C-3", "C-4"]),
            ("limit=1&flagged=true", vec!["C-1", "C-3"]),
            ("limit=5", vec!["C-0", "C-1", "C-2", "C-3", "C-4"]),
        ] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let body = db.get(&format!("/v1/billing/preview?{query}{cursor}")).await.body;
                found.extend(body["items"].as_array().unwrap().iter().map(|draft| draft["customer_reference"].clone()));
                match body["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{query}");
        }
        for query in ["month=October", "month=2026-13", "limit=0", "limit=501", "cursor=x", "flagged=perhaps", "flaged=true"] {
            let answer = db.get(&format!("/v1/billing/preview?{query}")).await;
            assert_eq!(answer.status, 400, "{query}: {answer:?}");
        }
    }

    async fn the_program_prints_a_table(db: TestApp) {
        provider(&db).await;
        reachable(&db, "one", json!({})).await.issue("2026-10", "2026-11-05").await;
        reachable(&db, "two", json!({"bill_from": "2020-01-15T00:00:00Z"})).await;
        customer(&db, "nowhere", "Europe/Berlin", ("Ten", "2010-01-01T00:00:00Z"), json!({})).await;
        done(&db.url, &["bill", "hold", "nowhere", "--reason", "case 4711"]);
        let bill = |arguments: &[&str]| done(&db.url, &[&["bill", "--preview"], arguments].concat());
        let said = bill(&["--month", "2026-10"]);
        let lines: Vec<_> = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[..4], [
            "customer last month this month change state flags",
            "one - 11.90 - EUR issued INV-2026-000001",
            "two - 11.90 - EUR waits first bill",
            "nowhere - 11.90 - EUR held first bill, no address, held: case 4711",
        ]);
        let sums = "2026-10: 2 drafts (2 with a flag, 1 wait for approval, 1 are held) and 1 issued invoice, in all 35.70 EUR";
        assert_eq!(lines[4..], [sums, "to let them go out: `tollbook bill approve --month 2026-10`"]);
        assert!(!bill(&["--month", "2026-10", "--flagged"]).contains("INV-2026-000001"));
        let early = bill(&["--month", "2998-01"]);
        assert!(early.contains(" EUR not over") && !early.contains("goes out") && !early.contains("to let them"), "{early}");
        assert!(early.contains("2998-01 is not over for 2 of them: the drafts are what would go out if it ended now"), "{early}");
        let json: Vec<Value> =
            bill(&["--month", "2026-10", "--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json.len(), 3);
        assert_eq!((&json[1]["flags"], &json[1]["state"]), (&json!(["first_bill"]), &json!("waits")));
    }
}
