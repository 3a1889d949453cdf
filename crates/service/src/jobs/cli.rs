//! The jobs' commands.

use super::{State, StoredJob};
use crate::app::App;
use crate::cli::{Output, stop_when_told};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::many::Many;

#[derive(Debug, clap::Args)]
pub struct WorkArgs {
    /// Do what is due now, then stop
    #[arg(long)]
    once: bool,
}

pub async fn work(app: &App, args: &WorkArgs, output: Output) -> Result<bool> {
    if args.once {
        let round = Box::pin(super::round(app)).await?;
        let words = round.to_string();
        output.answer(&round, words)?;
        return Ok(true);
    }
    let every = app.config.jobs.every_seconds;
    output.note(format_args!("working every {} (Ctrl-C stops)", Many(every, "second")));
    stop_when_told(&app.stopping);
    Box::pin(super::run(app.clone())).await;
    Ok(true)
}

#[derive(Debug, clap::Args)]
pub struct JobsArgs {
    /// All of them, not only those given up
    #[arg(long)]
    all: bool,
    /// Try a job now that was given up, or that waits for its next try
    #[arg(long, value_name = "JOB_ID")]
    retry: Option<JobId>,
}

pub async fn jobs(app: &App, args: JobsArgs, output: Output) -> Result<bool> {
    if let Some(id) = args.retry {
        let mut tx = app.db.begin().await?;
        if let Some(why) = super::retry(&mut tx, id, app.clock.now()).await?.refusal(id) {
            return Err(Error::Other(why));
        }
        tx.commit().await?;
        output.answer(&id, format_args!("{id} is tried by the next round of `tollbook work` or `serve`"))?;
        return Ok(true);
    }
    let mut tx = app.db.read().await?;
    let state = (!args.all).then_some(State::Failed);
    let jobs = super::list(&mut tx, state, 500).await?;
    let lines: Vec<_> = jobs.iter().map(words).collect();
    let none = if args.all { "no jobs" } else { "no job was given up" };
    output.answer(&jobs, if lines.is_empty() { none.to_owned() } else { lines.join("\n") })?;
    Ok(true)
}

fn words(stored: &StoredJob) -> String {
    let StoredJob { id, job, state, attempts, unanswered, last_error, run_at, finished_at, .. } = stored;
    let when = match (state, finished_at) {
        (State::Ready, _) => format!("next at {run_at}"),
        (State::Done | State::Failed, Some(finished)) => format!("at {finished}"),
        (State::Done | State::Failed, None) => format!("last tried before {run_at}"),
    };
    let what = serde_json::to_string(job).unwrap_or_default();
    let why = last_error.as_ref().map_or(String::new(), |error| format!("\n  {error}"));
    let unheard = if *unanswered > 0 { format!(", {unanswered} of them unanswered") } else { String::new() };
    let attempts = Many(*attempts, "attempt");
    format!("{id} {} after {attempts}{unheard}, {when}: {what}{why}", state.code())
}
