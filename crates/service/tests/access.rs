//! Does every operation let in whom its description names, and nobody else?

use serde_json::Value;

use crate::support::access::Guarded;
use crate::support::account::Account;
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::{Answer, TestApp, on_both_databases};

/// What each role is for, as it was agreed; the program has a list of its own.
const SWITCH: [&str; 6] =
    ["calls:write", "charging:read", "charging:write", "imports:read", "imports:write", "quotes:read"];
const CUSTOMER: [&str; 10] = [
    "customers:read",
    "calls:read",
    "invoices:read",
    "credit-notes:read",
    "payments:read",
    "prepaid:read",
    "adjustments:read",
    "disputes:read",
    "privacy:read",
    "vouchers:redeem",
];
/// What is open to everybody, and no more.
const OPEN: [(&str, &str); 7] = [
    ("get", "/problems"),
    ("get", "/problems/{kind}"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/d/{token}"),
    ("post", "/oauth/token"),
    ("post", "/oauth/revoke"),
];

fn has(role: &str, scope: &str) -> bool {
    match role {
        "operator" => true,
        "support" => scope.ends_with(":read") && !["access:read", "webhooks:read"].contains(&scope),
        "switch" => SWITCH.contains(&scope),
        _ => CUSTOMER.contains(&scope) || scope == "plans:read",
    }
}

/// An operation of the description.
struct Operation {
    method: String,
    path: String,
    /// None: it is for everybody.
    scope: Option<String>,
    responses: Value,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(tollbook::http::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = &operation["security"];
            let stated = security.as_array().filter(|stated| stated.len() == 1);
            let stated = stated.unwrap_or_else(|| panic!("{method} {path} states no scope: {security}"));
            let scope = stated[0].get("oauth").map(|scopes| {
                assert_eq!(scopes.as_array().unwrap().len(), 1, "{method} {path}: {scopes}");
                let scope = scopes[0].as_str().unwrap().to_owned();
                assert!(
                    !document["components"]["securitySchemes"]["oauth"]["flows"]["clientCredentials"]["scopes"]
                        [&scope]
                        .is_null(),
                    "{scope} is not described"
                );
                scope
            });
            let (method, path) = (method.clone(), path.clone());
            found.push(Operation { method, path, scope, responses: operation["responses"].clone() });
        }
    }
    assert!(found.len() > 70, "{}", found.len());
    found
}

/// A path with a customer's id, and ids of nothing for the rest.
fn filled(path: &str, customer: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{customer_id}" => customer.to_owned(),
        "{version}" => "1".to_owned(),
        "{session_id}" => "ses_00000000000110000000000011".to_owned(),
        _ => match part.strip_prefix('{').and_then(|part| part.strip_suffix("_id}")) {
            Some("record") => "nothing".to_owned(),
            Some(kind) => {
                let prefixes = [
                    ("balance", "bal"),
                    ("client", "cli"),
                    ("credit_note", "crn"),
                    ("discount", "dis"),
                    ("dispute", "dsp"),
                    ("invoice", "inv"),
                    ("job", "job"),
                    ("line", "lin"),
                    ("plan", "pln"),
                    ("tariff", "tar"),
                ];
                let prefix =
                    prefixes.iter().find(|(name, _)| *name == kind).map_or("cus", |(_, prefix)| prefix);
                format!("{prefix}_0000000000011")
            }
            None => part.replace(['{', '}'], ""),
        },
    });
    parts.collect::<Vec<_>>().join("/")
}

fn kind(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["type"].as_str().unwrap_or_default())
}

const UNKNOWN: (u16, &str) = (401, "/problems/unauthenticated");
const FORBIDDEN: (u16, &str) = (403, "/problems/forbidden");

/// Whether the handler was reached: whatever it says of what was sent, it is not the guard's word.
fn assert_passed(answer: &Answer, said: &str) {
    let status = answer.status.as_u16();
    assert!(![401, 403, 405].contains(&status) && status < 500, "{said}: {answer:?}");
}

fn assert_described(operation: &Operation, status: &str) {
    assert!(
        !operation.responses[status].is_null(),
        "{} {} does not describe {status}",
        operation.method,
        operation.path
    );
}

#[test]
fn only_what_is_meant_for_everybody_is_open_to_everybody() {
    let open: Vec<_> = operations().into_iter().filter(|operation| operation.scope.is_none()).collect();
    let open: Vec<_> =
        open.iter().map(|operation| (operation.method.as_str(), operation.path.as_str())).collect();
    let unmeant: Vec<_> = open.iter().filter(|operation| !OPEN.contains(operation)).collect();
    assert!(unmeant.is_empty() && open.len() == OPEN.len(), "{open:?}");
}

on_both_databases! {
    async fn every_operation_lets_in_whom_it_names_and_nobody_else(db: TestApp) {
        operator(&db).await;
        let (own, other) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        let (own, other) = (own.id.to_string(), other.id.to_string());
        let guarded = Guarded::new(&db);
        let mut tokens = Vec::new();
        for role in ["operator", "support", "switch", "customer"] {
            let customer = (role == "customer").then_some(own.as_str());
            tokens.push((role, guarded.token(role, customer).await));
        }
        let mut met = std::collections::BTreeSet::new();
        for operation in operations() {
            let Operation { method, path, scope, .. } = &operation;
            let method = method.to_uppercase();
            let Some(scope) = scope else {
                assert_passed(&guarded.ask(&method, &filled(path, &own), None).await, path);
                continue;
            };
            assert_described(&operation, "401");
            assert_described(&operation, "403");
            let (mine, theirs) = (filled(path, &own), filled(path, &other));
            for wrong in [None, Some("tok_forged"), Some("a.b.c")] {
                let answer = guarded.ask(&method, &mine, wrong).await;
                assert_eq!(kind(&answer), UNKNOWN, "{method} {path} with {wrong:?}: {answer:?}");
                assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            }
            for (role, token) in &tokens {
                let said = format!("{method} {path} as {role}");
                let of_customer = path.contains("{customer_id}");
                let closed = *role == "customer" && !of_customer && scope != "plans:read";
                for (place, path) in [("own", &mine), ("other", &theirs)] {
                    let answer = guarded.ask(&method, path, Some(token)).await;
                    if !has(role, scope) || closed {
                        assert_eq!(kind(&answer), FORBIDDEN, "{said}, {place}: {answer:?}");
                        met.insert((*role, place, 403));
                    } else if *role == "customer" && of_customer && place == "other" {
                        assert_described(&operation, "404");
                        assert_eq!(kind(&answer), (404, "/problems/not-found"), "{said}, {place}: {answer:?}");
                        assert_eq!(answer.body["detail"], format!("there is no customer {other}"), "{said}");
                        met.insert((*role, place, 404));
                    } else {
                        assert_passed(&answer, &said);
                        met.insert((*role, place, 200));
                    }
                }
            }
        }
        // Each case was met: the walk is not a walk past closed doors.
        assert_eq!(met.len(), 15, "{met:?}");
    }

    async fn a_customer_reads_their_own_and_learns_nothing_of_others(db: TestApp) {
        operator(&db).await;
        let record = |id: &str, from: &'static str| Record { id: id.to_owned(), from, to: "+442079460123", start: "2026-10-05T12:00:00Z", seconds: 61 };
        import_text(&db, "s", &Record::file(&[record("mine", "+493023125001"), record("theirs", "+493023125002")])).await;
        let (own, other) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        let (mine, theirs) = (own.issue("2026-10", "2026-11-05").await, other.issue("2026-10", "2026-11-05").await);
        let guarded = Guarded::new(&db);
        let token = guarded.token("customer", Some(&own.id.to_string())).await;
        let get = async |path: String| guarded.ask("GET", &path, Some(&token)).await.status.as_u16();
        for path in ["", "/lines", "/subscriptions", "/calls", "/spending", "/invoices", "/credit-notes", "/balance",
            "/statement", "/payments", "/balances", "/movements", "/prepaid", "/charges", "/discounts",
            "/disputes", "/export"] {
            assert_eq!(get(format!("{}{path}", own.path)).await, 200, "own {path}");
            assert_eq!(get(format!("{}{path}", other.path)).await, 404, "other's {path}");
        }
        let ids = [&mine, &theirs].map(|invoice| invoice["id"].as_str().unwrap().to_owned());
        for (path, status) in [
            (format!("invoices/{}", ids[0]), 200),
            (format!("invoices/{}/pdf", ids[0]), 200),
            (format!("invoices/{}", ids[1]), 404),
            (format!("invoices/{}/pdf", ids[1]), 404),
            (format!("invoices/{}/xml", ids[1]), 404),
            ("calls/s/mine".to_owned(), 200),
            ("calls/s/theirs".to_owned(), 404),
        ] {
            assert_eq!(get(format!("{}/{path}", own.path)).await, status, "{path}");
        }
        // An id in other letters is no way around.
        let shouted = own.path.to_uppercase().replace("/V1/CUSTOMERS", "/v1/customers");
        assert_eq!(get(shouted).await, 404);
        assert_eq!(get(other.path.replace("cus_", "cus%5F")).await, 404);
        // There is no such customer, and there is one: both look alike.
        let nobody = guarded.ask("GET", "/v1/customers/cus_000000000001z", Some(&token)).await;
        let somebody = guarded.ask("GET", &other.path, Some(&token)).await;
        let told = |answer: &Answer, id: &str| answer.body.to_string().replace(id, "it");
        assert_eq!(told(&nobody, "cus_000000000001z"), told(&somebody, &other.id.to_string()));
    }

    async fn what_is_got_may_be_asked_about_and_nothing_else_slips_through(db: TestApp) {
        let guarded = Guarded::new(&db);
        assert_eq!(guarded.ask("HEAD", "/v1/plans", None).await.status, 401);
        let token = guarded.token("switch", None).await;
        assert_eq!(guarded.ask("HEAD", "/v1/plans", Some(&token)).await.status, 403);
        let token = guarded.token("support", None).await;
        assert_eq!(guarded.ask("HEAD", "/v1/plans", Some(&token)).await.status, 200);
        let answer = guarded.ask("DELETE", "/v1/plans", Some(&token)).await;
        assert_eq!((answer.status.as_u16(), answer.headers["allow"].to_str().unwrap()), (405, "GET, POST"));
        for path in ["/v1/plans/", "//v1/plans", "/v1/Plans", "/v1/nothing"] {
            assert_eq!(guarded.ask("GET", path, None).await.status, 404, "{path}");
        }
        for path in ["/", "/openapi.json"] {
            assert!(guarded.ask("GET", path, None).await.status.as_u16() < 400, "{path}");
        }
    }

    async fn a_refusal_names_the_scope_that_is_missing(db: TestApp) {
        let guarded = Guarded::new(&db);
        let token = guarded.token("support", None).await;
        let answer = guarded.ask("POST", "/v1/plans", Some(&token)).await;
        assert_eq!(answer.body["detail"], "this needs the scope plans:write, which the token has not");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"tollbook\", error=\"insufficient_scope\", scope=\"plans:write\"");
    }

    async fn equal_keys_of_two_callers_never_meet(db: TestApp) {
        operator(&db).await;
        let guarded = Guarded::new(&db);
        let (one, two) = (guarded.client("one", "operator", None).await, guarded.client("two", "operator", None).await);
        let (one, two) = (guarded.token_of(&one, "").await, guarded.token_of(&two, "").await);
        let plan = |name: &str| serde_json::json!({"name": name, "currency": "EUR", "payment": "postpaid", "tariff": "standard"});
        let make = async |token: &str, name: &str| guarded.write("POST", "/v1/plans", Some(token), &plan(name), Some("key-1")).await;
        let first = make(&one, "A").await;
        assert_eq!(first.status, 201, "{first:?}");
        assert_eq!(make(&two, "B").await.status, 201);
        assert_eq!(make(&one, "A").await.body, first.body);
        assert_eq!(make(&one, "C").await.status, 422);
        // Nor with whoever needs no token.
        let anybody = db.post_json_once("/v1/plans", "key-1", &plan("D")).await;
        assert_eq!(anybody.status, 201, "{anybody:?}");
        let _ = create(&db, "/v1/plans", plan("E")).await;
    }
}
