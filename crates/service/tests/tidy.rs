//! Does the source keep the rules that the compiler cannot hold? `ARCHITECTURE.md` says why they are rules.

use std::path::{Path, PathBuf};

/// All that the pure crate may depend on.
const PURE: [&str; 8] =
    ["csv", "iso_currency", "jiff", "memchr", "rlibphonenumber", "serde", "serde_json", "thiserror"];
/// What the pure crate's source never names, besides what clippy bans.
const IMPURE: [&str; 7] =
    ["std::fs", "std::net", "std::env", "std::process", "std::thread", "std::time::", "async fn"];
/// Where transactions begin and end besides the doors: db.rs defines them, the import commits each batch,
/// a billing run each customer's invoice, its numbering each block, reminding each customer's reminders, what is
/// due of balances each chunk, a mail the links in it before it leaves, asking for a top-up what it read, the desk the requests that came together,
/// expiry some sessions, what was seen of the time, a lane of webhooks what it claims and what became of it, and the demo is a door of its own.
const TRANSACTIONS: [&str; 18] = [
    "access/oauth.rs",
    "audit/command.rs",
    "audit/queue.rs",
    "db.rs",
    "db/schema.rs",
    "calls/import.rs",
    "invoices/bill.rs",
    "invoices/number.rs",
    "mail/send.rs",
    "payments/remind.rs",
    "prepaid/replenish.rs",
    "prepaid/round.rs",
    "retention/purge.rs",
    "group_commit.rs",
    "sessions/expire.rs",
    "timekeeping/mod.rs",
    "webhooks/lanes.rs",
    "demo.rs",
];
const ENGINES: [&str; 5] = ["Sqlite", "Postgres", "rusqlite", "tokio_postgres", "deadpool_postgres"];
const MOST_LINES: usize = 450;
/// Longer ones, of one idea each. They may shrink, never grow.
const LONG: [(&str, usize); 4] = [
    ("calculation/src/phone_number.rs", 530),
    ("calculation/src/money.rs", 460),
    ("service/src/calls/store.rs", 545),
    ("service/src/db.rs", 555),
];

/// A source file: its path below `crates/` and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The path below a crate's `src/`, if it lies there.
    fn within(&self, krate: &str) -> Option<&str> {
        self.path.strip_prefix(krate)?.strip_prefix("/src/")
    }

    /// Its lines of code, with their places.
    fn code(&self) -> impl Iterator<Item = (String, &str)> {
        let place = |number| format!("{}:{number}", self.path);
        let lines = (1..).zip(self.text.lines()).map(move |(number, line)| (place(number), line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in crates/").to_owned()
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![crates()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(crates()).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.iter().any(|source| source.path == "service/tests/tidy.rs"), "the sources are elsewhere");
    found
}

/// Every line of code of a crate's `src/` that breaks a rule, by the path in `src/` and the line.
fn broken(krate: &str, breaks: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources() {
        let Some(path) = source.within(krate) else { continue };
        let lines = source.code().filter(|(_, line)| breaks(path, line));
        found.extend(lines.map(|(place, line)| format!("{place}: {}", line.trim())));
    }
    found
}

fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

fn names(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}

#[test]
fn calculation_depends_on_nothing_impure() {
    let manifest: toml::Table =
        std::fs::read_to_string(crates().join("calculation/Cargo.toml")).unwrap().parse().unwrap();
    let others = manifest["dependencies"].as_table().unwrap().keys();
    let others: Vec<_> = others.filter(|name| !PURE.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "calculation must not depend on {others:?}");
    assert!(["target", "build-dependencies"].iter().all(|part| !manifest.contains_key(*part)));
    let impure = broken("calculation", |_, line| IMPURE.iter().any(|word| line.contains(word)));
    assert_none(&impure, "calculation waits for nothing and asks nobody");
}

#[test]
fn the_sql_of_a_feature_is_its_own() {
    let open = |_: &str, line: &str| {
        let line = line.trim();
        (line.ends_with("mod store;") && line != "mod store;") || line.contains("use store::*")
    };
    assert_none(&broken("service", open), "`mod store;` is private, and what it shows is named");
}

#[test]
fn only_doors_begin_and_commit() {
    let door = |path: &str| {
        path.starts_with("http/")
            || path.starts_with("jobs")
            || path.ends_with("http.rs")
            || path.contains("/cli/")
            || path.ends_with("cli.rs")
    };
    let acts = |line: &str| [".begin()", ".commit()"].iter().any(|act| line.contains(act));
    let verbs = broken("service", |path, line| acts(line) && !door(path) && !TRANSACTIONS.contains(&path));
    assert_none(&verbs, "verbs take `&mut Tx`; only http, cli and jobs begin and commit");
}

#[test]
fn only_db_names_an_engine() {
    let named = broken("service", |path, line| {
        !path.starts_with("db") && ENGINES.iter().any(|engine| names(line, engine))
    });
    assert_none(&named, "only db.rs knows that there are two engines");
}

#[test]
fn every_file_says_what_it_answers_and_is_not_long() {
    let mut found = Vec::new();
    for Source { path, text } in sources() {
        if !text.starts_with("//! ") {
            found.push(format!("{path} does not begin with the question it answers: `//! …`"));
        }
        let test =
            path.strip_prefix("service/tests/").filter(|test| !test.contains('/') && *test != "main.rs");
        let test = test.and_then(|test| test.strip_suffix(".rs")).unwrap_or("support");
        if !include_str!("main.rs").contains(&format!("\nmod {test};")) {
            found.push(format!("{path} is not run: name it in tests/main.rs"));
        }
        let most = LONG.iter().find(|(long, _)| *long == path).map_or(MOST_LINES, |(_, lines)| *lines);
        let lines = text.lines().count();
        if lines > most {
            found.push(format!("{path} has {lines} lines, more than {most}: are they two ideas?"));
        }
    }
    assert_none(&found, "a newcomer finds each file in one guess");
}
