//! The links to documents in the database.

use jiff::Timestamp;

use super::documents::Document;
use super::link::NewLink;
use super::links::DocumentLink;
use crate::db::{self, Cell, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, LinkId};

const LINKS: Place = Place::new("document_links", &["customer_id", "document", "link_id"]);
/// Stands for all links of a document that were made before links had ids.
pub(super) const EARLIER: LinkId = LinkId(0);

pub(super) async fn insert(tx: &mut Tx, links: &[NewLink]) -> Result<()> {
    let documents: Vec<String> = links.iter().map(|link| link.document.to_string()).collect();
    let rows: Vec<_> = links
        .iter()
        .zip(&documents)
        .map(|(link, document)| {
            [
                Cell::Int(link.customer.0),
                Cell::Text(document),
                Cell::Int(link.id.0),
                Cell::Time(link.created_at),
                Cell::Time(link.expires_at),
            ]
        })
        .collect();
    let columns = ["customer_id", "document", "link_id", "created_at", "expires_at"];
    Ok(tx.insert_rows("document_links", &columns, &rows).await?)
}

/// The links to a document that have not expired, the newest first.
pub(super) async fn of_document(
    tx: &mut Tx,
    customer: CustomerId,
    document: Document,
    now: Timestamp,
) -> Result<Vec<DocumentLink>> {
    let sql = "select customer_id, document, link_id, created_at, expires_at, revoked_at from document_links
               where customer_id = $1 and document = $2 and link_id <> $3 and expires_at > $4
               order by link_id desc";
    let document = document.to_string();
    let rows = tx.rows(sql, &[&customer.0, &document, &EARLIER.0, &Ts(now)]).await?;
    Ok(LINKS.all(&rows, link)?)
}

pub(super) async fn by_id(
    tx: &mut Tx,
    customer: CustomerId,
    document: Document,
    id: LinkId,
) -> Result<Option<DocumentLink>> {
    let sql = "select customer_id, document, link_id, created_at, expires_at, revoked_at from document_links
               where customer_id = $1 and document = $2 and link_id = $3";
    let row = tx.row(sql, &[&customer.0, &document.to_string(), &id.0]).await?;
    Ok(LINKS.one(row.as_ref(), link)?)
}

/// Revokes one link; answers whether it worked until now.
pub(super) async fn revoke(
    tx: &mut Tx,
    customer: CustomerId,
    document: Document,
    id: LinkId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "update document_links set revoked_at = $4
               where customer_id = $1 and document = $2 and link_id = $3 and revoked_at is null";
    Ok(tx.execute(sql, &[&customer.0, &document.to_string(), &id.0, &Ts(now)]).await? == 1)
}

/// Revokes all links to a document, those without an id too, of which the last expires then; answers how many have one.
pub(super) async fn revoke_all(
    tx: &mut Tx,
    customer: CustomerId,
    document: Document,
    now: Timestamp,
    last_expires_at: Timestamp,
) -> Result<u64> {
    let document = document.to_string();
    let sql = "update document_links set revoked_at = $3
               where customer_id = $1 and document = $2 and revoked_at is null and expires_at > $3";
    let revoked = tx.execute(sql, &[&customer.0, &document, &Ts(now)]).await?;
    let sql =
        "insert into document_links (customer_id, document, link_id, created_at, expires_at, revoked_at)
               values ($1, $2, $3, $4, $5, $4) on conflict (customer_id, document, link_id) do nothing";
    tx.execute(sql, &[&customer.0, &document, &EARLIER.0, &Ts(now), &Ts(last_expires_at)]).await?;
    Ok(revoked)
}

/// Removes some of the links that expired before an instant; answers how many.
pub(super) async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64> {
    let limit = db::limit(limit);
    let sql = "delete from document_links where (customer_id, document, link_id) in (
                 select customer_id, document, link_id from document_links where expires_at < $1
                 order by expires_at, customer_id, document, link_id limit $2)";
    Ok(tx.execute(sql, &[&Ts(before), &limit]).await?)
}

fn link(row: &Row) -> db::Result<DocumentLink> {
    Ok(DocumentLink {
        id: LinkId(row.get("link_id")?),
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}
