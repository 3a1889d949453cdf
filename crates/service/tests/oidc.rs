//! Are tokens of an OpenID Connect issuer taken, and of nobody else?

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tollbook::access::Access;
use tollbook::clock::Clock;
use tollbook::config::Config;

use crate::support::access::Guarded;
use crate::support::account::Account;
use crate::support::issuer::{Issuer, Signer};
use crate::support::oidc_provider::OidcProvider;
use crate::support::operator::operator;
use crate::support::{Answer, TestApp, now, on_both_databases};

const AUDIENCE: &str = "urn:tollbook";

fn later(db: &TestApp, seconds: i64) {
    db.app.clock.set(db.app.clock.now().checked_add(SignedDuration::from_secs(seconds)).unwrap());
}

/// Claims of an operator, valid for five minutes.
fn claims(issuer: &Issuer) -> Value {
    let now = now().as_second();
    json!({"iss": issuer.name(), "aud": "tollbook", "sub": "alice", "role": "operator", "iat": now, "exp": now + 300})
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn refused(answer: &Answer) -> String {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("error=\"invalid_token\""));
    answer.body["detail"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn tokens_of_a_real_provider_are_taken_by_their_role(db: TestApp) {
        operator(&db).await;
        let (own, other) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        // A real provider asks no clock of ours.
        db.app.clock.set(Clock::system().now());
        let mut provider = OidcProvider::start(&own.id.to_string());
        let guarded = Guarded::under(&db, &provider.settings());
        let get = async |path: &str, token: &str| guarded.ask("GET", path, Some(token)).await.status.as_u16();
        for algorithm in ["RS256", "ES256", "EdDSA"] {
            let token = |role: &str| provider.token(&format!("{role}.{algorithm}"), AUDIENCE, "");
            assert_eq!(get("/v1/clients", &token("operator")).await, 200, "{algorithm}");
            assert_eq!(get("/v1/clients", &token("support")).await, 403, "{algorithm}");
            assert_eq!(get("/v1/plans", &token("support")).await, 200, "{algorithm}");
            assert_eq!(get("/v1/plans", &token("switch")).await, 403, "{algorithm}");
            assert_eq!(get(&own.path, &token("customer")).await, 200, "{algorithm}");
            assert_eq!(get(&other.path, &token("customer")).await, 404, "{algorithm}");
        }
        let narrow = provider.token("operator.RS256", AUDIENCE, "plans:read");
        assert_eq!((get("/v1/plans", &narrow).await, get("/v1/clients", &narrow).await), (200, 403));
        for (client, audience, why) in [
            ("operator.RS256", "urn:other", "the token is meant for another audience"),
            ("operator.PS256", AUDIENCE, "the token must be signed by RS256, ES256 or EdDSA"),
            ("nobody.RS256", AUDIENCE, "the token names no role of ours: operator, support, switch or customer"),
        ] {
            let answer = guarded.ask("GET", "/v1/plans", Some(&provider.token(client, audience, ""))).await;
            assert_eq!(refused(&answer), why, "{client}");
        }
        // New keys: the first token that they signed makes them known.
        provider.rotate();
        later(&db, 31);
        let old = provider.token("operator.ES256", AUDIENCE, "");
        assert_eq!(get("/v1/plans", &old).await, 200);
        later(&db, 400);
        assert_eq!(refused(&guarded.ask("GET", "/v1/plans", Some(&old)).await), "the token has expired");
    }

    async fn each_claim_must_be_as_it_should(db: TestApp) {
        let (signer, now) = (Signer::new("k"), now().as_second());
        let issuer = Issuer::start(&[&signer]).await;
        let guarded = Guarded::under(&db, &issuer.settings());
        let ask = async |claims: &Value| guarded.ask("GET", "/v1/clients", Some(&signer.sign(claims))).await;
        let good = claims(&issuer);
        for (name, value) in [
            ("aud", json!(["other", "tollbook"])),
            ("exp", json!(now - 59)),
            ("exp", number("1.9e9")),
            ("nbf", json!(now + 60)),
            ("role", json!(["customer", "unrelated", "operator"])),
            ("scope", json!("openid profile")),
            ("scope", json!("openid access:read")),
            ("customer_id", json!("cus_000000000001z")),
        ] {
            let answer = ask(&with(good.clone(), name, value.clone())).await;
            assert_eq!(answer.status, 200, "{name} {value}: {answer:?}");
        }
        for (name, value, part) in [
            ("exp", json!(now - 60), "has expired"),
            ("exp", Value::Null, "never expires"),
            ("exp", json!("tomorrow"), "is no number"),
            ("exp", json!(i64::MAX), "is no time"),
            ("nbf", json!(now + 61), "not valid yet"),
            ("nbf", json!("now"), "is no number"),
            ("aud", json!("other"), "another audience"),
            ("aud", json!(["tollbook2", "Tollbook"]), "another audience"),
            ("aud", Value::Null, "whom it is meant for"),
            ("iss", json!("http://127.0.0.1:1"), "another issuer"),
            ("iss", json!(format!("{}/", issuer.name())), "another issuer"),
            ("iss", Value::Null, "lacks issuer"),
            ("sub", Value::Null, "lacks issuer or subject"),
            ("sub", json!(""), "subject is none"),
            ("sub", json!("a\nb"), "subject is none"),
            ("sub", json!("x".repeat(256)), "subject is none"),
            ("role", Value::Null, "names no role"),
            ("role", json!("Operator"), "no role of ours"),
            ("role", json!([]), "no role of ours"),
            ("role", json!("customer"), "which customer"),
        ] {
            let detail = refused(&ask(&with(good.clone(), name, value.clone())).await);
            assert!(detail.contains(part), "{name} {value}: {detail}");
        }
        let narrow = with(good.clone(), "scope", json!("plans:read"));
        assert_eq!(ask(&narrow).await.status, 403);
        let nobodys = with(with(good, "role", json!("customer")), "customer_id", json!("C-1"));
        assert!(refused(&ask(&nobodys).await).contains("which customer"));
    }

    async fn claims_may_be_called_otherwise(db: TestApp) {
        let signer = Signer::new("k");
        let issuer = Issuer::start(&[&signer]).await;
        let more = "role_claim = \"realm_access.roles\"\ncustomer_claim = \"https://a.example/customer\"\nclock_skew_seconds = 0\n";
        let guarded = Guarded::under(&db, &format!("{}{more}", issuer.settings()));
        operator(&db).await;
        let own = Account::of(&db, "C-1").await;
        let mut claims = with(claims(&issuer), "role", Value::Null);
        claims["realm_access"] = json!({"roles": ["offline_access", "customer"]});
        claims["https://a.example/customer"] = own.id.to_string().into();
        assert_eq!(guarded.ask("GET", &own.path, Some(&signer.sign(&claims))).await.status, 200);
        let expired = with(claims, "exp", json!(now().as_second()));
        assert_eq!(refused(&guarded.ask("GET", &own.path, Some(&signer.sign(&expired))).await), "the token has expired");
    }

    async fn what_is_forged_is_worth_nothing(db: TestApp) {
        let (signer, other) = (Signer::new("k"), Signer::new("k"));
        let issuer = Issuer::start(&[&signer]).await;
        let guarded = Guarded::under(&db, &issuer.settings());
        let claims = claims(&issuer);
        let ask = async |token: &str| guarded.ask("GET", "/v1/plans", Some(token)).await;
        let good = signer.sign(&claims);
        let parts: Vec<&str> = good.split('.').collect();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = |alg: &str| format!("{}.{}.", part(&json!({"alg": alg, "typ": "JWT"})), part(&claims));
        // The public key is no secret: what is signed with it proves nothing.
        let public = signer.public()["x"].as_str().unwrap().to_owned();
        let raw = URL_SAFE_NO_PAD.decode(&public).unwrap();
        let hmac = |secret: &[u8]| {
            let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::HS256) };
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
        };
        let mut own_key = signer.header();
        own_key.jwk = serde_json::from_value(other.public()).ok();
        let mut elsewhere = signer.header();
        elsewhere.jku = Some("http://127.0.0.1:1/keys".to_owned());
        let mut demanding = signer.header();
        demanding.crit = Some(vec!["exp".to_owned()]);
        let mut logout = signer.header();
        logout.typ = Some("logout+jwt".to_owned());
        let mut unknown = other.header();
        unknown.kid = Some("unknown".to_owned());
        let mut shared = Header::new(Algorithm::HS256);
        shared.kid = Some("shared".to_owned());
        let shared = jsonwebtoken::encode(&shared, &claims, &EncodingKey::from_secret(b"secret")).unwrap();
        let another = part(&with(claims.clone(), "sub", json!("mallory")));
        for (token, why) in [
            (unsigned("none"), "no signed token"),
            (unsigned("None"), "no signed token"),
            (unsigned("EdDSA"), "signature is wrong"),
            (hmac(&raw), "must be signed by"),
            (hmac(public.as_bytes()), "must be signed by"),
            (shared, "must be signed by"),
            (other.sign(&claims), "signature is wrong"),
            (other.sign_with(&own_key, &claims), "signature is wrong"),
            (other.sign_with(&elsewhere, &claims), "signature is wrong"),
            (other.sign_with(&unknown, &claims), "by no key of the issuer"),
            (signer.sign_with(&demanding, &claims), "demands what is not known"),
            (signer.sign_with(&logout, &claims), "something else than access"),
            (format!("{}.{another}.{}", parts[0], parts[2]), "signature is wrong"),
            (format!("{}.{}", parts[0], parts[1]), "no signed token"),
            (format!("{good}.x"), "no signed token"),
            ("..".to_owned(), "no signed token"),
            (format!("{}.{}.{}", "x".repeat(4000), parts[1], parts[2]), "no signed token"),
            (format!("{good}{}", "A".repeat(9000)), "longer than any"),
        ] {
            let detail = refused(&ask(&token).await);
            assert!(detail.contains(why), "{why}: {detail} for {}", token.chars().take(60).collect::<String>());
        }
        assert_eq!(ask(&good).await.status, 200);
        let nameless = Header { kid: None, ..signer.header() };
        assert_eq!(ask(&signer.sign_with(&nameless, &claims)).await.status, 200, "there is but one key");
        let typed = Header { typ: Some("at+JWT".to_owned()), ..signer.header() };
        assert_eq!(ask(&signer.sign_with(&typed, &claims)).await.status, 200);
    }

    async fn keys_are_kept_and_asked_for_again_when_there_are_new_ones(db: TestApp) {
        let (first, second) = (Signer::new("first"), Signer::new("second"));
        let issuer = Issuer::start(&[&first]).await;
        let guarded = Guarded::under(&db, &issuer.settings());
        assert_eq!(issuer.asked(), 0, "it starts without the issuer");
        let mut number = 0;
        let mut ask = async |signer: &Signer| {
            number += 1;
            // Long-lived, and another each time: none is known from before.
            let claims = with(with(claims(&issuer), "exp", json!(now().as_second() + 900_000)), "jti", json!(number));
            guarded.ask("GET", "/v1/plans", Some(&signer.sign(&claims))).await.status.as_u16()
        };
        assert_eq!((ask(&first).await, ask(&first).await, issuer.asked()), (200, 200, 1));
        // A key that is not known is asked for, but not for each token that names it.
        later(&db, 31);
        for _ in 0..5 {
            assert_eq!(ask(&second).await, 401);
        }
        assert_eq!(issuer.asked(), 2);
        issuer.publish(&[&first, &second]);
        later(&db, 31);
        assert_eq!((ask(&second).await, ask(&first).await, issuer.asked()), (200, 200, 3));
        // Two keys: a token must say by which it is signed.
        let nameless = Header { kid: None, ..first.header() };
        let token = first.sign_with(&nameless, &claims(&issuer));
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 401);
        // What was taken back works ten minutes at most.
        issuer.publish(&[&second]);
        later(&db, 500);
        assert_eq!((ask(&first).await, issuer.asked()), (200, 3));
        later(&db, 120);
        assert_eq!((ask(&first).await, ask(&second).await, issuer.asked()), (401, 200, 4));
        // While it cannot be asked, its keys are kept for a day.
        issuer.answer(500);
        later(&db, 3600);
        assert_eq!((ask(&second).await, ask(&second).await, issuer.asked()), (200, 200, 5));
        later(&db, 24 * 3600);
        assert_eq!((ask(&second).await, issuer.asked()), (503, 6));
        issuer.answer(200);
        assert_eq!(ask(&second).await, 503, "not asked for each token");
        later(&db, 31);
        assert_eq!((ask(&second).await, issuer.asked()), (200, 7));
    }

    async fn an_issuer_that_calls_itself_otherwise_is_not_believed(db: TestApp) {
        let signer = Signer::new("k");
        let issuer = Issuer::start(&[&signer]).await;
        issuer.rename("http://127.0.0.1:1");
        let guarded = Guarded::under(&db, &issuer.settings());
        let token = signer.sign(&claims(&issuer));
        let answer = guarded.ask("GET", "/v1/plans", Some(&token)).await;
        assert_eq!((answer.status.as_u16(), &answer.body["type"]), (503, &json!("/problems/unavailable")), "{answer:?}");
        // Our own tokens need no issuer.
        let own = guarded.token("support", None).await;
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&own)).await.status, 200);
    }
}

/// A number as some issuers write times.
fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let open = |settings: &str| {
        let config =
            Config::from_toml(&format!("[access]\n{settings}")).map_err(|error| error.to_string())?;
        Access::open(&config.access).map(|_| ()).map_err(|error| error.to_string())
    };
    let issuer = "issuer = \"https://id.example.org/realms/a\"\n";
    assert_eq!(open(&format!("{issuer}audience = \"tollbook\"\n")), Ok(()));
    for (settings, part) in [
        (issuer.to_owned(), "access.audience is missing"),
        ("audience = \"tollbook\"\n".to_owned(), "access.issuer is missing"),
        (
            "issuer = \"http://id.example.org\"\naudience = \"a\"\n".to_owned(),
            "http is for this machine alone",
        ),
        ("issuer = \"id.example.org\"\naudience = \"a\"\n".to_owned(), "must be https://"),
        ("issuer = \"https://id.example.org/?a=b\"\naudience = \"a\"\n".to_owned(), "no query"),
        ("clock_skew_seconds = 601\n".to_owned(), "clock_skew_seconds"),
        ("token_minutes = 0\n".to_owned(), "token_minutes"),
        ("required = false\n".to_owned(), "required"),
        (format!("{issuer}audience = \"a\"\nissuer_ca_file = \"nowhere.pem\"\n"), "nowhere.pem"),
        (format!("{issuer}audience = \"a\"\nissuer_ca_file = \"/dev/null\"\n"), "has no certificate"),
    ] {
        let refusal = open(&settings).unwrap_err();
        assert!(refusal.contains(part), "{settings}: {refusal}");
    }
}
