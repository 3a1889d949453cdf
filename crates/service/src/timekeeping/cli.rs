//! The clock's command.

use jiff::Timestamp;
use serde::Serialize;

use super::Doubt;
use crate::app::App;
use crate::cli::Output;
use crate::error::Result;

/// Look at the time: this machine's clock, the database's, and whether they are believed
#[derive(Debug, clap::Args)]
pub struct ClockArgs {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say that this machine's clock is right: programs that wait because they doubt it go on
    ///
    /// Programs on other machines whose clocks differ from this one by more than `[clock]` allows wait from now on. So say it on a machine whose
    /// time you have compared with another source.
    Accept {
        /// The clock of the database's server is the wrong one, and stays so: this machine's counts
        #[arg(long)]
        database_is_wrong: bool,
    },
}

/// How the time stands.
#[derive(Debug, Serialize)]
struct Standing {
    machine: Timestamp,
    database: Option<Timestamp>,
    /// The latest instant at which a program worked.
    seen_at: Option<Timestamp>,
    doubt: Option<Doubt>,
}

/// Shows how the time stands, or accepts it; answers whether it is believed.
pub async fn clock(app: &App, args: ClockArgs, output: Output) -> Result<bool> {
    if let Some(Command::Accept { database_is_wrong }) = args.command {
        let now = super::accept_beside(app, database_is_wrong).await?;
        output.answer(&now, format_args!("{now} is accepted as the time"))?;
        return Ok(true);
    }
    let seen = super::see(app).await?;
    let standing = Standing {
        machine: app.clock.wall(),
        database: seen.database.map(|(at, _)| at),
        seen_at: seen.row.as_ref().map(|row| row.seen_at),
        doubt: super::judge(app, &seen),
    };
    let or_none = |at: Option<Timestamp>| at.map_or("none".to_owned(), |at| at.to_string());
    let mut words = format!(
        "this machine  {}\ndatabase      {}\nlast work     {}\n",
        standing.machine,
        or_none(standing.database),
        or_none(standing.seen_at)
    );
    match standing.doubt {
        None => words.push_str("the time is believed"),
        Some(doubt) => words.push_str(&format!("{doubt}: {}", super::REMEDY)),
    }
    let is_believed = standing.doubt.is_none();
    output.answer(&standing, words)?;
    Ok(is_believed)
}
