//! Asks the operator's payment service to charge a customer for a top-up.
//!
//! A request is signed in the form of Standard Webhooks (<https://www.standardwebhooks.com>), and has the same
//! id however often it is sent.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{StatusCode, Uri};
use calculation::money::{Amount, Currency};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::{self, in_file, secret, wrong};
use crate::error::Result;
use crate::id::{CustomerId, JobId};
use crate::jobs::Tried;
use crate::webhooks::{Answer, Client, Outgoing, Resolver, Signer, Unanswered};

/// A service that does not answer is left alone for so long: other jobs wait for each try.
const REST: SignedDuration = SignedDuration::from_secs(30);

/// Where top-ups are asked for, if anywhere.
pub struct TopUpService(Option<Service>);

/// A payment service.
pub(super) struct Service {
    url: Uri,
    signer: Option<Signer>,
    client: Client,
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
            Signer::of(&secret).ok_or_else(|| {
                let what = "is not `whsec_` and 24 to 64 bytes in base64: openssl rand -base64 32";
                wrong("prepaid.top_up_secret_file", in_file(file, what))
            })
        });
        // The operator's own service, in a network of theirs perhaps.
        let resolver = Resolver { allow_private: true };
        let timeout = Duration::from_secs(settings.top_up_timeout_seconds);
        let client = Client::new(resolver, timeout).map_err(|error| wrong("prepaid.top_up_url", error))?;
        Ok(Self(Some(Service {
            url: checked(url)?,
            signer: signer.transpose()?,
            client,
            rest: Mutex::default(),
        })))
    }

    pub(super) fn service(&self) -> Option<&Service> {
        self.0.as_ref()
    }
}

fn checked(url: &str) -> Result<Uri> {
    // What is refused may hold a login: it is not repeated.
    let refuse = |what: String| wrong("prepaid.top_up_url", what);
    let uri: Uri = url.parse().map_err(|error| refuse(format!("is no address: {error}")))?;
    let host = uri.authority().filter(|authority| !authority.host().is_empty());
    match (uri.scheme_str(), host) {
        (Some("https" | "http"), Some(host)) if !host.as_str().contains('@') => Ok(uri),
        _ => Err(refuse("must be https://HOST/PATH, without a login".to_owned())),
    }
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
        let body = match serde_json::to_string(asked) {
            Ok(body) => body,
            Err(error) => return Tried::Failed(error.to_string()),
        };
        let (id, signers) = (job.to_string(), self.signer.as_slice());
        let outgoing = Outgoing { url: &self.url, id: &id, at: now, signers, body };
        match self.client.send(outgoing).await {
            Err(Unanswered::Late(seconds)) => self.rest(
                now,
                format!("{} took more than {seconds} s (prepaid.top_up_timeout_seconds)", self.url),
            ),
            Err(Unanswered::Fault(why)) => self.rest(now, format!("{}: {why}", self.url)),
            Ok(Answer { status, .. }) if status.is_success() => Tried::Done,
            Ok(Answer { status, text, .. }) => {
                let why = format!("{} answered {status}: {text}", self.url);
                let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
                if status.is_client_error() && !later { Tried::Failed(why) } else { Tried::Again(why) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused() {
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
    }
}
