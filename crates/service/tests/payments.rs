//! Is what customers pay recorded once, and does it settle the right invoices?

use calculation::money::Amount;
use serde_json::{Value, json};
use tollbook::id::InvoiceId;
use tollbook::payments::{self, NewReceivable};

use crate::support::account::{Account, assert_sound, euro, id_of, payment};
use crate::support::operator::operator;
use crate::support::{TestApp, on_both_databases};

/// Three invoices of 11.78 each, of August to October.
async fn three(account: &Account<'_>) -> [Value; 3] {
    [
        account.issue("2026-08", "2026-09-05").await,
        account.issue("2026-09", "2026-10-05").await,
        account.issue("2026-10", "2026-11-05").await,
    ]
}

fn stands(status: &str, open: &str) -> (String, String) {
    (status.to_owned(), open.to_owned())
}

on_both_databases! {
    async fn a_payment_settles_and_what_is_left_is_credit(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let october = account.issue("2026-10", "2026-11-05").await;
        assert_eq!((&october["status"], &october["open"]["amount"]), (&json!("open"), &json!("11.78")));
        account.pay("p1", "5.00").await;
        assert_eq!(account.standing(&october).await, stands("partly_paid", "6.78"));
        let exact = account.pay("p2", "6.78").await;
        assert_eq!(exact["allocations"], json!([{"invoice_id": october["id"], "amount": {"amount": "6.78", "currency": "EUR"}}]));
        assert_eq!(account.standing(&october).await, stands("paid", "0.00"));
        assert_eq!(account.balance().await, ["0.00", "0.00", "0.00", "0.00"]);
        let over = account.pay("p3", "20.00").await;
        assert_eq!(over["allocations"], json!([]));
        assert_eq!(account.balance().await, ["-20.00", "0.00", "0.00", "20.00"]);
        // The credit takes the next invoice as soon as it is issued.
        let november = account.issue("2026-11", "2026-12-05").await;
        assert_eq!(account.standing(&november).await, stands("paid", "0.00"));
        assert_eq!(account.balance().await, ["-8.22", "0.00", "0.00", "8.22"]);
        let list = db.get(&format!("{}/invoices", account.path)).await.body;
        assert_eq!((&list[0]["status"], &list[1]["status"]), (&json!("paid"), &json!("paid")));
        let page = db.get(&format!("{}/payments?limit=2", account.path)).await.body;
        assert_eq!(page["items"][0]["allocations"][0]["invoice_id"], november["id"], "{page}");
        let rest = db.get(&format!("{}/payments?cursor={}", account.path, page["next"].as_str().unwrap())).await.body;
        assert_eq!((&rest["items"][0]["reference"], &rest["next"]), (&json!("p1"), &Value::Null), "{rest}");
        assert_sound(&db).await;
    }

    async fn a_refund_is_of_credit_and_no_more(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        account.issue("2026-10", "2026-11-05").await;
        account.pay("p1", "20.00").await;
        account.pay("p2", "1.78").await;
        let refund = |reference: &str, amount: &str| {
            let mut refund = payment(reference, amount);
            refund["kind"] = json!("refund");
            refund
        };
        let refused = account.send(refund("r1", "10.01")).await;
        assert!(refused.status == 409 && refused.body["detail"].as_str().unwrap().contains("10.00 EUR"), "{refused:?}");
        let mut named = refund("r1", "1.00");
        named["invoice"] = json!("INV-2026-000001");
        assert_eq!(account.send(named).await.status, 422);
        // Nothing was left behind: the reference is free. The refund takes of both payments.
        let first = account.send(refund("r1", "9.00")).await;
        assert_eq!(first.status, 201, "{first:?}");
        assert_eq!(account.balance().await, ["-1.00", "0.00", "0.00", "1.00"]);
        assert_eq!(account.send(refund("r2", "1.00")).await.status, 201);
        assert_eq!(account.send(refund("r3", "0.01")).await.status, 409);
        // Sent again it is what it was, though there is no credit any more.
        let again = account.send(refund("r1", "9.00")).await;
        assert_eq!((again.status.as_u16(), again.body), (200, first.body));
        assert_sound(&db).await;
    }

    async fn the_oldest_is_paid_first_unless_another_is_named(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let [august, september, october] = three(&account).await;
        let mut named = payment("p1", "10.00");
        named["invoice"] = october["number"].clone();
        assert_eq!(account.send(named).await.status, 201);
        assert_eq!(account.standing(&october).await, stands("partly_paid", "1.78"));
        account.pay("p2", "15.00").await;
        assert_eq!(account.standing(&august).await, stands("paid", "0.00"));
        assert_eq!(account.standing(&september).await, stands("overdue", "8.56"));
        // What the named one does not take goes to the oldest.
        let mut by_id = payment("p3", "3.00");
        by_id["invoice"] = october["id"].clone();
        assert_eq!(account.send(by_id).await.status, 201);
        assert_eq!(account.standing(&october).await, stands("paid", "0.00"));
        assert_eq!(account.standing(&september).await, stands("overdue", "7.34"));
        assert_eq!(account.balance().await, ["7.34", "7.34", "7.34", "0.00"]);
        assert_sound(&db).await;
    }

    async fn a_payment_is_recorded_once_by_its_reference(db: TestApp) {
        operator(&db).await;
        let (account, other) = (Account::of(&db, "C-2").await, Account::of(&db, "C-1").await);
        let first = account.pay("p1", "5.00").await;
        let again = account.send(payment("p1", "5")).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &first));
        assert_eq!(account.send(payment("p1", "5.01")).await.status, 409);
        assert_eq!(other.send(payment("p1", "5.00")).await.status, 409);
        for (field, value) in [("paid_on", "2026-11-03"), ("method", "cash"), ("kind", "refund")] {
            let mut changed = payment("p1", "5.00");
            changed[field] = json!(value);
            assert_eq!(account.send(changed).await.status, 409, "{field}");
        }
        assert_eq!(account.balance().await, ["-5.00", "0.00", "0.00", "5.00"]);
        assert_eq!(other.balance().await, ["0.00", "0.00", "0.00", "0.00"]);
        assert_sound(&db).await;
    }

    async fn what_is_no_payment_is_refused_and_leaves_nothing(db: TestApp) {
        operator(&db).await;
        let (account, other) = (Account::of(&db, "C-2").await, Account::of(&db, "C-1").await);
        let strange = other.invoice(5_000_000, 14).await.to_string();
        for (field, value) in [
            ("reference", ""), ("reference", " "), ("reference", "a\nb"), ("method", ""), ("method", "a\u{0}"),
            ("amount", "0"), ("amount", "-1"), ("amount", "0.001"), ("amount", "100000000000.01"), ("amount", "1,00"),
            ("currency", "USD"), ("currency", "XYZ"), ("paid_on", "2026-11-07"), ("paid_on", "1969-12-31"),
            ("paid_on", "yesterday"), ("invoice", "INV-2026-000001"), ("invoice", &strange), ("kind", "gift"),
        ] {
            let mut wrong = payment("p1", "5.00");
            wrong[field] = json!(value);
            let refused = account.send(wrong).await;
            assert_eq!(refused.status, 422, "{field} {value}: {refused:?}");
            assert_eq!(refused.body["errors"][0]["pointer"], format!("/{field}"), "{value}");
        }
        let mut long = payment(&"r".repeat(141), "5.00");
        assert_eq!(account.send(long.clone()).await.status, 422);
        long["reference"] = json!("r".repeat(140));
        assert_eq!(account.send(long).await.status, 201);
        // On the day line the bank's day may have begun already.
        let mut early = payment("p1", "5.00");
        early["paid_on"] = json!("2026-11-06");
        assert_eq!(account.send(early).await.status, 201);
        let nobody = Account { path: "/v1/customers/cus_0000000000011".to_owned(), ..Account::of(&db, "C-1").await };
        assert_eq!(nobody.send(payment("p2", "5.00")).await.status, 404);
        for path in ["payments", "balance", "statement"] {
            assert_eq!(db.get(&format!("{}/{path}", nobody.path)).await.status, 404, "{path}");
        }
        assert_sound(&db).await;
    }

    async fn payments_at_once_settle_each_invoice_once(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        three(&account).await;
        let (one, two) = (account.send(payment("p1", "30.00")), account.send(payment("p2", "30.00")));
        let (one, two) = tokio::join!(one, two);
        assert_eq!((one.status.as_u16(), two.status.as_u16()), (201, 201), "{one:?} {two:?}");
        // 60.00 for 35.34.
        assert_eq!(account.balance().await, ["-24.66", "0.00", "0.00", "24.66"]);
        let same = || account.send(payment("p3", "1.00"));
        let answers = tokio::join!(same(), same(), same(), same());
        let answers: [_; 4] = answers.into();
        let mut codes: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [200, 200, 200, 201]);
        assert_eq!(account.balance().await[3], "25.66");
        // Refunds at once do not take the same credit.
        let refund = |reference: &str| {
            let mut refund = payment(reference, "20.00");
            refund["kind"] = json!("refund");
            refund
        };
        let (one, two) = tokio::join!(account.send(refund("r1")), account.send(refund("r2")));
        let mut codes = [one.status.as_u16(), two.status.as_u16()];
        codes.sort_unstable();
        assert_eq!(codes, [201, 409], "{one:?} {two:?}");
        assert_sound(&db).await;
    }

    async fn the_statement_shows_every_entry_and_what_was_owed_after_it(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let october = account.issue("2026-10", "2026-11-05").await;
        account.pay("p1", "20.00").await;
        account.send(json!({"reference": "r1", "amount": "8.22", "currency": "EUR", "paid_on": "2026-11-04", "kind": "refund"})).await;
        account.credit(id_of(&october), 1_000_000).await;
        let (mut shown, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = db.get(&format!("{}/statement?limit=3{cursor}", account.path)).await.body;
            shown.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let lines: Vec<_> = shown
            .iter()
            .map(|entry| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                [text(&entry["kind"]), text(&entry["amount"]["amount"]), text(&entry["balance"]["amount"])].join(" ")
            })
            .collect();
        assert_eq!(lines, ["issue 11.78 11.78", "payment -20.00 -8.22", "refund 8.22 0.00", "credit_note -1.00 -1.00"]);
        assert_eq!(shown[0]["subject"], october["id"]);
        assert_sound(&db).await;
    }

    async fn what_is_written_off_is_bad_debt_and_no_longer_open(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let october = account.issue("2026-10", "2026-11-05").await;
        account.pay("p1", "1.78").await;
        let path = format!("{}/invoices/{}/write-off", account.path, october["id"].as_str().unwrap());
        let reason = json!({"reason": "insolvent"});
        assert_eq!(db.post_json(&path, &json!({"reason": " "})).await.status, 422);
        let written = db.post_json(&path, &reason).await;
        assert_eq!((written.status.as_u16(), &written.body["amount"]["amount"]), (201, &json!("10.00")), "{written:?}");
        assert_eq!(account.standing(&october).await, stands("written_off", "0.00"));
        assert_eq!(account.balance().await, ["0.00", "0.00", "0.00", "0.00"]);
        assert_eq!(db.post_json(&path, &reason).await.status, 409);
        let other = Account::of(&db, "C-1").await;
        let theirs = format!("{}/invoices/{}/write-off", other.path, october["id"].as_str().unwrap());
        assert_eq!(db.post_json(&theirs, &reason).await.status, 404);
        let nobody = theirs.replace(&other.id.to_string(), "cus_0000000000011");
        assert_eq!(db.post_json(&nobody, &reason).await.status, 404);
        // What comes and does not name it is credit.
        account.pay("p2", "10.00").await;
        assert_eq!(account.balance().await, ["-10.00", "0.00", "0.00", "10.00"]);
        assert_sound(&db).await;
    }

    async fn a_credit_note_settles_its_invoice_then_the_oldest_then_is_credit(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let [august, september, october] = three(&account).await;
        let mut named = payment("p1", "5.00");
        named["invoice"] = october["number"].clone();
        account.send(named).await;
        account.credit(id_of(&october), 1_000_000).await;
        assert_eq!(account.standing(&october).await, stands("partly_paid", "5.78"));
        account.credit(id_of(&october), 10_780_000).await;
        assert_eq!(account.standing(&october).await, stands("void", "0.00"));
        // 5.00 were paid of it: they go to August.
        assert_eq!(account.standing(&august).await, stands("overdue", "6.78"));
        account.credit(id_of(&september), 11_780_000).await;
        account.pay("p2", "10.00").await;
        account.credit(id_of(&august), 2_000_000).await;
        assert_eq!(account.balance().await, ["-5.22", "0.00", "0.00", "5.22"]);
        assert_sound(&db).await;
    }

    async fn an_invoice_below_zero_pays_others_and_one_of_zero_is_paid(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-1").await;
        account.invoice(4_000_000, 14).await;
        account.invoice(-3_000_000, 14).await;
        assert_eq!(account.balance().await, ["1.00", "1.00", "0.00", "0.00"]);
        account.invoice(-3_000_000, 14).await;
        account.invoice(0, 14).await;
        assert_eq!(account.balance().await, ["-2.00", "0.00", "0.00", "2.00"]);
        account.invoice(5_000_000, 14).await;
        assert_eq!(account.balance().await, ["3.00", "3.00", "0.00", "0.00"]);
        assert_sound(&db).await;
    }

    async fn many_receivables_open_at_once_and_each_takes_its_customers_credit(db: TestApp) {
        operator(&db).await;
        let (one, two, three) =
            (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await, Account::of(&db, "C-3").await);
        one.pay("p1", "3.00").await;
        one.pay("p2", "4.00").await;
        two.pay("p3", "1.00").await;
        three.invoice(2_000_000, 14).await;
        let due = |days: i64| db.app.clock.now().checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
        let new = |account: &Account<'_>, id: i64, cents: i64, days: i64| NewReceivable {
            customer: account.id,
            invoice: InvoiceId(id),
            currency: euro(),
            due_at: due(days),
            gross: Amount::from_micros(cents * 10_000),
        };
        let all = [
            new(&two, 90_001, 500, 14), new(&one, 90_002, 500, 20), new(&one, 90_003, 600, 10),
            new(&three, 90_004, -500, 14), new(&three, 90_005, 400, 14), new(&two, 90_006, 0, 14),
        ];
        let mut tx = db.app.db.begin().await.unwrap();
        payments::open_receivables(&mut tx, &[], db.app.clock.now(), &db.app.clock).await.unwrap();
        payments::open_receivables(&mut tx, &all, db.app.clock.now(), &db.app.clock).await.unwrap();
        let mut open = Vec::new();
        for new in &all {
            let found = payments::standing(&mut tx, new.customer, &[new.invoice], db.app.clock.now()).await.unwrap();
            open.push(found[&new.invoice].open.amount.to_string());
        }
        // 7.00 of credit go to the one due first; the invoice below zero pays the older one first.
        assert_eq!(open, ["4.00", "4.00", "0.00", "0.00", "1.00", "0.00"]);
        for (account, credit) in [(&one, "0.00"), (&two, "0.00"), (&three, "0.00")] {
            let position = payments::position(&mut tx, account.id, db.app.clock.now()).await.unwrap();
            assert_eq!(position.credit.to_string(), credit);
        }
        // The older credit was used first.
        let paid = payments::of_customer(&mut tx, one.id, None, 10).await.unwrap();
        let paid: Vec<Vec<_>> = paid
            .iter()
            .map(|payment| payment.allocations.iter().map(|part| (part.invoice_id.0, part.amount.to_string())).collect())
            .collect();
        let euros = |id: i64, text: &str| (id, format!("{text} EUR"));
        assert_eq!(paid, [vec![euros(90_003, "3.00"), euros(90_002, "1.00")], vec![euros(90_003, "3.00")]]);
    }

    async fn what_is_owed_is_told_by_its_age(db: TestApp) {
        operator(&db).await;
        let (one, two) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        for (cents, due_in_days) in [(1, 1), (2, 0), (4, -29), (8, -30), (16, -59), (32, -60), (64, -89), (128, -90), (256, -400)] {
            one.invoice(cents * 10_000, due_in_days).await;
        }
        two.invoice(1_000_000, 5).await;
        Account::of(&db, "C-3").await.invoice(0, -50).await;
        let page = db.get("/v1/receivables/ageing?limit=1").await.body;
        let ages = |ages: &Value| {
            ["not_due", "days_1_to_30", "days_31_to_60", "days_61_to_90", "days_over_90", "open"]
                .map(|name| ages[name]["amount"].as_str().unwrap().to_owned())
        };
        assert_eq!(ages(&page["totals"][0]), ["1.01", "0.06", "0.24", "0.96", "3.84", "6.11"]);
        assert_eq!(ages(&page["items"][0]["ages"]), ["0.01", "0.06", "0.24", "0.96", "3.84", "5.11"]);
        assert_eq!(page["items"][0]["reference"], "C-1");
        let next = db.get(&format!("/v1/receivables/ageing?cursor={}", page["next"].as_str().unwrap())).await.body;
        assert_eq!((&next["items"][0]["reference"], next["items"].as_array().unwrap().len()), (&json!("C-2"), 1));
        assert_eq!((&next["next"], &next["totals"]), (&Value::Null, &page["totals"]));
    }
}
