//! Makes clients, gives them another secret, and takes away what they have.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use super::secret::NewSecret;
use super::{Client, Role, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{ClientId, CustomerId, SecretId};
use crate::names;

/// A client to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Unique among the clients that are not revoked.
    #[schema(example = "switch-a", max_length = 100)]
    pub name: String,
    pub role: Role,
    /// Whose data it sees: with the role customer, and only with it.
    #[schema(value_type = Option<String>)]
    pub customer_id: Option<CustomerId>,
}

/// Makes a secret: before a transaction begins, since it takes a while.
pub async fn new_secret(clock: &Clock) -> Result<NewSecret> {
    let id = SecretId(clock.id());
    let made = tokio::task::spawn_blocking(move || NewSecret::make(id)).await;
    made.map_err(|error| Error::Other(error.to_string()))?
}

/// What became of a new client.
#[derive(Debug)]
pub enum Added {
    /// Its secret is told only here, and the name of another client that looks like it.
    Client(Client, String, Option<String>),
    /// The role customer needs a customer.
    NoCustomer,
    /// Another role has none.
    NotForACustomer,
    UnknownCustomer(CustomerId),
    /// Another client has this name.
    NameTaken,
}

/// Makes a client.
pub async fn add(tx: &mut Tx, new: NewClient, secret: NewSecret, clock: &Clock) -> Result<Added> {
    let NewClient { name, role, customer_id } = new;
    match (role, customer_id) {
        (Role::Customer, None) => return Ok(Added::NoCustomer),
        (Role::Customer, Some(customer)) => {
            if crate::customers::by_id(tx, customer).await?.is_none() {
                return Ok(Added::UnknownCustomer(customer));
            }
        }
        (_, Some(_)) => return Ok(Added::NotForACustomer),
        (_, None) => {}
    }
    let (id, created_at) = (ClientId(clock.id()), clock.now());
    let others = store::names(tx).await?;
    let others = || others.iter().map(String::as_str);
    let (name, looks_like) = (names::known_as(&name, others()), names::look_alike(&name, others()));
    let client = Client { id, name, role, customer_id, created_at, revoked_at: None };
    if !store::insert_client(tx, &client).await? {
        return Ok(Added::NameTaken);
    }
    store::insert_secret(tx, id, &secret, created_at).await?;
    Ok(Added::Client(client, secret.text, looks_like))
}

/// What became of a rotation.
#[derive(Debug)]
pub enum Rotated {
    /// The new secret is told only here; the one before works until then.
    Client(Client, String, Timestamp),
    Unknown,
    /// It was revoked: make another.
    RevokedAt(Timestamp),
}

/// Gives a client a new secret. The newest one before it stays valid for a while, older ones do not.
pub async fn rotate(
    tx: &mut Tx,
    id: ClientId,
    secret: NewSecret,
    overlap: SignedDuration,
    clock: &Clock,
) -> Result<Rotated> {
    let Some(client) = store::hold(tx, id).await? else { return Ok(Rotated::Unknown) };
    if let Some(at) = client.revoked_at {
        return Ok(Rotated::RevokedAt(at));
    }
    let now = clock.now();
    let old_until = now.checked_add(overlap).unwrap_or(now);
    store::end_secrets(tx, id, old_until).await?;
    store::insert_secret(tx, id, &secret, now).await?;
    Ok(Rotated::Client(client, secret.text, old_until))
}

/// What became of a revocation.
#[derive(Debug)]
pub enum Revoked {
    /// Revoked now, or before.
    Client(Client),
    Unknown,
}

/// Takes a client's secrets and tokens away, for good.
pub async fn revoke(tx: &mut Tx, id: ClientId, clock: &Clock) -> Result<Revoked> {
    let Some(mut client) = store::hold(tx, id).await? else { return Ok(Revoked::Unknown) };
    if client.revoked_at.is_none() {
        client.revoked_at = Some(clock.now());
        store::revoke_client(tx, id, clock.now()).await?;
    }
    Ok(Revoked::Client(client))
}

/// The clients that see a customer's data.
pub async fn clients_of(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Client>> {
    store::clients_of(tx, customer).await
}

/// Revokes the clients that see a customer's data.
pub async fn revoke_clients_of(tx: &mut Tx, customer: CustomerId, clock: &Clock) -> Result<()> {
    for client in store::clients_of(tx, customer).await? {
        revoke(tx, client.id, clock).await?;
    }
    Ok(())
}
