//! Does every cent stay right while programs die, disks fill up and connections break, for years?
//!
//! `cargo test --workspace --test simulation -- [--seconds 60] [--seed 7] [--days 400] [--database sqlite|postgres]`
//! A failure prints the command line that replays it. `docs/reliability.md` says what is simulated.
#![expect(clippy::print_stdout, reason = "what was met and found is what it is for")]

mod attempt;
mod calendar;
mod chance;
mod choose;
mod deeds;
mod judge;
mod model;
mod peers;
mod plan;
#[path = "../support/postgres.rs"]
mod postgres;
mod programs;
mod proof;
mod purse;
mod run;
mod shrink;
mod stores;
mod words;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use plan::Counts;
use run::{Story, simulate};
use tollbook::clock::Stopwatch;
use words::Words;

/// Simulations start over when the machine fails, so nothing waits for the disk.
const POSTGRES_SETTINGS: &str =
    "-c max_connections=500 -c fsync=off -c synchronous_commit=off -c full_page_writes=off";

fn main() -> ExitCode {
    let Some(words) = Words::read(std::env::args().skip(1)) else { return ExitCode::SUCCESS };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(6).enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let code = runtime.block_on(run_all(&words));
    // What a dead program still does is of no interest.
    runtime.shutdown_background();
    code
}

async fn run_all(words: &Words) -> ExitCode {
    let share = words.time / u32::try_from(words.engines.len()).unwrap_or(1).max(1);
    for engine in &words.engines {
        let (watch, mut counts, mut seed) = (Stopwatch::start(), Counts::default(), words.seed);
        while watch.elapsed() < share {
            let time = share.saturating_sub(watch.elapsed());
            let story = Story { seed, engine: *engine, days: words.days, time, keep: words.keep.clone() };
            println!("simulation: {} seed {seed}", engine.name());
            let (more, failure) = simulate(story.clone()).await;
            counts.add(more);
            if let Some(failure) = failure {
                words::tell_failure(&story, &failure);
                if words.keep.steps.is_none() && words.shrink > Duration::ZERO {
                    let shrunk = shrink::shrink(&story, failure, words.shrink).await;
                    println!("\nthe least that was found to fail:");
                    words::tell_failure(&shrunk.story, &shrunk.failure);
                }
                words::tell(engine.name(), &counts);
                return ExitCode::FAILURE;
            }
            if words.keep.steps.is_some() {
                break;
            }
            seed += 1;
        }
        words::tell(engine.name(), &counts);
    }
    ExitCode::SUCCESS
}
