//! Who said what? The settings of a file, of the environment and of the command line, each with its place.
//!
//! What comes later goes before: defaults, the file, the environment, the command line. Whatever is wrong is told at
//! once, each by the setting's name and where it was said.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::{Config, DEFAULT};

/// What a variable of the environment begins with: `TOLLBOOK__HTTP__LISTEN` is `http.listen`.
pub const VARIABLE: &str = "TOLLBOOK__";

/// Every setting and its kind, those too that are absent by default: `default.toml` has them behind a `#`.
static KNOWN: LazyLock<toml::Table> = LazyLock::new(|| {
    let shown = |line: &str| {
        let setting = line.strip_prefix("# ").filter(|rest| {
            let (name, _) = rest.split_once(" = ").unwrap_or_default();
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        setting.unwrap_or(line).to_owned()
    };
    let lines: Vec<_> = DEFAULT.lines().map(shown).collect();
    lines.join("\n").parse().unwrap_or_default()
});

/// The name of a setting: its section and its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub String, pub String);

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { name: String, line: usize },
    Variable(String),
    Option,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File { name, line } => write!(out, "{name} line {line}"),
            Self::Variable(name) => out.write_str(name),
            Self::Option => out.write_str("--set"),
        }
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub origin: Origin,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => out.write_str(&self.what),
            origin => write!(out, "{} ({origin})", self.what),
        }
    }
}

/// What was given, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Sources {
    given: BTreeMap<Name, (Value, Origin)>,
    faults: Vec<Fault>,
}

impl Sources {
    /// Takes a file in TOML.
    pub fn file(&mut self, file: &str, text: &str) {
        let at = |position: usize| {
            let before = text.get(..position).unwrap_or(text);
            Origin::File { name: file.to_owned(), line: before.matches('\n').count() + 1 }
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let origin = at(error.span().map_or(0, |span| span.start));
            self.refuse(origin, error.message());
        }
        let values = text.parse::<toml::Table>().unwrap_or_default();
        for (section, inner) in table.get_ref() {
            let DeValue::Table(inner) = inner.get_ref() else {
                self.refuse(
                    at(section.span().start),
                    format!("`{}` stands in no section", section.get_ref()),
                );
                continue;
            };
            for key in inner.keys() {
                let name = Name(section.get_ref().to_string(), key.get_ref().to_string());
                let value = values.get(&name.0).and_then(|section| section.get(&name.1));
                // What could not be read was refused above.
                if let Some(value) = value {
                    self.give(name, value.clone(), at(key.span().start));
                }
            }
            if inner.is_empty() && !KNOWN.contains_key(section.get_ref().as_ref()) {
                self.refuse(at(section.span().start), format!("[{}] is no section", section.get_ref()));
            }
        }
        // The tables are sorted by name; who mends the file goes from top to bottom.
        self.faults.sort_by_key(|fault| match &fault.origin {
            Origin::File { line, .. } => *line,
            _ => 0,
        });
    }

    /// Takes the variables that are settings.
    pub fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let mut variables: Vec<_> = variables.filter(|(name, _)| name.starts_with(VARIABLE)).collect();
        variables.sort();
        for (variable, text) in variables {
            let parts: Vec<_> = variable.split("__").skip(1).map(str::to_lowercase).collect();
            let origin = Origin::Variable(variable.clone());
            match &parts[..] {
                [section, key] => self.spoken(Name(section.clone(), key.clone()), &text, origin),
                _ => self.refuse(origin, format!("{variable} is no setting: write {VARIABLE}SECTION__KEY")),
            }
        }
    }

    /// Takes what was said by `--set section.key=value`.
    pub fn options(&mut self, options: &[String]) {
        for option in options {
            let said = option.split_once('=').and_then(|(name, text)| Some((name.split_once('.')?, text)));
            match said {
                Some(((section, key), text)) => {
                    self.spoken(Name(section.to_owned(), key.to_owned()), text, Origin::Option);
                }
                None => self.refuse(Origin::Option, format!("`{option}` is not section.name=value")),
            }
        }
    }

    /// Takes a value that is written without the quotes of TOML where its kind is known.
    fn spoken(&mut self, name: Name, text: &str, origin: Origin) {
        let kind = known(&name);
        let read = || {
            let table = format!("value = {text}").parse::<toml::Table>().ok()?;
            // One value, and nothing behind it.
            (table.len() == 1).then(|| table.get("value").cloned()).flatten()
        };
        let value = match kind {
            Some(Value::String(_)) => Value::String(text.to_owned()),
            Some(_) | None => read().unwrap_or_else(|| Value::String(text.to_owned())),
        };
        self.give(name, value, origin);
    }

    fn give(&mut self, name: Name, value: Value, origin: Origin) {
        if !KNOWN.contains_key(&name.0) {
            self.refuse(origin, format!("[{}] is no section", name.0));
        } else if known(&name).is_none() {
            self.refuse(origin, format!("{name} is no setting: `tollbook settings` shows them all"));
        } else if let Err(what) = suits(&name, &value) {
            self.refuse(origin, format!("{name}: {what}"));
        } else {
            self.given.insert(name, (value, origin));
        }
    }

    fn refuse(&mut self, origin: Origin, what: impl Into<String>) {
        self.faults.push(Fault { origin, what: what.into() });
    }

    /// The settings as far as they can be read, and everything that is wrong.
    pub fn settle(&mut self) -> (Option<Config>, Vec<Fault>) {
        let mut faults = std::mem::take(&mut self.faults);
        let config = match self.merged() {
            Ok(config) => Some(config),
            Err(what) => {
                faults.push(self.placed(what));
                None
            }
        };
        let wrong = config.as_ref().map(Config::faults).unwrap_or_default();
        faults.extend(wrong.into_iter().map(|what| self.placed(what)));
        (config, faults)
    }

    fn merged(&self) -> Result<Config, String> {
        let mut settings: toml::Table = DEFAULT.parse().map_err(|error| format!("{error}"))?;
        for (Name(section, key), (value, _)) in &self.given {
            if let Some(section) = settings.get_mut(section).and_then(Value::as_table_mut) {
                section.insert(key.clone(), value.clone());
            }
        }
        settings.try_into().map_err(|error: toml::de::Error| plain(&error))
    }

    /// A fault that names a setting, with its place.
    pub fn placed(&self, what: impl Into<String>) -> Fault {
        let what = what.into();
        let named = |(name, (_, origin)): (&Name, &(Value, Origin))| {
            let name = name.to_string();
            let mut words = what.split(|letter: char| !(letter.is_alphanumeric() || "._".contains(letter)));
            words.any(|word| word == name).then(|| origin.clone())
        };
        let origin = self.given.iter().find_map(named);
        Fault { origin: origin.unwrap_or(Origin::Default), what }
    }

    /// Every setting with its value, if it has one, and where that was given.
    pub fn in_force(&self) -> Vec<(Name, Option<Value>, Origin)> {
        let defaults: toml::Table = DEFAULT.parse().unwrap_or_default();
        let mut all = Vec::new();
        for (section, keys) in KNOWN.iter() {
            for key in keys.as_table().into_iter().flat_map(toml::Table::keys) {
                let name = Name(section.clone(), key.clone());
                let default = || defaults.get(section).and_then(|section| section.get(key)).cloned();
                let (value, origin) = match self.given.get(&name) {
                    Some((value, origin)) => (Some(value.clone()), origin.clone()),
                    None => (default(), Origin::Default),
                };
                all.push((name, value, origin));
            }
        }
        all
    }
}

fn known(name: &Name) -> Option<&'static Value> {
    KNOWN.get(&name.0)?.get(&name.1)
}

/// Whether a value can be read as this setting, all others being as by default.
fn suits(name: &Name, value: &Value) -> Result<(), String> {
    let alone = Sources {
        given: BTreeMap::from([(name.clone(), (value.clone(), Origin::Default))]),
        faults: Vec::new(),
    };
    alone.merged().map(|_| ())
}

/// What is wrong, without the name, which is told anyway.
fn plain(error: &toml::de::Error) -> String {
    let text = error.message().trim();
    text.lines().next().unwrap_or_default().trim_start_matches("settings: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, variables: &[(&str, &str)], options: &[&str]) -> (Option<Config>, Vec<String>) {
        let mut sources = Sources::default();
        sources.file("tollbook.toml", file);
        sources.environment(variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        sources.options(&options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>());
        let (config, faults) = sources.settle();
        (config, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_said_later_goes_before() {
        let file = "[invoices]\nseries = \"A\"\ncredit_series = \"B\"\n[jobs]\nevery_seconds = 1\n";
        let variables =
            [("TOLLBOOK__INVOICES__SERIES", "2026"), ("TOLLBOOK__JOBS__EVERY_SECONDS", "2"), ("OTHER", "x")];
        let (config, faults) = faults(file, &variables, &["jobs.every_seconds=3", "mail.user=true"]);
        let config = config.unwrap();
        assert_eq!(faults, Vec::<String>::new());
        // Digits are text where text is meant.
        assert_eq!((config.invoices.series.as_str(), config.invoices.credit_series.as_str()), ("2026", "B"));
        assert_eq!(config.jobs.every_seconds, 3);
    }

    #[test]
    fn a_value_is_of_the_settings_kind() {
        let variables = [
            ("TOLLBOOK__HTTP__LISTEN", "[::1]:80"),
            ("TOLLBOOK__REMINDERS__STEPS", "[{ after_days = 5 }]"),
            ("TOLLBOOK__INVOICES__ZERO_INVOICES", "true"),
            ("TOLLBOOK__BRAND__EN", "{ greeting = \"Hello\" }"),
            ("TOLLBOOK__MAIL__PORT", "25"),
        ];
        let (config, faults) = faults("", &variables, &[]);
        assert_eq!(faults, Vec::<String>::new());
        let config = config.unwrap();
        assert!(config.invoices.zero_invoices && config.http.listen.is_ipv6());
        assert_eq!(config.reminders.steps.len(), 1);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place() {
        let file = "[http]\nlisten = \"here\"\nlisen = 1\n\n[invoice]\nseries = \"A\"\n[customers]\nzone = \"Berlin\"\n";
        let variables = [("TOLLBOOK__JOBS__EVERY_SECONDS", "soon"), ("TOLLBOOK__HTTP", "x")];
        let (_, faults) = faults(file, &variables, &["mail.transport=pigeon", "nothing"]);
        for part in [
            "(tollbook.toml line 2)",
            "http.lisen is no setting",
            "(tollbook.toml line 3)",
            "[invoice] is no section",
            "(tollbook.toml line 6)",
            "customers.zone `Berlin` is no IANA time zone (tollbook.toml line 8)",
            "jobs.every_seconds: invalid type: string \"soon\"",
            "(TOLLBOOK__JOBS__EVERY_SECONDS)",
            "TOLLBOOK__HTTP is no setting",
            "mail.transport: unknown variant `pigeon`",
            "`nothing` is not section.name=value (--set)",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:#?}");
        }
        assert_eq!(faults.len(), 8, "{faults:#?}");
        let broken = super::tests::faults("[http]\nlisten = \n[jobs\n", &[], &[]).1;
        assert!(broken.iter().any(|fault| fault.ends_with("(tollbook.toml line 2)")), "{broken:?}");
        let stray = super::tests::faults("series = 1\n[empty]\n", &[], &[]).1;
        assert!(
            stray[0].contains("`series` stands in no section") && stray[1].contains("[empty]"),
            "{stray:?}"
        );
    }

    #[test]
    fn every_setting_that_is_absent_by_default_is_one() {
        let defaults: toml::Table = DEFAULT.parse().unwrap();
        let mut optional = 0;
        for (section, keys) in KNOWN.iter() {
            for (key, example) in keys.as_table().unwrap() {
                let name = Name(section.clone(), key.clone());
                if defaults[section].get(key).is_none() && name.to_string() != "brand.logo" {
                    optional += 1;
                    assert_eq!(suits(&name, example), Ok(()), "{name}");
                }
            }
        }
        assert!(optional > 15, "{optional}");
    }
}
