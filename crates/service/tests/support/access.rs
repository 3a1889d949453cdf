//! An application that asks for tokens, and the clients that get them.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollbook::access::Access;
use tollbook::app::App;
use tollbook::config::Config;

use super::operator::create;
use super::{Answer, TestApp, send_to};

/// The application of a test, guarded.
pub(crate) struct Guarded<'a> {
    pub(crate) db: &'a TestApp,
    router: Router,
}

/// A client of it.
pub(crate) struct TestClient {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl TestClient {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        Self { id: text("id"), secret: text("client_secret") }
    }

    /// The header by which it authenticates.
    pub(crate) fn basic(&self) -> String {
        basic(&self.id, &self.secret)
    }
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) const GRANT: &str = "grant_type=client_credentials";

impl<'a> Guarded<'a> {
    pub(crate) fn new(db: &'a TestApp) -> Self {
        Self::under(db, "")
    }

    /// Under further settings of access.
    pub(crate) fn under(db: &'a TestApp, settings: &str) -> Self {
        let config = Config::from_toml(&format!("[access]\n{settings}")).expect("the settings are sound");
        let access = Access::open(&config.access).expect("the settings are sound");
        let app = App { access, ..db.app.clone() };
        Self { db, router: tollbook::http::router(app) }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send_to(self.router.clone(), request).await
    }

    /// A new client, made by whoever needs no token.
    pub(crate) async fn client(&self, name: &str, role: &str, customer: Option<&str>) -> TestClient {
        let mut new = json!({"name": name, "role": role});
        if let Some(customer) = customer {
            new["customer_id"] = customer.into();
        }
        TestClient::of(&create(self.db, "/v1/clients", new).await)
    }

    /// A token of a new client.
    pub(crate) async fn token(&self, role: &str, customer: Option<&str>) -> String {
        let client = self.client(&format!("{role} {}", customer.unwrap_or_default()), role, customer).await;
        self.token_of(&client, "").await
    }

    /// A token of a client, with what else the form says.
    pub(crate) async fn token_of(&self, client: &TestClient, more: &str) -> String {
        let answer = self.form("/oauth/token", &format!("{GRANT}{more}"), Some(&client.basic())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access_token"].as_str().expect("a token").to_owned()
    }

    /// Sends a form.
    pub(crate) async fn form(&self, path: &str, form: &str, authorization: Option<&str>) -> Answer {
        let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        self.send(request.body(Body::from(form.to_owned())).expect("the form is sound")).await
    }

    /// Asks with a token, or without.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        self.write(method, path, token, &Value::Null, None).await
    }

    /// Asks with a body and perhaps a key.
    pub(crate) async fn write(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
        key: Option<&str>,
    ) -> Answer {
        let method: Method = method.parse().expect("a method");
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).expect("the request is sound")).await
    }
}
