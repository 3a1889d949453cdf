//! Gives a client a token, or takes one away (RFC 6749, client credentials; RFC 7009).

use jiff::{SignedDuration, Timestamp};

use super::scope::{self, Scopes};
use super::secret::{self, Compared};
use super::{Client, store};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::ClientId;

/// What a client shows of itself.
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

/// Whether a client is who it says.
pub(super) enum Proven {
    Client(Client),
    /// There is no such client, its secret is another, or it was revoked: which, is not told.
    No,
    /// Too many ask at once.
    Busy,
}

/// Sees whether a client's secret is right. Takes as long if there is no such client.
pub(super) async fn prove(app: &App, shown: &Credentials) -> Result<Proven> {
    let client = shown.client_id.parse::<ClientId>().ok();
    let secret = secret::parts(&shown.client_secret);
    let mut tx = app.db.read().await?;
    let hash = match (client, secret) {
        (Some(client), Some((id, _))) => store::secret_hash(&mut tx, client, id, app.clock.now()).await?,
        _ => None,
    };
    let client = match (client, &hash) {
        (Some(client), Some(_)) => store::client(&mut tx, client).await?,
        _ => None,
    };
    drop(tx);
    let random = secret.map_or("", |(_, random)| random);
    Ok(match (app.access.hashing.compare(random, hash).await?, client) {
        (Compared::Busy, _) => Proven::Busy,
        (Compared::Right, Some(client)) => Proven::Client(client),
        (Compared::Right | Compared::Wrong, _) => Proven::No,
    })
}

/// A token, told once.
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) expires_at: Timestamp,
    pub(super) scopes: Scopes,
}

/// What became of asking for a token.
pub(super) enum Answer {
    Token(Granted),
    /// The client's role has not this scope.
    NotPermitted(String),
    /// It was revoked just now.
    Revoked,
}

/// Gives a client a token with the scopes asked for, or all of its role.
pub(super) async fn grant(tx: &mut Tx, client: ClientId, asked: Option<&str>, app: &App) -> Result<Answer> {
    let client = store::hold(tx, client).await?.filter(|client| client.revoked_at.is_none());
    let Some(client) = client else { return Ok(Answer::Revoked) };
    let may = client.role.scopes();
    let mut scopes = may.clone();
    if let Some(asked) = asked {
        for word in asked.split_ascii_whitespace() {
            if !word.parse().is_ok_and(|scope| may.contains(&scope)) {
                return Ok(Answer::NotPermitted(word.chars().take(40).collect()));
            }
        }
        scopes = scope::known(asked);
    }
    let (token, hash) = secret::new_token()?;
    let issued_at = app.clock.now();
    let lasts = SignedDuration::from_mins(app.config.access.token_minutes.into());
    let expires_at = issued_at.checked_add(lasts).unwrap_or(issued_at);
    let narrowed = asked.map(|_| scope::text(&scopes));
    let new = store::NewToken { hash, client: client.id, scopes: narrowed, issued_at, expires_at };
    store::insert_token(tx, &new).await?;
    Ok(Answer::Token(Granted { token, expires_at, scopes }))
}

/// Takes a token of a client away; that of another stays.
pub(super) async fn revoke(tx: &mut Tx, client: ClientId, token: &str) -> Result<()> {
    store::revoke_token(tx, &secret::hash_token(token), client).await
}
