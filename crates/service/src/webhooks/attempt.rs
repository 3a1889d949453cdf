//! One attempt to deliver a message: what did the receiver make of it?

use std::time::Duration;

use axum::http::{StatusCode, Uri};
use jiff::Timestamp;
use url::Url;

use super::client::Answer;
use super::store::{Claimed, Stored};
use super::{Client, Outgoing, Resolver, Signer, Unanswered, target};
use crate::config::{self, wrong};
use crate::error::Result;

/// How webhooks leave.
pub struct Courier {
    client: Client,
    allow_private: bool,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    Done(u16),
    /// The receiver wants no more messages, ever.
    Gone,
    Failed {
        status: Option<u16>,
        why: String,
        /// When the receiver wants to be asked again, in seconds.
        retry_after: Option<i64>,
    },
}

impl Courier {
    /// Reads the settings; nobody is spoken to yet.
    pub fn open(settings: &config::Webhooks) -> Result<Self> {
        let config::Webhooks { allow_private, timeout_seconds, keep_days } = *settings;
        if !(1..=60).contains(&timeout_seconds) {
            return Err(wrong("webhooks.timeout_seconds", "must be 1 to 60"));
        }
        if !(4..=3650).contains(&keep_days) {
            return Err(wrong(
                "webhooks.keep_days",
                "must be 4 to 3650: messages are tried for over three days",
            ));
        }
        let client = Client::new(Resolver { allow_private }, Duration::from_secs(timeout_seconds));
        let client = client.map_err(|error| wrong("webhooks", error))?;
        Ok(Self { client, allow_private })
    }

    /// Reads an address that messages are to go to, or says why none goes there.
    pub async fn target(&self, text: &str) -> std::result::Result<Url, String> {
        let url = target::read(text, self.allow_private)?;
        target::check(&url, self.allow_private).await?;
        Ok(url)
    }

    /// Sends a message once.
    pub(super) async fn attempt(&self, to: &Stored, message: &Claimed, now: Timestamp) -> Attempt {
        // What was allowed when the endpoint was made may not be any more.
        let read = target::read(&to.endpoint.url, self.allow_private);
        let url = read.and_then(|url| url.as_str().parse::<Uri>().map_err(|error| error.to_string()));
        let url = match url {
            Ok(url) => url,
            Err(why) => return Attempt::Failed { status: None, why, retry_after: None },
        };
        let (signers, id) = (to.signers(now), message.message.to_string());
        let body = message.payload.clone();
        let outgoing = Outgoing { url: &url, id: &id, at: now, signers: &signers, body };
        Attempt::of(self.client.send(outgoing).await)
    }
}

impl Attempt {
    fn of(answer: std::result::Result<Answer, Unanswered>) -> Self {
        let (status, why, retry_after) = match answer {
            Ok(Answer { status, .. }) if status.is_success() => return Self::Done(status.as_u16()),
            Ok(Answer { status: StatusCode::GONE, .. }) => return Self::Gone,
            Ok(Answer { status, retry_after, .. }) if status.is_redirection() => {
                let why = format!("{status}: redirects are not followed, set the address where it leads");
                (Some(status.as_u16()), why, retry_after)
            }
            Ok(Answer { status, retry_after, text }) => {
                (Some(status.as_u16()), format!("{status}: {text}"), retry_after)
            }
            Err(Unanswered::Late(seconds)) => {
                (None, format!("no answer within {seconds} s (webhooks.timeout_seconds)"), None)
            }
            Err(Unanswered::Fault(why)) => (None, why, None),
        };
        Self::Failed { status, why, retry_after }
    }
}

impl Stored {
    /// Who signs: the secret and, during a rotation, the one before.
    fn signers(&self, now: Timestamp) -> Vec<Signer> {
        let still = self.endpoint.previous_secret_until.is_some_and(|until| now < until);
        let previous = self.previous_secret.as_ref().filter(|_| still);
        [Some(&self.secret), previous].into_iter().flatten().filter_map(|secret| Signer::of(secret)).collect()
    }
}
