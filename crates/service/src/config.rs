//! What is set, and by whom? `default.toml` first, then a file, the environment, and `--set`.

mod address;
pub mod check;
mod http;
pub mod operator;
pub mod sources;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use calculation::call::Limits;
use calculation::limit::{self, OverLimit};
use calculation::money::{Amount, Currency};
use documents::{Brand, BrandSettings};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

use crate::db;
use crate::error::{Error, Result};
use crate::{log, mail};
pub use address::database_url;
pub(crate) use address::with_password;
pub use http::Http;
pub use operator::Operator;
use sources::Sources;

/// Every setting, with its default and what it means.
pub const DEFAULT: &str = include_str!("../default.toml");

/// The settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub operator: Operator,
    pub database: db::Limits,
    pub clock: Clock,
    pub customers: Customers,
    pub calls: Calls,
    pub charging: Charging,
    pub invoices: Invoices,
    pub prepaid: Prepaid,
    pub payments: Payments,
    pub reminders: Reminders,
    pub jobs: Jobs,
    pub webhooks: Webhooks,
    pub mail: mail::Settings,
    pub delivery: mail::Delivery,
    /// Read once, its logo too.
    #[serde(deserialize_with = "brand")]
    pub brand: Brand,
    pub http: Http,
    pub access: Access,
    pub audit: Audit,
    pub retention: Retention,
    pub log: log::Settings,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    pub zone: String,
}

/// When the machine's clock is doubted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    pub tolerance_minutes: u16,
}

impl Clock {
    /// How far it may leap, or be beside the database's.
    pub fn tolerance(self) -> SignedDuration {
        SignedDuration::from_mins(self.tolerance_minutes.into())
    }
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
    /// Absent: by itself, but for months that were over when a customer was created.
    pub mode: Option<BillingMode>,
    pub series: String,
    pub payment_days: u16,
    pub grace_hours: u16,
    pub zero_invoices: bool,
    pub credit_series: String,
}

/// Whether invoices go out by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingMode {
    /// Every month that is over.
    Automatic,
    /// No month before somebody approved it.
    Review,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepaid {
    pub top_up_url: Option<String>,
    pub top_up_secret_file: Option<PathBuf>,
    pub top_up_timeout_seconds: u64,
    pub voucher_key_file: Option<PathBuf>,
    pub voucher_key_before_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payments {
    /// By currency.
    #[serde(default)]
    pub reversal_fee: BTreeMap<String, Amount>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    pub steps: Vec<ReminderStep>,
    pub announce_days: u16,
    pub least: Amount,
    #[serde(default)]
    pub least_by_country: BTreeMap<String, Amount>,
    pub remind_from: Amount,
    pub write_off_below: Amount,
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
    pub seal_minutes: u16,
}

/// What is kept for how long; 0 is for ever.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub call_detail_months: u16,
    pub keep_unpaid: bool,
    pub invoice_years: u16,
    pub audit_months: u16,
    pub idempotency_days: u16,
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

fn brand<'de, D: Deserializer<'de>>(settings: D) -> std::result::Result<Brand, D::Error> {
    Brand::load(BrandSettings::deserialize(settings)?).map_err(serde::de::Error::custom)
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
    /// The defaults, overridden by a file, the environment and `--set`.
    pub fn load(file: Option<&Path>, options: &[String]) -> Result<Self> {
        Self::read(&mut Self::sources(file, options)?)
    }

    /// Who says what.
    pub fn sources(file: Option<&Path>, options: &[String]) -> Result<Sources> {
        let mut sources = Sources::default();
        if let Some(path) = file {
            let name = path.display().to_string();
            sources.file(&name, &std::fs::read_to_string(path).map_err(Error::file(name.clone()))?);
        }
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        sources.environment(std::env::vars_os().filter_map(text));
        sources.options(options);
        Ok(sources)
    }

    /// The defaults, overridden by TOML text.
    pub fn from_toml(over: &str) -> Result<Self> {
        Self::from_tomls(&[over])
    }

    /// The defaults, overridden by each text after the other.
    pub fn from_tomls(texts: &[&str]) -> Result<Self> {
        let mut sources = Sources::default();
        for text in texts {
            sources.file("settings", text);
        }
        Self::read(&mut sources)
    }

    /// All that is wrong is told together.
    pub fn read(sources: &mut Sources) -> Result<Self> {
        match sources.settle() {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => {
                let lines: Vec<_> = faults.iter().map(|fault| format!("settings: {fault}")).collect();
                Err(Error::Other(lines.join("\n       ")))
            }
        }
    }

    /// What is wrong with settings that are each of their kind.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if TimeZone::get(&self.customers.zone).is_err() {
            faults.push(format!("customers.zone `{}` is no IANA time zone", self.customers.zone));
        }
        if let Some(zone) = self.operator.zone.as_ref().filter(|zone| TimeZone::get(zone).is_err()) {
            faults.push(format!("operator.zone `{zone}` is no IANA time zone"));
        }
        let Invoices { series, credit_series, .. } = &self.invoices;
        for (name, series) in [("series", series), ("credit_series", credit_series)] {
            if series.is_empty()
                || series.len() > 20
                || !series.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                faults.push(format!("invoices.{name} `{series}` must be 1 to 20 letters and digits"));
            }
        }
        if !(1..=1440).contains(&self.access.token_minutes) {
            faults.push(format!("access.token_minutes `{}` must be 1 to 1440", self.access.token_minutes));
        }
        if self.http.first_byte_seconds == 0 {
            faults.push("http.first_byte_seconds `0` must be 1 or more".to_owned());
        }
        if self.http.probes.is_some_and(|probes| probes == self.http.listen && probes.port() != 0) {
            faults.push("http.probes must differ from http.listen".to_owned());
        }
        if series == credit_series {
            faults.push(format!("invoices.credit_series `{series}` must differ from invoices.series"));
        }
        let unordered =
            |pair: &[ReminderStep]| matches!(pair, [one, two] if one.after_days >= two.after_days);
        if self.reminders.steps.windows(2).any(unordered) {
            let rule = "must each come more days after the due date than the one before";
            faults.push(format!("reminders.steps {rule}"));
        }
        if !(5..=1440).contains(&self.clock.tolerance_minutes) {
            faults.push(format!(
                "clock.tolerance_minutes `{}` must be 5 to 1440",
                self.clock.tolerance_minutes
            ));
        }
        faults.extend(self.database.faults());
        faults.extend(self.reminders.faults());
        faults.extend(self.payments.faults());
        faults
    }

    /// Where the operator is: the zone that is set, the one of a country that has one time, or that of customers.
    pub fn seller_zone(&self) -> TimeZone {
        let set = self.operator.zone.as_deref();
        let known = set.or_else(|| calculation::zone::zone_of_country(&self.operator.party.country));
        TimeZone::get(known.unwrap_or(&self.customers.zone)).unwrap_or(TimeZone::UTC)
    }

    /// What no sound call exceeds.
    pub fn limits(&self) -> Limits {
        Limits {
            longest_call_seconds: self.calls.longest_call_seconds,
            clock_skew_seconds: self.calls.clock_skew_seconds,
        }
    }
}

impl Reminders {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !(1..=365).contains(&self.announce_days) {
            faults.push(format!("reminders.announce_days `{}` must be 1 to 365", self.announce_days));
        }
        let of_country =
            |(country, least): (&String, &Amount)| (format!("least_by_country `{country}`"), *least);
        let amounts = [
            ("least".to_owned(), self.least),
            ("remind_from".to_owned(), self.remind_from),
            ("write_off_below".to_owned(), self.write_off_below),
        ];
        for (name, amount) in amounts.into_iter().chain(self.least_by_country.iter().map(of_country)) {
            if amount < Amount::ZERO {
                faults.push(format!("reminders.{name} `{amount}` must not be below zero"));
            }
            if let Err(over) = limit::one(amount) {
                faults.push(format!("reminders.{name} `{amount}` {over}"));
            }
        }
        for country in self.least_by_country.keys() {
            if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
                let rule = "is not a country: write the two letters of ISO 3166-1, such as DE";
                faults.push(format!("reminders.least_by_country `{country}` {rule}"));
            }
        }
        faults
    }
}

impl Payments {
    fn faults(&self) -> Vec<String> {
        let fault = |(code, fee): (&String, &Amount)| {
            let what = match code.parse::<Currency>() {
                Err(error) => error.to_string(),
                Ok(_) if *fee < Amount::ZERO => format!("{fee} must not be below zero"),
                Ok(_) if limit::one(*fee).is_err() => format!("{fee} {}", OverLimit::One),
                Ok(currency) if fee.to_minor_unit(currency) != Some(*fee) => {
                    format!("{fee} has more digits than {code} is paid in: {}", currency.minor_digits())
                }
                Ok(_) => return None,
            };
            Some(format!("payments.reversal_fee `{code}`: {what}"))
        };
        self.reversal_fee.iter().filter_map(fault).collect()
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
    use documents::{Colour, Fonts};

    use super::*;

    const PNG: &[u8] = include_bytes!("../../documents/src/paper/tests/logo.png");

    #[test]
    fn the_settings_give_the_brand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logo.png");
        std::fs::write(&path, PNG).unwrap();
        let settings = format!(
            "[brand]\nlogo = {path:?}\naccent = \"#ff0000\"\nfooter = [\"HRB 1\"]\n[brand.de]\ngreeting = \"Moin\"\n"
        );
        let brand = Config::from_toml(&settings).unwrap().brand;
        assert_eq!((brand.accent, brand.footer), (Colour(255, 0, 0), vec!["HRB 1".to_owned()]));
        assert_eq!((brand.de.greeting.as_deref(), brand.en.greeting.as_deref()), (Some("Moin"), None));
        assert!(brand.logo.is_some());
        let fonts = Fonts::in_places(["/usr/share/fonts", "/usr/local/share/fonts"].map(Into::into).to_vec());
        assert_eq!(Config::from_toml("").unwrap().brand, Brand { fonts, ..Brand::default() });
        let wrong = |settings: &str| Config::from_toml(settings).unwrap_err().to_string();
        let missing = wrong("[brand]\nlogo = \"nowhere/logo.png\"\n");
        assert!(missing.contains("brand.logo nowhere/logo.png"), "{missing}");
        std::fs::write(&path, "GIF89a").unwrap();
        assert!(wrong(&settings).contains("neither a PNG nor a JPEG"));
        assert!(wrong("[brand]\naccent = \"blue\"\n").contains("no colour"));
        assert!(wrong("[brand]\nfonts = [\"nowhere/fonts\"]\n").contains("brand.fonts `nowhere/fonts`"));
        assert!(wrong("[brand.en]\nhello = \"x\"\n").contains("hello"));
    }

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
            ("[reminders]\nannounce_days = 0\n", "reminders.announce_days"),
            ("[reminders]\nleast = \"-1\"\n", "reminders.least"),
            ("[reminders]\nremind_from = \"-0.01\"\n", "reminders.remind_from"),
            ("[reminders]\nleast_by_country = { Germany = \"1\" }\n", "Germany"),
            ("[http]\nfirst_byte_seconds = 0\n", "http.first_byte_seconds"),
            ("[http]\nprobes = \"127.0.0.1:8080\"\n", "http.probes"),
            ("[payments]\nreversal_fee = { EURO = \"5.00\" }\n", "EURO"),
            ("[payments]\nreversal_fee = { EUR = \"5.001\" }\n", "reversal_fee `EUR`"),
            ("[payments]\nreversal_fee = { EUR = \"-5\" }\n", "reversal_fee `EUR`"),
            ("series", "settings"),
        ] {
            let message = Config::from_toml(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
