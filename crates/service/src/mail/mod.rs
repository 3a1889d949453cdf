//! How do customers get their invoices, reminders and notices? By mail: written from templates, sent once a job.
//!
//! A mail is a job of the outbox (`jobs`). Its message id is the job's, so that a mail which is sent again,
//! because this program died between the server's yes and its own commit, can be recognised.

mod again;
pub mod cli;
mod documents;
mod facts;
mod folder;
pub mod http;
mod letter;
mod link;
mod links;
mod links_http;
mod messages;
mod samples;
mod send;
mod settings;
mod smtp;
mod store;
mod words;

use jiff::Timestamp;
use lettre::message::Mailbox;

pub use again::{SentAgain, send_again};
pub(crate) use links::purge as purge_links;
pub(crate) use send::{letter_of, send};
pub use settings::{Carried, Delivery, Settings, Tls, Transport};

use crate::app::App;
use crate::config::Config;
use crate::email;
use crate::error::Result;
use crate::id::JobId;
use crate::jobs::{self, StoredJob, Tried};
use folder::Folder;
use link::Links;
use messages::Messages;
use settings::wrong;
use smtp::{Parcel, Smtp};

/// How mail leaves the house.
enum Mail {
    Smtp(Smtp),
    Folder(Folder),
}

/// Everything that sending mail takes, read and checked when the program starts.
pub struct Mailer {
    mail: Mail,
    from: Mailbox,
    messages: Messages,
    links: Option<Links>,
    carried: Carried,
}

impl Mailer {
    /// Reads what the settings name, and refuses what is wrong with it by the setting's name.
    pub fn open(config: &Config) -> Result<Self> {
        let from = sender(config)?;
        let settings = &config.mail;
        let mail = match settings.transport {
            Transport::Folder => Mail::Folder(Folder { path: settings.folder.clone() }),
            Transport::Smtp => Mail::Smtp(Smtp::open(settings, &from.email)?),
        };
        let messages = Messages::load(settings.templates.as_deref())?;
        let links = Links::open(&config.delivery)?;
        Ok(Self { mail, from, messages, links, carried: config.delivery.invoices })
    }

    /// Why nothing can be sent now, if it is known.
    fn resting(&self, now: Timestamp) -> Option<String> {
        match &self.mail {
            Mail::Smtp(smtp) => smtp.resting(now),
            Mail::Folder(_) => None,
        }
    }

    async fn deliver(&self, app: &App, job: &StoredJob, to: &Mailbox, mail: &[u8], now: Timestamp) -> Tried {
        match &self.mail {
            Mail::Smtp(smtp) => {
                let noting = Box::pin(jobs::hand_over(app, job));
                smtp.deliver(Parcel { to: &to.email, mail }, noting, now).await
            }
            Mail::Folder(folder) => tokio::task::block_in_place(|| folder.deliver(job.id, mail)),
        }
    }

    /// The links to documents, where they are the way invoices are delivered.
    fn linking(&self) -> Option<&Links> {
        self.links.as_ref().filter(|_| self.carried == Carried::Link)
    }
}

/// Who mail is from. Files in a folder need no address that anybody could answer to.
fn sender(config: &Config) -> Result<Mailbox> {
    let operator = &config.operator.party;
    let given = config.mail.from.as_ref().map(|text| ("mail.from", text));
    let given = given.or(operator.email.as_ref().map(|text| ("operator.email", text)));
    let (name, text) = match (given, config.mail.transport) {
        (Some(given), _) => given,
        (None, Transport::Folder) => ("mail.from", &"tollbook@localhost".to_owned()),
        (None, Transport::Smtp) => {
            return Err(wrong("mail.from", "is missing, and so is operator.email: who is mail from?"));
        }
    };
    let mailbox =
        email::own(text).map_err(|error| wrong(name, format!("`{text}` is no e-mail address: {error}")))?;
    let operator = Some(operator.name.clone()).filter(|name| !name.trim().is_empty());
    Ok(Mailbox { name: mailbox.name.or(operator), ..mailbox })
}

/// What a mail is known by: the same whenever its job is tried.
fn message_id(id: JobId, from: &Mailbox) -> String {
    format!("<{id}@{}>", from.email.domain())
}

/// The day of an instant in a zone.
fn day(at: Timestamp, zone: &str) -> jiff::civil::Date {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    zone.to_datetime(at).date()
}
