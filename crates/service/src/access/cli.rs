//! The commands of clients.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Added, Client, NewClient, OVERLAP_MINUTES, Revoked, Role, Rotated};
use crate::app::App;
use crate::cli::Output;
use crate::customers;
use crate::error::{Error, Result};
use crate::names;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a client and show its secret, once
    Add(AddArgs),
    /// Show all clients
    List,
    /// Give a client another secret and show it, once
    Rotate(RotateArgs),
    /// Take a client's secrets and tokens away, for good
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example: tollbook client add switch-a --role switch")]
pub struct AddArgs {
    /// What it is called, such as switch-a
    name: String,
    /// What it may do
    #[arg(long)]
    role: Role,
    /// With the role customer: whose data it sees, by the customer's reference
    #[arg(long, value_name = "REFERENCE")]
    customer: Option<String>,
}

#[derive(Debug, Args)]
pub struct RotateArgs {
    /// The client's name or id
    client: String,
    /// How long the secret before works as well; 0 ends it now, as after a leak
    #[arg(long, value_name = "MINUTES", default_value_t = OVERLAP_MINUTES)]
    overlap_minutes: u32,
}

#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The client's name or id
    client: String,
}

pub async fn run(app: &App, command: Command, output: Output) -> Result<bool> {
    match command {
        Command::Add(args) => add(app, args, output).await,
        Command::List => list(app, output).await,
        Command::Rotate(args) => rotate(app, &args, output).await,
        Command::Revoke(args) => revoke(app, &args, output).await,
    }
}

async fn add(app: &App, args: AddArgs, output: Output) -> Result<bool> {
    let AddArgs { name, role, customer } = args;
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::Other("a client's name has 1 to 100 characters".to_owned()));
    }
    let secret = super::new_secret(&app.clock).await?;
    let mut tx = app.db.begin().await?;
    let customer_id = match &customer {
        None => None,
        Some(reference) => Some(customers::cli::named(&mut tx, reference).await?.id),
    };
    let refusal = match super::add(&mut tx, NewClient { name, role, customer_id }, secret, &app.clock).await?
    {
        Added::Client(client, secret, looks_like) => {
            tx.commit().await?;
            if let Some(other) = looks_like {
                output.note(format_args!("{}", names::warning(&client.name, &other)));
            }
            return told(&client, &secret, None, output);
        }
        Added::NoCustomer => "the role customer needs --customer".to_owned(),
        Added::NotForACustomer => "--customer is for the role customer alone".to_owned(),
        Added::UnknownCustomer(id) => format!("there is no customer {id}"),
        Added::NameTaken => {
            "a client has this name: choose another, or `client rotate` its secret".to_owned()
        }
    };
    Err(Error::Other(refusal))
}

fn told(client: &Client, secret: &str, until: Option<Timestamp>, output: Output) -> Result<bool> {
    let Client { id, name, role, .. } = client;
    let json = json!({"client": client, "client_secret": secret, "old_secret_until": until});
    let until = until.map_or(String::new(), |until| format!("\nthe secret before works until {until}"));
    let words = format!(
        "client {name}, role {}\nclient_id      {id}\nclient_secret  {secret}\n\
         the secret is not shown again{until}",
        role.code()
    );
    output.answer(&json, words)?;
    Ok(true)
}

async fn list(app: &App, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let clients = super::clients(&mut tx, None, usize::MAX).await?;
    let line = |client: &Client| {
        let Client { id, name, role, customer_id, revoked_at, .. } = client;
        let customer = customer_id.map_or(String::new(), |customer| format!("  {customer}"));
        let revoked = revoked_at.map_or(String::new(), |at| format!("  revoked at {at}"));
        format!("{id}  {:<9}  {name}{customer}{revoked}", role.code())
    };
    let lines: Vec<_> = clients.iter().map(line).collect();
    let none = "there is no client: tollbook client add NAME --role ROLE";
    output.answer(&clients, if lines.is_empty() { none.to_owned() } else { lines.join("\n") })?;
    Ok(true)
}

fn unknown(client: &str) -> Error {
    Error::Other(format!("there is no client {client}: see `tollbook client list`"))
}

async fn rotate(app: &App, args: &RotateArgs, output: Output) -> Result<bool> {
    let secret = super::new_secret(&app.clock).await?;
    let mut tx = app.db.begin().await?;
    let client = super::find(&mut tx, &args.client).await?.ok_or_else(|| unknown(&args.client))?;
    let overlap = SignedDuration::from_mins(args.overlap_minutes.into());
    match super::rotate(&mut tx, client.id, secret, overlap, &app.clock).await? {
        Rotated::Client(client, secret, until) => {
            tx.commit().await?;
            told(&client, &secret, Some(until), output)
        }
        Rotated::Unknown => Err(unknown(&args.client)),
        Rotated::RevokedAt(at) => Err(Error::Other(format!("the client was revoked at {at}: make another"))),
    }
}

async fn revoke(app: &App, args: &RevokeArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let client = super::find(&mut tx, &args.client).await?.ok_or_else(|| unknown(&args.client))?;
    match super::revoke(&mut tx, client.id, &app.clock).await? {
        Revoked::Client(client) => {
            tx.commit().await?;
            let words = format!("{} is revoked; tokens it has work for ten seconds at most", client.name);
            output.answer(&client, words)?;
            Ok(true)
        }
        Revoked::Unknown => Err(unknown(&args.client)),
    }
}
