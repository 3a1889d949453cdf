//! Invoices, what is open of them, and credit notes of all customers in the database.

use calculation::invoice::{Invoice, Party};
use calculation::money::{Amount, Money};
use jiff::Timestamp;

use super::invoices::{Asked, Cursor};
use super::{ListedInvoice, Month, month_of};
use crate::db::{self, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::payments::{Status, status_of};

const INVOICES: Place = Place::new("invoices", &["customer_id", "id"]);

/// What is asked for, as conditions with their parameters.
struct Conditions {
    texts: Vec<String>,
    params: Vec<Box<dyn Param>>,
}

impl Conditions {
    /// Adds a condition, in which `?` is the parameter.
    fn add(&mut self, text: &str, param: impl Param + 'static) {
        self.params.push(Box::new(param));
        self.texts.push(text.replace('?', &format!("${}", self.params.len())));
    }
}

pub(super) async fn invoices(
    tx: &mut Tx,
    asked: &Asked,
    after: Option<Cursor>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<ListedInvoice>> {
    let mut conditions = Conditions { texts: Vec::new(), params: Vec::new() };
    if let Some(Month { from, to }) = asked.month {
        conditions.add("i.period_start >= ?", Ts(from));
        conditions.add("i.period_start < ?", Ts(to));
    }
    if let Some(customer) = asked.customer {
        conditions.add("i.customer_id = ?", customer.0);
    }
    if let Some(min) = asked.min {
        conditions.add("i.gross >= ?", min.micros());
    }
    if let Some(max) = asked.max {
        conditions.add("i.gross <= ?", max.micros());
    }
    let is_void = "r.gross > 0 and r.credited >= r.gross";
    match asked.status {
        None => {}
        Some(Status::Void) => conditions.texts.push(is_void.to_owned()),
        Some(Status::WrittenOff) => {
            conditions.texts.push(format!("not ({is_void}) and r.open <= 0 and r.written_off > 0"));
        }
        Some(Status::Paid) => {
            conditions.texts.push(format!("not ({is_void}) and r.open <= 0 and r.written_off <= 0"));
        }
        Some(open) => {
            conditions.texts.push(format!("not ({is_void}) and r.open > 0"));
            match open {
                Status::Overdue => conditions.add("r.due_at <= ?", Ts(now)),
                Status::PartlyPaid => conditions.add("r.due_at > ? and r.open < r.gross", Ts(now)),
                _ => conditions.add("r.due_at > ? and r.open >= r.gross", Ts(now)),
            }
        }
    }
    if let Some(Cursor(starts_at, customer, invoice)) = after {
        conditions.add("i.period_start >= ?", Ts(starts_at));
        let (one, two, three) =
            (conditions.params.len(), conditions.params.len() + 1, conditions.params.len() + 2);
        conditions.params.push(Box::new(customer.0));
        conditions.params.push(Box::new(invoice.0));
        conditions.texts.push(format!(
            "(i.period_start > ${one} or i.customer_id > ${two} or (i.customer_id = ${two} and i.invoice_id > ${three}))"
        ));
    }
    conditions.params.push(Box::new(db::limit(limit)));
    let place = conditions.params.len();
    if conditions.texts.is_empty() {
        conditions.texts.push("1 = 1".to_owned());
    }
    // Few of all invoices are open: where neither month nor customer says which, those are looked at.
    let only_open = matches!(asked.status, Some(Status::Overdue | Status::PartlyPaid | Status::Open));
    let (with, from) = if only_open && asked.month.is_none() && asked.customer.is_none() {
        (
            "with r as materialized (select customer_id, invoice_id, gross, open, credited, written_off, due_at
                                     from receivables where open > 0)",
            "r join invoices i on i.customer_id = r.customer_id and i.invoice_id = r.invoice_id",
        )
    } else {
        ("", "invoices i join receivables r on r.customer_id = i.customer_id and r.invoice_id = i.invoice_id")
    };
    let sql = format!(
        "{with} select i.customer_id, i.invoice_id as id, i.number, i.period_start, i.issued_on, i.due_on, i.currency,
           i.net, i.tax, i.gross, r.open, r.credited, r.written_off, r.due_at, c.reference, c.party
         from {from} join customers c on c.customer_id = i.customer_id
         where {} order by i.period_start, i.customer_id, i.invoice_id limit ${place}",
        conditions.texts.join(" and ")
    );
    let params: Vec<&dyn Param> = conditions.params.iter().map(|param| &**param).collect();
    let rows = tx.rows(&sql, &params).await?;
    Ok(INVOICES.all(&rows, |row| listed(row, now))?)
}

fn listed(row: &Row, now: Timestamp) -> db::Result<ListedInvoice> {
    let currency = row.parse("currency")?;
    let money = |column: &str| Ok::<_, db::Error>(Money { amount: row.amount(column)?, currency });
    let day = |column: &str| match row.get::<Option<String>>(column)? {
        Some(_) => row.parse(column).map(Some),
        None => Ok(None),
    };
    let [gross, open]: [Money; 2] = [money("gross")?, money("open")?];
    let amounts = [gross.amount, open.amount, row.amount("credited")?, row.amount("written_off")?];
    let starts_at = row.time("period_start")?;
    Ok(ListedInvoice {
        id: InvoiceId(row.get("id")?),
        customer_id: CustomerId(row.get("customer_id")?),
        customer_reference: row.get("reference")?,
        customer_name: row.json::<Party>("party")?.name,
        number: row.get("number")?,
        month: month_of(starts_at),
        issued_on: day("issued_on")?,
        due_on: day("due_on")?,
        net: money("net")?,
        tax: money("tax")?,
        gross,
        open,
        status: status_of(amounts, row.time("due_at")?, now),
        starts_at,
    })
}

/// A document of a month, an invoice or a credit note for one.
pub(super) struct Document {
    pub(super) starts_at: Timestamp,
    pub(super) customer: CustomerId,
    pub(super) id: i64,
    pub(super) net: Amount,
    pub(super) tax: Amount,
    pub(super) content: Invoice,
}

/// What of a month is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Invoices,
    /// Those that correct the month's invoices.
    CreditNotes,
}

/// Documents of a month after one, by their months' beginnings and customers.
pub(super) async fn documents(
    tx: &mut Tx,
    of: Of,
    month: Month,
    after: Option<(Timestamp, CustomerId, i64)>,
    limit: usize,
) -> Result<Vec<Document>> {
    let (id, from) = match of {
        Of::Invoices => (
            "invoice_id",
            "invoices i join invoices d on d.customer_id = i.customer_id and d.invoice_id = i.invoice_id",
        ),
        Of::CreditNotes => (
            "credit_note_id",
            "invoices i join credit_notes d on d.customer_id = i.customer_id and d.invoice_id = i.invoice_id",
        ),
    };
    let (starts_at, customer, last) = after.unwrap_or((month.from, crate::id::NOBODY, i64::MIN));
    let sql = format!(
        "select d.customer_id, d.{id} as id, i.period_start, d.net, d.tax, d.content from {from}
         where i.period_start >= $1 and i.period_start < $2
           and (i.period_start > $1 or d.customer_id > $3 or (d.customer_id = $3 and d.{id} > $4))
         order by i.period_start, d.customer_id, d.{id} limit $5"
    );
    let rows = tx.rows(&sql, &[&Ts(starts_at), &Ts(month.to), &customer.0, &last, &db::limit(limit)]).await?;
    let document = |row: &Row| {
        Ok(Document {
            starts_at: row.time("period_start")?,
            customer: CustomerId(row.get("customer_id")?),
            id: row.get("id")?,
            net: row.amount("net")?,
            tax: row.amount("tax")?,
            content: row.json("content")?,
        })
    };
    Ok(INVOICES.all(&rows, document)?)
}
