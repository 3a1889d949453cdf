//! What do customers, switches and clerks ask for? Each deed says all of it, so that it can be asked for again.

use axum::http::Method;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use tollbook::calls::{self, Control, Import, Imported, Source};
use tollbook::jobs;

use crate::calendar::{begins, later};
use crate::model::{Call, DESTINATIONS, Model, PLANS, PriceList};
use crate::programs::{Asked, Program};
use crate::purse::PLACES;

/// Of whom a call is whom nobody knows.
pub(crate) const NOBODY: usize = usize::MAX;
const LINE_OF_NOBODY: &str = "+4930999999";

#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Import {
        file: String,
        calls: Vec<Call>,
    },
    Post {
        call: Call,
        key: Option<String>,
    },
    Batch {
        calls: Vec<Call>,
        key: String,
    },
    TopUp {
        customer: usize,
        reference: String,
        amount: i128,
    },
    Pay {
        customer: usize,
        reference: String,
        amount: i128,
        on: Date,
    },
    Reverse {
        customer: usize,
        payment: String,
        key: String,
    },
    ChangePlan {
        customer: usize,
        plan: usize,
        from: Date,
        key: String,
    },
    Contest {
        customer: usize,
        number: String,
        key: String,
    },
    Settle {
        customer: usize,
        dispute: String,
        key: String,
    },
    CreditFee {
        customer: usize,
        invoice: String,
        key: String,
    },
    CreditCall {
        customer: usize,
        invoice: String,
        call: Call,
        key: String,
    },
    Prices {
        list: PriceList,
        key: String,
    },
    Authorise {
        customer: usize,
        call_id: String,
        to: usize,
        wanted: i64,
    },
    Extend {
        customer: usize,
        sequence: i64,
        used: i64,
        wanted: i64,
    },
    Release {
        customer: usize,
        sequence: i64,
        used: i64,
    },
    Record {
        customer: usize,
        id: String,
        call_id: String,
        to: usize,
        at: Timestamp,
        seconds: i64,
    },
    /// What time alone brings about.
    Round,
}

/// What a deed came to.
#[derive(Debug, Clone)]
pub(crate) enum Came {
    Answer(u16, Value),
    Imported(Control),
    Round,
}

/// An amount as text: millionths, exact.
pub(crate) fn money(micros: i128) -> String {
    let whole = micros.unsigned_abs();
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", whole / 1_000_000, whole % 1_000_000)
}

/// Text as millionths.
pub(crate) fn micros(text: &Value) -> Option<i128> {
    let text = text.as_str()?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = format!("{part:0<6}");
    Some(sign * (whole.parse::<i128>().ok()? * 1_000_000 + part.get(..6)?.parse::<i128>().ok()?))
}

fn post(path: String, body: &Value, key: Option<&String>) -> Asked {
    Asked { method: Method::POST, path, body: body.to_string(), key: key.cloned() }
}

fn record(call: &Call, model: &Model) -> Value {
    let line = model.customers.get(call.customer).map_or(LINE_OF_NOBODY, |customer| &customer.line);
    told((&call.id, &call.id), (line, DESTINATIONS[call.to].0), (call.at, call.seconds))
}

fn told(ids: (&str, &str), numbers: (&str, &str), time: (Timestamp, i64)) -> Value {
    json!({"record_id": ids.0, "call_id": ids.1, "direction": "outbound", "calling_number": numbers.0,
           "called_number": numbers.1, "start_time": time.0, "answer_time": time.0,
           "end_time": later(time.0, time.1), "billsec": time.1, "disposition": "ANSWERED"})
}

/// A file of calls as a switch writes it.
fn file_of(calls: &[Call], model: &Model) -> String {
    let columns = [
        "record_id",
        "call_id",
        "direction",
        "calling_number",
        "called_number",
        "start_time",
        "answer_time",
        "end_time",
        "billsec",
        "disposition",
    ];
    let mut text = columns.join(",") + "\n";
    for call in calls {
        let record = record(call, model);
        let cell = |name: &&str| match &record[*name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text += &(columns.iter().map(cell).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

/// A price list as a file.
pub(crate) fn deck(minute: [i128; 3]) -> String {
    let mut text = "prefix,destination,rate_per_min,connection_charge,increments\n".to_owned();
    let rows = [("44", "United Kingdom"), ("49", "Germany"), ("33", "France")];
    for (place, (prefix, name)) in rows.into_iter().enumerate() {
        let increments = if DESTINATIONS[place].1 { "60/60" } else { "1/1" };
        text += &format!("{prefix},{name},{},0,{increments}\n", money(minute[place]));
    }
    text
}

impl Deed {
    /// The request; nothing for what no request asks for.
    fn asked(&self, model: &Model) -> Option<Asked> {
        let of = |customer: &usize, rest: &str| format!("{}/{rest}", model.customers[*customer].path);
        let session = |customer: &usize, verb: &str| {
            let session = model.customers[*customer].purse.as_ref().and_then(|purse| purse.session.as_ref());
            format!("{}/{verb}", session.map_or("", |session| &session.path))
        };
        Some(match self {
            Self::Import { .. } | Self::Round => return None,
            Self::Post { call, key } => {
                post("/v1/calls?source=switch".to_owned(), &record(call, model), key.as_ref())
            }
            Self::Batch { calls, key } => {
                let lines: Vec<_> = calls.iter().map(|call| record(call, model).to_string()).collect();
                let path = "/v1/calls:batch?source=switch".to_owned();
                Asked { method: Method::POST, path, body: lines.join("\n"), key: Some(key.clone()) }
            }
            Self::TopUp { customer, reference, amount } => {
                let body = json!({"reference": reference, "amount": money(*amount), "currency": "EUR"});
                post(of(customer, "top-ups"), &body, None)
            }
            Self::Pay { customer, reference, amount, on } => {
                let body = json!({"reference": reference, "amount": money(*amount), "currency": "EUR", "paid_on": on});
                post(of(customer, "payments"), &body, None)
            }
            Self::Reverse { customer, payment, key } => {
                let path = of(customer, &format!("payments/{payment}/reverse"));
                post(path, &json!({"reason": "MD06"}), Some(key))
            }
            Self::ChangePlan { customer, plan, from, key } => {
                let from = begins(*from, &model.customers[*customer].zone);
                let body = json!({"plan": PLANS[*plan].0, "valid_from": from});
                post(of(customer, "subscriptions"), &body, Some(key))
            }
            Self::Contest { customer, number, key } => {
                let body = json!({"about": {"invoice": {"number": number}}, "reason": "Not mine"});
                post(of(customer, "disputes"), &body, Some(key))
            }
            Self::Settle { customer, dispute, key } => {
                let path = of(customer, &format!("disputes/{dispute}/settle"));
                post(path, &json!({"outcome": "rejected"}), Some(key))
            }
            Self::CreditFee { customer, invoice, key } => {
                let body =
                    json!({"reason": "Out of order", "credits": {"line": {"number": 1, "net": "1.00"}}});
                post(of(customer, &format!("invoices/{invoice}/credit-notes")), &body, Some(key))
            }
            Self::CreditCall { customer, invoice, call, key } => {
                let about = json!({"call": {"source": "switch", "record_id": call.id}});
                let body = json!({"reason": "Never made", "credits": about});
                post(of(customer, &format!("invoices/{invoice}/credit-notes")), &body, Some(key))
            }
            Self::Prices { list, key } => {
                let terms = json!({"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}});
                let body = json!({"name": "standard", "deck": deck(list.minute), "valid_from": list.from,
                                  "terms": terms, "mode": "replace"});
                post("/v1/tariffs".to_owned(), &body, Some(key))
            }
            Self::Authorise { customer, call_id, to, wanted } => {
                let line = &model.customers[*customer].line;
                let body = json!({"call_id": call_id, "calling_number": line, "called_number": PLACES[*to].0,
                                  "requested_seconds": wanted});
                post("/v1/charging/sessions".to_owned(), &body, None)
            }
            Self::Extend { customer, sequence, used, wanted } => {
                let body = json!({"sequence": sequence, "used_seconds": used, "requested_seconds": wanted});
                post(session(customer, "update"), &body, None)
            }
            Self::Release { customer, sequence, used } => {
                let body = json!({"sequence": sequence, "used_seconds": used});
                post(session(customer, "release"), &body, None)
            }
            Self::Record { customer, id, call_id, to, at, seconds } => {
                let numbers = (&*model.customers[*customer].line, PLACES[*to].0);
                let body = told((id, call_id), numbers, (*at, *seconds));
                post("/v1/calls?source=switch".to_owned(), &body, None)
            }
        })
    }

    /// Asks a program for it once. A fault of the server is no answer.
    pub(crate) async fn ask(&self, program: &Program, model: &Model) -> Option<Came> {
        if let Some(asked) = self.asked(model) {
            return program.ask(&asked).await.map(|(status, body)| Came::Answer(status, body));
        }
        if let Self::Import { file, calls } = self {
            let input = std::io::Cursor::new(file_of(calls, model).into_bytes());
            let import = Import { source: Source::new("switch"), file_name: file.clone(), input };
            return match calls::import(&program.app, import, &|_, _| ()).await.ok()? {
                Imported::Done { import, .. } => Some(Came::Imported(import.control)),
                refused => Some(Came::Answer(0, json!(format!("{refused:?}")))),
            };
        }
        let round = jobs::round(&program.app).await.ok()?;
        match round.billed.refused.first() {
            // A month that met a fault is tried again after an hour.
            Some(_) => None,
            None => Some(Came::Round),
        }
    }

    /// What it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Import { .. } => "import",
            Self::Post { .. } => "post",
            Self::Batch { .. } => "batch",
            Self::TopUp { .. } => "top-up",
            Self::Pay { .. } => "payment",
            Self::Reverse { .. } => "reversal",
            Self::ChangePlan { .. } => "plan",
            Self::Contest { .. } => "dispute",
            Self::Settle { .. } => "settlement",
            Self::CreditFee { .. } | Self::CreditCall { .. } => "credit",
            Self::Prices { .. } => "prices",
            Self::Authorise { .. } => "authorise",
            Self::Extend { .. } => "extend",
            Self::Release { .. } => "release",
            Self::Record { .. } => "record",
            Self::Round => "round",
        }
    }

    /// About how many statements it takes at most: faults are planned among them.
    pub(crate) fn statements(&self) -> u64 {
        match self {
            Self::Round => 110,
            Self::Import { .. } | Self::Batch { .. } => 45,
            Self::CreditFee { .. } | Self::CreditCall { .. } => 60,
            Self::Post { .. } | Self::Record { .. } => 25,
            _ => 18,
        }
    }

    /// Whom it is about.
    pub(crate) fn customers(&self) -> Vec<usize> {
        match self {
            Self::Import { calls, .. } | Self::Batch { calls, .. } => {
                calls.iter().map(|call| call.customer).collect()
            }
            Self::Post { call, .. } => vec![call.customer],
            Self::TopUp { customer, .. }
            | Self::Pay { customer, .. }
            | Self::Reverse { customer, .. }
            | Self::ChangePlan { customer, .. }
            | Self::Contest { customer, .. }
            | Self::Settle { customer, .. }
            | Self::CreditFee { customer, .. }
            | Self::CreditCall { customer, .. }
            | Self::Authorise { customer, .. }
            | Self::Extend { customer, .. }
            | Self::Release { customer, .. }
            | Self::Record { customer, .. } => vec![*customer],
            Self::Prices { .. } | Self::Round => vec![],
        }
    }

    /// By how many seconds the time of whoever answers may be too early without another answer; by none if it decides the answer.
    pub(crate) fn may_be_early_by(&self) -> Option<i64> {
        match self {
            Self::Round
            | Self::TopUp { .. }
            | Self::Reverse { .. }
            | Self::ChangePlan { .. }
            | Self::Contest { .. }
            | Self::Settle { .. }
            | Self::CreditFee { .. }
            | Self::CreditCall { .. } => Some(3 * 86_400),
            // A payment of tomorrow is refused.
            Self::Pay { .. } => Some(3_600),
            _ => None,
        }
    }
}
