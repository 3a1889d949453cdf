//! What does a mail say? Templates in the customer's language, ours or the operator's.
//!
//! `invoice.de.txt` begins with the line `Subject: …`; `invoice.de.html` says the same as HTML, in the frame
//! `layout.html`. In templates named `.html` whatever is filled in is escaped.

use std::path::Path;

use calculation::invoice::Language;
use minijinja::{Environment, UndefinedBehavior};

use super::facts::Facts;
use super::settings::{in_file, wrong};
use super::{samples, words};
use crate::error::Result;

const SUBJECT: &str = "Subject: ";

macro_rules! embedded {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

/// Every template, as it is unless the operator has another.
const EMBEDDED: [(&str, &str); 21] = embedded! {
    "layout.html"
    "invoice.en.txt" "invoice.en.html" "invoice.de.txt" "invoice.de.html"
    "credit_note.en.txt" "credit_note.en.html" "credit_note.de.txt" "credit_note.de.html"
    "reminder.en.txt" "reminder.en.html" "reminder.de.txt" "reminder.de.html"
    "spending_notice.en.txt" "spending_notice.en.html" "spending_notice.de.txt" "spending_notice.de.html"
    "low_balance.en.txt" "low_balance.en.html" "low_balance.de.txt" "low_balance.de.html"
};

/// A mail in words.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// The templates.
pub(super) struct Messages {
    environment: Environment<'static>,
}

impl Messages {
    /// The templates, those of a folder before ours; each is tried on samples.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self> {
        let mut environment = Environment::new();
        // A name that is misspelt must not leave a hole in a mail.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        for (name, source) in EMBEDDED {
            environment
                .add_template(name, source)
                .map_err(|error| wrong("mail.templates", explain(&error)))?;
        }
        let refuse = |folder: &Path, what: String| wrong("mail.templates", in_file(folder, what));
        if let Some(folder) = folder {
            for (name, source) in read(folder).map_err(|what| refuse(folder, what))? {
                let added = environment.add_template_owned(name, source);
                added.map_err(|error| refuse(folder, explain(&error)))?;
            }
        }
        let messages = Self { environment };
        messages.check().map_err(|what| match folder {
            Some(folder) => refuse(folder, what),
            None => wrong("mail.templates", what),
        })?;
        Ok(messages)
    }

    fn check(&self) -> std::result::Result<(), String> {
        for facts in samples::all() {
            for language in [Language::En, Language::De] {
                self.write(language, &facts)?;
            }
        }
        Ok(())
    }

    /// Writes a mail; the refusal names template and line.
    pub(super) fn write(&self, language: Language, facts: &Facts) -> std::result::Result<Message, String> {
        let name = format!("{}.{}", facts.matter.template(), words::code(language));
        let text = self.render(&format!("{name}.txt"), facts)?;
        let (first, text) = text.split_once('\n').unwrap_or((&text, ""));
        let subject = first.trim_end().strip_prefix(SUBJECT).filter(|subject| !subject.trim().is_empty());
        let subject = subject.ok_or_else(|| {
            format!("{name}.txt line 1: must be `{SUBJECT}` and what the mail is about, but gives `{first}`")
        })?;
        let (subject, text) = (subject.trim().to_owned(), text.trim_start_matches(['\r', '\n']).to_owned());
        Ok(Message { subject, text, html: self.render(&format!("{name}.html"), facts)? })
    }

    fn render(&self, name: &str, facts: &Facts) -> std::result::Result<String, String> {
        let template = self.environment.get_template(name).map_err(|error| explain(&error))?;
        template.render(facts).map_err(|error| explain(&error))
    }
}

/// The operator's templates: name and content.
fn read(folder: &Path) -> std::result::Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !path.extension().is_some_and(|kind| kind == "txt" || kind == "html") {
            continue;
        }
        if !EMBEDDED.iter().any(|(known, _)| *known == name) {
            let known = EMBEDDED.map(|(known, _)| known).join(", ");
            return Err(format!("{name} is no template; there are {known}"));
        }
        let source = std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        found.push((name.to_owned(), source));
    }
    Ok(found)
}

/// What is wrong with a template, and where: `invoice.de.txt line 3: undefined value in {{ nubmer }}`.
fn explain(error: &minijinja::Error) -> String {
    let mut cause = error;
    while let Some(inner) = std::error::Error::source(cause).and_then(|inner| inner.downcast_ref()) {
        cause = inner;
    }
    let name = cause.name().unwrap_or("a template");
    let what = cause
        .detail()
        .map_or_else(|| cause.kind().to_string(), |detail| format!("{}: {detail}", cause.kind()));
    let Some(line) = cause.line() else { return format!("{name}: {what}") };
    let text = cause.template_source().and_then(|source| source.lines().nth(line.saturating_sub(1)));
    let text = text.map_or(String::new(), |text| format!(" in `{}`", text.trim()));
    format!("{name} line {line}: {what}{text}")
}
