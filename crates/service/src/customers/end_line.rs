//! Ends a line, so that its number may go to another customer.

use jiff::Timestamp;

use super::{Line, store};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, LineId};

/// What became of it.
#[derive(Debug)]
pub enum Ended {
    Line(Line),
    Unknown,
    BeforeItBegins,
    /// It ended then already.
    Already(Timestamp),
}

/// Ends a line at an instant. Calls charged to it before stay as they are.
pub async fn end_line(tx: &mut Tx, customer: CustomerId, id: LineId, valid_to: Timestamp) -> Result<Ended> {
    let find = async |tx: &mut Tx| {
        let lines = store::lines(tx, customer).await?;
        Ok::<_, crate::error::Error>(lines.into_iter().find(|line| line.id == id))
    };
    let Some(number) = find(tx).await?.map(|line| line.number) else { return Ok(Ended::Unknown) };
    // What the line says counts only once nobody else can change it.
    store::lock_number(tx, number).await?;
    let Some(line) = find(tx).await? else { return Ok(Ended::Unknown) };
    if let Some(end) = line.valid_to {
        return Ok(Ended::Already(end));
    }
    if valid_to <= line.valid_from {
        return Ok(Ended::BeforeItBegins);
    }
    store::end_line(tx, customer, &line, valid_to).await?;
    Ok(Ended::Line(Line { valid_to: Some(valid_to), ..line }))
}
