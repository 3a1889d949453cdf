//! Notes a deed on balances, once by its reference.

use jiff::Timestamp;
use serde::Serialize;

use super::{Checked, MovementKind, WrongField, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::hash::{self, Hash};
use crate::id::{BookingId, CustomerId};
use crate::names::{earlier_forms, folded};

/// As long as the purpose of a SEPA transfer may be.
const LONGEST_REFERENCE: usize = 140;
const LONGEST_REASON: usize = 500;

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

impl Booking {
    /// A new one, of what was asked for.
    pub(super) fn new(
        kind: MovementKind,
        reference: Option<String>,
        reason: Option<String>,
        content: &impl Serialize,
        clock: &Clock,
    ) -> Result<Self> {
        let content = serde_json::to_vec(content).map_err(|error| Error::Other(error.to_string()))?;
        let (id, booked_at) = (BookingId(clock.id()), clock.now());
        Ok(Self { id, kind, reference, reason, content_hash: hash::of(&content), booked_at })
    }
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

/// A reference as it is stored and compared: folded, but where a booking has it from before references were.
pub(super) async fn known_form(tx: &mut Tx, reference: String) -> Result<String> {
    for form in earlier_forms(&reference) {
        if store::booking_by_reference(tx, &form).await?.is_some() {
            return Ok(form);
        }
    }
    Ok(folded(&reference))
}

/// Refuses what is no reference.
pub(super) fn check_reference(reference: &str) -> Checked<()> {
    check("/reference", reference, LONGEST_REFERENCE)
}

/// Refuses what is no reason.
pub(super) fn check_reason(reason: &str) -> Checked<()> {
    check("/reason", reason, LONGEST_REASON)
}

fn check(pointer: &'static str, text: &str, longest: usize) -> Checked<()> {
    if text.trim().is_empty() || text.chars().count() > longest || text.chars().any(char::is_control) {
        let message = format!("must be 1 to {longest} characters, none a control character");
        return Err(WrongField::new(pointer, message));
    }
    Ok(())
}
