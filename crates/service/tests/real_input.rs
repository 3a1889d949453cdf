//! Does what real switches and carriers write go through? These files are not in the repository: the tests
//! run where `../shared/data` lies beside it, and say so where it does not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use calculation::money::{Rounding, RoundingMode};
use calculation::tariff::Terms;
use calculation::tariff::deck::Columns;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tollbook::calls::{self, Control, Import, Imported, Source};
use tollbook::id::TariffId;
use tollbook::tariffs::{self, NewTariff};

use crate::support::{TestApp, on_both_databases};

/// A file of real input, or nothing where it is not there.
fn real(path: &str) -> Option<Vec<u8>> {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(path);
    let content = std::fs::read(&file).ok();
    if content.is_none() {
        println!("DID NOT RUN: {} is not there", file.display());
    }
    content
}

async fn import_deck(db: &TestApp, deck: &[u8]) -> usize {
    let rounding = Rounding::new(6, RoundingMode::HalfUp).unwrap();
    let columns = Columns {
        named: vec![
            ("rate_per_min".into(), "cost_per_min".into()),
            ("connection_charge".into(), "connect_cost".into()),
            ("increment".into(), "increment_s".into()),
        ],
        ignored: vec!["included_seconds".into()],
        end_dates: None,
    };
    let mut tx = db.app.db.begin().await.unwrap();
    let new = NewTariff {
        name: "outbound",
        terms: Terms::new("USD".parse().unwrap(), rounding),
        deck,
        columns: &columns,
        valid_from: Some(Timestamp::UNIX_EPOCH),
        mode: None,
    };
    let imported =
        tariffs::import(&mut tx, new, TariffId(db.app.clock.id()), db.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    match imported {
        tariffs::Imported::New { rates, .. } => rates,
        refused => panic!("{refused:?}"),
    }
}

async fn create(db: &TestApp, path: &str, body: Value) {
    let answer = db.post_json(path, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Customers named as the switch names its accounts, all on the real deck.
async fn create_accounts(db: &TestApp, references: &[&str]) {
    let plan = json!({"name": "wholesale", "currency": "USD", "payment": "postpaid", "tariff": "outbound"});
    create(db, "/v1/plans", plan).await;
    for reference in references {
        let customer = json!({
            "reference": reference, "currency": "USD", "zone": "America/New_York",
            "party": {"name": reference, "country": "US"},
            "subscription": {"plan": "wholesale", "valid_from": "2018-01-01T00:00:00Z"},
        });
        create(db, "/v1/customers", customer).await;
    }
}

fn source(name: &str, zone: &str, trunks: &[&str]) -> Source {
    let mut source = Source::new(name);
    source.zone = TimeZone::get(zone).unwrap();
    source.region = "US".parse().ok();
    source.trunks = trunks.iter().map(|&trunk| trunk.to_owned()).collect();
    source
}

async fn import(db: &TestApp, source: Source, content: Vec<u8>) -> Control {
    let import = Import { file_name: source.name.clone(), source, input: std::io::Cursor::new(content) };
    match calls::import(&db.app, import, &|_, _| ()).await.unwrap() {
        Imported::Done { import, .. } => import.control,
        refused => panic!("{refused:?}"),
    }
}

on_both_databases! {
    async fn a_real_deck_and_a_real_pbx_are_charged_once(db: TestApp) {
        let Some(deck) = real("ratedecks/astpp_outbound_routes_2015.csv") else { return };
        let Some(records) = real("cdr/asterisk_cdr_first_400.csv") else { return };
        assert_eq!(import_deck(&db, &deck).await, 36_205);
        let accounts = ["3318", "1112", "3323", "1115", "1141", "1142", "1101", "7010", "1127", "1125"];
        create_accounts(&db, &accounts).await;
        let trunks = ["PJSIP/VIOrig", "PJSIP/thinQ", "PJSIP/VITerm", "PJSIP/IDT"];
        let pbx = || source("pbx", "America/New_York", &trunks);
        let control = import(&db, pbx(), records.clone()).await;
        assert!(control.balances(), "{control}");
        // 62 legs went out over a trunk, were answered and have seconds; two of them name a conference
        // room as what was dialled. All other rows are retries, legs and inbound calls.
        assert_eq!(control, Control { records: 400, charged: 60, free: 338, duplicate: 0, suspended: 2 });

        let mut tx = db.app.db.read().await.unwrap();
        for record in tollbook::suspense::list(&mut tx, Some("pbx"), 10).await.unwrap() {
            assert_eq!((record.reason.as_str(), record.field.as_str()), ("not_a_number", "called_number"));
        }
        let mut charged = BTreeSet::new();
        for reference in accounts {
            let customer = tollbook::customers::by_reference(&mut tx, reference).await.unwrap().unwrap();
            let query = calls::HistoryQuery { limit: 1_000, ..Default::default() };
            for call in calls::history(&mut tx, customer.id, &query).await.unwrap() {
                let unanswered = call.outcome == "not_answered";
                assert!(!unanswered || call.amount.is_none());
                if call.amount.is_some() {
                    assert!(charged.insert((call.call_id.clone(), call.called.clone())), "twice: {call:?}");
                }
            }
        }
        assert_eq!(charged.len(), 60);
        drop(tx);

        let again = import(&db, pbx(), records).await;
        assert_eq!(again, Control { records: 400, charged: 0, free: 0, duplicate: 398, suspended: 2 });
        let mut tx = db.app.db.read().await.unwrap();
        let verified = calls::verify(&mut tx, &db.app).await.unwrap();
        assert!(verified.faults.is_empty() && verified.charges == 60, "{verified:?}");
    }

    async fn a_real_master_csv_is_charged_once(db: TestApp) {
        let Some(deck) = real("ratedecks/astpp_outbound_routes_2015.csv") else { return };
        let Some(records) = real("cdr/asterisk_master_21col_sample_pseudonymised.csv") else { return };
        import_deck(&db, &deck).await;
        create_accounts(&db, &[]).await;
        // Every call came in over this trunk: nothing is charged, and nothing is lost.
        let pbx = || source("pbx", "UTC", &["SIP/211553"]);
        let control = import(&db, pbx(), records.clone()).await;
        assert_eq!(control, Control { records: 7, charged: 0, free: 7, duplicate: 0, suspended: 0 });
        let again = import(&db, pbx(), records).await;
        assert_eq!(again, Control { records: 7, charged: 0, free: 0, duplicate: 7, suspended: 0 });
    }
}
