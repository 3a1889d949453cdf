//! Do the credit notes add up? Each equals what it gives back of lines, and no invoice gives back more than it asked.

use std::collections::BTreeMap;

use calculation::money::Amount;
use calculation::total::Total;

use super::store;
use crate::db::Tx;
use crate::error::{Result, noted};
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::invoices;

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub credit_notes: u64,
    pub faults: Vec<String>,
}

const PAGE: i64 = 500;

/// Verifies every credit note.
pub async fn verify(tx: &mut Tx) -> Result<Verified> {
    let mut verified = Verified::default();
    let mut credited: BTreeMap<(CustomerId, InvoiceId), Total> = BTreeMap::new();
    let mut after = CreditNoteId(0);
    loop {
        let page = store::after(tx, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, note) in page {
            verified.credit_notes += 1;
            let Some(note) = noted(note, &mut verified.faults)? else { continue };
            let document = &note.credit_note;
            let name = note.number.clone().unwrap_or_else(|| note.id.to_string());
            if note.number.is_none() {
                verified.faults.push(format!("credit note {name} has no number"));
            }
            let lines = Amount::sum(document.lines.iter().map(|line| line.net));
            let gross = document.net.checked_add(document.tax);
            let remembered = store::net_of_lines(tx, &note).await?;
            let whole = note.purged_at.is_none();
            if (whole && lines != Some(document.net))
                || gross != Some(note.gross.amount)
                || remembered != document.net.into()
            {
                verified.faults.push(format!("credit note {name}: its lines do not add up to its total"));
            }
            credited.entry((note.customer_id, note.invoice_id)).or_default().add(note.gross.amount);
        }
    }
    for (id, number) in store::lost_calls(tx).await? {
        let name = number.unwrap_or_else(|| id.to_string());
        verified
            .faults
            .push(format!("credit note {name}: the calls that it credited are not those it gives back"));
    }
    for ((customer, id), credited) in credited {
        let mut faults = Vec::new();
        let looked = verify_invoice(tx, (customer, id), credited, &mut faults).await;
        noted(looked, &mut faults)?;
        verified.faults.append(&mut faults);
    }
    Ok(verified)
}

/// Verifies that no more was credited of an invoice than it asked for.
async fn verify_invoice(
    tx: &mut Tx,
    (customer, id): (CustomerId, InvoiceId),
    credited: Total,
    faults: &mut Vec<String>,
) -> Result<()> {
    let invoice = invoices::by_id(tx, customer, id).await?;
    let before = store::credited_before(tx, customer, id).await?;
    let later = match &invoice {
        Some(stored) => invoices::given_back_later(tx, stored).await?,
        None => BTreeMap::new(),
    };
    let lines = invoice.iter().flat_map(|stored| stored.invoice.lines.iter().enumerate());
    for (place, line) in lines {
        let net = before.lines.get(&place).copied().unwrap_or_default();
        let (least, most) = (line.net.min(Amount::ZERO), line.net.max(Amount::ZERO));
        // What a later invoice gave back of a line may be charged again by a credit.
        let with_later = net.checked_add(later.get(&place).copied().unwrap_or_default()).unwrap_or(net);
        if net.max(with_later) < least || net.min(with_later) > most {
            let number = place + 1;
            faults.push(format!("line {number} of invoice {id}: {net} was credited of {}", line.net));
        }
    }
    if invoice.is_none_or(|stored| Total::from(stored.gross.amount) < credited) {
        faults.push(format!("more was credited of invoice {id} than it asked for"));
    }
    Ok(())
}
