//! Does money that comes late, comes twice, is contested or goes back settle what it should?

use serde_json::{Value, json};

use crate::disputes::contested;
use crate::support::account::{Account, assert_sound, id_of};
use crate::support::cycle::{Call, at, customer, import, invoices_of, line, lines, plan, provider, round_at};
use crate::support::mailing::execute;
use crate::support::operator::operator;
use crate::support::program::{done, failed};
use crate::support::{Answer, TestApp, on_both_databases};

fn stands(status: &str, open: &str) -> (String, String) {
    (status.to_owned(), open.to_owned())
}

/// A payment in euros on a day before all of these tests.
fn payment(reference: &str, amount: &str) -> Value {
    json!({"reference": reference, "amount": amount, "currency": "EUR", "paid_on": "2026-01-04"})
}

/// Pays, which must succeed.
async fn pay(account: &Account<'_>, reference: &str, amount: &str) -> Value {
    let answer = account.send(payment(reference, amount)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

/// Writes off what is open of an invoice.
async fn lose(account: &Account<'_>, invoice: &Value) {
    let path = format!("{}/invoices/{}/write-off", account.path, invoice["id"].as_str().unwrap());
    let answer = account.db.post_json(&path, &json!({"reason": "hopeless"})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Pays an invoice that it names.
async fn pay_for(account: &Account<'_>, reference: &str, amount: &str, invoice: &Value) -> Value {
    let mut named = payment(reference, amount);
    named["invoice"] = invoice["number"].clone();
    let answer = account.send(named).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

async fn reverse(account: &Account<'_>, payment: &Value) -> Answer {
    let path = format!("{}/payments/{}/reverse", account.path, payment["id"].as_str().unwrap());
    account.db.post_json(&path, &json!({"reason": "MD06"})).await
}

/// Takes a payment back, which must succeed.
async fn reversed(account: &Account<'_>, payment: &Value) -> Value {
    let answer = reverse(account, payment).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Kind and amount of each entry of the statement, and what was owed after the last.
async fn statement(account: &Account<'_>) -> (Vec<String>, String) {
    let body = account.db.get(&format!("{}/statement?limit=100", account.path)).await.body;
    let items = body["items"].as_array().unwrap();
    let shown = |entry: &Value| {
        format!("{} {}", entry["kind"].as_str().unwrap(), entry["amount"]["amount"].as_str().unwrap())
    };
    (
        items.iter().map(shown).collect(),
        items.last().unwrap()["balance"]["amount"].as_str().unwrap().to_owned(),
    )
}

/// What the postings to an account sum to, in millionths.
async fn posted(db: &TestApp, account: &str) -> i64 {
    let mut tx = db.app.db.read().await.unwrap();
    let sql = "select coalesce(cast(sum(amount) as bigint), 0) as amount from postings where account = $1";
    tx.row(sql, &[&account]).await.unwrap().unwrap().get("amount").unwrap()
}

on_both_databases! {
    async fn a_payment_that_names_a_written_off_invoice_recovers_it(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let september = account.issue("2026-09", "2026-10-05").await;
        lose(&account, &september).await;
        assert_eq!(posted(&db, "bad_debt").await, 11_780_000);
        pay_for(&account, "late", "4.00", &september).await;
        assert_eq!((account.standing(&september).await, posted(&db, "bad_debt").await), (stands("written_off", "0.00"), 7_780_000));
        // By id it is named as well, and what exceeds it is credit, which pays the next.
        let mut by_id = payment("later", "8.78");
        by_id["invoice"] = september["id"].clone();
        assert_eq!(account.send(by_id).await.status, 201);
        assert_eq!((account.standing(&september).await, posted(&db, "bad_debt").await), (stands("paid", "0.00"), 0));
        let october = account.issue("2026-10", "2026-11-05").await;
        assert_eq!(account.standing(&october).await, stands("partly_paid", "10.78"));
        let expected = ["issue 11.78", "write_off -11.78", "payment -4.00", "recovery 4.00", "payment -8.78", "recovery 7.78", "issue 11.78"];
        assert_eq!(statement(&account).await, (expected.map(str::to_owned).to_vec(), "10.78".to_owned()));
        // It may be given up again after it was taken back.
        let again = pay_for(&account, "more", "1.00", &october).await;
        reversed(&account, &again).await;
        lose(&account, &october).await;
        assert_eq!(account.balance().await, ["0.00", "0.00", "0.00", "0.00"]);
        assert_sound(&db).await;
    }

    async fn a_payment_without_a_name_and_one_for_another_leave_the_write_off(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let september = account.issue("2026-09", "2026-10-05").await;
        lose(&account, &september).await;
        let october = account.issue("2026-10", "2026-11-05").await;
        pay(&account, "p1", "5.00").await;
        pay_for(&account, "p2", "20.00", &october).await;
        assert_eq!(account.standing(&september).await, stands("written_off", "0.00"));
        assert_eq!(account.standing(&october).await, stands("paid", "0.00"));
        assert_eq!(account.balance().await, ["-13.22", "0.00", "0.00", "13.22"]);
        assert_sound(&db).await;
    }

    async fn a_credit_note_for_what_was_given_up_makes_nobody_richer(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let september = account.issue("2026-09", "2026-10-05").await;
        lose(&account, &september).await;
        account.credit(id_of(&september), 4_000_000).await;
        assert_eq!((account.balance().await, posted(&db, "bad_debt").await), (["0.00"; 4].map(str::to_owned), 7_780_000));
        account.credit(id_of(&september), 7_780_000).await;
        assert_eq!((account.balance().await, posted(&db, "bad_debt").await), (["0.00"; 4].map(str::to_owned), 0));
        assert_eq!(account.standing(&september).await, stands("void", "0.00"));
        assert_sound(&db).await;
    }

    async fn a_banks_list_recovers_by_the_invoices_number_and_refuses_thousands_that_look_like_cents(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let september = account.issue("2026-09", "2026-10-05").await;
        lose(&account, &september).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bank.csv");
        let list = |rows: &str| {
            std::fs::write(&file, format!("reference;invoice;amount;currency;date\n{rows}")).unwrap();
            file.to_str().unwrap().to_owned()
        };
        let wrong = list("b1;INV-2026-000001;1.000;EUR;2026-10-20\nb2;INV-2026-000001;11.780;EUR;2026-10-20\nb3;INV-2026-000001;11,78;EUR;2026-10-20\n");
        let output = crate::support::program::tollbook(&db.url, &["payment", "import", &wrong]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && said.contains("3 lines = 0 recorded + 0 duplicate + 3 refused"), "{said}");
        assert!(said.contains("line 2: amount: `1.000` has 3 digits after the point, and EUR is paid with 2: write 1.00"), "{said}");
        let right = list("  b4  ; INV-2026-000001 ;11.78;EUR;2026-10-20\n");
        assert!(done(&db.url, &["payment", "import", &right]).contains("1 recorded"));
        assert!(done(&db.url, &["payment", "import", &right]).contains("1 duplicate"));
        assert_eq!((account.standing(&september).await, posted(&db, "bad_debt").await), (stands("paid", "0.00"), 0));
        let add = |amount: &str| {
            ["payment", "add", "--customer", "C-2", "--amount", amount, "--currency", "EUR", "--reference", "b5", "--paid-on", "2026-10-20"].map(str::to_owned)
        };
        let words = add("1.000");
        let said = failed(&db.url, &words.each_ref().map(String::as_str));
        assert!(said.contains("--amount: `1.000` has 3 digits"), "{said}");
        assert_sound(&db).await;
    }

    async fn references_are_compared_with_blanks_folded(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let first = pay(&account, "bank 1", "11.78").await;
        for same in ["bank 1 ", " bank 1", "bank  1", "bank\u{a0}1", "bank \u{202f} 1"] {
            let again = account.send(payment(same, "11.78")).await;
            assert_eq!((again.status.as_u16(), &again.body), (200, &first), "{same:?}");
            assert_eq!(account.send(payment(same, "11.77")).await.status, 409, "{same:?}");
        }
        assert_eq!(pay(&account, "  two\u{a0}\u{a0} words ", "1.00").await["reference"], "two words");
        assert_eq!(account.balance().await[3], "12.78");
        for other in ["bank1", "Bank 1", "bank-1"] {
            assert_eq!(account.send(payment(other, "1.00")).await.status, 201, "{other:?}");
        }
        assert_sound(&db).await;
    }

    async fn payments_of_before_are_found_by_their_reference_however_it_is_written(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let paid = pay(&account, "bank 1", "5.00").await;
        let plain = pay(&account, "bank 2", "5.00").await;
        // As an older program stored them: the second under a reference that another has folded.
        for (odd, id) in [("bank \u{a0} 1", &paid), ("bank  2", &plain)] {
            let id = id["id"].as_str().unwrap().parse::<tollbook::id::PaymentId>().unwrap().0;
            execute(&db, "update payments set reference = $1 where payment_id = $2", &[&odd, &id]).await;
            execute(&db, "update payment_directory set reference = $1 where payment_id = $2", &[&odd, &id]).await;
        }
        pay(&account, "bank 2", "5.00").await;
        // The part of the schema file that leads from the folded form to the payment.
        let name = if db.engine == crate::support::Engine::Sqlite { "sqlite" } else { "postgres" };
        let path = format!("{}/migrations/{name}/0011_payments.sql", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::read_to_string(path).unwrap();
        let begin = file.find("insert into payment_directory").unwrap();
        let end = begin + file[begin..].find(';').unwrap();
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script(&file[begin..end]).await.unwrap();
        tx.commit().await.unwrap();
        for same in ["bank 1", "bank \u{a0} 1", " bank   1 ", "bank  2", "bank 2"] {
            assert_eq!(account.send(payment(same, "5.00")).await.status, 200, "{same:?}");
        }
        assert_eq!(account.balance().await[3], "15.00");
        assert_sound(&db).await;
    }

    async fn money_without_a_name_goes_to_what_is_contested_last(db: TestApp) {
        provider(&db).await;
        let of = customer(&db, "C", "Europe/Berlin", ("Ten", "2025-12-31T23:00:00Z"), json!({"lines": line("+493023125001"),
            "bill_from": "2026-01-01T00:00:00Z"})).await;
        let london = |id: &str, day: &str| Call { seconds: 50 * 60, ..Call::new(id, "+493023125001", at(day)) };
        import(&db, &[london("jan", "2026-01-05T10:00:00Z"), london("feb", "2026-02-05T10:00:00Z")]).await;
        let dispute = contested(&of, json!({"call": {"source": "switch", "record_id": "jan"}})).await;
        round_at(&db, at("2026-02-02T10:00:00Z")).await;
        round_at(&db, at("2026-03-02T10:00:00Z")).await;
        let [january, february] = &invoices_of(&of).await[..] else { panic!("two invoices") };
        assert_eq!((january["gross"]["amount"].as_str(), february["gross"]["amount"].as_str()), (Some("13.09"), Some("13.09")));
        // February first, though January is due before it; then what is not contested of January, a call of 1.19.
        pay(&of, "b1", "13.09").await;
        assert_eq!((of.standing(january).await.1, of.standing(february).await.1), ("13.09".into(), "0.00".into()));
        pay(&of, "b2", "11.90").await;
        assert_eq!(of.standing(january).await.1, "1.19");
        // While it is open all else comes first; credit that is there takes what is uncontested, too.
        round_at(&db, at("2026-04-02T10:00:00Z")).await;
        let march = invoices_of(&of).await.remove(2);
        pay(&of, "b3", "11.90").await;
        assert_eq!((of.standing(january).await.1, of.standing(&march).await.1), ("1.19".into(), "0.00".into()));
        // What is contested takes it before it lies about; who names it pays it.
        pay(&of, "b4", "2.00").await;
        assert_eq!((of.standing(january).await.1, of.balance().await[3].clone()), ("0.00".into(), "0.81".into()));
        round_at(&db, at("2026-05-02T10:00:00Z")).await;
        let answer = db.post_json(&format!("{dispute}/settle"), &json!({"outcome": "rejected"})).await;
        assert_eq!(answer.status, 200);
        let april = invoices_of(&of).await.remove(3);
        assert_eq!(of.standing(&april).await.1, "11.09");
        assert_sound(&db).await;
    }

    async fn a_contested_invoice_is_paid_by_who_names_it_and_is_ordinary_once_it_is_settled(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let [september, october] = [account.issue("2026-09", "2026-10-05").await, account.issue("2026-10", "2026-11-05").await];
        let dispute = contested(&account, json!({"invoice": {"number": september["number"]}})).await;
        account.credit(id_of(&october), 1_000_000).await;
        pay_for(&account, "p1", "1.00", &september).await;
        account.invoice(-3_000_000, 14).await;
        assert_eq!((account.standing(&september).await.1, account.standing(&october).await.1), ("10.78".into(), "7.78".into()));
        assert_eq!(db.post_json(&format!("{dispute}/settle"), &json!({"outcome": "withdrawn"})).await.status, 200);
        pay(&account, "p2", "10.00").await;
        assert_eq!((account.standing(&september).await.1, account.standing(&october).await.1), ("0.78".into(), "7.78".into()));
        assert_sound(&db).await;
    }

    async fn a_payment_that_is_taken_back_opens_all_it_settled(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let september = account.issue("2026-09", "2026-10-05").await;
        let paid = pay(&account, "debit 1", "20.00").await;
        // The rest is credit, which October takes in part.
        let october = account.issue("2026-10", "2026-11-05").await;
        assert_eq!(account.standing(&october).await, stands("partly_paid", "3.56"));
        let told = reversed(&account, &paid).await;
        assert_eq!(told["payment"]["reversal"], json!({"reversed_at": "2026-11-05T12:00:00Z", "reason": "MD06"}));
        assert_eq!(told["payment"]["allocations"], json!([]));
        let amounts: Vec<_> = told["reopened"].as_array().unwrap().iter().map(|part| part["amount"]["amount"].as_str().unwrap()).collect();
        assert_eq!((amounts, &told["fee"]), (vec!["11.78", "8.22"], &Value::Null));
        assert_eq!((account.standing(&september).await, account.standing(&october).await), (stands("overdue", "11.78"), stands("open", "11.78")));
        assert_eq!(account.balance().await, ["23.56", "23.56", "11.78", "0.00"]);
        assert_eq!(statement(&account).await.0.last().unwrap(), "reversal 20.00");
        // Once; sent again the payment is what it was, and it is on the list so.
        let again = reverse(&account, &paid).await;
        assert_eq!(again.status, 409);
        assert!(again.body["detail"].as_str().unwrap().contains("taken back already, at 2026-11-05"), "{again:?}");
        let sent_again = account.send(payment("debit 1", "20.00")).await;
        assert_eq!((sent_again.status.as_u16(), &sent_again.body), (200, &told["payment"]));
        assert_eq!(account.balance().await[0], "23.56");
        assert_sound(&db).await;
    }

    async fn what_was_left_of_a_payment_goes_with_it_and_other_credit_fills_its_place(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-1").await;
        account.invoice(10_000_000, -1).await;
        let bounced = pay(&account, "p1", "15.00").await;
        pay(&account, "p2", "4.00").await;
        assert_eq!(account.balance().await, ["-9.00", "0.00", "0.00", "9.00"]);
        reversed(&account, &bounced).await;
        assert_eq!(account.balance().await, ["6.00", "6.00", "6.00", "0.00"]);
        assert_sound(&db).await;
    }

    async fn what_was_paid_back_of_a_payment_is_owed_and_the_next_money_fills_it_first(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-1").await;
        let bounced = pay(&account, "p1", "10.00").await;
        let mut refund = payment("r1", "10.00");
        refund["kind"] = json!("refund");
        let refunded = account.send(refund.clone()).await;
        assert_eq!(refunded.status, 201);
        reversed(&account, &bounced).await;
        assert_eq!(account.balance().await, ["10.00", "0.00", "0.00", "-10.00"]);
        refund["reference"] = json!("r2");
        refund["amount"] = json!("1.00");
        assert_eq!(account.send(refund).await.status, 409);
        account.invoice(5_000_000, 14).await;
        assert_eq!(account.balance().await, ["15.00", "5.00", "0.00", "-10.00"]);
        let filled = pay(&account, "p2", "12.00").await;
        assert_eq!(account.balance().await, ["3.00", "3.00", "0.00", "0.00"]);
        // And if that bounces as well, all of it is owed again.
        reversed(&account, &filled).await;
        assert_eq!(account.balance().await, ["15.00", "5.00", "0.00", "-10.00"]);
        pay(&account, "p3", "16.00").await;
        assert_eq!(account.balance().await, ["-1.00", "0.00", "0.00", "1.00"]);
        // A refund goes the other way: what comes back of it is a payment.
        let refused = reverse(&account, &refunded.body).await;
        assert_eq!(refused.status, 409);
        assert!(refused.body["detail"].as_str().unwrap().contains("record that as a payment of its own"), "{refused:?}");
        assert_sound(&db).await;
    }

    async fn what_cannot_be_taken_back_is_refused(db: TestApp) {
        operator(&db).await;
        let (account, other) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        let paid = pay(&account, "p1", "10.00").await;
        assert_eq!(reverse(&other, &paid).await.status, 404);
        let path = format!("{}/payments/{}/reverse", account.path, paid["id"].as_str().unwrap());
        for reason in ["", " ", "a\nb", &"x".repeat(501)] {
            let refused = db.post_json(&path, &json!({"reason": reason})).await;
            assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["pointer"]), (422, &json!("/reason")));
        }
        let nobody = path.replace(&account.id.to_string(), "cus_0000000000011");
        assert_eq!(db.post_json(&nobody, &json!({"reason": "MD06"})).await.status, 404);
        assert_eq!(account.balance().await[3], "10.00");
        let said = failed(&db.url, &["payment", "reverse", "p9", "--reason", "MD06"]);
        assert!(said.contains("no payment has the reference `p9`"), "{said}");
        let said = failed(&db.url, &["payment", "reverse", "p1", "--reason", " "]);
        assert!(said.contains("say what the bank says"), "{said}");
        let said = done(&db.url, &["payment", "reverse", " p1 ", "--reason", "MD06"]);
        assert_eq!(said, "p1 of 10.00 EUR is taken back\n");
        let said = failed(&db.url, &["payment", "reverse", "p1", "--reason", "MD06"]);
        assert!(said.contains("taken back already"), "{said}");
        assert_sound(&db).await;
    }

    async fn a_fee_is_charged_with_the_next_invoice_when_the_settings_have_one(db: TestApp) {
        let mut db = db;
        db.app = db.configured("[payments]\nreversal_fee = { USD = \"9.00\", EUR = \"5.00\" }\n").unwrap();
        provider(&db).await;
        plan(&db, "Zero", "0", json!({})).await;
        let of = customer(&db, "C", "Europe/Berlin", ("Zero", "2026-01-01T00:00:00Z"), json!({"billing": {"language": "de"}})).await;
        let paid = pay(&of, "p1", "7.00").await;
        let told = reversed(&of, &paid).await;
        assert_eq!(told["fee"]["amount"], json!({"amount": "5.00", "currency": "EUR"}));
        round_at(&db, at("2026-12-05T12:00:00Z")).await;
        let [invoice] = &invoices_of(&of).await[..] else { panic!("one invoice") };
        assert_eq!(lines(invoice), [["one_off", "Gebühr für die zurückgegebene Zahlung vom 04.01.2026", "5.00"].map(str::to_owned)]);
        assert_sound(&db).await;
    }

    async fn the_command_names_invoices_by_their_numbers(db: TestApp) {
        operator(&db).await;
        Account::of(&db, "C-2").await.issue("2026-10", "2026-11-05").await;
        let add = ["payment", "add", "--customer", "C-2", "--amount", "1.00", "--currency", "EUR", "--reference", "b-1", "--paid-on", "2026-11-05"];
        for how in ["recorded", "recorded before"] {
            let said = done(&db.url, &add);
            assert!(said.starts_with(&format!("b-1 of 1.00 EUR {how}: pay_")), "{said}");
            assert!(said.ends_with("\n  1.00 EUR to INV-2026-000001\n"), "{said}");
        }
        let said = done(&db.url, &["payment", "reverse", "b-1", "--reason", "MD06"]);
        assert!(said.ends_with("\n  1.00 EUR of INV-2026-000001 are open again\n"), "{said}");
    }
}
