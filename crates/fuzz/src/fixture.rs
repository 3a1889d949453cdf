//! What is in the database that requests are sent to?

/// The time on the clock.
pub(crate) const NOW: &str = "2026-11-05T12:00:00Z";

/// A request, and where its answer has the ids of what it made.
pub(crate) struct Step {
    pub(crate) asked: &'static str,
    pub(crate) body: &'static str,
    pub(crate) names: &'static [(&'static str, &'static str)],
}

const fn step(
    asked: &'static str,
    body: &'static str,
    names: &'static [(&'static str, &'static str)],
) -> Step {
    Step { asked, body, names }
}

const RECORDS: &str = r#"
{"record_id":"r1","call_id":"k1","direction":"outbound","calling_number":"+493023125001","called_number":"+442079460123","start_time":"2026-10-05T10:00:00Z","answer_time":"2026-10-05T10:00:00Z","end_time":"2026-10-05T10:01:01Z","disposition":"ANSWERED"}
{"record_id":"r2","call_id":"k2","direction":"outbound","calling_number":"+493023125002","called_number":"+493012345678","start_time":"2026-10-06T10:00:00Z","answer_time":"2026-10-06T10:00:00Z","end_time":"2026-10-06T10:10:01Z","disposition":"ANSWERED"}
{"record_id":"r3","call_id":"k3","direction":"outbound","calling_number":"+493099999999","called_number":"+493012345678","start_time":"2026-11-02T10:00:00Z","answer_time":"2026-11-02T10:00:00Z","end_time":"2026-11-02T10:10:01Z","disposition":"ANSWERED"}
"#;

/// One of each thing.
pub(crate) const STEPS: &[Step] = &[
    step(
        "POST /v1/tax-rates",
        r#"
{"country":"DE","valid_from":"2021-01-01","rate":"19"}"#,
        &[],
    ),
    step(
        "POST /v1/tariffs",
        r#"
{"name":"standard","valid_from":"2026-01-01T00:00:00Z","terms":{"currency":"EUR","rounding":{"digits":4,"mode":"half-up"}},
 "deck":"prefix,destination,rate_per_min,connection_charge,increments,step_from,status\n49,Germany,0.03,0,1/1,0,\n44,United Kingdom,0.02,0,60/60,0,\n39,Italy,0.10,0.07,60/1,0,\n39,Italy,0.05,0.07,60/1,300,\n8816,Satellite,5.00,0,60/60,0,blocked\n"}"#,
        &[],
    ),
    step("GET /v1/tariffs", "", &[("tariff", "/0/id")]),
    step(
        "POST /v1/plans",
        r#"
{"name":"Hundred","currency":"EUR","payment":"postpaid","monthly_fee":"9.90","tariff":"standard",
 "allowances":[{"name":"100 minutes to Germany","seconds":6000,"destinations":["49"]}]}"#,
        &[("plan", "/id")],
    ),
    step(
        "POST /v1/plans",
        r#"
{"name":"Prepaid","currency":"EUR","payment":"prepaid","monthly_fee":"0","tariff":"standard"}"#,
        &[("prepaid_plan", "/id")],
    ),
    step(
        "POST /v1/customers",
        r#"
{"reference":"C-1","currency":"EUR","zone":"Europe/Berlin","party":{"name":"Anna Brandt","country":"DE","email":"anna@example.org"},
 "lines":[{"number":"+493023125001","valid_from":"2025-01-01T00:00:00Z"}],
 "subscription":{"plan":"Hundred","valid_from":"2026-01-01T00:00:00Z"}}"#,
        &[("customer", "/id")],
    ),
    step(
        "POST /v1/customers",
        r#"
{"reference":"C-2","currency":"EUR","zone":"Europe/Berlin","party":{"name":"Bernd","country":"DE"},
 "lines":[{"number":"+493023125002","valid_from":"2025-01-01T00:00:00Z"}],
 "subscription":{"plan":"Hundred","valid_from":"2026-01-01T00:00:00Z"}}"#,
        &[("other_customer", "/id")],
    ),
    step(
        "POST /v1/customers",
        r#"
{"reference":"C-3","currency":"EUR","zone":"Europe/Berlin","party":{"name":"Clara","country":"DE"},
 "lines":[{"number":"+493023125003","valid_from":"2025-01-01T00:00:00Z"}],
 "subscription":{"plan":"Prepaid","valid_from":"2026-01-01T00:00:00Z"}}"#,
        &[("prepaid_customer", "/id")],
    ),
    step("GET /v1/customers/{customer}/lines", "", &[("line", "/0/id")]),
    step("GET /v1/customers/{customer}/subscriptions", "", &[("subscription", "/0/id")]),
    step("POST /v1/calls:batch?source=switch\ncontent-type: application/x-ndjson", RECORDS, &[]),
    step(
        "POST /v1/customers/{customer}/invoices",
        "\n{\"month\":\"2026-10\"}",
        &[("invoice", "/id"), ("number", "/number")],
    ),
    step(
        "POST /v1/customers/{customer}/payments",
        r#"
{"reference":"bank-1","amount":"1.00","currency":"EUR","paid_on":"2026-11-03"}"#,
        &[("payment", "/id")],
    ),
    step(
        "POST /v1/customers/{customer}/charges",
        r#"
{"description":"Setup","amount":{"amount":"5.00","currency":"EUR"}}"#,
        &[],
    ),
    step(
        "POST /v1/customers/{customer}/discounts",
        r#"
{"description":"Welcome","terms":{"percent":"10","applies_to":"fees","duration":"once"},"valid_from":"2026-11-01T00:00:00Z"}"#,
        &[("discount", "/id")],
    ),
    step(
        "POST /v1/customers/{customer}/disputes",
        r#"
{"about":{"invoice":{"number":"{number}"}},"reason":"I was not at home"}"#,
        &[("dispute", "/id")],
    ),
    step(
        "POST /v1/customers/{customer}/invoices/{invoice}/credit-notes",
        r#"
{"credits":{"line":{"number":1,"net":"0.50"}},"reason":"The line was out of order"}"#,
        &[("credit_note", "/id")],
    ),
    step(
        "POST /v1/customers/{prepaid_customer}/top-ups",
        r#"
{"reference":"top-1","amount":"20.00","currency":"EUR"}"#,
        &[],
    ),
    step("GET /v1/customers/{prepaid_customer}/balances", "", &[("balance", "/0/id")]),
    step(
        "POST /v1/vouchers",
        r#"
{"batch":"kiosk","count":2,"amount":"10.00","currency":"EUR"}"#,
        &[("voucher", "/codes/0")],
    ),
    step(
        "POST /v1/charging/sessions",
        r#"
{"call_id":"live-1","calling_number":"+493023125003","called_number":"+442079460123"}"#,
        &[("session", "/session_id")],
    ),
    step(
        "POST /v1/clients",
        r#"
{"name":"switch-a","role":"switch"}"#,
        &[("client", "/id"), ("secret", "/client_secret")],
    ),
    step(
        "POST /oauth/token\ncontent-type: application/x-www-form-urlencoded",
        "\ngrant_type=client_credentials&client_id={client}&client_secret={secret}",
        &[("token", "/access_token")],
    ),
    step(
        "POST /v1/webhooks",
        r#"
{"url":"https://8.8.8.8/hook","events":["call.charged"]}"#,
        &[("endpoint", "/id")],
    ),
];
