//! Is every record charged once, and is what cannot be charged kept with its reason?

use std::cmp::Reverse;

use serde_json::{Value, json};
use tollbook::calls::{self, Control, HistoryQuery, Import, Imported, Source};
use tollbook::invoices;

use crate::support::operator::{Record, create, import_text, operator};
use crate::support::{TestApp, on_both_databases};

async fn suspended(db: &TestApp) -> Vec<(i64, String, String)> {
    let mut tx = db.app.db.read().await.unwrap();
    let mut records: Vec<_> = tollbook::suspense::list(&mut tx, None, 1_000)
        .await
        .unwrap()
        .into_iter()
        .map(|record| (record.line, record.reason, record.field))
        .collect();
    records.sort();
    records
}

pub(crate) async fn assert_adds_up(db: &TestApp) {
    let mut tx = db.app.db.read().await.unwrap();
    let calls = calls::verify(&mut tx, &db.app).await.unwrap();
    let invoices = invoices::verify(&mut tx).await.unwrap();
    assert!(calls.faults.is_empty() && invoices.faults.is_empty(), "{calls:?} {invoices:?}");
}

/// The amounts of a customer's charged calls, oldest first.
async fn amounts(db: &TestApp, reference: &str) -> Vec<String> {
    let mut tx = db.app.db.read().await.unwrap();
    let customer = tollbook::customers::by_reference(&mut tx, reference).await.unwrap().unwrap();
    let query = HistoryQuery { limit: 100_000, ..Default::default() };
    let mut calls = calls::history(&mut tx, customer.id, &query).await.unwrap();
    calls.reverse();
    calls.iter().filter_map(|call| call.amount).map(|amount| amount.amount.to_string()).collect()
}

fn control(records: u64, charged: u64, free: u64, duplicate: u64, suspended: u64) -> Control {
    Control { records, charged, free, duplicate, suspended }
}

on_both_databases! {
    async fn importing_twice_charges_once(db: TestApp) {
        operator(&db).await;
        let text = Record::file(&[Record::new("r1"), Record::new("r2"), Record::new("r1")]);
        assert_eq!(import_text(&db, "switch", &text).await, control(3, 2, 0, 1, 0));
        assert_eq!(import_text(&db, "switch", &text).await, control(3, 0, 0, 3, 0));
        // Another switch has record ids of its own.
        let others = text.replace("T10:", "T11:");
        assert_eq!(import_text(&db, "other", &others).await, control(3, 2, 0, 1, 0));
        assert_eq!(amounts(&db, "C-1").await, ["0.04"; 4]);
        assert_adds_up(&db).await;
    }

    async fn the_same_key_with_other_content_is_suspended_and_never_charged_twice(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let longer = Record { seconds: 600, ..Record::new("r1") };
        assert_eq!(import_text(&db, "switch", &Record::file(&[longer])).await, control(1, 0, 0, 0, 1));
        assert_eq!(suspended(&db).await, [(2, "conflict".to_owned(), "record_id".to_owned())]);
        assert_eq!(amounts(&db, "C-1").await, ["0.04"]);
    }

    async fn two_imports_of_one_file_at_once_charge_once(db: TestApp) {
        operator(&db).await;
        let records: Vec<_> = (0..3_000).map(|count| Record::new(&format!("r{count}"))).collect();
        let text = Record::file(&records);
        let (one, two) = tokio::join!(import_text(&db, "switch", &text), import_text(&db, "switch", &text));
        assert_eq!(one.charged + two.charged, 3_000, "{one} / {two}");
        assert_eq!(one.duplicate + two.duplicate, 3_000, "{one} / {two}");
        assert_eq!(amounts(&db, "C-1").await.len(), 3_000);
        assert_adds_up(&db).await;
    }

    async fn every_record_that_cannot_be_charged_waits_with_line_field_and_reason(db: TestApp) {
        operator(&db).await;
        let good = Record::new("r").line();
        let of = |record: Record| record.line();
        let lines = [
            (of(Record { to: "+5511999990000", ..Record::new("a") }), "no_rate", "called_number"),
            (of(Record { to: "+881612345678", ..Record::new("b") }), "blocked_destination", "called_number"),
            (of(Record { from: "+493099999999", ..Record::new("c") }), "unknown_number", "calling_number"),
            (of(Record { to: "*98", ..Record::new("d") }), "not_a_number", "called_number"),
            (of(Record { start: "2026-12-24T10:00:00Z", ..Record::new("e") }), "in_future", "start_time"),
            (of(Record { seconds: -5, ..Record::new("f") }), "impossible_times", "end_time"),
            (of(Record { seconds: 90_000, ..Record::new("g") }), "impossible_duration", "billsec"),
            (of(Record { start: "2025-06-01T10:00:00Z", ..Record::new("h") }), "no_subscription", "calling_number"),
            (good.replace("outbound", "sideways"), "invalid_field", "direction"),
            (good.replacen("r,", ",", 1), "missing_field", "record_id"),
            ("half,a,line".to_owned(), "malformed_line", "line"),
            (good.replace("ANSWERED", "\"ANSWERED"), "malformed_line", "line"),
            (good.replace("+4930", "+49\0"), "malformed_line", "line"),
        ];
        let text = lines.iter().fold(format!("\u{feff}{}\r\n", Record::HEADER), |text, (line, ..)| text + line + "\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&good.clone().into_bytes().into_iter().chain(*b"\xff\xfe\n").collect::<Vec<_>>());
        bytes.extend_from_slice(format!("{}{}\n", good.replace("r,", "long,"), "x".repeat(10_000_000)).as_bytes());
        bytes.extend_from_slice(&good.as_bytes()[..60]);
        let import = Import { source: Source::new("switch"), file_name: "bad.csv".into(), input: std::io::Cursor::new(bytes) };
        let Imported::Done { import, reasons, .. } = calls::import(&db.app, import, &|_, _| ()).await.unwrap() else {
            panic!("the header is right");
        };
        assert_eq!(import.control, control(16, 0, 0, 0, 16));
        assert_eq!(reasons.values().sum::<u64>(), 16);
        let expected: Vec<_> = lines
            .iter()
            .map(|(_, reason, field)| (*reason, *field))
            .chain([("malformed_line", "line"); 3])
            .zip(2..)
            .map(|((reason, field), line)| (line, reason.to_owned(), field.to_owned()))
            .collect();
        assert_eq!(suspended(&db).await, expected);
    }

    async fn a_record_in_suspense_is_charged_when_its_cause_is_gone(db: TestApp) {
        operator(&db).await;
        let text = Record::file(&[Record { to: "+5511999990000", ..Record::new("r1") }, Record::new("r2")]);
        assert_eq!(import_text(&db, "switch", &text).await, control(2, 1, 0, 0, 1));
        assert_eq!(import_text(&db, "switch", &text).await, control(2, 0, 0, 1, 1));
        assert_eq!(suspended(&db).await.len(), 1);
        let deck = "prefix,destination,rate_per_min,increments\n49,Germany,0.01,60/60\n55,Brazil,0.10,60/60\n";
        create(&db, "/v1/tariffs", json!({
            "name": "standard", "deck": deck, "valid_from": "2026-10-01T00:00:00Z", "mode": "replace",
            "terms": {"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}},
        })).await;
        assert_eq!(import_text(&db, "switch", &text).await, control(2, 1, 0, 1, 0));
        assert_eq!(suspended(&db).await, []);
        assert_eq!(amounts(&db, "C-1").await, ["0.20", "0.04"]);
        assert_adds_up(&db).await;
    }

    async fn an_allowance_is_split_inside_a_call_and_counted_over_batches(db: TestApp) {
        operator(&db).await;
        // 6,000 seconds are included. 59 calls of 100 s leave 100 s; the call of 130 s pays for 30 s.
        let mut records: Vec<_> = (0..59)
            .map(|count| Record { from: "+493023125002", to: "+49301234567", seconds: 100, ..Record::new(&format!("r{count}")) })
            .collect();
        for half in records.chunks(30) {
            let text = Record::file(half);
            assert_eq!(import_text(&db, "switch", &text).await.charged, half.len() as u64);
        }
        records.push(Record { from: "+493023125002", to: "+49301234567", seconds: 130, ..Record::new("last") });
        let again = import_text(&db, "switch", &Record::file(&records)).await;
        assert_eq!(again, control(60, 1, 0, 59, 0));
        let amounts = amounts(&db, "C-2").await;
        assert_eq!(amounts.iter().filter(|amount| *amount == "0.00").count(), 59);
        // Per second at 0.03 a minute: 30 s cost 0.015.
        assert!(amounts.contains(&"0.015".to_owned()), "{amounts:?}");
        assert_adds_up(&db).await;
    }

    async fn a_number_that_moves_is_charged_to_whoever_held_it_when_the_call_was_answered(db: TestApp) {
        operator(&db).await;
        let line = db.get("/v1/customers").await.body["items"][0]["id"].as_str().unwrap().to_owned();
        let lines = db.get(&format!("/v1/customers/{line}/lines")).await.body;
        let path = format!("/v1/customers/{line}/lines/{}/end", lines[0]["id"].as_str().unwrap());
        let ended = db.post_json(&path, &json!({"valid_to": "2026-10-10T00:00:00Z"})).await;
        assert_eq!(ended.status, 200, "{ended:?}");
        let other = db.get("/v1/customers").await.body["items"][2]["id"].as_str().unwrap().to_owned();
        let number = json!({"number": "+493023125001", "valid_from": "2026-10-10T00:00:00Z"});
        create(&db, &format!("/v1/customers/{other}/lines"), number).await;
        let at = |id: &str, start: &'static str| Record { start, ..Record::new(id) };
        let text = Record::file(&[at("before", "2026-10-09T23:59:55Z"), at("after", "2026-10-10T00:00:00Z")]);
        assert_eq!(import_text(&db, "switch", &text).await.charged, 2);
        assert_eq!((amounts(&db, "C-1").await.len(), amounts(&db, "C-3").await.len()), (1, 1));
    }

    async fn calls_are_posted_one_by_one_and_in_batches(db: TestApp) {
        operator(&db).await;
        let record = |id: &str| Record::new(id).json();
        let charged = db.post_json("/v1/calls?source=switch", &record("r1")).await;
        assert_eq!((charged.status.as_u16(), &charged.body["outcome"]), (201, &json!("charged")), "{charged:?}");
        assert_eq!(charged.body["amount"], json!({"amount": "0.04", "currency": "EUR"}));
        let again = db.post_json("/v1/calls?source=switch", &record("r1")).await;
        assert_eq!((again.status.as_u16(), &again.body["outcome"]), (200, &json!("duplicate")), "{again:?}");
        let mut unknown = record("r2");
        unknown["calling_number"] = json!("+493099999999");
        let waits = db.post_json("/v1/calls?source=switch", &unknown).await;
        assert_eq!((waits.status.as_u16(), &waits.body["reason"]), (202, &json!("unknown_number")), "{waits:?}");
        let lines = [record("r3"), unknown, record("r1"), json!([])].map(|line: Value| line.to_string());
        let request = axum::http::Request::post("/v1/calls:batch?source=switch").body(lines.join("\n").into()).unwrap();
        let batch = db.send(request).await;
        assert_eq!(batch.status, 200, "{batch:?}");
        let control = json!({"records": 4, "charged": 1, "free": 0, "duplicate": 1, "suspended": 2});
        assert_eq!(batch.body["control"], control);
        let outcomes: Vec<_> = batch.body["records"].as_array().unwrap().iter().map(|record| &record["outcome"]).collect();
        assert_eq!(outcomes, ["charged", "suspended", "duplicate", "suspended"]);
        assert_adds_up(&db).await;
    }

    async fn a_file_is_uploaded(db: TestApp) {
        operator(&db).await;
        let upload = |query: &str, body: String| {
            axum::http::Request::post(format!("/v1/imports?{query}")).body(body.into()).unwrap()
        };
        let text = Record::file(&[Record::new("r1"), Record { to: "*98", ..Record::new("r2") }]);
        let done = db.send(upload("source=switch&file_name=october.csv", text)).await;
        assert_eq!(done.status, 201, "{done:?}");
        assert_eq!(done.body["suspended"], json!({"not_a_number": 1}));
        assert_eq!(db.get("/v1/imports").await.body["items"][0]["file_name"], "october.csv");
        assert_eq!(db.get("/v1/suspense").await.body["items"][0]["record_id"], "r2");
        for (query, body) in [
            ("source=switch", ""),
            ("source=switch", "what,is,this\n1,2,3\n"),
            ("source=switch&format=xml", "x"),
            ("source=switch&zone=Berlin", "x"),
            ("source=switch&region=ZZ", "x"),
            ("file_name=x", "x"),
        ] {
            let refused = db.send(upload(query, body.to_owned())).await;
            assert!(refused.status.is_client_error(), "{query}: {refused:?}");
            assert_eq!(refused.headers["content-type"], "application/problem+json");
        }
    }

    async fn a_call_explains_itself_and_a_quote_agrees(db: TestApp) {
        operator(&db).await;
        let stepped = Record { to: "+390612345678", seconds: 400, ..Record::new("r1") };
        import_text(&db, "switch", &Record::file(&[stepped])).await;
        let id = db.get("/v1/customers").await.body["items"][0]["id"].as_str().unwrap().to_owned();
        let call = db.get(&format!("/v1/customers/{id}/calls/switch/r1")).await.body;
        // 400 s, 60/1: 300 s at 0.10 and 100 s at 0.05, and 0.07 for the connection.
        assert_eq!(call["why"]["exact"], "0.65333333333…", "{call}");
        assert_eq!(call["why"]["amount"], json!({"amount": "0.6533", "currency": "EUR"}));
        let sentence = call["why"]["sentence"].as_str().unwrap();
        assert_eq!(sentence, "400 s to Italy are billed as 400 s (60/1), 400 s at 0.10, 0.05 from second 300 a \
            minute, plus 0.07 for the connection: 0.65333333333…, rounded half-up to 4 digits: 0.6533 EUR.");
        let query = "from=%2B493023125001&to=0039%2006%2012345678&seconds=400&at=2026-10-05T10:00:00Z";
        let quote = db.get(&format!("/v1/quote?{query}")).await;
        assert_eq!(quote.body["amount"], call["why"]["amount"], "{quote:?}");
        for query in [
            "from=%2B493023125001&to=112",
            "from=%2B493023125001&to=abc",
            "from=%2B493023125001&to=%2B5511999990000",
            "from=%2B493023125099&to=%2B390612345678",
            "from=x&to=1",
        ] {
            let refused = db.get(&format!("/v1/quote?{query}&at=2026-10-05T10:00:00Z")).await;
            assert!(refused.status.is_client_error(), "{query}: {refused:?}");
        }
    }

    async fn a_record_that_was_charged_is_a_duplicate_whoever_would_pay_for_it_now(db: TestApp) {
        operator(&db).await;
        let text = Record::file(&[Record::new("r1"), Record { from: "+493077777777", seconds: 0, ..Record::new("r2") }]);
        let named = text.replacen("call_id,", "call_id,account_ref,", 1).replace("r1,r1,", "r1,r1,NEW,").replace("r2,r2,", "r2,r2,,");
        assert_eq!(import_text(&db, "switch", &named).await, control(2, 1, 1, 0, 0));
        let party = json!({"name": "New", "country": "DE"});
        let lines = json!([{"number": "+493077777777", "valid_from": "2026-01-01T00:00:00Z"}]);
        let subscription = json!({"plan": "Per call", "valid_from": "2026-01-01T00:00:00Z"});
        create(&db, "/v1/customers", json!({"reference": "NEW", "currency": "EUR", "zone": "Europe/Berlin",
            "party": party, "lines": lines, "subscription": subscription})).await;
        assert_eq!(import_text(&db, "switch", &named).await, control(2, 0, 0, 2, 0));
        assert_eq!((amounts(&db, "C-1").await.len(), amounts(&db, "NEW").await.len()), (1, 0));
    }

    async fn a_mended_record_takes_the_broken_one_out_of_suspense(db: TestApp) {
        operator(&db).await;
        let broken = Record { to: "*98", ..Record::new("r1") };
        let conflict = Record { seconds: 9, ..Record::new("r2") };
        let text = Record::file(&[broken, Record::new("r2"), conflict]);
        assert_eq!(import_text(&db, "switch", &text).await, control(3, 1, 0, 0, 2));
        assert_eq!(import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await.charged, 1);
        assert_eq!(suspended(&db).await, [(4, "conflict".to_owned(), "record_id".to_owned())]);
    }

    async fn a_record_is_the_same_however_its_json_is_laid_out(db: TestApp) {
        operator(&db).await;
        let record = Record::new("r1").json();
        let pretty = format!("  {}\n", serde_json::to_string_pretty(&record).unwrap());
        let post = |body: String| axum::http::Request::post("/v1/calls?source=s").body(body.into()).unwrap();
        assert_eq!(db.send(post(pretty)).await.status, 201);
        assert_eq!(db.send(post(record.to_string())).await.status, 200);
        let spaced = record.to_string().replace("\"outbound\"", "  \"outbound\"");
        assert_eq!(db.send(post(spaced)).await.status, 200);
        for body in ["", "[]", "{", "nonsense", "7"] {
            assert_eq!(db.send(post(body.to_owned())).await.status, 400, "{body}");
        }
    }

    async fn an_upload_may_name_columns(db: TestApp) {
        operator(&db).await;
        let text = Record::file(&[Record::new("r1")]).replace("calling_number", "ani");
        let upload = |columns: &str| {
            let path = format!("/v1/imports?source=s{columns}");
            axum::http::Request::post(path).body(text.clone().into()).unwrap()
        };
        assert_eq!(db.send(upload("")).await.status, 422);
        assert_eq!(db.send(upload("&columns=calling_number")).await.status, 400);
        let done = db.send(upload("&columns=calling_number=ani")).await;
        assert_eq!(done.body["import"]["control"]["charged"], 1, "{done:?}");
    }

    async fn an_endless_ring_is_suspended_and_so_never_missing_from_an_invoice(db: TestApp) {
        operator(&db).await;
        let line = Record::new("r1").line().replacen("2026-10-05T10:00:00Z", "2026-10-03T10:00:00Z", 1);
        let text = format!("{}\n{line}\n", Record::HEADER);
        assert_eq!(import_text(&db, "switch", &text).await, control(1, 0, 0, 0, 1));
        assert_eq!(suspended(&db).await, [(2, "impossible_times".to_owned(), "start_time".to_owned())]);
    }

    async fn a_last_line_that_may_be_cut_is_not_charged_by_guess(db: TestApp) {
        operator(&db).await;
        let other = |id: &str| Record { start: "2026-10-06T10:00:00Z", ..Record::new(id) };
        let last_is_a_number = |line: &str| {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields.swap(8, 9);
            fields.join(",")
        };
        let last_is_the_id = |line: &str| {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields.swap(0, 9);
            fields.join(",")
        };
        let (header, line) = (last_is_the_id(Record::HEADER), last_is_the_id(&Record::new("abc").line()));
        assert_eq!(import_text(&db, "ids", &format!("{header}\n{line}")).await, control(1, 0, 0, 0, 1));
        assert_eq!(import_text(&db, "ids", &format!("{header}\n{line}\n")).await, control(1, 1, 0, 0, 0));
        let (header, line) = (last_is_a_number(Record::HEADER), last_is_a_number(&other("r1").line()));
        assert_eq!(import_text(&db, "switch", &format!("{header}\n{line}")).await, control(1, 0, 0, 0, 1));
        assert_eq!(import_text(&db, "switch", &format!("{header}\n{line}\n")).await, control(1, 1, 0, 0, 0));
        assert_eq!(suspended(&db).await, []);
        let word = format!("{}\n{}", Record::HEADER, other("r2").line());
        assert_eq!(import_text(&db, "switch", &word).await, control(1, 1, 0, 0, 0));
    }

    async fn a_page_of_the_history_shows_what_lies_between_and_after(db: TestApp) {
        operator(&db).await;
        let times = ["2026-10-05T10:00:00Z", "2026-10-05T10:00:01Z", "2026-10-05T10:00:01Z", "2026-10-05T10:00:02Z"];
        for (source, to) in [("one", "+442079460123"), ("two", "+442079460124")] {
            let record = |(number, start): (i32, &'static str)| Record { to, start, ..Record::new(&format!("{source}{number}")) };
            let records: Vec<_> = (1..).zip(times).map(record).collect();
            import_text(&db, source, &Record::file(&records)).await;
        }
        let mut tx = db.app.db.read().await.unwrap();
        let customer = tollbook::customers::by_reference(&mut tx, "C-1").await.unwrap().unwrap();
        let whole = HistoryQuery { limit: 100, ..Default::default() };
        let all = calls::history(&mut tx, customer.id, &whole).await.unwrap();
        let keys: Vec<_> = all.iter().map(calls::Cursor::after).collect();
        assert!(keys.len() == 8 && keys.is_sorted_by_key(|key| Reverse((key.started_at, &key.source, &key.record_id))));
        let bounds = || [None].into_iter().chain(times.map(|time| Some(time.parse::<jiff::Timestamp>().unwrap())));
        for (from, to) in bounds().flat_map(|from| bounds().map(move |to| (from, to))) {
            for (place, before) in [None].into_iter().chain(keys.iter().cloned().map(Some)).enumerate() {
                let query = HistoryQuery { from, to, before, limit: 3 };
                let page = calls::history(&mut tx, customer.id, &query).await.unwrap();
                let wanted = keys[place..].iter().filter(|key| {
                    from.is_none_or(|from| key.started_at >= from) && to.is_none_or(|to| key.started_at < to)
                });
                let shown: Vec<_> = page.iter().map(calls::Cursor::after).collect();
                assert_eq!(shown, wanted.take(3).cloned().collect::<Vec<_>>(), "{query:?}");
            }
        }
    }
}

pub(crate) async fn first_customer(db: &TestApp) -> String {
    let page = db.get("/v1/customers?limit=1").await.body;
    format!("/v1/customers/{}", page["items"][0]["id"].as_str().unwrap())
}
