//! Removes the content of invoices and credit notes that were kept long enough. Number, days and totals stay: the series
//! has no gap, and the ledger still adds up.

use calculation::invoice::{Correction, Invoice, Itemisation, Party};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::store::{self, Document};
use crate::db::Tx;
use crate::error::{Error, Result};

/// Documents of before then have been kept for so many full years after the year they were issued in.
pub(crate) fn document_before(now: Timestamp, years: u16) -> Result<Timestamp> {
    let unknown = |error: jiff::Error| Error::Other(error.to_string());
    // Wherever it is issued, a document's year begins within a day of that of UTC.
    let day = 24.hours();
    let year = TimeZone::UTC.to_datetime(now.checked_sub(day).map_err(unknown)?).year();
    let first = i16::try_from(years).ok().and_then(|years| year.checked_sub(years)).unwrap_or(1);
    let first = jiff::civil::Date::new(first.max(1), 1, 1).map_err(unknown)?;
    let begins = TimeZone::UTC.to_timestamp(first.at(0, 0, 0, 0)).map_err(unknown)?;
    begins.checked_sub(day).map_err(unknown)
}

/// Removes the content of some documents of before an instant; answers of how many. What is open or contested stays whole.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: i64, now: Timestamp) -> Result<u64> {
    let mut purged = 0;
    for document in [Document::Invoice, Document::CreditNote] {
        for (customer, id, content) in store::kept(tx, document, before, limit).await? {
            store::save_purged(tx, document, (customer, id), &without_content(content), now).await?;
            purged += 1;
        }
    }
    Ok(purged)
}

/// How many documents of before an instant still have their content and may lose it.
pub async fn count_purgeable(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    let invoices = store::count_kept(tx, Document::Invoice, before).await?;
    Ok(invoices + store::count_kept(tx, Document::CreditNote, before).await?)
}

/// What is left of a document.
fn without_content(document: Invoice) -> Invoice {
    let buyer = Party::nobody(document.buyer.country);
    let corrects = document.corrects.map(|corrected| Correction { reason: String::new(), ..corrected });
    Invoice {
        buyer,
        corrects,
        customer_reference: String::new(),
        itemisation: Itemisation::None,
        lines: Vec::new(),
        tax_note: None,
        ..document
    }
}
