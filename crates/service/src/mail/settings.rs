//! How is mail sent, and how do customers get their invoices? The settings `[mail]` and `[delivery]`.

use std::path::PathBuf;

use serde::Deserialize;

pub(super) use crate::config::{in_file, secret, wrong};

/// How mail is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub transport: Transport,
    pub folder: PathBuf,
    pub from: Option<String>,
    pub bcc: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    pub tls: Tls,
    pub ca_file: Option<PathBuf>,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub timeout_seconds: u64,
    pub templates: Option<PathBuf>,
}

/// How mail leaves the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Folder,
    Smtp,
}

/// How the mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// In clear first, then by TLS or not at all (RFC 3207).
    StartTls,
    /// By TLS from the first byte (RFC 8314).
    Tls,
    /// In clear.
    None,
}

/// How customers get their invoices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    pub invoices: Carried,
    pub link_days: u16,
    pub public_url: Option<String>,
    pub secret_file: Option<PathBuf>,
}

/// How a mail carries a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carried {
    Attachment,
    Link,
}
