//! What is set, and by whom? `default.toml` first, then a file given by `--config`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use calculation::call::Limits;
use calculation::invoice::Party;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::invoices::document::{self, Colour, Texts};
use crate::{log, mail};

/// Every setting, with its default and what it means.
pub const DEFAULT: &str = include_str!("../default.toml");

/// The settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub operator: Party,
    pub customers: Customers,
    pub calls: Calls,
    pub charging: Charging,
    pub invoices: Invoices,
    pub prepaid: Prepaid,
    pub reminders: Reminders,
    pub jobs: Jobs,
    pub webhooks: Webhooks,
    pub mail: mail::Settings,
    pub delivery: mail::Delivery,
    /// Read once, its logo too.
    #[serde(deserialize_with = "brand")]
    pub brand: document::Brand,
    pub http: Http,
    pub access: Access,
    pub audit: Audit,
    pub log: log::Settings,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    pub zone: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    pub longest_call_seconds: u32,
    pub clock_skew_seconds: u32,
}

/// How calls are charged while they happen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charging {
    pub quantum_seconds: u32,
    pub longest_call_seconds: u32,
    pub grace_seconds: u32,
    pub together: usize,
    pub workers: usize,
    pub record_hours: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invoices {
    pub series: String,
    pub payment_days: u16,
    pub grace_hours: u16,
    pub zero_invoices: bool,
    pub credit_series: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepaid {
    pub top_up_url: Option<String>,
    pub top_up_secret_file: Option<PathBuf>,
    pub top_up_timeout_seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    pub steps: Vec<ReminderStep>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReminderStep {
    pub after_days: u16,
    #[serde(default)]
    pub suspend: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    pub reads: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub every_seconds: u64,
    pub late_after_seconds: u32,
}

/// How webhooks leave.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    pub allow_private: bool,
    pub timeout_seconds: u64,
    pub keep_days: u16,
}

/// How documents look.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    pub logo: Option<PathBuf>,
    pub accent: Colour,
    pub footer: Vec<String>,
    #[serde(default)]
    pub en: Texts,
    #[serde(default)]
    pub de: Texts,
}

fn brand<'de, D: Deserializer<'de>>(settings: D) -> std::result::Result<document::Brand, D::Error> {
    document::Brand::load(&Brand::deserialize(settings)?).map_err(serde::de::Error::custom)
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    pub body_limit_bytes: usize,
    pub header_timeout_seconds: u64,
    pub body_timeout_seconds: u64,
    pub connections: usize,
    pub drain_seconds: u64,
    pub shutdown_seconds: u64,
}

/// Who may come in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub token_minutes: u32,
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub role_claim: String,
    pub customer_claim: String,
    pub clock_skew_seconds: u16,
    pub issuer_ca_file: Option<PathBuf>,
}

impl Config {
    /// The defaults, overridden by a file.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let over = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(Error::file(path.display().to_string()))?,
        };
        Self::from_toml(&over)
    }

    /// The defaults, overridden by TOML text.
    pub fn from_toml(over: &str) -> Result<Self> {
        let wrong = |error: toml::de::Error| Error::Other(format!("settings: {error}"));
        let mut settings: toml::Table = DEFAULT.parse().map_err(wrong)?;
        let over: toml::Table = over.parse().map_err(wrong)?;
        for (section, values) in over {
            let table = settings.get_mut(&section).and_then(toml::Value::as_table_mut);
            let (Some(table), toml::Value::Table(values)) = (table, values) else {
                return Err(Error::Other(format!("settings: [{section}] is no section: see default.toml")));
            };
            table.extend(values);
        }
        let config: Self = settings.try_into().map_err(wrong)?;
        config.checked()
    }

    fn checked(self) -> Result<Self> {
        let refuse = |message: String| Err(Error::Other(format!("settings: {message}")));
        if TimeZone::get(&self.customers.zone).is_err() {
            return refuse(format!("customers.zone `{}` is no IANA time zone", self.customers.zone));
        }
        let Invoices { series, credit_series, .. } = &self.invoices;
        for (name, series) in [("series", series), ("credit_series", credit_series)] {
            if series.is_empty()
                || series.len() > 20
                || !series.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                return refuse(format!("invoices.{name} `{series}` must be 1 to 20 letters and digits"));
            }
        }
        if !(1..=1440).contains(&self.access.token_minutes) {
            return refuse(format!("access.token_minutes `{}` must be 1 to 1440", self.access.token_minutes));
        }
        if series == credit_series {
            return refuse(format!("invoices.credit_series `{series}` must differ from invoices.series"));
        }
        if self
            .reminders
            .steps
            .windows(2)
            .any(|pair| matches!(pair, [one, two] if one.after_days >= two.after_days))
        {
            return refuse(
                "reminders.steps must each come more days after the due date than the one before".into(),
            );
        }
        Ok(self)
    }

    /// What no sound call exceeds.
    pub fn limits(&self) -> Limits {
        Limits {
            longest_call_seconds: self.calls.longest_call_seconds,
            clock_skew_seconds: self.calls.clock_skew_seconds,
        }
    }
}

/// A refusal of a setting, by its name.
pub(crate) fn wrong(name: &str, what: impl std::fmt::Display) -> Error {
    Error::Other(format!("settings: {name} {what}"))
}

/// The first line of a file that holds a secret.
pub(crate) fn secret(name: &str, path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| wrong(name, in_file(path, error)))?;
    match text.lines().next().map(str::trim) {
        None | Some("") => Err(wrong(name, in_file(path, "the first line is empty"))),
        Some(line) => Ok(line.to_owned()),
    }
}

pub(crate) fn in_file(path: &Path, what: impl std::fmt::Display) -> String {
    format!("`{}`: {what}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_overrides_what_it_names() {
        let config = Config::from_toml("[invoices]\nseries = \"HT\"\n").unwrap();
        assert_eq!((config.invoices.series.as_str(), config.invoices.payment_days), ("HT", 14));
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for (text, part) in [
            ("[invoices]\nserie = \"HT\"\n", "serie"),
            ("[invoice]\nseries = \"HT\"\n", "[invoice]"),
            ("[customers]\nzone = \"Berlin\"\n", "Berlin"),
            ("[invoices]\nseries = \"a-b\"\n", "a-b"),
            ("[reminders]\nsteps = [{after_days = 3}, {after_days = 3}]\n", "reminders.steps"),
            ("series", "settings"),
        ] {
            let message = Config::from_toml(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
