//! What happens to bytes that nobody would send? Every reader of foreign bytes has a target here.
//!
//! A target reads an input. It panics when the reader panics, or when the result lacks a property that every result has.
//! `tests/fuzz.rs` runs the targets, `scripts/fuzz` looks for new inputs.

mod api;
mod bank_lists;
mod decks;
mod facts;
mod fixture;
mod ids;
mod input;
mod issuer;
mod masks;
mod money;
mod numbers;
mod records;
mod settings;
mod terms;
mod times;
mod world;

/// A reader of foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The folder of its corpus.
    pub name: &'static str,
    /// Reads an input, and panics when something is wrong.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// All targets.
pub const TARGETS: [Target; 20] = [
    target("api", api::run),
    target("asterisk", records::asterisk),
    target("asterisk_table", records::asterisk_table),
    target("bank_list", bank_lists::run),
    target("bodies", api::bodies),
    target("csv", records::csv),
    target("deck", decks::run),
    target("facts", facts::run),
    target("ids", ids::run),
    target("issuer", issuer::run),
    target("key", issuer::key),
    target("lines", records::lines),
    target("logo", settings::logo),
    target("masks", masks::run),
    target("money", money::run),
    target("ndjson", records::ndjson),
    target("numbers", numbers::run),
    target("settings", settings::run),
    target("terms", terms::run),
    target("times", times::run),
];

/// Closes what the targets opened. To be called after the last input.
pub fn finish() {
    world::finish();
}

/// The target of a name.
pub fn find(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
