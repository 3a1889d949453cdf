//! Are the codes of vouchers kept under a key that the database does not hold, and do those of before still work?

use std::path::Path;

use serde_json::json;
use tollbook::app::App;

use crate::support::operator::{create, operator};
use crate::support::{TestApp, json_request, on_both_databases, send};

/// The settings of keys in a folder.
fn keys(folder: &Path, key: &str, before: Option<&str>) -> String {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, format!("{text}{text}{text}{text}\n")).unwrap();
        path.display().to_string()
    };
    let mut settings = format!("[prepaid]\nvoucher_key_file = \"{}\"\n", file(key, key));
    if let Some(before) = before {
        settings += &format!("voucher_key_before_file = \"{}\"\n", file(before, before));
    }
    settings
}

async fn made(app: &App, batch: &str) -> String {
    let new = json!({"batch": batch, "count": 1, "amount": "10.00", "currency": "EUR"});
    let answer = send(app.clone(), json_request("/v1/vouchers", &new)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["codes"][0].as_str().unwrap().to_owned()
}

/// The status of redeeming a code for a customer.
async fn redeem(app: &App, customer: &str, code: &str) -> u16 {
    let path = format!("/v1/customers/{customer}/vouchers");
    send(app.clone(), json_request(&path, &json!({"code": code}))).await.status.as_u16()
}

on_both_databases! {
    async fn a_voucher_works_under_the_key_it_was_made_under(db: TestApp) {
        operator(&db).await;
        let customer = |reference: &str| json!({"reference": reference, "currency": "EUR", "zone": "Europe/Berlin",
            "lines": [], "party": {"name": reference, "country": "DE"},
            "subscription": {"plan": "Prepaid", "valid_from": "2026-01-01T00:00:00Z"}});
        let id = create(&db, "/v1/customers", customer("V-1")).await["id"].as_str().unwrap().to_owned();
        let other = create(&db, "/v1/customers", customer("V-2")).await["id"].as_str().unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = ("first-key", "second-key");
        let unkeyed = db.app.clone();
        let keyed = db.configured(&keys(folder.path(), first, None)).unwrap();
        let rotated = db.configured(&keys(folder.path(), second, Some(first))).unwrap();
        let later = db.configured(&keys(folder.path(), second, None)).unwrap();
        let (plain, under_first, spare) = (made(&unkeyed, "a").await, made(&keyed, "b").await, made(&keyed, "c").await);
        let under_second = made(&rotated, "d").await;
        // Without the key nobody finds it: the plain hash of the code is not in the database.
        assert_eq!(redeem(&unkeyed, &id, &under_first).await, 404);
        assert_eq!(redeem(&later, &id, &under_first).await, 404);
        assert_eq!(redeem(&keyed, &id, &under_second).await, 404);
        // Those of before a key, and of before the last one, work; each once.
        for code in [&plain, &under_first, &under_second] {
            assert_eq!(redeem(&rotated, &id, code).await, 201, "{code}");
            assert_eq!(redeem(&rotated, &id, code).await, 200, "{code}");
            assert_eq!(redeem(&rotated, &other, code).await, 409, "{code}");
        }
        assert_eq!(redeem(&later, &other, &under_second).await, 409);
        assert_eq!(redeem(&keyed, &other, &spare).await, 201);
        let balances = db.get(&format!("/v1/customers/{id}/balances")).await.body;
        assert_eq!(balances[0]["amount"]["amount"], "30.00", "{balances}");
    }

    async fn a_key_that_is_of_no_use_is_refused_by_its_setting(db: TestApp) {
        let folder = tempfile::tempdir().unwrap();
        let short = folder.path().join("short");
        std::fs::write(&short, "too short\n").unwrap();
        let missing = folder.path().join("missing");
        for (settings, part) in [
            (format!("voucher_key_file = \"{}\"", short.display()), "is shorter than 32 letters"),
            (format!("voucher_key_file = \"{}\"", missing.display()), "prepaid.voucher_key_file"),
            (format!("voucher_key_before_file = \"{}\"", short.display()), "prepaid.voucher_key_before_file"),
        ] {
            let refusal = db.configured(&format!("[prepaid]\n{settings}\n")).err().unwrap();
            assert!(refusal.contains(part), "{refusal}");
        }
        let sound = folder.path().join("a-key-of-old");
        keys(folder.path(), "a-key-of-old", None);
        let before = format!("[prepaid]\nvoucher_key_before_file = \"{}\"\n", sound.display());
        let refusal = db.configured(&before).err().unwrap();
        assert!(refusal.contains("is set without prepaid.voucher_key_file"), "{refusal}");
    }
}
