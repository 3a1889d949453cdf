//! Do operators without a VAT identifier make valid electronic invoices: by a tax number, as a small business?

use serde_json::json;

use crate::einvoices::{answer, issue};
use crate::support::{TestApp, on_both_databases};

on_both_databases! {
    async fn an_operator_with_a_tax_number_makes_electronic_invoices(db: TestApp) {
        let mut db = db;
        let settings = "[operator]\nname = \"Harbour\"\ncountry = \"DE\"\ntax_number = \"27/123/45678\"";
        db.app.config = std::sync::Arc::new(tollbook::config::Config::from_toml(settings).unwrap());
        let path = issue(&db).await;
        let (status, _, xml) = answer(&db, &format!("{path}/xml")).await;
        let text = String::from_utf8(xml).unwrap();
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("<ram:ID schemeID=\"FC\">27/123/45678</ram:ID>"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cii.xml");
        std::fs::write(&file, &text).unwrap();
        let verdict = crate::einvoice_rules::check_files(&[file]);
        assert!(verdict.accepted, "{}", verdict.said);
        let page = lopdf::Document::load_mem(&answer(&db, &format!("{path}/pdf")).await.2).unwrap();
        assert!(page.extract_text(&[1]).unwrap().contains("Tax number 27/123/45678"));
    }

    async fn a_small_business_charges_no_tax_and_says_why(db: TestApp) {
        let mut db = db;
        let settings = "[operator]\nname = \"Harbour\"\ncountry = \"DE\"\ntax_number = \"27/123/45678\"\n\
                        small_business = \"No VAT is charged under section 19 UStG\"";
        db.app.config = std::sync::Arc::new(tollbook::config::Config::from_toml(settings).unwrap());
        let path = issue(&db).await;
        let stored = db.get(&path).await.body;
        assert_eq!((&stored["invoice"]["tax"], &stored["invoice"]["net"]), (&json!("0.00"), &stored["gross"]["amount"]));
        let (status, _, xml) = answer(&db, &format!("{path}/xml")).await;
        let text = String::from_utf8(xml).unwrap();
        assert!(status == 200 && text.contains("No VAT is charged under section 19 UStG"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cii.xml");
        std::fs::write(&file, &text).unwrap();
        let verdict = crate::einvoice_rules::check_files(&[file]);
        assert!(verdict.accepted, "{}", verdict.said);
    }
}
