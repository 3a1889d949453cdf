//! Is what no invoice can be made of refused at the door, and what is there already listed?

use serde_json::{Value, json};

use crate::support::mailing::execute;
use crate::support::operator::{create, operator};
use crate::support::program::tollbook;
use crate::support::{Answer, TestApp, on_both_databases};

/// A customer with a party and billing of these.
async fn customer(db: &TestApp, reference: &str, party: Value, billing: Value) -> Answer {
    let mut whole = json!({"name": "Alpen Ruf GmbH", "street": "Gasse 1", "city": "Wien", "country": "AT"});
    whole.as_object_mut().unwrap().extend(party.as_object().unwrap().clone());
    let new = json!({"reference": reference, "currency": "EUR", "zone": "Europe/Vienna", "party": whole, "billing": billing});
    db.post_json("/v1/customers", &new).await
}

fn assert_refused(answer: &Answer, pointer: &str, parts: &[&str]) {
    assert_eq!(
        (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
        (422, &json!(pointer)),
        "{answer:?}"
    );
    let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
    for part in parts {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}

on_both_databases! {
    async fn a_country_is_one_of_the_standard(db: TestApp) {
        operator(&db).await;
        for (country, meant) in [("UK", "write GB"), ("EL", "write GR"), ("ZZ", "such as DE"), ("XK", "such as DE"),
            ("at", "write AT"), ("AUT", "such as DE"), ("", "such as DE")] {
            let refused = customer(&db, "X", json!({"country": country}), json!({})).await;
            assert_refused(&refused, "/party/country", &["ISO 3166-1", meant]);
            let rate = json!({"country": country, "valid_from": "2026-01-01", "rate": "20"});
            assert_refused(&db.post_json("/v1/tax-rates", &rate).await, "/country", &["ISO 3166-1", meant]);
        }
        for country in ["GB", "GR", "AQ", "SS"] {
            assert_eq!(customer(&db, country, json!({"country": country}), json!({})).await.status, 201, "{country}");
        }
    }

    async fn a_vat_identifier_has_the_form_of_its_country_and_reverse_charge_needs_one(db: TestApp) {
        operator(&db).await;
        let reverse = json!({"tax_treatment": "reverse_charge"});
        let none = customer(&db, "NONE", json!({}), reverse.clone()).await;
        assert_refused(&none, "/party/vat_id", &["is missing"]);
        for (id, why) in [("", "is empty"), (" ", "is empty"), ("\u{a0}", "is empty"), ("XX", "such as ATU12345675"),
            ("ATU1234567", "form"), ("12345675", "such as ATU12345675"), ("ATU13585628", "check digits")] {
            for billing in [reverse.clone(), json!({})] {
                assert_refused(&customer(&db, "X", json!({"vat_id": id}), billing).await, "/party/vat_id", &[why]);
            }
        }
        // As people write it, and another country's: businesses are registered in several.
        for (reference, id) in [("A", " atu 13585627 "), ("B", "DE 136.695.976")] {
            let taken = customer(&db, reference, json!({"vat_id": id}), reverse.clone()).await;
            assert_eq!((taken.status.as_u16(), &taken.body["party"]["vat_id"]), (201, &json!(id.trim())), "{taken:?}");
        }
        let path = format!("/v1/customers/{}", customer(&db, "C", json!({}), json!({})).await.body["id"].as_str().unwrap());
        assert_refused(&db.patch_json(&path, &json!({"billing": reverse})).await, "/party/vat_id", &["is missing"]);
        let both = json!({"billing": reverse, "party": {"vat_id": "ATU13585627"}});
        assert_eq!(db.patch_json(&path, &both).await.status, 200);
        assert_refused(&db.patch_json(&path, &json!({"party": {"vat_id": null}})).await, "/party/vat_id", &["is missing"]);
    }

    async fn an_address_is_one_address(db: TestApp) {
        operator(&db).await;
        for (email, why) in [("Anna <a@example.org>", "without a name"), ("a@example.org, b@example.org", "more than one"),
            ("anna", "such as anna@example.org"), ("", "leave it out"), (" ", "leave it out")] {
            assert_refused(&customer(&db, "X", json!({"email": email}), json!({})).await, "/party/email", &[why]);
        }
        let taken = customer(&db, "A", json!({"email": " anna@example.org "}), json!({})).await;
        assert_eq!((taken.status.as_u16(), &taken.body["party"]["email"]), (201, &json!("anna@example.org")));
        // By e-mail only where there is an address; by letter nobody is asked for one.
        let nowhere = customer(&db, "B", json!({}), json!({"delivery": "email"})).await;
        assert_refused(&nowhere, "/party/email", &["is missing", "letter"]);
        let letters = customer(&db, "C", json!({"email": "c@example.org"}), json!({"delivery": "letter"})).await;
        assert_eq!((letters.status.as_u16(), &letters.body["billing"]["delivery"]), (201, &json!("letter")), "{letters:?}");
        let path = format!("/v1/customers/{}", letters.body["id"].as_str().unwrap());
        let changed = db.patch_json(&path, &json!({"billing": {"delivery": null}})).await;
        assert_eq!((changed.status.as_u16(), &changed.body["billing"]["delivery"]), (200, &Value::Null));
    }

    async fn accounts_and_addresses_of_programs_are_judged(db: TestApp) {
        operator(&db).await;
        let refused = customer(&db, "X", json!({"iban": "AT611904300234573202"}), json!({})).await;
        assert_refused(&refused, "/party/iban", &["check digits"]);
        assert_refused(&customer(&db, "X", json!({"bic": "GIBA"}), json!({})).await, "/party/bic", &["8 or 11"]);
        for (scheme, id, why) in [("9", "1", "four digits"), ("0208", "123", "ten digits"), ("0088", "a b", "without blanks")] {
            let refused = customer(&db, "X", json!({"peppol": {"scheme": scheme, "id": id}}), json!({})).await;
            assert_refused(&refused, "/party/peppol", &[why]);
        }
        let peppol = json!({"scheme": "0208", "id": "0123456749"});
        let taken = customer(&db, "A", json!({"iban": "AT61 1904 3002 3457 3201", "peppol": peppol}), json!({})).await;
        assert_eq!((taken.status.as_u16(), &taken.body["party"]["peppol"]), (201, &peppol), "{taken:?}");
        // Several faults are told together.
        let several = customer(&db, "X", json!({"country": "UK", "email": "x"}), json!({})).await;
        assert_eq!((several.status.as_u16(), several.body["errors"].as_array().unwrap().len()), (422, 2), "{several:?}");
    }

    async fn what_was_there_before_is_mended_field_by_field_and_listed(db: TestApp) {
        operator(&db).await;
        let old = create(&db, "/v1/customers", json!({"reference": "OLD", "currency": "EUR", "zone": "Europe/Berlin",
            "party": {"name": "Old", "country": "DE"}})).await;
        let path = format!("/v1/customers/{}", old["id"].as_str().unwrap());
        let party = json!({"name": "Old", "country": "UK", "email": "a@example.org, b@example.org", "vat_id": " "}).to_string();
        execute(&db, "update customers set party = $2, country = 'UK' where reference = $1", &[&"OLD", &party]).await;
        // Another field may be changed, a wrong one only for a right one.
        let moved = db.patch_json(&path, &json!({"party": {"street": "Quay 1"}})).await;
        assert_eq!((moved.status.as_u16(), &moved.body["party"]["email"]), (200, &json!("a@example.org, b@example.org")), "{moved:?}");
        assert_refused(&db.patch_json(&path, &json!({"party": {"email": "x"}})).await, "/party/email", &["such as"]);
        let folder = tempfile::tempdir().unwrap();
        let settings = "[operator]\nname = \"Harbour\"\ncountry = \"DE\"\nvat_id = \"DE123456788\"\niban = \"DE02120300000000202051\"\n\
                        email = \"a@example.org\"\nphone = \"1\"\n[brand]\nfonts = []\n";
        std::fs::write(folder.path().join("t.toml"), settings).unwrap();
        let check = || {
            let path = folder.path().join("t.toml");
            let output = tollbook(&db.url, &["--config", path.to_str().unwrap(), "config", "check"]);
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        let (well, said) = check();
        for part in ["1 customer (OLD): party.country `UK` is not a country of ISO 3166-1: write GB", "1 customer (OLD): party.email",
            "1 customer (OLD): party.vat_id", "1 customer (OLD): no tax rate is set for UK"] {
            assert!(!well && said.contains(&format!("not ready to bill: {part}")), "{part}: {said}");
        }
        let mended = json!({"party": {"country": "DE", "email": "a@example.org", "vat_id": null, "name": "東京"}});
        assert_eq!(db.patch_json(&path, &mended).await.status, 200);
        let (well, said) = check();
        assert!(!well && said.contains("1 customer (OLD): no document can be drawn: no font has 京 (U+4EAC), 東 (U+6771)"), "{said}");
        assert_eq!(db.patch_json(&path, &json!({"party": {"name": "Old"}})).await.status, 200);
        let (well, said) = check();
        assert!(well && said.trim_end().ends_with("ready to bill"), "{said}");
    }
}
