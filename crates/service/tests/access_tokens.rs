//! Does a client get a token, and is any other worth nothing?

use axum::body::Body;
use axum::http::Request;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::access::{GRANT, Guarded, basic};
use crate::support::{Answer, TestApp, on_both_databases};

fn refusal(answer: &Answer) -> (u16, &str) {
    assert_eq!(answer.headers["cache-control"], "no-store", "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json", "{answer:?}");
    (answer.status.as_u16(), answer.body["error"].as_str().unwrap())
}

fn later(db: &TestApp, seconds: i64) {
    let now = db.app.clock.now();
    db.app.clock.set(now.checked_add(SignedDuration::from_secs(seconds)).unwrap());
}

async fn rows(db: &TestApp, table: &str) -> i64 {
    let mut tx = db.app.db.read().await.unwrap();
    let row = tx.row(&format!("select count(*) as n from {table}"), &[]).await.unwrap().unwrap();
    row.get("n").unwrap()
}

/// Asks for the plans with whatever headers are given.
async fn with_headers(guarded: &Guarded<'_>, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get("/v1/plans");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    guarded.send(request.body(Body::empty()).unwrap()).await
}

on_both_databases! {
    async fn a_client_gets_a_token_and_may_do_what_its_role_may(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("desk", "support", None).await;
        let answer = guarded.form("/oauth/token", GRANT, Some(&client.basic())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!((answer.headers["cache-control"].as_bytes(), answer.headers["pragma"].as_bytes()), (&b"no-store"[..], &b"no-cache"[..]));
        assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("Bearer"), &json!(3600)));
        let scopes: Vec<_> = answer.body["scope"].as_str().unwrap().split(' ').collect();
        assert!(scopes.contains(&"plans:read") && !scopes.contains(&"plans:write"), "{scopes:?}");
        let token = answer.body["access_token"].as_str().unwrap();
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(token)).await.status, 200);
        // The scheme's letters do not matter, nor how many spaces follow (RFC 9110).
        for value in [format!("bearer {token}"), format!("BEARER   {token}")] {
            assert_eq!(with_headers(&guarded, &[("authorization", &value)]).await.status, 200, "{value}");
        }
        // Nothing that is kept could be sent: neither the token nor the secret.
        let mut tx = db.app.db.read().await.unwrap();
        let row = tx.row("select token_hash from access_tokens", &[]).await.unwrap().unwrap();
        let hash: Vec<u8> = row.get("token_hash").unwrap();
        assert!(hash.len() == 32 && !token.as_bytes().windows(8).any(|part| hash.windows(8).any(|found| found == part)));
        let row = tx.row("select secret_hash from client_secrets", &[]).await.unwrap().unwrap();
        let hash: String = row.get("secret_hash").unwrap();
        assert!(hash.starts_with("$argon2id$") && !hash.contains(client.secret.rsplit('_').next().unwrap()), "{hash}");
    }

    async fn the_secret_may_be_in_the_form(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("desk", "support", None).await;
        let form = format!("{GRANT}&client_id={}&client_secret={}", client.id, client.secret);
        assert_eq!(guarded.form("/oauth/token", &form, None).await.status, 200);
        let both = guarded.form("/oauth/token", &form, Some(&client.basic())).await;
        assert_eq!(refusal(&both), (400, "invalid_request"));
    }

    async fn a_token_may_have_fewer_scopes_than_the_role(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("reports", "operator", None).await;
        let token = guarded.token_of(&client, "&scope=plans%3Aread+calls:read").await;
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 200);
        assert_eq!(guarded.ask("POST", "/v1/plans", Some(&token)).await.status, 403);
        // Nor does it make a client that may more.
        let narrow = guarded.token_of(&client, "&scope=access:write").await;
        let new = json!({"name": "more", "role": "support"});
        let answer = guarded.write("POST", "/v1/clients", Some(&narrow), &new, None).await;
        assert_eq!((answer.status.as_u16(), &answer.body["type"]), (403, &json!("/problems/forbidden")), "{answer:?}");
        let rotate = format!("/v1/clients/{}/rotate", client.id);
        assert_eq!(guarded.write("POST", &rotate, Some(&narrow), &json!({}), None).await.status, 403);
        assert!(guarded.token_of(&client, "").await.len() > 40, "the secret is what it was");
        let switch = guarded.client("switch", "switch", None).await;
        for scope in ["plans:read", "calls:write+nonsense"] {
            let answer = guarded.form("/oauth/token", &format!("{GRANT}&scope={scope}"), Some(&switch.basic())).await;
            assert_eq!(refusal(&answer), (400, "invalid_scope"), "{scope}");
        }
    }

    async fn whatever_is_wrong_with_a_client_is_answered_alike(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("desk", "support", None).await;
        let other = guarded.client("other", "operator", None).await;
        let revoked = guarded.client("gone", "support", None).await;
        let path = format!("/v1/clients/{}/revoke", revoked.id);
        assert_eq!(db.post_json(&path, &json!({})).await.status, 200);
        let mut longer = client.secret.clone();
        longer.push('x');
        let mut answers = Vec::new();
        for header in [
            revoked.basic(),
            basic(&client.id, &other.secret),
            basic(&client.id, &longer),
            basic(&client.id, &client.secret[..client.secret.len() - 1]),
            basic(&client.id, "nonsense"),
            basic("cli_0000000000011", &client.secret),
            basic("desk", &client.secret),
            basic("", ""),
            basic(&client.id, "a\u{0}b"),
            "Basic %%%".to_owned(),
            "Basic".to_owned(),
            format!("Bearer {}", client.secret),
        ] {
            let answer = guarded.form("/oauth/token", GRANT, Some(&header)).await;
            assert_eq!(refusal(&answer), (401, "invalid_client"), "{header}: {answer:?}");
            assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
            answers.push(answer.body);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
        let none = guarded.form("/oauth/token", GRANT, None).await;
        assert_eq!(refusal(&none), (401, "invalid_client"));
        assert!(!none.headers.contains_key("www-authenticate"));
    }

    async fn what_is_no_request_for_a_token_is_refused(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("desk", "support", None).await;
        for (form, error) in [
            ("", "invalid_request"),
            ("grant_type=", "invalid_request"),
            ("grant_type=password", "unsupported_grant_type"),
            ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
            ("grant_type=client_credentials&scope=plans:read&scope=calls:read", "invalid_request"),
        ] {
            let answer = guarded.form("/oauth/token", form, Some(&client.basic())).await;
            assert_eq!(refusal(&answer), (400, error), "{form}");
        }
        let long = guarded.form("/oauth/token", &format!("{GRANT}&x={}", "y".repeat(20_000)), Some(&client.basic())).await;
        assert_eq!(refusal(&long), (400, "invalid_request"));
        let json = guarded.write("POST", "/oauth/token", None, &json!({"grant_type": "client_credentials"}), None).await;
        assert_eq!(refusal(&json), (400, "invalid_request"));
        let query = guarded.form(&format!("/oauth/token?{GRANT}&client_id={}&client_secret={}", client.id, client.secret), "", None).await;
        assert_eq!(refusal(&query), (401, "invalid_client"), "no secret belongs into an address");
    }

    async fn a_token_expires_and_is_removed(db: TestApp) {
        let guarded = Guarded::new(&db);
        let token = guarded.token("support", None).await;
        later(&db, 3599);
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 200);
        later(&db, 1);
        let answer = guarded.ask("GET", "/v1/plans", Some(&token)).await;
        assert_eq!(answer.status, 401);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\"") && !challenge.contains(&token), "{challenge}");
        assert_eq!(rows(&db, "access_tokens").await, 1);
        let round = tollbook::jobs::round(&db.app).await.unwrap();
        assert_eq!((round.expired_tokens, rows(&db, "access_tokens").await), (1, 0));
    }

    async fn a_revoked_token_works_no_more(db: TestApp) {
        let guarded = Guarded::new(&db);
        let (client, other) = (guarded.client("one", "support", None).await, guarded.client("two", "support", None).await);
        let token = guarded.token_of(&client, "").await;
        let revoke = async |header: &str| guarded.form("/oauth/revoke", &format!("token={token}"), Some(header)).await.status.as_u16();
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 200);
        // Another's token is not theirs to take away, and they are not told that there is one.
        assert_eq!(revoke(&other.basic()).await, 200);
        later(&db, 11);
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 200);
        assert_eq!(revoke(&basic(&client.id, "nonsense")).await, 401);
        assert_eq!(revoke(&client.basic()).await, 200);
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 401);
        assert_eq!(revoke(&client.basic()).await, 200, "again is no error");
        let nothing = guarded.form("/oauth/revoke", "", Some(&client.basic())).await;
        assert_eq!(refusal(&nothing), (400, "invalid_request"));
    }

    async fn what_another_program_revoked_works_for_ten_seconds_at_most(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("one", "support", None).await;
        let token = guarded.token_of(&client, "").await;
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 200);
        // The other program has a memory of its own.
        let path = format!("/v1/clients/{}/revoke", client.id);
        assert_eq!(db.post_json(&path, &json!({})).await.status, 200);
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 200, "from memory");
        later(&db, 10);
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 401);
        assert_eq!(rows(&db, "access_tokens").await, 0);
    }

    async fn who_was_known_stays_known_while_the_database_is_gone(db: TestApp) {
        let guarded = Guarded::new(&db);
        let token = guarded.token("switch", None).await;
        let path = "/v1/charging/sessions";
        let call = json!({"call_id": "c", "calling_number": "+493023125001", "called_number": "112"});
        let ask = async |token: &str| guarded.write("POST", path, Some(token), &call, None).await.status.as_u16();
        assert_eq!(ask(&token).await, 201);
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script("alter table access_tokens rename to elsewhere").await.unwrap();
        tx.commit().await.unwrap();
        later(&db, 60);
        assert_eq!(ask(&token).await, 201, "an emergency call is granted though all else fails");
        assert_eq!(ask("tok_never_seen").await, 500);
        later(&db, 3600);
        assert_eq!(ask(&token).await, 500, "not for ever");
    }

    async fn what_is_no_header_of_ours_is_refused(db: TestApp) {
        let guarded = Guarded::new(&db);
        let token = guarded.token("support", None).await;
        let good = format!("Bearer {token}");
        let huge = format!("Bearer tok_{}", "x".repeat(100_000));
        for (headers, status, error) in [
            (vec![], 401, None),
            (vec![good.as_str(), good.as_str()], 400, Some("invalid_request")),
            (vec!["Bearer tok_x", good.as_str()], 400, Some("invalid_request")),
            (vec!["Bearer"], 400, Some("invalid_request")),
            (vec!["Bearer "], 400, Some("invalid_request")),
            (vec![token.as_str()], 400, Some("invalid_request")),
            (vec!["Basic dXNlcjpwYXNz"], 400, Some("invalid_request")),
            (vec!["Bearer tok_a, Bearer tok_b"], 400, Some("invalid_request")),
            (vec!["Bearer tok_\u{e4}"], 400, Some("invalid_request")),
            (vec!["Bearer tok_x"], 401, Some("invalid_token")),
            (vec![huge.as_str()], 401, Some("invalid_token")),
            (vec!["Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."], 401, Some("invalid_token")),
        ] {
            let all: Vec<_> = headers.iter().map(|value| ("authorization", *value)).collect();
            let answer = with_headers(&guarded, &all).await;
            let shown: Vec<String> = headers.iter().map(|header| header.chars().take(40).collect()).collect();
            assert_eq!(answer.status.as_u16(), status, "{shown:?}: {answer:?}");
            let challenge = answer.headers["www-authenticate"].to_str().unwrap();
            let found = error.is_none_or(|error| challenge.contains(&format!("error=\"{error}\"")));
            assert!(challenge.starts_with("Bearer realm=\"tollbook\"") && found, "{challenge}");
        }
        // An address is written into logs, so a token in it is not looked at.
        let query = guarded.ask("GET", &format!("/v1/plans?access_token={token}"), None).await;
        assert_eq!(query.status, 401);
    }

    async fn as_many_as_ask_at_once_are_served_or_told_to_come_again(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("desk", "support", None).await;
        let wrong = basic(&client.id, "sec_0000000000011_x");
        let mut asked: Vec<_> = (0..90).map(|_| guarded.form("/oauth/token", GRANT, Some(&wrong))).collect();
        let answers = futures_util::future::join_all(asked.drain(..)).await;
        let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!(of(401) + of(503), 90);
        assert!(of(401) >= 66 && of(503) > 0, "{} served", of(401));
        let busy = answers.iter().find(|answer| answer.status == 503).unwrap();
        assert_eq!((refusal(busy).1, busy.headers["retry-after"].as_bytes()), ("temporarily_unavailable", &b"1"[..]));
        assert!(guarded.token_of(&client, "").await.starts_with("tok_"));
    }
}
