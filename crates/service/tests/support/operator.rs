//! A small operator: what most tests start from.

use serde_json::{Value, json};
use tollbook::calls::{self, Control, Import, Imported, Source};

use super::TestApp;

const DECK: &str = "prefix,destination,rate_per_min,connection_charge,increments,step_from,status
49,Germany,0.03,0,1/1,0,
44,United Kingdom,0.02,0,60/60,0,
39,Italy,0.10,0.07,60/1,0,
39,Italy,0.05,0.07,60/1,300,
8816,Satellite,5.00,0,60/60,0,blocked
DE:118,Directory enquiries,1.99,0,60/60,0,
";

/// Creates by the API what must succeed.
pub(crate) async fn create(db: &TestApp, path: &str, body: Value) -> Value {
    let answer = db.post_json(path, &body).await;
    assert_eq!(answer.status, 201, "{path} {body}: {answer:?}");
    answer.body
}

/// A tariff, plans and customers: C-1 pays per call, C-2 has a fee and 100 minutes to Germany, C-3 too
/// few lines to call from, C-4 is prepaid.
pub(crate) async fn operator(db: &TestApp) {
    create(db, "/v1/tax-rates", json!({"country": "DE", "valid_from": "2021-01-01", "rate": "19"})).await;
    create(
        db,
        "/v1/tariffs",
        json!({
            "name": "standard", "deck": DECK, "valid_from": "2026-01-01T00:00:00Z",
            "terms": {"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}},
        }),
    )
    .await;
    let plan = |name: &str, payment: &str, fee: &str, allowances: Value| {
        json!({"name": name, "currency": "EUR", "payment": payment, "monthly_fee": fee, "tariff": "standard",
               "allowances": allowances})
    };
    let minutes = json!([{"name": "100 minutes to Germany", "seconds": 6000, "destinations": ["49"]}]);
    create(db, "/v1/plans", plan("Per call", "postpaid", "0", json!([]))).await;
    create(db, "/v1/plans", plan("Hundred", "postpaid", "9.90", minutes)).await;
    create(db, "/v1/plans", plan("Prepaid", "prepaid", "0", json!([]))).await;
    let customer = |reference: &str, plan: &str, lines: Value| {
        json!({"reference": reference, "currency": "EUR", "zone": "Europe/Berlin", "lines": lines,
               "party": {"name": format!("Customer {reference}"), "country": "DE"},
               "subscription": {"plan": plan, "valid_from": "2026-01-01T00:00:00Z"}})
    };
    let line = |number: &str| json!([{"number": number, "valid_from": "2025-01-01T00:00:00Z"}]);
    create(db, "/v1/customers", customer("C-1", "Per call", line("+493023125001"))).await;
    create(db, "/v1/customers", customer("C-2", "Hundred", line("+493023125002"))).await;
    create(db, "/v1/customers", customer("C-3", "Per call", json!([]))).await;
    create(db, "/v1/customers", customer("C-4", "Prepaid", line("+493023125004"))).await;
}

/// An answered call: from C-1 to the United Kingdom, 61 seconds (0.04 EUR), unless said otherwise.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) start: &'static str,
    /// From the answer, right at the start, to the end.
    pub(crate) seconds: i64,
}

impl Record {
    pub(crate) const HEADER: &'static str = "record_id,call_id,direction,calling_number,called_number,start_time,answer_time,end_time,billsec,disposition";

    pub(crate) fn new(id: &str) -> Self {
        let (from, to, start) = ("+493023125001", "+442079460123", "2026-10-05T10:00:00Z");
        Self { id: id.to_owned(), from, to, start, seconds: 61 }
    }

    fn end(&self) -> jiff::Timestamp {
        let start: jiff::Timestamp = self.start.parse().expect("a time");
        start.checked_add(jiff::SignedDuration::from_secs(self.seconds)).expect("a time")
    }

    /// A line of a CSV file.
    pub(crate) fn line(&self) -> String {
        let Self { id, from, to, start, seconds } = self;
        format!("{id},{id},outbound,{from},{to},{start},{start},{},{seconds},ANSWERED", self.end())
    }

    pub(crate) fn json(&self) -> Value {
        let Self { id, from, to, start, seconds } = self;
        json!({"record_id": id, "call_id": id, "direction": "outbound", "calling_number": from,
               "called_number": to, "start_time": start, "answer_time": start, "end_time": self.end(),
               "billsec": seconds, "disposition": "ANSWERED"})
    }

    pub(crate) fn file(records: &[Self]) -> String {
        let lines: Vec<_> = records.iter().map(Self::line).collect();
        format!("{}\n{}\n", Self::HEADER, lines.join("\n"))
    }
}

/// Imports a file of the canonical CSV format.
pub(crate) async fn import_text(db: &TestApp, source: &str, text: &str) -> Control {
    import_from(db, Source::new(source), text).await
}

/// Imports such a file although another source brought calls at the same times.
pub(crate) async fn import_others(db: &TestApp, source: &str, text: &str) -> Control {
    import_from(db, Source { other_calls: true, ..Source::new(source) }, text).await
}

async fn import_from(db: &TestApp, source: Source, text: &str) -> Control {
    let input = std::io::Cursor::new(text.to_owned().into_bytes());
    let import = Import { source, file_name: "test.csv".to_owned(), input };
    match calls::import(&db.app, import, &|_, _| ()).await.expect("the import runs") {
        Imported::Done { import, .. } => {
            assert!(import.control.balances(), "{}", import.control);
            import.control
        }
        refused => panic!("{refused:?}"),
    }
}
