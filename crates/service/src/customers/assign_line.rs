//! Gives a customer a line: a number for a span of time in which nobody else holds it.

use calculation::zone::{ZoneStep, zone_of};

use super::{Line, NewLine, first_month, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, LineId};

/// What became of it.
#[derive(Debug)]
pub enum Assigned {
    Line(Line),
    UnknownCustomer,
    /// The customer is closed.
    Closed,
    EndsBeforeItBegins,
    /// Somebody holds the number in that span.
    Taken,
}

/// Assigns a line. A customer whose zone is the operator's default gets the zone of the first number.
pub async fn assign_line(tx: &mut Tx, customer: CustomerId, new: NewLine, clock: &Clock) -> Result<Assigned> {
    // The zone may be settled: nobody charges, bills or closes the customer meanwhile. Billing holds the
    // cycle first, so it is held first here.
    store::hold_cycle(tx, customer).await?;
    let Some(found) = store::hold(tx, customer).await? else { return Ok(Assigned::UnknownCustomer) };
    if found.closed_at.is_some() {
        return Ok(Assigned::Closed);
    }
    let NewLine { number, valid_from, valid_to } = new;
    if valid_to.is_some_and(|end| end <= valid_from) {
        return Ok(Assigned::EndsBeforeItBegins);
    }
    store::lock_number(tx, number).await?;
    for span in store::spans_of_numbers(tx, &[number]).await? {
        let begins_before_it_ends = valid_to.is_none_or(|end| span.valid_from < end);
        let ends_after_it_begins = span.valid_to.is_none_or(|end| valid_from < end);
        if begins_before_it_ends && ends_after_it_begins {
            return Ok(Assigned::Taken);
        }
    }
    let line = Line { id: LineId(clock.id()), number, valid_from, valid_to };
    store::insert_line(tx, customer, &line).await?;
    let undecided = found.zone_step == ZoneStep::OperatorDefault;
    if let Some(zone) = zone_of(number).filter(|_| undecided) {
        // The months are others in another zone.
        if store::settle_zone(tx, customer, zone).await?
            && let Some(settled) = store::by_id(tx, customer).await?
        {
            first_month::begin(tx, &settled, clock.now()).await?;
        }
    }
    Ok(Assigned::Line(line))
}
