//! Clients, secrets and tokens in the database.

use jiff::Timestamp;

use super::secret::{NewSecret, TokenHash};
use super::{Caller, Client, scope};
use crate::db::{self, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{ClientId, CustomerId, SecretId};

const CLIENT: Place = Place::new("clients", &["client_id"]);

const CLIENTS: &str = "select client_id, name, role, customer_id, created_at, revoked_at from clients";
/// So many are removed in one transaction.
const PURGED_AT_ONCE: i64 = 10_000;

pub(super) async fn insert_client(tx: &mut Tx, client: &Client) -> Result<bool> {
    let Client { id, name, role, customer_id, created_at, .. } = client;
    let sql =
        "insert into clients (client_id, name, role, customer_id, created_at) values ($1, $2, $3, $4, $5)
               on conflict do nothing";
    let (role, customer) = (role.code(), customer_id.map(|customer| customer.0));
    Ok(tx.execute(sql, &[&id.0, name, &role, &customer, &Ts(*created_at)]).await? == 1)
}

pub(super) async fn client(tx: &mut Tx, id: ClientId) -> Result<Option<Client>> {
    let row = tx.row(&format!("{CLIENTS} where client_id = $1"), &[&id.0]).await?;
    Ok(CLIENT.one(row.as_ref(), read_client)?)
}

/// Held against others who change it.
pub(super) async fn hold(tx: &mut Tx, id: ClientId) -> Result<Option<Client>> {
    let sql = format!("{CLIENTS} where client_id = $1 {}", tx.hold(db::Hold::Exclusive, "clients"));
    let row = tx.row(&sql, &[&id.0]).await?;
    Ok(CLIENT.one(row.as_ref(), read_client)?)
}

pub(super) async fn client_of_name(tx: &mut Tx, name: &str) -> Result<Option<Client>> {
    let row = tx.row(&format!("{CLIENTS} where name = $1 and revoked_at is null"), &[&name]).await?;
    Ok(CLIENT.one(row.as_ref(), read_client)?)
}

pub(super) async fn clients(tx: &mut Tx, after: Option<ClientId>, limit: usize) -> Result<Vec<Client>> {
    let after = after.map_or(i64::MIN, |id| id.0);
    let limit = db::limit(limit);
    let sql = format!("{CLIENTS} where client_id > $1 order by client_id limit $2");
    Ok(CLIENT.all(&tx.rows(&sql, &[&after, &limit]).await?, read_client)?)
}

/// The names of the clients that were not revoked.
pub(super) async fn names(tx: &mut Tx) -> Result<Vec<String>> {
    let rows = tx.rows("select name from clients where revoked_at is null order by name", &[]).await?;
    Ok(rows.iter().map(|row| row.get("name")).collect::<db::Result<_>>()?)
}

pub(super) async fn has_client(tx: &mut Tx) -> Result<bool> {
    Ok(tx.row("select 1 as one from clients where revoked_at is null limit 1", &[]).await?.is_some())
}

fn read_client(row: &Row) -> db::Result<Client> {
    Ok(Client {
        id: ClientId(row.get("client_id")?),
        name: row.get("name")?,
        role: row.parse("role")?,
        customer_id: row.get::<Option<i64>>("customer_id")?.map(CustomerId),
        created_at: row.time("created_at")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}

pub(super) async fn insert_secret(
    tx: &mut Tx,
    client: ClientId,
    secret: &NewSecret,
    now: Timestamp,
) -> Result<()> {
    let sql =
        "insert into client_secrets (client_id, secret_id, secret_hash, created_at) values ($1, $2, $3, $4)";
    tx.execute(sql, &[&client.0, &secret.id.0, &secret.hash, &Ts(now)]).await?;
    Ok(())
}

/// Ends the secret that is valid for good; those that were to end, end now.
pub(super) async fn end_secrets(tx: &mut Tx, client: ClientId, at: Timestamp) -> Result<()> {
    let sql = "delete from client_secrets where client_id = $1 and expires_at is not null";
    tx.execute(sql, &[&client.0]).await?;
    let sql = "update client_secrets set expires_at = $2 where client_id = $1";
    tx.execute(sql, &[&client.0, &Ts(at)]).await?;
    Ok(())
}

/// The hash of a secret that is valid, of a client that is not revoked.
pub(super) async fn secret_hash(
    tx: &mut Tx,
    client: ClientId,
    secret: SecretId,
    now: Timestamp,
) -> Result<Option<String>> {
    let sql = "select secret_hash from client_secrets s join clients c on c.client_id = s.client_id
               where s.client_id = $1 and secret_id = $2 and revoked_at is null
                 and (expires_at is null or expires_at > $3)";
    let row = tx.row(sql, &[&client.0, &secret.0, &Ts(now)]).await?;
    Ok(row.map(|row| row.get("secret_hash")).transpose()?)
}

pub(super) async fn clients_of(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Client>> {
    let sql = format!("{CLIENTS} where customer_id = $1 order by client_id");
    Ok(CLIENT.all(&tx.rows(&sql, &[&customer.0]).await?, read_client)?)
}

/// Takes a client's secrets and tokens away.
pub(super) async fn revoke_client(tx: &mut Tx, client: ClientId, now: Timestamp) -> Result<()> {
    tx.execute("update clients set revoked_at = $2 where client_id = $1", &[&client.0, &Ts(now)]).await?;
    tx.execute("delete from client_secrets where client_id = $1", &[&client.0]).await?;
    tx.execute("delete from access_tokens where client_id = $1", &[&client.0]).await?;
    Ok(())
}

/// A token to be stored.
pub(super) struct NewToken {
    pub(super) hash: TokenHash,
    pub(super) client: ClientId,
    /// None: those of the client's role, whatever they will be.
    pub(super) scopes: Option<String>,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

pub(super) async fn insert_token(tx: &mut Tx, new: &NewToken) -> Result<()> {
    let NewToken { hash, client, scopes, issued_at, expires_at } = new;
    let sql = "insert into access_tokens (token_hash, client_id, scopes, issued_at, expires_at)
               values ($1, $2, $3, $4, $5)";
    let times = [Ts(*issued_at), Ts(*expires_at)];
    tx.execute(sql, &[&hash.to_vec(), &client.0, scopes, &times[0], &times[1]]).await?;
    Ok(())
}

/// Whose token it is and until when it is valid; revoked clients have none.
pub(super) async fn caller(
    tx: &mut Tx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<(Caller, Timestamp)>> {
    let sql = "select t.client_id, t.scopes, t.expires_at, c.role, c.customer_id
               from access_tokens t join clients c on c.client_id = t.client_id
               where token_hash = $1 and t.expires_at > $2 and c.revoked_at is null";
    let Some(row) = tx.row(sql, &[&hash.to_vec(), &Ts(now)]).await? else { return Ok(None) };
    let role: super::Role = row.parse("role")?;
    let mut scopes = role.scopes();
    if let Some(narrowed) = row.get::<Option<String>>("scopes")? {
        scopes = &scopes & &scope::known(&narrowed);
    }
    let customer = row.get::<Option<i64>>("customer_id")?.map(CustomerId);
    let subject = ClientId(row.get("client_id")?).to_string();
    Ok(Some((Caller { subject, role, customer, scopes }, row.time("expires_at")?)))
}

pub(super) async fn revoke_token(tx: &mut Tx, hash: &TokenHash, client: ClientId) -> Result<()> {
    let sql = "delete from access_tokens where token_hash = $1 and client_id = $2";
    tx.execute(sql, &[&hash.to_vec(), &client.0]).await?;
    Ok(())
}

pub(super) async fn purge(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let sql = "delete from access_tokens where token_hash in
               (select token_hash from access_tokens where expires_at <= $1 order by expires_at limit $2)";
    let tokens = tx.execute(sql, &[&Ts(now), &PURGED_AT_ONCE]).await?;
    let sql = "delete from client_secrets where expires_at <= $1";
    Ok(tokens + tx.execute(sql, &[&Ts(now)]).await?)
}
