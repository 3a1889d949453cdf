//! What can be said on the command line? The commands, and how they answer.

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::stopping::Stopping;
use crate::visible::Visible;
use crate::{
    access, audit, backup, calls, check, copy, corrections, credit_notes, demo, disputes, healthcheck, http,
    invoices, jobs, ledger, letters, log, payments, prepaid, reports, retention, tariffs, timekeeping,
    webhooks,
};

/// Phone billing: call records in, charged calls and invoices out.
///
/// Begin with `tollbook demo`, which needs nothing and shows the whole job.
#[derive(Debug, Parser)]
#[command(name = "tollbook", version, arg_required_else_help = true, next_help_heading = "Global options")]
pub struct Cli {
    /// The database: `sqlite://FILE` or `postgres://USER@HOST/NAME` [default: `sqlite://tollbook.db`]
    #[arg(long, global = true, env = "TOLLBOOK_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// A file whose first line is the database's address, for one with a password
    #[arg(long, global = true, env = "TOLLBOOK_DATABASE_URL_FILE", value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// The file whose first line is the database's password, instead of one in its address
    #[arg(long, global = true, env = "TOLLBOOK_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    database_password_file: Option<PathBuf>,
    /// Settings in TOML; they override the defaults (`tollbook settings` shows those)
    #[arg(long, global = true, env = "TOLLBOOK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, over the file and the environment: `--set http.listen=127.0.0.1:9000`
    #[arg(long = "set", global = true, value_name = "SECTION.KEY=VALUE")]
    settings: Vec<String>,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
    /// For the audit log.
    #[arg(skip)]
    spoken: audit::Spoken,
}

impl Cli {
    /// What the program was asked for. When that is not understood, it says so and ends.
    pub fn heard() -> Self {
        let matches = Self::command().get_matches();
        let heard = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        // Of an option that stands on both sides of the command, the parser forgets those before it.
        let said =
            std::env::args_os().filter(|word| word.to_string_lossy().split('=').next() == Some("--set"));
        if said.count() != heard.settings.len() {
            let remedy = "give every --set before the command, or every one after it";
            Self::command().error(clap::error::ErrorKind::ArgumentConflict, remedy).exit();
        }
        Self { spoken: audit::Spoken::of(&matches), ..heard }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole job on a sample operator: import, charge, invoice, serve
    Demo(demo::Args),
    /// Serve the API, with its documentation at /docs
    Serve(Serve),
    /// Create the database's tables or bring them up to date
    Migrate,
    /// Import rate decks and put them into force
    #[command(subcommand)]
    Tariff(tariffs::cli::Command),
    /// Import call records from a file and charge them
    Import(calls::cli::ImportArgs),
    /// Show records that could not be charged, and why
    Suspense(corrections::cli::SuspenseArgs),
    /// Tell what a call would cost
    Quote(calls::cli::QuoteArgs),
    /// Show a customer's calls, newest first
    History(calls::cli::HistoryArgs),
    /// Issue every customer's invoice of a month, once; or look at them first
    Bill(invoices::cli::BillArgs),
    Invoices(reports::cli::InvoicesArgs),
    Report(reports::cli::ReportArgs),
    Journal(ledger::cli::JournalArgs),
    /// Show an invoice or write it as a PDF
    Invoice(invoices::cli::InvoiceArgs),
    /// Make clients of the API, rotate their secrets, revoke them
    #[command(subcommand, alias = "clients")]
    Client(access::cli::Command),
    /// Record payments and refunds
    #[command(subcommand, alias = "payments")]
    Payment(payments::cli::Command),
    /// Show what customers owe, by the days since it was due
    Ageing,
    TopUp(prepaid::cli::TopUpArgs),
    Balances(prepaid::cli::BalancesArgs),
    Vouchers(prepaid::cli::VouchersArgs),
    #[command(subcommand, alias = "disputes")]
    Dispute(disputes::cli::Command),
    /// Issue a credit note: for an invoice, a line of it, or one call
    Credit(credit_notes::cli::CreditArgs),
    /// Bill what is due and send mails, over and over; `serve` does it too
    Work(jobs::cli::WorkArgs),
    /// Show jobs that were given up, or try one now
    Jobs(jobs::cli::JobsArgs),
    Letters(letters::cli::LettersArgs),
    #[command(subcommand)]
    Webhooks(webhooks::cli::Command),
    Audit(audit::cli::AuditArgs),
    Export(retention::cli::ExportArgs),
    Erase(retention::cli::EraseArgs),
    Purge(retention::cli::PurgeArgs),
    Clock(timekeeping::cli::ClockArgs),
    /// Prove that charges, invoices and control totals add up
    Check,
    Backup(backup::Args),
    CopyDatabase(copy::cli::CopyArgs),
    Healthcheck(healthcheck::Args),
    /// Print the API's description (OpenAPI 3.1)
    Openapi,
    /// Print every setting with its default
    Settings,
    /// Look at the settings that are in force
    #[command(subcommand)]
    Config(config::check::Command),
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Where to listen, instead of the setting http.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,
    /// Ask nobody for a token: whoever reaches the port may do everything
    #[arg(long)]
    without_authentication: bool,
    /// Only serve: bill and send mails in another program, `tollbook work`
    #[arg(long)]
    without_work: bool,
}

/// How a command answers: in words or in JSON.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Prints an answer to standard output.
    pub fn answer(self, value: &impl Serialize, words: impl std::fmt::Display) -> Result<()> {
        if self.json {
            let text =
                serde_json::to_string_pretty(value).map_err(|error| Error::Other(error.to_string()))?;
            say(text)
        } else {
            say(words)
        }
    }

    /// Whether answers are JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// A progress bar on a terminal, nothing elsewhere.
    pub fn bar(self, length: Option<u64>, template: &str) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━ "));
        }
        bar
    }

    /// A line to standard error, where no bar is shown.
    pub fn note(self, line: impl std::fmt::Display) {
        if !self.json {
            // Nobody may be listening any more.
            let _ = writeln!(std::io::stderr(), "{}", Visible(line));
        }
    }
}

/// Prints a line, of which a terminal does nothing but show it. Whoever reads only the first lines has what they wanted: a closed pipe is no fault.
pub fn say(line: impl std::fmt::Display) -> Result<()> {
    match writeln!(std::io::stdout(), "{}", Visible(line)) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::file("standard output")),
    }
}

/// Runs a command; answers whether it did what was asked.
pub async fn run(cli: Cli) -> Result<bool> {
    let output = Output { json: cli.json };
    match &cli.command {
        Command::Openapi => {
            let document = http::openapi();
            let text = document.to_pretty_json().map_err(|error| Error::Other(error.to_string()))?;
            Output { json: false }.answer(&(), text)?;
            return Ok(true);
        }
        Command::Settings => {
            output.answer(&crate::config::DEFAULT, crate::config::DEFAULT.trim_end())?;
            return Ok(true);
        }
        Command::Demo(args) => {
            log::begin(&log::Settings { level: "warn".to_owned(), ..demo::config()?.log })?;
            return Box::pin(demo::run(args, output)).await;
        }
        _ => {}
    }
    let mut sources = Config::sources(cli.config.as_deref(), &cli.settings)?;
    let url = config::database_url(cli.database_url.as_deref(), cli.database_url_file.as_deref())
        .and_then(|url| config::with_password(&url, cli.database_password_file.as_deref()));
    if let Command::Config(config::check::Command::Check(args)) = cli.command {
        let address = config::check::Address { url, file: cli.database_url_file.as_deref() };
        return config::check::check(sources, address, args, output).await;
    }
    let (config, url) = (Config::read(&mut sources)?, url?);
    log::begin(&match cli.command {
        Command::Serve(_) | Command::Work(_) => config.log.clone(),
        _ => log::Settings { level: "warn".to_owned(), ..config.log.clone() },
    })?;
    // These take the database as it is or take none; all others bring it up to date first.
    match cli.command {
        Command::Healthcheck(args) => {
            return healthcheck::run(args, config.http.probes.unwrap_or(config.http.listen), output).await;
        }
        Command::Migrate => return migrate(&url, config.database, output).await,
        Command::Backup(args) => return backup::run(&url, args, output).await,
        Command::CopyDatabase(args) => return copy::cli::copy_database(&url, args, config, output).await,
        _ => {}
    }
    if let Command::Serve(_) | Command::Work(_) = cli.command {
        config::check::warn_of_files(&sources);
        config::check::warn_of_billing(&config);
    }
    let app = App::open(&url, Clock::system(), config).await?;
    // What these book or number has this machine's time, and is not undone.
    if let Command::Credit(_)
    | Command::Payment(_)
    | Command::TopUp(_)
    | Command::Vouchers(_)
    | Command::Dispute(_) = cli.command
    {
        timekeeping::require(&app).await?;
    }
    audit::note_command(&app, &cli.spoken).await?;
    match cli.command {
        Command::Serve(args) => serve(app, &args, output).await,
        Command::Tariff(command) => tariffs::cli::run(&app, command, output).await,
        Command::Import(args) => calls::cli::import(&app, args, output).await,
        Command::Suspense(args) => Box::pin(corrections::cli::suspense(&app, args, output)).await,
        Command::Quote(args) => calls::cli::quote(&app, args, output).await,
        Command::History(args) => calls::cli::history(&app, args, output).await,
        Command::Bill(args) => invoices::cli::bill(&app, args, output).await,
        Command::Invoices(args) => reports::cli::invoices(&app, args, output).await,
        Command::Report(args) => reports::cli::report(&app, args, output).await,
        Command::Journal(args) => ledger::cli::journal(&app, args, output).await,
        Command::Invoice(args) => invoices::cli::invoice(&app, args, output).await,
        Command::Client(command) => access::cli::run(&app, command, output).await,
        Command::Payment(command) => payments::cli::run(&app, command, output).await,
        Command::Ageing => payments::cli::show_ageing(&app, output).await,
        Command::TopUp(args) => prepaid::cli::top_up(&app, args, output).await,
        Command::Balances(args) => prepaid::cli::balances(&app, args, output).await,
        Command::Vouchers(args) => prepaid::cli::vouchers(&app, args, output).await,
        Command::Credit(args) => Box::pin(credit_notes::cli::credit(&app, args, output)).await,
        Command::Dispute(command) => disputes::cli::run(&app, command, output).await,
        Command::Work(args) => Box::pin(jobs::cli::work(&app, &args, output)).await,
        Command::Jobs(args) => jobs::cli::jobs(&app, args, output).await,
        Command::Letters(args) => letters::cli::letters(&app, args, output).await,
        Command::Webhooks(command) => webhooks::cli::run(&app, command, output).await,
        Command::Audit(args) => audit::cli::audit(&app, args, output).await,
        Command::Export(args) => retention::cli::export(&app, args, output).await,
        Command::Erase(args) => retention::cli::erase(&app, args, output).await,
        Command::Purge(args) => retention::cli::purge(&app, args, output).await,
        Command::Clock(args) => timekeeping::cli::clock(&app, args, output).await,
        Command::Check => check::run(&app, output).await,
        Command::Openapi
        | Command::Settings
        | Command::Config(_)
        | Command::Demo(_)
        | Command::Migrate
        | Command::Backup(_)
        | Command::CopyDatabase(_)
        | Command::Healthcheck(_) => Ok(true),
    }
}

async fn migrate(url: &str, limits: crate::db::Limits, output: Output) -> Result<bool> {
    let clock = Clock::system();
    clock.check_year()?;
    let ran = crate::db::Db::open_within(url, limits).await?.migrate(clock.now()).await?;
    let words = match ran.as_slice() {
        [] => "the database is up to date".to_owned(),
        names => format!("ran {}", names.join(", ")),
    };
    output.answer(&ran, words)?;
    Ok(true)
}

async fn serve(mut app: App, args: &Serve, output: Output) -> Result<bool> {
    let address = args.listen.unwrap_or(app.config.http.listen);
    if args.without_authentication {
        app.access = app.access.without_authentication();
    } else if !access::can_anybody_enter(&app).await? {
        let how = "make a client (`tollbook client add NAME --role operator`) or name an OpenID Connect issuer in \
                   the settings ([access])";
        if !address.ip().is_loopback() {
            let message =
                format!("{address} is open to the network and no authentication is configured: {how}");
            return Err(Error::Other(message));
        }
        output.note(format_args!("nobody can get a token yet: {how}"));
    }
    if args.without_work {
        listen(app, address, output).await?;
    } else {
        serve_and_work(app, address, output).await?;
    }
    Ok(true)
}

/// Serves the API and does what is due, until it is told to stop.
pub async fn serve_and_work(app: App, address: std::net::SocketAddr, output: Output) -> Result<()> {
    let (vitals, rounds) = (app.vitals.clone(), app.clone());
    let working = tokio::spawn(async move {
        let ended = tokio::spawn(jobs::run(rounds)).await;
        if ended.is_err() {
            vitals.lose_rounds();
        }
        ended
    });
    let (stopping, limits) = (app.stopping.clone(), app.config.http.clone());
    // Counted from when it is told, for serving and working alike.
    let late = tokio::spawn(async move {
        stopping.begun().await;
        tokio::time::sleep(Duration::from_secs(limits.drain_seconds + limits.shutdown_seconds)).await;
    });
    let served = listen(app, address, output).await;
    if served.is_err() {
        working.abort();
    }
    served?;
    tokio::select! {
        worked = working => match worked {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) | Err(error) => Err(Error::Other(error.to_string())),
        },
        _ = late => {
            tracing::warn!("a round of work was cut off: the next one goes on with it");
            Ok(())
        }
    }
}

/// Serves the API until it is told to stop; what was begun is finished.
pub async fn listen(app: App, address: std::net::SocketAddr, output: Output) -> Result<()> {
    calls::read_before_serving(&app.db, &app.tariffs).await;
    let listener = bind(address).await?;
    let probes = match app.config.http.probes {
        Some(address) => Some((address, bind(address).await?)),
        None => None,
    };
    output.note(format_args!(
        "serving http://{address}, documentation at http://{address}/docs (Ctrl-C stops)"
    ));
    stop_when_told(&app.stopping);
    let (background, audit, traces) = (app.background.clone(), app.audit.clone(), app.traces.clone());
    let probing = probes.map(|(address, listener)| {
        output.note(format_args!("serving probes at http://{address}/readyz"));
        tokio::spawn(http::serve_probes(listener, app.clone()))
    });
    let reading = tokio::spawn(calls::keep_reading_ahead(app.db.clone(), app.tariffs.clone()));
    let ended = http::serve(listener, app).await;
    reading.abort();
    if let Some(probing) = probing {
        probing.abort();
    }
    match ended {
        http::Ended::Finished => {}
        http::Ended::CutOff(connections) => {
            tracing::warn!(connections, "requests were cut off: their clients may send them again");
        }
    }
    background.close();
    background.wait().await;
    audit.settle().await;
    traces.finish().await;
    Ok(())
}

async fn bind(address: std::net::SocketAddr) -> Result<tokio::net::TcpListener> {
    let bound = tokio::net::TcpListener::bind(address).await;
    bound.map_err(Error::file(format!("listening to {address}")))
}

/// Begins to stop when a signal says so. A second one ends the program at once: what is not committed then has not
/// happened.
pub fn stop_when_told(stopping: &Stopping) {
    let stopping = stopping.clone();
    tokio::spawn(async move {
        stop().await;
        stopping.begin();
        stop().await;
        std::process::exit(1);
    });
}

/// Waits until the program is told to stop.
async fn stop() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::error!(%error, "no signal handler");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
