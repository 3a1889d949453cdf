//! Who is there when a simulation begins? An operator with price lists and plans, and twenty customers in twenty zones.

use axum::http::Method;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use tollbook::id::CustomerId;

use crate::calendar::{ZONES, begins, later, month_of, next_month, zone};
use crate::chance::Chance;
use crate::deeds::deck;
use crate::model::{Customer, Model, PLANS, PriceList};
use crate::programs::{Asked, Program};
use crate::purse::{PLACES, Purse};

/// Every so many customers pay before they call.
const PREPAID_OF: usize = 3;
/// Every so many of the others have an address for mails.
const MAILED_OF: usize = 4;
const LONG_AGO: &str = "2015-01-01T00:00:00Z";

/// When the story of a seed begins: on the third of a month, when it is that month everywhere.
pub(crate) fn beginning(seed: u64) -> Timestamp {
    let mut month = jiff::civil::date(2024, 1, 1);
    for _ in 0..Chance::new(seed, 0xDA7E).below(36) {
        month = next_month(month);
    }
    later(begins(month, &jiff::tz::TimeZone::UTC), 2 * 86_400 + 12 * 3_600)
}

async fn create(program: &Program, path: &str, body: &Value) -> Result<Value, String> {
    let asked = Asked { method: Method::POST, path: path.to_owned(), body: body.to_string(), key: None };
    match program.ask(&asked).await {
        Some((201, answer)) => Ok(answer),
        heard => Err(format!("{path} {body}: {heard:?}")),
    }
}

/// Sets the world up.
pub(crate) async fn create_world(program: &Program, seed: u64, hooks: u16) -> Result<Model, String> {
    let long_ago: Timestamp = LONG_AGO.parse().map_err(|error: jiff::Error| error.to_string())?;
    let (now, mut model) = (beginning(seed), Model::default());
    create(program, "/v1/tax-rates", &json!({"country": "DE", "valid_from": "2015-01-01", "rate": "19"}))
        .await?;
    let minute = [20_000, 30_000, 25_000];
    model.prices.push(PriceList { from: long_ago, minute });
    let terms = json!({"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}});
    let prepaid = [PLACES[0].1, PLACES[1].1, 25_000];
    for (name, minute) in [("standard", minute), ("ever", prepaid)] {
        let tariff = json!({"name": name, "deck": deck(minute), "valid_from": long_ago, "terms": terms});
        create(program, "/v1/tariffs", &tariff).await?;
    }
    for (name, fee) in PLANS {
        let fee = crate::deeds::money(fee);
        let plan = json!({"name": name, "currency": "EUR", "payment": "postpaid", "monthly_fee": fee,
                          "tariff": "standard"});
        create(program, "/v1/plans", &plan).await?;
    }
    let plan = json!({"name": "Before", "currency": "EUR", "payment": "prepaid", "monthly_fee": "0", "tariff": "ever"});
    create(program, "/v1/plans", &plan).await?;
    let hook = json!({"url": format!("http://127.0.0.1:{hooks}/hook"), "events": ["invoice.issued"]});
    create(program, "/v1/webhooks", &hook).await?;
    for (place, name) in ZONES.into_iter().enumerate() {
        let is_prepaid = place % PREPAID_OF == 1;
        let customer = customer(program, place, name, is_prepaid, now).await?;
        model.customers.push(customer);
    }
    Ok(model)
}

async fn customer(
    program: &Program,
    place: usize,
    zone_name: &str,
    is_prepaid: bool,
    now: Timestamp,
) -> Result<Customer, String> {
    let zone = zone(zone_name);
    let month: Date = month_of(now, &zone);
    let from = begins(month, &zone);
    let (reference, line) = (format!("S-{place}"), format!("+49302312{place:04}"));
    let email = (!is_prepaid && place.is_multiple_of(MAILED_OF)).then(|| format!("s{place}@example.org"));
    let plan = place % PLANS.len();
    let body = json!({
        "reference": reference, "currency": "EUR", "zone": zone_name, "bill_from": from,
        "lines": [{"number": line, "valid_from": LONG_AGO}],
        "party": {"name": format!("Customer {place}"), "country": "DE", "email": email},
        "subscription": {"plan": if is_prepaid { "Before" } else { PLANS[plan].0 }, "valid_from": from},
    });
    let made = create(program, "/v1/customers", &body).await?;
    let id = made["id"].as_str().unwrap_or_default();
    let number = id.parse::<CustomerId>().map_err(|error| format!("{id}: {error}"))?;
    Ok(Customer {
        reference,
        id: number.0,
        path: format!("/v1/customers/{id}"),
        line,
        zone,
        email,
        purse: is_prepaid.then(Purse::default),
        plans: vec![(month, plan)],
        usage: std::collections::BTreeMap::new(),
        calls: Vec::new(),
        credited_calls: std::collections::BTreeSet::new(),
        next: month,
        invoices: Vec::new(),
        payments: Vec::new(),
        credited: 0,
        disputes: Vec::new(),
    })
}
