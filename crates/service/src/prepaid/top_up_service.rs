//! Asks the operator's payment service to charge a customer for a top-up.
//!
//! A request is signed in the form of Standard Webhooks (<https://www.standardwebhooks.com>), and has the same
//! id however often it is sent.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Request, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use calculation::money::{Amount, Currency};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::Sha256;

use crate::config::{self, in_file, secret, wrong};
use crate::error::Result;
use crate::id::{CustomerId, JobId};
use crate::jobs::Tried;

/// A service that does not answer is left alone for so long: other jobs wait for each try.
const REST: SignedDuration = SignedDuration::from_secs(30);
/// So much of a refusal is read, and so much of it shown.
const LONGEST_ANSWER: usize = 16 * 1024;
const SHOWN: usize = 200;
const SECRET_PREFIX: &str = "whsec_";

/// Where top-ups are asked for, if anywhere.
pub struct TopUpService(Option<Service>);

/// A payment service.
pub(super) struct Service {
    url: Uri,
    signer: Option<Hmac<Sha256>>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    /// Until when it is left alone, and why.
    rest: Mutex<Option<(Timestamp, String)>>,
}

/// What is asked for.
#[derive(Debug, Serialize)]
pub(super) struct TopUpRequest {
    pub(super) customer_id: CustomerId,
    pub(super) customer_reference: String,
    pub(super) amount: Amount,
    pub(super) currency: Currency,
    /// The top-up is to have this reference.
    pub(super) top_up_reference: String,
}

impl TopUpService {
    /// The service as it is set; it is not spoken to yet.
    pub fn open(settings: &config::Prepaid) -> Result<Self> {
        if !(1..=300).contains(&settings.top_up_timeout_seconds) {
            return Err(wrong("prepaid.top_up_timeout_seconds", "must be 1 to 300"));
        }
        let Some(url) = &settings.top_up_url else {
            return match settings.top_up_secret_file {
                Some(_) => Err(wrong("prepaid.top_up_url", "is missing: what is signed with the secret?")),
                None => Ok(Self(None)),
            };
        };
        let signer = settings.top_up_secret_file.as_ref().map(|file| {
            let secret = secret("prepaid.top_up_secret_file", file)?;
            signer(&secret).ok_or_else(|| {
                let what = "is not `whsec_` and 24 to 64 bytes in base64: openssl rand -base64 32";
                wrong("prepaid.top_up_secret_file", in_file(file, what))
            })
        });
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("prepaid.top_up_url", error))?
            .with_webpki_roots()
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        // Each request has a connection of its own: a service that closes idle ones fails none.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.build());
        Ok(Self(Some(Service {
            url: checked(url)?,
            signer: signer.transpose()?,
            client,
            timeout: Duration::from_secs(settings.top_up_timeout_seconds),
            rest: Mutex::default(),
        })))
    }

    pub(super) fn service(&self) -> Option<&Service> {
        self.0.as_ref()
    }
}

fn checked(url: &str) -> Result<Uri> {
    let refuse = |what: String| wrong("prepaid.top_up_url", format!("`{url}` {what}"));
    let uri: Uri = url.parse().map_err(|error| refuse(format!("is no address: {error}")))?;
    let host = uri.authority().filter(|authority| !authority.host().is_empty());
    match (uri.scheme_str(), host) {
        (Some("https" | "http"), Some(host)) if !host.as_str().contains('@') => Ok(uri),
        _ => Err(refuse("must be https://HOST/PATH, without a login".to_owned())),
    }
}

fn signer(secret: &str) -> Option<Hmac<Sha256>> {
    let key = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
    Hmac::new_from_slice(&key).ok().filter(|_| (24..=64).contains(&key.len()))
}

/// The header `webhook-signature` of a message.
fn signature(signer: &Hmac<Sha256>, id: &str, timestamp: i64, body: &str) -> String {
    let signed = signer.clone().chain_update(format!("{id}.{timestamp}.{body}")).finalize();
    format!("v1,{}", STANDARD.encode(signed.into_bytes()))
}

impl Service {
    /// Why it is left alone now, if it is.
    pub(super) fn resting(&self, now: Timestamp) -> Option<String> {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.as_ref().filter(|(until, _)| now < *until).map(|(_, why)| why.clone())
    }

    fn rest(&self, now: Timestamp, why: String) -> Tried {
        let until = now.checked_add(REST).unwrap_or(now);
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, why.clone()));
        Tried::Again(why)
    }

    /// Asks for a top-up. What the service refuses is given up; what it may do later is tried again.
    pub(super) async fn ask(&self, asked: &TopUpRequest, job: JobId, now: Timestamp) -> Tried {
        let request = match self.request(asked, job, now) {
            Ok(request) => request,
            Err(why) => return Tried::Failed(why),
        };
        let seconds = self.timeout.as_secs();
        match tokio::time::timeout(self.timeout, self.answer(request)).await {
            Err(_) => self.rest(
                now,
                format!("{} took more than {seconds} s (prepaid.top_up_timeout_seconds)", self.url),
            ),
            Ok(Err(why)) => self.rest(now, why),
            Ok(Ok((status, _))) if status.is_success() => Tried::Done,
            Ok(Ok((status, text))) => {
                let why = format!("{} answered {status}: {text}", self.url);
                let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
                if status.is_client_error() && !later { Tried::Failed(why) } else { Tried::Again(why) }
            }
        }
    }

    fn request(
        &self,
        asked: &TopUpRequest,
        job: JobId,
        now: Timestamp,
    ) -> std::result::Result<Request<Full<Bytes>>, String> {
        let body = serde_json::to_string(asked).map_err(|error| error.to_string())?;
        let (id, timestamp) = (job.to_string(), now.as_second());
        let mut request = Request::post(self.url.clone())
            .header("content-type", "application/json")
            .header("user-agent", concat!("tollbook/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp);
        if let Some(signer) = &self.signer {
            request = request.header("webhook-signature", signature(signer, &id, timestamp, &body));
        }
        request.body(Full::from(body)).map_err(|error| error.to_string())
    }

    /// The service's answer: of a refusal, the beginning of what it says.
    async fn answer(
        &self,
        request: Request<Full<Bytes>>,
    ) -> std::result::Result<(StatusCode, String), String> {
        let response = self.client.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            format!("{}: {error}{cause}", self.url)
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok((status, String::new()));
        }
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
        let text = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
        let text = text.unwrap_or_default();
        Ok((status, text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_standard_says() {
        let signer = signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signature(&signer, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_address_or_a_secret_that_is_none_is_refused() {
        for url in ["https://pay.example.org/top-ups", "http://127.0.0.1:8081/"] {
            assert!(checked(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "/top-ups",
            "pay.example.org",
            "ftp://pay.example.org",
            "https://a:b@pay.example.org",
            "https:// x",
        ] {
            let error = checked(url).unwrap_err().to_string();
            assert!(error.starts_with("settings: prepaid.top_up_url"), "{url}: {error}");
        }
        for secret in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ9r8GKYqr", "whsec_%%%%"] {
            assert!(signer(secret).is_none(), "{secret}");
        }
    }
}
