//! Which links to a document work, and how are they taken back?

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::documents::Document;
use super::link::{LONGEST_DAYS, NewLink};
use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, LinkId};
use crate::invoices::Subject;

/// A link to a document. The address itself is in the mail alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct DocumentLink {
    #[schema(value_type = String)]
    pub(super) id: LinkId,
    #[schema(value_type = String, format = DateTime)]
    pub(super) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(super) expires_at: Timestamp,
    /// Since when it opens nothing.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revoked_at: Option<Timestamp>,
}

/// How a link that we signed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Works,
    Revoked,
    /// It was never stored, or not in this database.
    Unknown,
}

/// Which links are to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Revoke {
    /// All that were made until now, those without an id too.
    All,
    These(Vec<LinkId>),
}

/// Outcome of revoking. A refusal is to be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revoked {
    /// So many that worked until now do no longer.
    Done(u64),
    /// The document has no link with this id.
    UnknownLink(LinkId),
}

/// Stores links before they are told.
pub(super) async fn add(tx: &mut Tx, links: &[NewLink]) -> Result<()> {
    store::insert(tx, links).await
}

/// How a link stands. One without an id is of before links had one.
pub(super) async fn standing(
    tx: &mut Tx,
    customer: CustomerId,
    document: Document,
    link: Option<LinkId>,
) -> Result<Standing> {
    let found = store::by_id(tx, customer, document, link.unwrap_or(store::EARLIER)).await?;
    Ok(match (link, found) {
        (_, Some(found)) if found.revoked_at.is_some() => Standing::Revoked,
        (None, _) | (Some(_), Some(_)) => Standing::Works,
        (Some(_), None) => Standing::Unknown,
    })
}

/// The links to a document that have not expired, the newest first.
pub(super) async fn links_of(
    tx: &mut Tx,
    customer: CustomerId,
    subject: Subject,
    now: Timestamp,
) -> Result<Vec<DocumentLink>> {
    store::of_document(tx, customer, subject.into(), now).await
}

/// Revokes links to a document, which exists. One that was revoked before stays so.
pub(super) async fn revoke(
    tx: &mut Tx,
    customer: CustomerId,
    subject: Subject,
    which: &Revoke,
    now: Timestamp,
) -> Result<Revoked> {
    let document = Document::from(subject);
    let ids = match which {
        Revoke::These(ids) => ids,
        Revoke::All => {
            let longest = SignedDuration::from_hours(24 * i64::from(LONGEST_DAYS));
            let last_expires_at = now.checked_add(longest).unwrap_or(Timestamp::MAX);
            return Ok(Revoked::Done(store::revoke_all(tx, customer, document, now, last_expires_at).await?));
        }
    };
    let mut revoked = 0;
    for id in ids {
        if store::revoke(tx, customer, document, *id, now).await? {
            revoked += 1;
        } else if *id == store::EARLIER || store::by_id(tx, customer, document, *id).await?.is_none() {
            return Ok(Revoked::UnknownLink(*id));
        }
    }
    Ok(Revoked::Done(revoked))
}

/// Removes some of the links that expired before an instant; answers how many.
pub(crate) async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64> {
    store::purge(tx, before, limit).await
}
