//! What is a simulation asked for, and what does it tell?

use std::collections::BTreeSet;
use std::time::Duration;

use crate::plan::{Counts, Keep};
use crate::run::{Failure, Story};
use crate::stores::Engine;

/// Without a word about it a simulation is short: it shows that it works.
const SECONDS: u64 = 10;
const SHRINK_SECONDS: u64 = 120;
const DAYS: u64 = 400;

/// What is asked for on the command line.
pub(crate) struct Words {
    pub(crate) seed: u64,
    pub(crate) engines: Vec<Engine>,
    pub(crate) time: Duration,
    pub(crate) days: u64,
    pub(crate) shrink: Duration,
    pub(crate) keep: Keep,
}

impl Words {
    /// Nothing when other tests are asked for, or only their names.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Option<Self> {
        let mut asked = Self {
            seed: 1,
            engines: vec![Engine::Sqlite, Engine::Postgres],
            time: Duration::from_secs(SECONDS),
            days: DAYS,
            shrink: Duration::from_secs(SHRINK_SECONDS),
            keep: Keep::default(),
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--seed" => asked.seed = number(&value()),
                "--seconds" => asked.time = Duration::from_secs(number(&value())),
                "--days" => asked.days = number(&value()),
                "--shrink" => asked.shrink = Duration::from_secs(number(&value())),
                "--steps" => asked.keep.steps = Some(numbers(&value())),
                "--faults" => asked.keep.faults = Some(numbers(&value())),
                "--calm" => asked.keep.calm = true,
                "--database" => {
                    let name = value();
                    asked.engines.retain(|engine| engine.name() == name);
                    assert!(!asked.engines.is_empty(), "{name} is neither sqlite nor postgres");
                }
                "--list" => return None,
                other if !other.starts_with('-') && !"simulation".contains(other) => return None,
                _ => {}
            }
        }
        Some(asked)
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is not a number"))
}

fn numbers(text: &str) -> BTreeSet<u64> {
    text.split(',').filter(|part| !part.is_empty()).map(number).collect()
}

fn listed(steps: &BTreeSet<u64>) -> String {
    steps.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// Says what failed, and how it is replayed.
pub(crate) fn tell_failure(story: &Story, failure: &Failure) {
    let Story { seed, engine, keep, .. } = story;
    println!("\nFAILED on {} with seed {seed}, {}", engine.name(), failure.message);
    println!("the last deeds:");
    for deed in &failure.recent {
        println!("  {deed}");
    }
    let mut replay = format!(
        "cargo test --workspace --test simulation -- --database {} --seed {seed} --days {} --seconds 100000",
        engine.name(),
        failure.day + 1
    );
    if let Some(steps) = &keep.steps {
        replay += &format!(" --steps {}", listed(steps));
    }
    if let Some(faults) = &keep.faults {
        replay += &format!(" --faults {}", listed(faults));
    }
    if keep.calm {
        replay += " --calm";
    }
    println!("replay: {replay}");
}

/// Says what was met and looked at.
pub(crate) fn tell(engine: &str, counts: &Counts) {
    let years = counts.days * 100 / 365;
    println!("\n{engine}: {} days ({}.{:02} years) were simulated", counts.days, years / 100, years % 100);
    println!("  {} faults:", counts.all_faults());
    for (fault, times) in &counts.faults {
        println!("  {times:>8}  {fault}");
    }
    let deeds: Vec<_> = counts.deeds.iter().map(|(deed, times)| format!("{times} {deed}")).collect();
    println!("  deeds: {}", deeds.join(", "));
    for (programs, times) in &counts.at_once {
        println!("  {times} times {programs} programs acted at once");
    }
    let Counts { checks, comparisons, invoices, mails, copies, .. } = counts;
    println!("  {checks} checks and {comparisons} comparisons with the model found nothing");
    println!("  {invoices} invoices; {mails} mails, {copies} of them sent again");
}
