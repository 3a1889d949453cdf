//! Do the invoices add up? Each equals its calls and fees, and no number is missing.

use calculation::invoice::{LineKind, totals};
use calculation::period::Period;

use super::store;
use crate::calls;
use crate::db::Tx;
use crate::error::Result;

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub invoices: u64,
    pub numbers: u64,
    pub faults: Vec<String>,
}

/// Verifies every invoice against the calls of its month, and the numbers for gaps.
pub async fn verify(tx: &mut Tx) -> Result<Verified> {
    let mut verified = Verified::default();
    let mut after = crate::id::InvoiceId(0);
    loop {
        let page = store::after(tx, after, 500).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for stored in &page {
            verified.invoices += 1;
            let invoice = &stored.invoice;
            if stored.number.is_none() {
                verified.faults.push(format!("invoice {} has no number: bill its month again", stored.id));
            }
            let name = stored.number.clone().unwrap_or_else(|| stored.id.to_string());
            let sums = totals(&invoice.lines, invoice.currency);
            let adds_up = sums.is_some_and(|sums| {
                sums.net == invoice.net && sums.tax == invoice.tax && sums.gross == invoice.gross
            });
            if !adds_up || stored.gross.amount != invoice.gross {
                verified.faults.push(format!("invoice {name}: its lines do not add up to its total"));
            }
            let period = Period {
                starts_at: invoice.period.starts_at,
                ends_at: invoice.period.ends_at,
                first_day: invoice.period.first_day,
            };
            let mut usage: Vec<_> = calls::usage(tx, stored.customer_id, &period)
                .await?
                .into_iter()
                .map(|row| (row.late, row.destination, row.calls, row.amount.to_minor_unit(invoice.currency)))
                .collect();
            usage.sort();
            let lines = invoice.lines.iter().filter(|line| line.kind != LineKind::Fee);
            let mut shown: Vec<_> = lines
                .map(|line| {
                    (line.kind == LineKind::LateUsage, line.description.clone(), line.calls, Some(line.net))
                })
                .collect();
            shown.sort();
            if usage != shown {
                verified.faults.push(format!("invoice {name}: its usage is not that of its calls"));
            }
        }
    }
    for (series, year, last, count) in store::series(tx).await? {
        verified.numbers += u64::try_from(count).unwrap_or_default();
        if last != count {
            verified
                .faults
                .push(format!("series {series}-{year}: {count} numbers are given, the last is {last}"));
        }
    }
    Ok(verified)
}
