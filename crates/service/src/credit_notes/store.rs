//! The credit notes in the database.

use std::collections::BTreeSet;

use calculation::credit::CreditedBefore;
use calculation::invoice::Invoice;
use calculation::money::{Amount, Money};
use calculation::total::Total;
use jiff::Timestamp;

use super::CreditNote;
use crate::calls::{Call, RecordKey};
use crate::db::{self, Cell, Halves, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};

const CREDIT_NOTE: Place = Place::new("credit_notes", &["customer_id", "credit_note_id"]);
const CREDITED_LINES: Place = Place::new("credited_lines", &["customer_id", "invoice_id", "line"]);

const CREDIT_NOTES: &str =
    "select customer_id, credit_note_id, invoice_id, issued_at, gross, number, content,
    purged_at, takes_back_id from credit_notes";

/// Stores a credit note as it is frozen, without a number, and what it gives back of which lines.
pub(super) async fn insert(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    id: CreditNoteId,
    note: &Invoice,
    lines: &[(usize, Amount)],
    now: Timestamp,
) -> Result<()> {
    let sql =
        "insert into credit_notes (customer_id, credit_note_id, invoice_id, issued_at, issued_on, currency,
                                         net, tax, gross, content)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let content = db::json_text(note)?;
    let params: [&dyn Param; 10] = [
        &customer.0,
        &id.0,
        &invoice.0,
        &Ts(now),
        &note.issued_on.to_string(),
        &note.currency.code(),
        &note.net.micros(),
        &note.tax.micros(),
        &note.gross.micros(),
        &content,
    ];
    tx.execute(sql, &params).await?;
    let rows = lines.iter().map(|(place, net)| {
        let [customer, invoice, id, net] = [customer.0, invoice.0, id.0, net.micros()].map(Cell::Int);
        [customer, invoice, Cell::fit(*place), id, net]
    });
    let columns = ["customer_id", "invoice_id", "line", "credit_note_id", "net"];
    Ok(tx.insert_rows("credited_lines", &columns, &rows.collect::<Vec<_>>()).await?)
}

/// Remembers that a call of a line was credited.
pub(super) async fn insert_call(
    tx: &mut Tx,
    customer: CustomerId,
    call: &Call,
    (invoice, place, id): (InvoiceId, usize, Option<CreditNoteId>),
    (net, now): (Amount, Timestamp),
) -> Result<()> {
    let sql = "insert into credited_calls (customer_id, source, record_id, credit_note_id, invoice_id, line, amount, net,
                                           credited_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let place = db::int(place)?;
    let amount = call.amount.map_or(0, |money| money.amount.micros());
    let Call { source, record_id, .. } = call;
    let id = id.map(|id| id.0);
    let params: [&dyn Param; 9] =
        [&customer.0, source, record_id, &id, &invoice.0, &place, &amount, &net.micros(), &Ts(now)];
    tx.execute(sql, &params).await?;
    Ok(())
}

pub(super) async fn is_credited(tx: &mut Tx, customer: CustomerId, call: &Call) -> Result<bool> {
    let sql = "select credit_note_id from credited_calls
               where customer_id = $1 and source = $2 and record_id = $3";
    Ok(tx.row(sql, &[&customer.0, &call.source, &call.record_id]).await?.is_some())
}

/// The calls of a customer that were credited.
pub(super) async fn credited_calls(tx: &mut Tx, customer: CustomerId) -> Result<BTreeSet<RecordKey>> {
    let sql = "select source, record_id from credited_calls where customer_id = $1";
    let rows = tx.rows(sql, &[&customer.0]).await?;
    let key = |row: &Row| Ok((row.get("source")?, row.get("record_id")?));
    Ok(rows.iter().map(key).collect::<db::Result<_>>()?)
}

/// What was credited of an invoice.
pub(super) async fn credited_before(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
) -> Result<CreditedBefore> {
    let mut before = CreditedBefore::default();
    let sql = format!(
        "select customer_id, invoice_id, line, {} from credited_lines
         where customer_id = $1 and invoice_id = $2 group by customer_id, invoice_id, line",
        Halves::sum("net").columns("net")
    );
    for row in tx.rows(&sql, &[&customer.0, &invoice.0]).await? {
        let read = |row: &Row| Ok((row.count("line")?, row.sum_amount("net")?));
        let (place, net) = CREDITED_LINES.read(&row, read)?;
        before.lines.insert(place, net);
    }
    let sql = format!("{CREDIT_NOTES} where customer_id = $1 and invoice_id = $2");
    for row in tx.rows(&sql, &[&customer.0, &invoice.0]).await? {
        before.taxes.extend(CREDIT_NOTE.read(&row, credit_note)?.credit_note.taxes);
    }
    Ok(before)
}

pub(super) async fn by_id(tx: &mut Tx, customer: CustomerId, id: CreditNoteId) -> Result<Option<CreditNote>> {
    let sql = format!("{CREDIT_NOTES} where customer_id = $1 and credit_note_id = $2");
    Ok(CREDIT_NOTE.one(tx.row(&sql, &[&customer.0, &id.0]).await?.as_ref(), credit_note)?)
}

/// The credit note that takes one back.
pub(super) async fn taken_back_by(
    tx: &mut Tx,
    customer: CustomerId,
    id: CreditNoteId,
) -> Result<Option<CreditNoteId>> {
    let sql = "select credit_note_id from credit_notes where customer_id = $1 and takes_back_id = $2";
    let row = tx.row(sql, &[&customer.0, &id.0]).await?;
    Ok(row.map(|row| row.get("credit_note_id").map(CreditNoteId)).transpose()?)
}

pub(super) async fn mark_takes_back(
    tx: &mut Tx,
    customer: CustomerId,
    id: CreditNoteId,
    takes_back: CreditNoteId,
) -> Result<()> {
    let sql = "update credit_notes set takes_back_id = $3 where customer_id = $1 and credit_note_id = $2";
    tx.execute(sql, &[&customer.0, &id.0, &takes_back.0]).await?;
    Ok(())
}

/// What a credit note gives back of which lines.
pub(super) async fn lines_of(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    id: CreditNoteId,
) -> Result<Vec<(usize, Amount)>> {
    let sql = "select customer_id, invoice_id, line, net from credited_lines
               where customer_id = $1 and invoice_id = $2 and credit_note_id = $3 order by line";
    let line = |row: &Row| Ok((row.count("line")?, row.amount("net")?));
    Ok(CREDITED_LINES.all(&tx.rows(sql, &[&customer.0, &invoice.0, &id.0]).await?, line)?)
}

/// The calls that a credit note credited are credited no more.
pub(super) async fn forget_credited_calls(tx: &mut Tx, customer: CustomerId, id: CreditNoteId) -> Result<()> {
    let sql = "delete from credited_calls where customer_id = $1 and credit_note_id = $2";
    tx.execute(sql, &[&customer.0, &id.0]).await?;
    Ok(())
}

pub(super) async fn by_number(tx: &mut Tx, number: &str) -> Result<Option<CreditNote>> {
    // Invoices and credit notes have series of their own in one directory.
    let sql = "select customer_id, invoice_id from invoice_directory where number = $1";
    let Some(row) = tx.row(sql, &[&number]).await? else { return Ok(None) };
    by_id(tx, CustomerId(row.get("customer_id")?), CreditNoteId(row.get("invoice_id")?)).await
}

pub(super) async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<CreditNote>> {
    let sql = format!("{CREDIT_NOTES} where customer_id = $1 order by credit_note_id desc");
    Ok(CREDIT_NOTE.all(&tx.rows(&sql, &[&customer.0]).await?, credit_note)?)
}

/// Credit notes of every customer, after a cursor.
pub(super) async fn after(
    tx: &mut Tx,
    after: CreditNoteId,
    limit: i64,
) -> Result<Vec<(CreditNoteId, db::Result<CreditNote>)>> {
    let sql = format!("{CREDIT_NOTES} where credit_note_id > $1 order by credit_note_id limit $2");
    let rows = tx.rows(&sql, &[&after.0, &limit]).await?;
    Ok(CREDIT_NOTE.each(&rows, |row| row.get("credit_note_id").map(CreditNoteId), credit_note)?)
}

/// What a credit note gives back of the invoice's lines, together.
pub(super) async fn net_of_lines(tx: &mut Tx, note: &CreditNote) -> Result<Total> {
    let net = Halves::sum("net").columns("net");
    let sql = format!(
        "select {net} from credited_lines where customer_id = $1 and invoice_id = $2 and credit_note_id = $3"
    );
    let row = tx.row(&sql, &[&note.customer_id.0, &note.invoice_id.0, &note.id.0]).await?;
    Ok(row.map_or(Ok(Total::default()), |row| row.total("net"))?)
}

/// Credit notes that gave something else back than for the calls which they are remembered to have credited, or for calls of
/// which none is remembered. Those that were taken back credit none.
pub(super) async fn lost_calls(tx: &mut Tx) -> Result<Vec<(CreditNoteId, Option<String>)>> {
    let sql = format!(
        "select n.credit_note_id, n.number from credit_notes n
         left join (select customer_id, credit_note_id, count(*) as calls, {} from credited_calls
                    where credit_note_id is not null group by customer_id, credit_note_id) k
           on k.customer_id = n.customer_id and k.credit_note_id = n.credit_note_id
         where n.takes_back_id is null
           and not exists (select 1 from credit_notes b where b.customer_id = n.customer_id and b.takes_back_id = n.credit_note_id)
           and (k.calls is not null or exists (select 1 from settled_parts s
                  where s.customer_id = n.customer_id and s.settled_by = n.credit_note_id))
           and {} order by n.credit_note_id limit 100",
        Halves::sum("net").columns("net"),
        Halves::column("k.net").less(&Halves::of("n.net")).is_not_zero()
    );
    let found = |row: &Row| Ok((CreditNoteId(row.get("credit_note_id")?), row.get("number")?));
    Ok(tx.rows(&sql, &[]).await?.iter().map(found).collect::<db::Result<_>>()?)
}

fn credit_note(row: &Row) -> db::Result<CreditNote> {
    let content: Invoice = row.json("content")?;
    let number: Option<String> = row.get("number")?;
    Ok(CreditNote {
        id: CreditNoteId(row.get("credit_note_id")?),
        customer_id: CustomerId(row.get("customer_id")?),
        invoice_id: InvoiceId(row.get("invoice_id")?),
        number: number.clone(),
        takes_back: row.get::<Option<i64>>("takes_back_id")?.map(CreditNoteId),
        issued_at: row.time("issued_at")?,
        gross: Money { amount: Amount::from_micros(row.get("gross")?), currency: content.currency },
        purged_at: row.optional_time("purged_at")?,
        // The content is frozen before the number is given.
        credit_note: Invoice { number, ..content },
    })
}
