//! Hands mails to a mail server (RFC 5321), and tells what of its answers is worth another try.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::settings::{Settings, Tls, in_file, secret, wrong};
use crate::email;
use crate::error::Result;
use crate::jobs::Tried;

/// The answer to a mail that was taken is worth waiting for, the farewell after it is not.
const FAREWELL: Duration = Duration::from_secs(2);

/// A server that cannot be reached, or refuses our login, is left alone for so long: each of ten thousand mails
/// would wait for it in vain.
const REST: SignedDuration = SignedDuration::from_secs(30);

/// A mail server.
pub(super) struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    login: Option<Credentials>,
    hello: ClientId,
    from: Address,
    bcc: Option<Address>,
    timeout: Duration,
    /// Until when it is left alone, and why.
    rest: Mutex<Option<(Timestamp, String)>>,
}

/// A mail, and to whom.
#[derive(Clone, Copy)]
pub(super) struct Parcel<'p> {
    pub(super) to: &'p Address,
    pub(super) mail: &'p [u8],
}

enum Encryption {
    None,
    StartTls(TlsParameters),
    Tls(TlsParameters),
}

impl Smtp {
    /// A mail server as it is set; it is not spoken to yet.
    pub(super) fn open(settings: &Settings, from: &Address) -> Result<Self> {
        let Settings { host, tls, .. } = settings;
        if host.is_empty() {
            return Err(wrong("mail.host", "is empty: name the mail server"));
        }
        if !(1..=300).contains(&settings.timeout_seconds) {
            return Err(wrong("mail.timeout_seconds", "must be 1 to 300"));
        }
        let (encryption, port) = match tls {
            Tls::None => (Encryption::None, 25),
            Tls::StartTls => (Encryption::StartTls(parameters(settings)?), 587),
            Tls::Tls => (Encryption::Tls(parameters(settings)?), 465),
        };
        let bcc = settings.bcc.as_ref().map(|text| {
            let own = email::own(text).map(|mailbox| mailbox.email);
            own.map_err(|error| wrong("mail.bcc", format!("`{text}` is no e-mail address: {error}")))
        });
        Ok(Self {
            host: host.clone(),
            port: settings.port.unwrap_or(port),
            encryption,
            login: login(settings)?,
            hello: ClientId::Domain(from.domain().to_owned()),
            from: from.clone(),
            bcc: bcc.transpose()?,
            timeout: Duration::from_secs(settings.timeout_seconds),
            rest: Mutex::default(),
        })
    }

    /// Why the server is left alone now, if it is.
    pub(super) fn resting(&self, now: Timestamp) -> Option<String> {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.as_ref().filter(|(until, _)| now < *until).map(|(_, why)| why.clone())
    }

    fn rest(&self, now: Timestamp, why: &str) {
        let until = now.checked_add(REST).unwrap_or(now);
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, why.to_owned()));
    }

    /// Sends a mail to a customer. Before the server gets it, it is noted that it may have it, if it is this program's to send.
    pub(super) async fn deliver(
        &self,
        parcel: Parcel<'_>,
        noting: impl Future<Output = Result<bool>>,
        now: Timestamp,
    ) -> Tried {
        let handed_over = AtomicBool::new(false);
        match tokio::time::timeout(self.timeout, self.hand_over(parcel, noting, now, &handed_over)).await {
            Ok(Ok(mut connection)) => {
                let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
                Tried::Done
            }
            Ok(Err(tried)) => tried,
            Err(_) => {
                let seconds = self.timeout.as_secs();
                let why = format!("{} took more than {seconds} s (mail.timeout_seconds)", self.host);
                self.rest(now, &why);
                if handed_over.into_inner() { Tried::Unanswered(why) } else { Tried::Again(why) }
            }
        }
    }

    /// Until the server has taken the mail. What it refuses before it heard of the customer is our fault
    /// and will be mended; what it refuses for good after that concerns this mail.
    async fn hand_over(
        &self,
        Parcel { to, mail }: Parcel<'_>,
        noting: impl Future<Output = Result<bool>>,
        now: Timestamp,
        handed_over: &AtomicBool,
    ) -> std::result::Result<AsyncSmtpConnection, Tried> {
        let why = |error: SmtpError| format!("{}:{}: {error}", self.host, self.port);
        let ours = |error: SmtpError| Tried::Again(why(error));
        let mut connection = self.connect().await.map_err(|error| {
            let why = why(error);
            self.rest(now, &why);
            Tried::Again(why)
        })?;
        let mut parameters = Vec::new();
        if !AsRef::<str>::as_ref(to).is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = format!("{} takes no address with letters beyond ASCII, such as {to}", self.host);
                return Err(Tried::Failed(why));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        connection.command(MailFrom::new(Some(self.from.clone()), parameters)).await.map_err(ours)?;
        let theirs = |error: SmtpError| self.judge(&error, to);
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(theirs)?;
        if let Some(bcc) = &self.bcc
            && let Err(error) = connection.command(Rcpt::new(bcc.clone(), Vec::new())).await
        {
            // The customer's mail does not wait for our own copy, unless the connection is gone.
            if error.status().is_none() {
                return Err(ours(error));
            }
            tracing::warn!(%error, %bcc, "the mail server refuses mail.bcc");
        }
        match noting.await {
            Ok(true) => {}
            Ok(false) => return Err(Tried::Again("another program has the job by now".to_owned())),
            Err(error) => {
                return Err(Tried::Again(format!("it was not noted that the mail leaves: {error}")));
            }
        }
        connection.command(Data).await.map_err(theirs)?;
        handed_over.store(true, Ordering::Relaxed);
        connection.message(mail).await.map_err(|error| match error.status() {
            Some(_) => self.judge(&error, to),
            // The server has the mail, whole or not: only its answer would tell.
            None => Tried::Unanswered(format!("{} did not answer for a mail to {to}: {error}", self.host)),
        })?;
        Ok(connection)
    }

    fn judge(&self, error: &SmtpError, to: &Address) -> Tried {
        let why = format!("{} on a mail to {to}: {error}", self.host);
        if error.is_permanent() { Tried::Failed(why) } else { Tried::Again(why) }
    }

    async fn connect(&self) -> std::result::Result<AsyncSmtpConnection, SmtpError> {
        let tls = match &self.encryption {
            Encryption::Tls(parameters) => Some(parameters.clone()),
            Encryption::None | Encryption::StartTls(_) => None,
        };
        let server = (self.host.as_str(), self.port);
        let timeout = Some(self.timeout);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, timeout, &self.hello, tls, None).await?;
        if let Encryption::StartTls(parameters) = &self.encryption {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(login) = &self.login {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], login).await?;
        }
        Ok(connection)
    }
}

fn login(settings: &Settings) -> Result<Option<Credentials>> {
    let (user, file) = match (&settings.user, &settings.password_file) {
        (None, None) => return Ok(None),
        (Some(user), Some(file)) => (user, file),
        (Some(_), None) => return Err(wrong("mail.password_file", "is missing: mail.user has a password")),
        (None, Some(_)) => return Err(wrong("mail.user", "is missing: whose is mail.password_file?")),
    };
    if settings.tls == Tls::None && !is_loopback(&settings.host) {
        let what = "is \"none\": a password is sent by TLS only, or to this very machine";
        return Err(wrong("mail.tls", what));
    }
    Ok(Some(Credentials::new(user.clone(), secret("mail.password_file", file)?)))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parameters(settings: &Settings) -> Result<TlsParameters> {
    let builder = TlsParameters::builder(settings.host.clone());
    let Some(path) = &settings.ca_file else {
        let public = builder.certificate_store(CertificateStore::WebpkiRoots).build_rustls();
        return public.map_err(|error| wrong("mail.tls", error));
    };
    let refuse = |what: String| wrong("mail.ca_file", in_file(path, what));
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    if !String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE") {
        return Err(refuse("has no certificate (PEM)".to_owned()));
    }
    let authority = Certificate::from_pem(&pem).map_err(|error| refuse(error.to_string()))?;
    let private = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    private.build_rustls().map_err(|error| refuse(error.to_string()))
}
