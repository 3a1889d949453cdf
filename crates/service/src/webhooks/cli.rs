//! The webhooks' commands.

use jiff::Timestamp;
use serde_json::json;

use super::{
    Change, Changed, Delivery, DeliveryState, Endpoint, EndpointState, Kind, MOST_ENDPOINTS, NewEndpoint,
    Pinged, Registered, Replayed, WithSecret,
};
use crate::app::App;
use crate::cli::Output;
use crate::error::{Error, Result};
use crate::id::{EndpointId, MessageId};
use crate::log::Concealed;
use crate::many::Many;

/// Tell other programs what happens: endpoints, their messages, and what became of them
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an endpoint; its secret is shown once
    Add {
        /// Where messages go
        url: String,
        /// An event that it is told of, such as invoice.issued (may be repeated)
        #[arg(long = "event", value_name = "EVENT", required = true)]
        events: Vec<Kind>,
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Show all endpoints
    List,
    /// Change the secret; for 24 hours the one before signs as well
    Rotate { id: EndpointId },
    /// Tell an endpoint again what happens from now on
    Enable { id: EndpointId },
    /// Tell an endpoint nothing any more, and give up what waits
    Disable { id: EndpointId },
    /// Remove an endpoint, with what became of its messages
    Remove { id: EndpointId },
    /// Send a test and say what became of it
    Test { id: EndpointId },
    /// Show the messages to an endpoint, newest first
    Messages {
        id: EndpointId,
        /// Only those in this state; failed are its dead letters
        #[arg(long)]
        state: Option<DeliveryState>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Send one message again, or all that were given up
    Replay {
        id: EndpointId,
        message: Option<MessageId>,
        /// Only those about what happened at or after
        #[arg(long, conflicts_with = "message")]
        since: Option<Timestamp>,
    },
}

pub async fn run(app: &App, command: Command, output: Output) -> Result<bool> {
    match command {
        Command::Add { url, events, description } => {
            add(app, NewEndpoint { url, events, description }, output).await
        }
        Command::List => list(app, output).await,
        Command::Rotate { id } => rotate(app, id, output).await,
        Command::Enable { id } => enable(app, id, true, output).await,
        Command::Disable { id } => enable(app, id, false, output).await,
        Command::Remove { id } => remove(app, id, output).await,
        Command::Test { id } => test(app, id, output).await,
        Command::Messages { id, state, limit } => messages(app, id, state, limit, output).await,
        Command::Replay { id, message, since } => replay(app, id, message, since, output).await,
    }
}

fn unknown(id: EndpointId) -> Error {
    Error::Other(format!("there is no webhook endpoint {id}"))
}

fn disabled(id: EndpointId) -> Error {
    Error::Other(format!("{id} is disabled: `tollbook webhooks enable {id}` first"))
}

async fn add(app: &App, new: NewEndpoint, output: Output) -> Result<bool> {
    let url =
        app.courier.target(&new.url).await.map_err(|why| Error::Other(format!("{}: {why}", new.url)))?;
    let mut tx = app.db.begin().await?;
    match super::register(&mut tx, new, &url, &app.clock).await? {
        Registered::Endpoint(made) => {
            tx.commit().await?;
            show_secret(&made, output)
        }
        Registered::NoEvents => Err(Error::Other("name one --event or more".to_owned())),
        Registered::TooMany => Err(Error::Other(format!("there are {MOST_ENDPOINTS} endpoints already"))),
    }
}

fn show_secret(made: &WithSecret, output: Output) -> Result<bool> {
    let secret = made.secret.as_deref().unwrap_or_default();
    let id = made.endpoint.id;
    output.answer(
        made,
        format_args!("{id}\n  secret: {secret}\n  it is shown this once: keep it at the receiver"),
    )?;
    Ok(true)
}

async fn list(app: &App, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let endpoints = super::endpoints(&mut tx).await?;
    let lines: Vec<_> = endpoints.iter().map(words).collect();
    output.answer(&endpoints, if lines.is_empty() { "no endpoints".to_owned() } else { lines.join("\n") })?;
    Ok(true)
}

fn words(endpoint: &Endpoint) -> String {
    let Endpoint { id, url, events, state, disabled_reason, failing_since, .. } = endpoint;
    let events: Vec<_> = events.iter().map(|kind| kind.code()).collect();
    let how = match (state, failing_since) {
        (EndpointState::Disabled, _) => {
            format!("disabled, {}", disabled_reason.as_deref().unwrap_or_default())
        }
        (EndpointState::Enabled, Some(since)) => format!("failing since {since}"),
        (EndpointState::Enabled, None) => "enabled".to_owned(),
    };
    format!("{id} {}\n  {how}; {}", Concealed(url), events.join(", "))
}

async fn rotate(app: &App, id: EndpointId, output: Output) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let rotated = super::rotate(&mut tx, id, &app.clock).await?.ok_or_else(|| unknown(id))?;
    tx.commit().await?;
    show_secret(&rotated, output)
}

async fn enable(app: &App, id: EndpointId, enabled: bool, output: Output) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let change = Change { enabled: Some(enabled), ..Change::default() };
    let Changed::Endpoint(endpoint) = super::change(&mut tx, id, change, None, &app.clock).await? else {
        return Err(unknown(id));
    };
    tx.commit().await?;
    output.answer(&endpoint, words(&endpoint))?;
    Ok(true)
}

async fn remove(app: &App, id: EndpointId, output: Output) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let removed = super::remove(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    tx.commit().await?;
    output.answer(&removed, format_args!("{id} is removed"))?;
    Ok(true)
}

async fn test(app: &App, id: EndpointId, output: Output) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let message = match super::ping(&mut tx, id, &app.clock).await? {
        Pinged::Message(message) => message,
        Pinged::Unknown => return Err(unknown(id)),
        Pinged::Disabled => return Err(disabled(id)),
    };
    tx.commit().await?;
    super::deliver(app).await?;
    let mut tx = app.db.read().await?;
    let found = super::delivery(&mut tx, id, message).await?;
    let (delivery, _) = found.ok_or_else(|| unknown(id))?;
    output.answer(&delivery, line(&delivery))?;
    Ok(delivery.state == DeliveryState::Done)
}

fn line(delivery: &Delivery) -> String {
    let Delivery {
        message_id, event, state, attempts, next_try_at, last_status, last_error, created_at, ..
    } = delivery;
    let status = last_status.map_or(String::new(), |status| format!(", answered {status}"));
    let next = next_try_at.map_or(String::new(), |at| format!(", next at {at}"));
    let why = last_error.as_ref().map_or(String::new(), |why| format!("\n  {why}"));
    let attempts = Many(*attempts, "attempt");
    format!("{message_id} {created_at} {event} {} after {attempts}{status}{next}{why}", state.code())
}

async fn messages(
    app: &App,
    id: EndpointId,
    state: Option<DeliveryState>,
    limit: usize,
    output: Output,
) -> Result<bool> {
    let mut tx = app.db.read().await?;
    super::endpoint(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    let found = super::deliveries(&mut tx, id, state, None, limit).await?;
    let lines: Vec<_> = found.iter().map(line).collect();
    output.answer(&found, if lines.is_empty() { "no messages".to_owned() } else { lines.join("\n") })?;
    Ok(true)
}

async fn replay(
    app: &App,
    id: EndpointId,
    message: Option<MessageId>,
    since: Option<Timestamp>,
    output: Output,
) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let now = app.clock.now();
    let replayed = match message {
        Some(message) => super::replay(&mut tx, id, message, now).await?,
        None => super::replay_failed(&mut tx, id, since, now).await?,
    };
    match replayed {
        Replayed::Messages(messages) => {
            tx.commit().await?;
            let words =
                format!("sent again by `serve`, or the next `tollbook work`: {}", Many(messages, "message"));
            output.answer(&json!({"messages": messages}), words)?;
            Ok(true)
        }
        Replayed::Unknown => Err(unknown(id)),
        Replayed::Disabled => Err(disabled(id)),
        Replayed::NotSettled => Err(Error::Other(format!(
            "{id} has no settled message of that id: see `tollbook webhooks messages {id}`"
        ))),
    }
}
