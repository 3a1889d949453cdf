//! Is what a person takes for one name one name, and is whoever gives a look-alike told?

use serde_json::{Value, json};

use crate::support::cycle::{plan, provider};
use crate::support::mailing::execute;
use crate::support::operator::{Record, create, import_text};
use crate::support::program::{done, tollbook};
use crate::support::{Answer, TestApp, on_both_databases};

/// Cyrillic, but for the digits.
const LOOKS_LIKE_C_1: &str = "\u{421}-1";

fn customer(reference: &str) -> Value {
    json!({"reference": reference, "currency": "EUR", "zone": "Europe/Berlin",
        "party": {"name": "Anna Brandt", "country": "DE"}, "subscription": {"plan": "Ten", "valid_from": "2026-01-01T00:00:00Z"}})
}

/// The status of a creation, and what it says about look-alikes.
async fn made(db: &TestApp, path: &str, body: Value) -> (u16, Value) {
    let Answer { status, body, .. } = db.post_json(path, &body).await;
    (status.as_u16(), body["looks_like"].clone())
}

on_both_databases! {
    async fn a_customers_reference_is_one_whatever_its_blanks(db: TestApp) {
        provider(&db).await;
        let made_one = create(&db, "/v1/customers", customer(" A\u{a0} 1 ")).await;
        assert_eq!(made_one["reference"], "A 1");
        for same in ["A 1", "  A 1", "A   1", "A\u{202f}1"] {
            assert_eq!(made(&db, "/v1/customers", customer(same)).await, (409, Value::Null), "{same:?}");
            assert!(done(&db.url, &["dispute", "list", same]).contains("contests nothing"), "{same:?}");
        }
        // In Unicode an umlaut is one letter or two.
        assert_eq!(made(&db, "/v1/customers", customer("Mu\u{308}ller")).await.0, 201);
        assert_eq!(made(&db, "/v1/customers", customer("M\u{fc}ller")).await.0, 409);
        // A record that names the account with other blanks is charged to it.
        let record = Record::new("r1").line();
        let control = import_text(&db, "switch", &format!("{},account_ref\n{record},\" A  1\"\n", Record::HEADER)).await;
        assert_eq!(control.charged, 1, "{control}");
    }

    async fn who_gives_a_look_alike_is_told_and_not_refused(db: TestApp) {
        provider(&db).await;
        assert_eq!(made(&db, "/v1/customers", customer("C-1")).await, (201, Value::Null));
        for alike in [LOOKS_LIKE_C_1, "c-1", "C-l", "C-I"] {
            let (status, other) = made(&db, "/v1/customers", customer(alike)).await;
            assert_eq!(status, 201, "{alike}");
            assert!(other.is_string() && other != alike, "{alike} {other}");
        }
        assert_eq!(made(&db, "/v1/customers", customer("C-2")).await, (201, Value::Null));
        let ten = |name: &str| json!({"name": name, "currency": "EUR", "payment": "postpaid", "monthly_fee": "10.00", "tariff": "standard"});
        assert_eq!(made(&db, "/v1/plans", ten("TEN")).await, (201, json!("Ten")));
        assert_eq!(made(&db, "/v1/plans", ten(" Ten ")).await.0, 409);
        let client = |name: &str| json!({"name": name, "role": "switch"});
        assert_eq!(made(&db, "/v1/clients", client("Shop 1")).await, (201, Value::Null));
        assert_eq!(made(&db, "/v1/clients", client("Shop  1")).await.0, 409);
        assert_eq!(made(&db, "/v1/clients", client("Shop l")).await, (201, json!("Shop 1")));
        let batch = |name: &str| json!({"batch": name, "count": 1, "amount": "5.00", "currency": "EUR"});
        assert_eq!(made(&db, "/v1/vouchers", batch("kiosk 1")).await, (201, Value::Null));
        assert_eq!(made(&db, "/v1/vouchers", batch("kiosk  1")).await.0, 409);
        assert_eq!(made(&db, "/v1/vouchers", batch("KIOSK 1")).await, (201, json!("kiosk 1")));
    }

    async fn the_command_line_tells_look_alikes_too(db: TestApp) {
        provider(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let deck = folder.path().join("deck.csv");
        std::fs::write(&deck, "prefix,destination,rate_per_min,increments\n49,Germany,0.03,1/1\n").unwrap();
        let deck = deck.to_str().unwrap();
        let import = ["tariff", "import", deck, "--currency", "EUR", "--valid-from", "2026-01-01"];
        let output = tollbook(&db.url, &[&import[..], &["--name", "Standard"]].concat());
        let note = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && note.contains("Standard looks like another, `standard`"), "{note}");
        // With other blanks it is the same tariff.
        let again = done(&db.url, &[&import[..], &["--name", " Standard "]].concat());
        assert!(again.contains("is this very deck already"), "{again}");
        let records = folder.path().join("records.csv");
        std::fs::write(&records, Record::file(&[Record::new("r1")])).unwrap();
        let from = |source: &str| {
            let output = tollbook(&db.url, &["import", records.to_str().unwrap(), "--source", source]);
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        assert!(!from("feed 1").contains("looks like"));
        assert!(!from("feed  1").contains("looks like"), "it is the same");
        assert!(from("feed l").contains("feed l looks like another, `feed 1`"));
    }

    async fn references_of_before_are_found_and_looked_at(db: TestApp) {
        provider(&db).await;
        plan(&db, "Other", "1.00", json!({})).await;
        let id = create(&db, "/v1/customers", customer("old")).await["id"].clone();
        // As it was stored when blanks counted.
        execute(&db, "update customers set reference = $1 where reference = 'old'", &[&"B  1"]).await;
        execute(&db, "update customer_directory set reference = $1, look = null where reference = 'old'", &[&"B  1"]).await;
        let found = async |reference: &str| {
            let mut tx = db.app.db.read().await.unwrap();
            let found = tollbook::customers::by_reference(&mut tx, reference).await.unwrap();
            found.map(|customer| customer.id.to_string())
        };
        let id = id.as_str().map(str::to_owned);
        assert_eq!((found("B  1").await, found("B 1").await), (id.clone(), None));
        let mut tx = db.app.db.begin().await.unwrap();
        assert_eq!(tollbook::customers::look_at_references(&mut tx).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!((found("B  1").await, found("B 1").await), (id.clone(), id));
        assert_eq!(made(&db, "/v1/customers", customer("B 1")).await.0, 409);
        assert_eq!(made(&db, "/v1/customers", customer("b 1")).await, (201, json!("B  1")));
    }
}
