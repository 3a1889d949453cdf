//! Is each month billed, numbered and mailed once, however many work at it, wherever they stop, and whatever
//! is refused?

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollbook::app::App;
use tollbook::config::{Config, Operator};
use tollbook::id::CustomerId;
use tollbook::invoices::{self, Issued, Wanted};
use tollbook::jobs;

use crate::einvoice_rules::check_files;
use crate::support::account::{Account, id_of};
use crate::support::cycle::{
    Call, amounts, assert_all_adds_up, assert_no_faults, at, customer, import, invoices_of, line, plan,
    provider, round_at, round_of,
};
use crate::support::mailing::parse;
use crate::support::operator::create;
use crate::support::sample;
use crate::support::{TestApp, on_both_databases};

const FROM: (&str, &str) = ("Ten", "2026-01-01T00:00:00Z");

fn with_email(reference: &str) -> Value {
    let email = format!("{}@example.org", reference.to_lowercase());
    json!({"party": {"name": format!("Customer {reference}"), "country": "DE", "email": email}})
}

/// So many customers in Berlin in October 2026.
async fn customers(db: &TestApp, count: usize, more: impl Fn(&str) -> Value) -> Vec<Account<'_>> {
    db.app.clock.set(at("2026-10-15T00:00:00Z"));
    let mut accounts = Vec::new();
    for number in 0..count {
        let reference = format!("C{number}");
        accounts.push(customer(db, &reference, "Europe/Berlin", FROM, more(&reference)).await);
    }
    accounts
}

fn without_email(_: &str) -> Value {
    json!({})
}

/// Numbers from 1 without a gap, each once.
async fn assert_gapless(db: &TestApp, count: usize) {
    let mut tx = db.app.db.read().await.unwrap();
    let rows = tx.rows("select number from invoices order by number", &[]).await.unwrap();
    let numbers: Vec<String> = rows.iter().map(|row| row.get("number").unwrap()).collect();
    let expected: Vec<_> = (1..=count).map(|number| format!("INV-2026-{number:06}")).collect();
    assert_eq!(numbers, expected);
}

/// The recipients and subjects of the mails in a folder.
fn mails(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let content = std::fs::read(file.path()).unwrap();
        let mail = parse(&content);
        let to = mail.to().unwrap().first().unwrap().address().unwrap().to_owned();
        found.push((to, mail.subject().unwrap().to_owned()));
    }
    found.sort();
    found
}

fn mail_settings(folder: &Path) -> String {
    format!("[mail]\nfolder = \"{}\"\nfrom = \"billing@harbour.example\"\n", folder.display())
}

on_both_databases! {
    async fn four_workers_bill_each_customer_once_and_send_one_mail(db: TestApp) {
        const CUSTOMERS: usize = 8;
        provider(&db).await;
        let accounts = customers(&db, CUSTOMERS, with_email).await;
        let folder = tempfile::tempdir().unwrap();
        let settings = db.configured(&mail_settings(folder.path())).unwrap();
        let mut workers = Vec::new();
        for _ in 0..4 {
            // Each has connections of its own, as another program has.
            let own = App::open(&db.url, db.app.clock.clone(), Config::from_toml("").unwrap()).await.unwrap();
            workers.push(App { db: own.db, ..settings.clone() });
        }
        for (months, now) in ["2026-11-01T05:00:00Z", "2026-11-01T05:00:01Z", "2026-12-01T05:00:00Z"].iter().enumerate() {
            db.app.clock.set(at(now));
            let rounds = workers.iter().cloned().map(|app| async move { jobs::round(&app).await.unwrap() });
            let rounds = rounds.collect::<JoinSet<_>>().join_all().await;
            let issued: u64 = rounds.iter().map(|round| round.billed.issued).sum();
            let expected = if months == 1 { 0 } else { CUSTOMERS as u64 };
            assert_eq!(issued, expected, "{now}: {rounds:?}");
        }
        round_of(&workers[0], at("2026-12-01T05:00:01Z")).await;
        assert_gapless(&db, 2 * CUSTOMERS).await;
        let mut expected = Vec::new();
        for account in &accounts {
            for invoice in invoices_of(account).await {
                let number = invoice["number"].as_str().unwrap();
                let to = format!("{}@example.org", invoice["invoice"]["customer_reference"].as_str().unwrap().to_lowercase());
                expected.push((to, format!("Invoice {number} from Harbour Telecom GmbH")));
            }
        }
        expected.sort();
        // The October invoices are overdue in December.
        let (sent, reminders): (Vec<_>, Vec<_>) = mails(folder.path()).into_iter().partition(|(_, subject)| subject.starts_with("Invoice"));
        assert_eq!((sent, reminders.len()), (expected, CUSTOMERS));
        assert_all_adds_up(&db).await;
    }

    async fn whoever_stops_between_issuing_and_numbering_leaves_no_gap(db: TestApp) {
        const CUSTOMERS: usize = 40;
        provider(&db).await;
        let accounts = customers(&db, CUSTOMERS, without_email).await;
        db.app.clock.set(at("2026-11-01T05:00:00Z"));
        let ids: Vec<CustomerId> = accounts.iter().map(|account| account.id).collect();
        let issuers = ids.chunks(5).map(<[_]>::to_vec).enumerate().map(|(place, ids)| {
            let app = db.app.clone();
            async move {
                for id in ids {
                    let mut tx = app.db.begin().await.unwrap();
                    let issued = invoices::issue_some(&mut tx, &app.config, &[id], Wanted::Next, &app.clock).await.unwrap();
                    assert!(matches!(issued[..], [(_, Issued::New(_))]), "{issued:?}");
                    match place % 3 {
                        // One is stopped before it commits, one before it numbers, and one numbers what is there.
                        0 => drop(tx),
                        1 => tx.commit().await.unwrap(),
                        _ => {
                            tx.commit().await.unwrap();
                            invoices::number_all(&app).await.unwrap();
                        }
                    }
                }
            }
        });
        issuers.collect::<JoinSet<_>>().join_all().await;
        let billed = round_at(&db, at("2026-11-01T05:00:01Z")).await.billed;
        // Three of the eight were stopped before they committed, five customers each.
        assert_eq!(billed.issued, 15);
        assert_gapless(&db, CUSTOMERS).await;
        assert_eq!(round_at(&db, at("2026-11-01T05:00:02Z")).await.billed.issued, 0);
        assert_all_adds_up(&db).await;
    }

    async fn a_mail_that_cannot_be_written_holds_up_no_invoice(db: TestApp) {
        provider(&db).await;
        let accounts = customers(&db, 1, with_email).await;
        let folder = tempfile::tempdir().unwrap();
        // Where the folder should be is a file: as on a full disk, nothing can be written there.
        let path = folder.path().join("mail");
        std::fs::write(&path, "").unwrap();
        let app = db.configured(&mail_settings(&path)).unwrap();
        let round = round_of(&app, at("2026-11-01T05:00:00Z")).await;
        assert_eq!((round.billed.issued, round.jobs.put_off), (1, 1), "{round:?}");
        assert_eq!(invoices_of(&accounts[0]).await[0]["number"], "INV-2026-000001");
        assert_all_adds_up(&db).await;
        std::fs::remove_file(&path).unwrap();
        assert_eq!(round_of(&app, at("2026-11-01T05:00:59Z")).await.jobs.done, 0);
        assert_eq!(round_of(&app, at("2026-11-01T05:01:00Z")).await.jobs.done, 1);
        assert_eq!(mails(&path).len(), 1);
    }

    async fn who_cannot_be_billed_is_named_and_tried_again_after_an_hour(db: TestApp) {
        provider(&db).await;
        customers(&db, 2, without_email).await;
        let party = json!({"party": {"name": "Sofía", "country": "ES"}});
        let account = customer(&db, "S", "Europe/Madrid", FROM, party).await;
        let billed = round_at(&db, at("2026-11-01T05:00:00Z")).await.billed;
        assert_eq!((billed.issued, billed.refused.len(), billed.refused[0].reference.as_str()), (2, 1, "S"));
        let refused = "no standard tax rate is known for ES on 2026-10-31: set one at /v1/tax-rates";
        assert_eq!(assert_no_faults(&db).await, [format!("S: the month that holds 2026-10-15T00:00:00Z: {refused}")]);
        let check = Command::new(env!("CARGO_BIN_EXE_tollbook")).args(["--database-url", &db.url, "check"]).output().unwrap();
        let said = String::from_utf8(check.stdout).unwrap();
        assert!(check.status.success() && said.contains(&format!("not billed: S: the month that holds 2026-10-15T00:00:00Z: {refused}")), "{said}");
        create(&db, "/v1/tax-rates", json!({"country": "ES", "valid_from": "2012-09-01", "rate": "21"})).await;
        assert_eq!(round_at(&db, at("2026-11-01T05:59:59Z")).await.billed.issued, 0);
        assert_eq!(round_at(&db, at("2026-11-01T06:00:00Z")).await.billed.issued, 1);
        assert_eq!(invoices_of(&account).await[0]["gross"]["amount"], "12.10");
        assert_all_adds_up(&db).await;
    }

    async fn while_nobody_sells_nobody_is_billed(db: TestApp) {
        provider(&db).await;
        customers(&db, 2, without_email).await;
        let mut unnamed = db.app.clone();
        unnamed.config = Arc::new(Config::from_toml("").unwrap());
        let billed = round_of(&unnamed, at("2026-11-01T05:00:00Z")).await.billed;
        assert!(billed.issued == 0 && billed.refused.len() == 2, "{billed:?}");
        assert!(assert_no_faults(&db).await.iter().all(|refused| refused.contains("name the [operator]")));
        assert_eq!(round_at(&db, at("2026-11-01T06:00:00Z")).await.billed.issued, 2);
        assert_all_adds_up(&db).await;
    }

    async fn what_comes_too_early_or_in_another_currency_is_refused(db: TestApp) {
        provider(&db).await;
        let accounts = customers(&db, 1, without_email).await;
        let path = &accounts[0].path;
        for month in ["2026-10", "2026-12", "2027-10"] {
            let answer = db.post_json(&format!("{path}/invoices"), &json!({"month": month})).await;
            assert_eq!(answer.status, 409, "{month}: {answer:?}");
        }
        let terms = json!({"currency": "USD", "rounding": {"digits": 4, "mode": "half-up"}});
        let deck = "prefix,destination,rate_per_min,connection_charge,increments,step_from,status\n1,America,0.01,0,1/1,0,\n";
        create(&db, "/v1/tariffs", json!({"name": "dollars", "deck": deck, "valid_from": "2026-01-01T00:00:00Z", "terms": terms})).await;
        create(&db, "/v1/plans", json!({"name": "Dollars", "currency": "USD", "payment": "postpaid", "tariff": "dollars"})).await;
        let subscription = json!({"plan": "Dollars", "valid_from": "2026-11-01T00:00:00Z"});
        let charge = json!({"description": "Installation", "amount": {"amount": "1.00", "currency": "USD"}});
        for (door, body) in [("subscriptions", subscription), ("charges", charge)] {
            let answer = db.post_json(&format!("{path}/{door}"), &body).await;
            assert_eq!(answer.status, 422, "{door}: {answer:?}");
        }
        assert_eq!(round_at(&db, at("2026-12-01T05:00:00Z")).await.billed.issued, 2);
        let fee = || vec![("fee".to_owned(), "10.00".to_owned())];
        let charged: Vec<_> = invoices_of(&accounts[0]).await.iter().map(amounts).collect();
        assert_eq!(charged, [fee(), fee()]);
        assert_all_adds_up(&db).await;
    }

    async fn who_is_closed_gets_a_last_invoice_and_back_what_was_paid_in_advance(db: TestApp) {
        provider(&db).await;
        plan(&db, "Ahead", "10.00", json!({"terms": {"fee_timing": "advance"}})).await;
        db.app.clock.set(at("2026-10-01T00:00:00Z"));
        let number = "+493023125001";
        let from = ("Ahead", "2026-09-30T22:00:00Z");
        let account = customer(&db, "A", "Europe/Berlin", from, json!({"lines": line(number)})).await;
        let arrears = customer(&db, "B", "Europe/Berlin", FROM, json!({})).await;
        round_at(&db, at("2026-11-01T05:00:00Z")).await;
        // At the end of 19 November in Berlin.
        let closed_at = at("2026-11-19T23:00:00Z");
        db.app.clock.set(closed_at);
        import(&db, &[Call::new("last", number, at("2026-11-19T22:00:00Z"))]).await;
        for account in [&account, &arrears] {
            let closed = db.post_json(&format!("{}/close", account.path), &json!({"closed_at": closed_at})).await;
            assert_eq!(closed.status, 200, "{closed:?}");
            for (door, body) in [
                ("discounts", json!({"description": "Late", "terms": {"percent": "10", "duration": "forever"}})),
                ("subscriptions", json!({"plan": "Ten", "valid_from": "2026-12-01T00:00:00Z"})),
                ("lines", json!({"number": "+493023125009", "valid_from": "2026-12-01T00:00:00Z"})),
                ("close", json!({"closed_at": closed_at})),
            ] {
                let answer = db.post_json(&format!("{}/{door}", account.path), &body).await;
                assert_eq!(answer.status, 409, "{door}: {answer:?}");
            }
        }
        // Three months later the one invoice is still the last.
        for now in ["2026-12-01T05:00:00Z", "2027-01-01T05:00:00Z", "2027-03-01T05:00:00Z"] {
            round_at(&db, at(now)).await;
        }
        let charged = |stored: &Value| amounts(stored).into_iter().map(|(_, net)| net).collect::<Vec<_>>();
        let found: Vec<_> = invoices_of(&account).await.iter().map(charged).collect();
        // 10 × 19 / 30 = 6.33 of November, 10.00 of it paid in October.
        assert_eq!(found, [vec!["10.00", "10.00"], vec!["-3.67", "0.02"]]);
        let found: Vec<_> = invoices_of(&arrears).await.iter().map(charged).collect();
        assert_eq!(found, [vec!["10.00"], vec!["6.33"]]);
        // 3.65 and 19 % given back pay a part of the October invoice.
        assert_eq!(account.balance().await[1..3], ["19.46", "19.46"]);
        assert_all_adds_up(&db).await;
    }

    async fn who_owes_no_tax_is_told_why_and_the_xml_is_sound(db: TestApp) {
        provider(&db).await;
        db.app.clock.set(at("2026-10-15T00:00:00Z"));
        let party = |country: &str, vat_id: &str| json!({"name": "Customer", "street": "Main Street 1", "postcode": "1000",
            "city": "Town", "country": country, "vat_id": vat_id, "peppol": {"scheme": "0106", "id": "12345678"}});
        let note = "Diplomatic mission, article 151 of 2006/112/EC";
        let exempt = json!({"party": party("DE", "DE136695976"), "billing": {"tax_treatment": "exempt", "tax_note": note}});
        let reverse = json!({"party": party("NL", "NL123456782B01"), "billing": {"tax_treatment": "reverse_charge",
            "tax_note": "Reverse charge, article 196 of 2006/112/EC"}});
        let accounts = [
            customer(&db, "exempt", "Europe/Berlin", FROM, exempt).await,
            customer(&db, "reverse", "Europe/Amsterdam", FROM, reverse).await,
        ];
        // Nobody set a Dutch rate, and none is needed. An electronic invoice says whom to ask.
        let mut app = db.app.clone();
        app.config = Arc::new(Config { operator: Operator { party: sample::seller(), ..db.app.config.operator.clone() }, ..(*db.app.config).clone() });
        assert_eq!(round_of(&app, at("2026-11-01T05:00:00Z")).await.billed.issued, 2);
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (account, told) in accounts.iter().zip(["Diplomatic mission", "Reverse charge"]) {
            let shown = invoices_of(account).await.remove(0);
            assert_eq!((&shown["gross"]["amount"], &shown["invoice"]["tax"]), (&json!("10.00"), &json!("0.00")));
            assert!(shown["invoice"]["tax_note"].as_str().unwrap().starts_with(told), "{shown}");
            let mut tx = db.app.db.read().await.unwrap();
            let stored = invoices::by_id(&mut tx, account.id, id_of(&shown)).await.unwrap().unwrap();
            let number = stored.number.unwrap();
            for (syntax, xml) in [("cii", sample::cii(&stored.invoice)), ("ubl", sample::ubl(&stored.invoice))] {
                let xml = xml.unwrap();
                assert!(xml.contains(told), "{xml}");
                let file = folder.path().join(format!("{number}.{syntax}.xml"));
                std::fs::write(&file, xml).unwrap();
                files.push(file);
            }
        }
        let verdict = check_files(&files);
        assert!(verdict.accepted, "{}", verdict.said);
        assert_all_adds_up(&db).await;
    }

    async fn each_threshold_of_a_spending_cap_is_told_once(db: TestApp) {
        provider(&db).await;
        plan(&db, "Capped", "0", json!({"terms": {"spending_cap": "1.00"}})).await;
        db.app.clock.set(at("2026-10-15T00:00:00Z"));
        let folder = tempfile::tempdir().unwrap();
        let app = db.configured(&mail_settings(folder.path())).unwrap();
        let mut own = with_email("own");
        own["billing"] = json!({"spending_cap": "1.00"});
        let numbers = ["+493023125001", "+493023125002"];
        for ((reference, plan), (number, more)) in [("own", "Ten"), ("plan", "Capped")].into_iter().zip(numbers.into_iter().zip([own, with_email("plan")])) {
            let mut more = more;
            more["lines"] = line(number);
            customer(&db, reference, "Europe/Berlin", (plan, FROM.1), more).await;
        }
        // Calls of one minute, each 0.02: to 58, 60, 78, 80, 98, 100 and 200 percent.
        for (day, (minutes, told)) in [(29, 0), (1, 1), (9, 1), (1, 2), (9, 2), (1, 3), (50, 3)].into_iter().enumerate() {
            let on = at(&format!("2026-10-{}T10:00:00Z", day + 16));
            db.app.clock.set(at(&format!("2026-10-{}T20:00:00Z", day + 16)));
            for number in numbers {
                let calls = || (0..minutes).map(|place| Call::new(format!("{number} {day} {place}"), number, on)).collect::<Vec<_>>();
                import(&db, &calls()).await;
            }
            round_of(&app, db.app.clock.now()).await;
            assert_eq!(mails(folder.path()).len(), 2 * told, "{day}");
        }
        let subjects: BTreeSet<_> = mails(folder.path()).into_iter().collect();
        let said = ["60 % of your spending limit are used", "80 % of your spending limit are used", "Your spending limit is reached"];
        let expected = ["own", "plan"].into_iter()
            .flat_map(|to| said.map(|subject| (format!("{to}@example.org"), subject.to_owned())));
        assert_eq!(subjects, expected.collect());
        // Another month begins at nothing.
        round_of(&app, at("2026-11-01T05:00:00Z")).await;
        let spending = db.get(&format!("/v1/customers/{}/spending", customer_id(&db).await)).await.body;
        assert_eq!((&spending["percent"], &spending["told_percent"]), (&json!(0), &json!(0)), "{spending}");
        assert_all_adds_up(&db).await;
    }
}

/// The first customer's id.
async fn customer_id(db: &TestApp) -> String {
    db.get("/v1/customers?limit=1").await.body["items"][0]["id"].as_str().unwrap().to_owned()
}
