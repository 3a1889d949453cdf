//! Notes a deed on balances, once by its reference.

use jiff::Timestamp;

use super::{MovementKind, store};
use crate::db::Tx;
use crate::error::Result;
use crate::hash::Hash;
use crate::id::{BookingId, CustomerId};

/// A deed on balances that somebody asked for, or that was due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Booking {
    pub id: BookingId,
    pub kind: MovementKind,
    /// What names it, once for all customers; what is due by itself has none.
    pub reference: Option<String>,
    /// Why, in words.
    pub reason: Option<String>,
    /// Of what was asked for: the same reference with other content is another deed.
    pub content_hash: Hash,
    pub booked_at: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Booked {
    New,
    /// The same was done before, under this id.
    Known(BookingId),
    /// Another deed has the reference.
    ReferenceTaken,
}

/// Notes a deed of a customer, who is held. Only when it is new is it to be done.
pub(super) async fn book(tx: &mut Tx, customer: CustomerId, booking: &Booking) -> Result<Booked> {
    if !store::claim_reference(tx, customer, booking).await? {
        let known = store::booking_by_reference(tx, booking.reference.as_deref().unwrap_or_default()).await?;
        let same = known.filter(|(holder, known)| {
            (*holder, known.kind, known.content_hash) == (customer, booking.kind, booking.content_hash)
        });
        return Ok(same.map_or(Booked::ReferenceTaken, |(_, known)| Booked::Known(known.id)));
    }
    store::insert_booking(tx, customer, booking).await?;
    Ok(Booked::New)
}
