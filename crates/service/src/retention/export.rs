//! Copies all that is known of a customer (GDPR, articles 15 and 20): a line of JSON for each thing, the customer first.

use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc::Sender;

use crate::audit::{self, Asked};
use crate::calls::{self, Cursor, HistoryQuery};
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::{access, adjustments, credit_notes, disputes, invoices, payments, prepaid, sessions};

/// So many are read at once of what may be many.
const PAGE: usize = 1_000;

/// One thing of a kind.
#[derive(Serialize)]
struct Line<'t, T> {
    kind: &'t str,
    data: &'t T,
}

/// Where the lines go.
struct Lines(Sender<Vec<u8>>);

impl Lines {
    async fn put(&self, kind: &str, data: &impl Serialize) -> Result<()> {
        let line = serde_json::to_vec(&Line { kind, data });
        let mut line = line.map_err(|error| Error::Other(error.to_string()))?;
        line.push(b'\n');
        self.0.send(line).await.map_err(|_| Error::Other("nobody reads the export any more".to_owned()))
    }

    async fn put_all(&self, kind: &str, things: &[impl Serialize]) -> Result<()> {
        for thing in things {
            self.put(kind, thing).await?;
        }
        Ok(())
    }
}

/// Sends line after line. The last is of the kind `end`: a copy without it was cut short.
pub async fn export(tx: &mut Tx, customer: &Customer, to: Sender<Vec<u8>>) -> Result<()> {
    let (lines, id) = (Lines(to), customer.id);
    lines.put("customer", customer).await?;
    lines.put_all("line", &customers::lines(tx, id).await?).await?;
    lines.put_all("subscription", &customers::subscriptions(tx, id).await?).await?;
    lines.put_all("client", &access::clients_of(tx, id).await?).await?;
    lines.put_all("billing_hold", invoices::review::hold_of(tx, id).await?.as_slice()).await?;
    lines.put_all("charge", &adjustments::charges(tx, id).await?).await?;
    lines.put_all("discount", &adjustments::discounts(tx, id).await?).await?;
    lines.put_all("dispute", &disputes::of_customer(tx, id).await?).await?;
    lines.put_all("invoice", &invoices::of_customer(tx, id).await?).await?;
    lines.put_all("credit_note", &credit_notes::of_customer(tx, id).await?).await?;
    payments_of(tx, customer, &lines).await?;
    prepaid_of(tx, customer, &lines).await?;
    calls_of(tx, customer, &lines).await?;
    audit_of(tx, customer, &lines).await?;
    lines.put("end", &json!({"customer_id": id})).await
}

async fn payments_of(tx: &mut Tx, customer: &Customer, lines: &Lines) -> Result<()> {
    let mut after = None;
    loop {
        let page = payments::of_customer(tx, customer.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        lines.put_all("payment", &page).await?;
    }
}

async fn prepaid_of(tx: &mut Tx, customer: &Customer, lines: &Lines) -> Result<()> {
    lines.put_all("balance", &prepaid::balances(tx, customer, true, customer.created_at).await?).await?;
    let mut after = None;
    loop {
        let page = prepaid::movements(tx, customer, None, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        lines.put_all("movement", &page).await?;
    }
    let mut before = None;
    loop {
        let page = sessions::of_customer(tx, customer.id, before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        before = Some(last.id.number);
        for session in page {
            lines.put("session", &sessions::http::Shown::from(session)).await?;
        }
    }
}

async fn calls_of(tx: &mut Tx, customer: &Customer, lines: &Lines) -> Result<()> {
    let mut query = HistoryQuery { limit: PAGE, ..HistoryQuery::default() };
    loop {
        let page = calls::history(tx, customer.id, &query).await?;
        let Some(last) = page.last() else { return Ok(()) };
        query.before = Some(Cursor::after(last));
        lines.put_all("call", &page).await?;
    }
}

/// Who saw or changed what of the customer.
async fn audit_of(tx: &mut Tx, customer: &Customer, lines: &Lines) -> Result<()> {
    let mut asked = Asked { customer: Some(customer.id), ..Asked::default() };
    loop {
        let page = audit::list(tx, &asked, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        asked.before = Some(last.id);
        lines.put_all("audit_entry", &page).await?;
    }
}
