//! What do sealed rows say now? Whoever compares them with their leaves looks at what other features store.

use jiff::Timestamp;

use super::form::{
    self, AUDIT, CALL, CORRECTION, ENTRY, NUMBERED, RATE, SUSPENDED, TARIFF_VERSION, VOUCHER_BATCH,
};
use crate::db::{self, Cell, Digest, Form, Kind, Leaf, Row, Tx};
use crate::error::Result;
use crate::hash::hex;
use crate::id::{AuditId, CustomerId, EntryId, InvoiceId, TariffId};

/// A value of a sealed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Number(i64),
    Instant(Timestamp),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Number(number) => Cell::Int(*number),
            Self::Instant(at) => Cell::Time(*at),
            Self::Text(text) => Cell::Text(text),
            Self::Bytes(bytes) => Cell::Bytes(bytes),
        }
    }

    /// The value of a column.
    pub(super) fn of(row: &Row, place: usize, column: &str) -> db::Result<Self> {
        Ok(match row.value(place)? {
            Cell::Null | Cell::TooLarge => Self::Null,
            Cell::Int(micros) if form::is_instant(column) => {
                Timestamp::from_microsecond(micros).map_or(Self::Number(micros), Self::Instant)
            }
            Cell::Int(number) => Self::Number(number),
            Cell::Bool(truth) => Self::Number(truth.into()),
            Cell::Time(at) => Self::Instant(at),
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        })
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Number(number) => write!(out, "{number}"),
            Self::Instant(at) => write!(out, "{at}"),
            Self::Text(text) => out.write_str(text),
            Self::Bytes(bytes) => out.write_str(&hex(bytes)),
        }
    }
}

/// A row that says it is sealed.
#[derive(Debug, Clone)]
pub(super) struct SealedRow {
    pub(super) form: &'static Form,
    pub(super) batch: Option<i64>,
    pub(super) place: [i64; 2],
    pub(super) hash: Digest,
    pub(super) values: Vec<Value>,
}

/// How many kinds of rows are sealed in batches.
pub(super) const FORMS: usize = 9;

/// What is sealed in batches, in the order of their numbers.
pub(super) fn forms() -> [&'static Form; FORMS] {
    [&CALL, &ENTRY, &AUDIT, &NUMBERED, &TARIFF_VERSION, &RATE, &CORRECTION, &VOUCHER_BATCH, &SUSPENDED]
}

/// In which tables rows of a form stand, and the columns of their place.
fn tables(form: &Form) -> (&'static [&'static str], [&'static str; 2]) {
    match form.table {
        // A call stands there once its record was corrected.
        "calls" => (&["calls", "replaced_calls"], ["customer_id", "started_at"]),
        "ledger_entries" => (&["ledger_entries"], ["customer_id", "entry_id"]),
        "audit_entries" => (&["audit_entries"], ["audit_id", "happened_at"]),
        "tariff_versions" => (&["tariff_versions"], ["tariff_id", "version"]),
        "rates" => (&["rates"], ["tariff_id", "version"]),
        "call_replacements" => (&["call_replacements"], ["customer_id", "replaced_at"]),
        "voucher_batches" => (&["voucher_batches"], ["vouchers", "created_at"]),
        "suspense" => (&["suspense"], ["line", "suspended_at"]),
        _ => (&["invoice_directory"], ["customer_id", "invoice_id"]),
    }
}

/// The statement that selects rows of a form, from what it calls `t`.
fn select(form: &Form, from: &str, condition: &str) -> String {
    if form.number != ENTRY.number {
        return format!("select t.seal_batch_id, {} from {from} where {condition}", form::columns(form, "t"));
    }
    format!(
        "select t.seal_batch_id, t.customer_id, t.entry_id, t.kind, t.subject_id, t.currency, t.posted_at, p.account, p.amount
         from {from} left join postings p on p.customer_id = t.customer_id and p.entry_id = t.entry_id
         where {condition} order by t.customer_id, t.entry_id, p.account"
    )
}

/// The rows of a form that stand at some places and say that they are sealed.
pub(super) async fn at_places(
    tx: &mut Tx,
    form: &'static Form,
    places: &[[i64; 2]],
) -> Result<Vec<SealedRow>> {
    let (tables, [first, second]) = tables(form);
    let is_timed = form::is_instant(second);
    let given: Vec<_> = places
        .iter()
        .map(|[one, two]| {
            let two = if is_timed {
                Timestamp::from_microsecond(*two).map_or(Cell::Null, Cell::Time)
            } else {
                Cell::Int(*two)
            };
            [Cell::Int(*one), two]
        })
        .collect();
    let kinds = [Kind::Int, if is_timed { Kind::Time } else { Kind::Int }];
    let mut found = Vec::new();
    for table in tables {
        // Of an entry of the audit log its id says all, and another time is a change.
        let and =
            if form.number == AUDIT.number { String::new() } else { format!("and t.{second} = g.column2") };
        let from = format!(":given g join {table} t on t.{first} = g.column1 {and}");
        let sql = select(form, &from, "t.seal_batch_id is not null");
        let rows = tx.rows_over(&sql, kinds, &given).await?;
        found.append(&mut sealed_rows(form, &rows)?);
    }
    Ok(found)
}

/// Rows of a form that say they are of a batch.
pub(super) async fn of_batch(tx: &mut Tx, form: &'static Form, batch: i64) -> Result<Vec<SealedRow>> {
    let mut found = Vec::new();
    for table in tables(form).0 {
        let sql = select(form, &format!("{table} t"), "t.seal_batch_id = $1");
        found.append(&mut sealed_rows(form, &tx.rows(&sql, &[&batch]).await?)?);
    }
    Ok(found)
}

/// The call that stands under a record's key.
pub(super) async fn of_record(tx: &mut Tx, source: &str, record_id: &str) -> Result<Option<SealedRow>> {
    let sql = select(&CALL, "calls t", "t.source = $1 and t.record_id = $2");
    Ok(sealed_rows(&CALL, &tx.rows(&sql, &[&source, &record_id]).await?)?.pop())
}

/// The number of a document.
pub(super) async fn of_number(tx: &mut Tx, number: &str) -> Result<Option<SealedRow>> {
    let sql = select(&NUMBERED, "invoice_directory t", "t.number = $1");
    Ok(sealed_rows(&NUMBERED, &tx.rows(&sql, &[&number]).await?)?.pop())
}

/// Some rows of a form that are of no batch.
pub(super) async fn of_none(tx: &mut Tx, form: &'static Form, limit: usize) -> Result<Vec<SealedRow>> {
    let mut found = Vec::new();
    for table in tables(form).0 {
        // The limit is of entries, not of their postings.
        let (key, _) = form.columns.split_at(3.min(form.columns.len()));
        let some = format!(
            "(select * from {table} where seal_batch_id is null order by {} limit $1)",
            key.join(", ")
        );
        let sql = select(form, &format!("{some} t"), "t.seal_batch_id is null");
        found.append(&mut sealed_rows(form, &tx.rows(&sql, &[&db::limit(limit)]).await?)?);
    }
    Ok(found)
}

/// How many rows of a form there are, and how many of them say that they are sealed.
pub(super) async fn counts(tx: &mut Tx, form: &Form) -> Result<(u64, u64)> {
    let (mut all, mut sealed) = (0, 0);
    for table in tables(form).0 {
        let sql = format!("select count(*) as every, count(seal_batch_id) as sealed from {table}");
        if let Some(row) = tx.row(&sql, &[]).await? {
            all += row.count::<u64>("every")?;
            sealed += row.count::<u64>("sealed")?;
        }
    }
    Ok((all, sealed))
}

/// How many rows of a form say that they are of each batch.
pub(super) async fn counts_of_batches(tx: &mut Tx, form: &Form) -> Result<Vec<(i64, u64)>> {
    let all = tables(form).0.iter();
    let all = all.map(|table| format!("select seal_batch_id from {table} where seal_batch_id is not null"));
    let sql = format!(
        "select seal_batch_id, count(*) as sealed from ({}) every group by seal_batch_id order by seal_batch_id",
        all.collect::<Vec<_>>().join(" union all ")
    );
    let count = |row: &Row| Ok((row.get("seal_batch_id")?, row.count("sealed")?));
    Ok(tx.rows(&sql, &[]).await?.iter().map(count).collect::<db::Result<_>>()?)
}

fn sealed_rows(form: &'static Form, rows: &[Row]) -> Result<Vec<SealedRow>> {
    let mut found: Vec<SealedRow> = Vec::with_capacity(rows.len());
    let is_entry = form.number == ENTRY.number;
    // The postings of an entry are in one row each.
    let own = form.columns.len() - usize::from(is_entry);
    let mut posted: Vec<(String, i64)> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let values = form.columns[..own].iter().enumerate();
        let values = values.map(|(place, column)| Value::of(row, place + 1, column));
        let mut values = values.collect::<db::Result<Vec<_>>>()?;
        if is_entry {
            if let Some(account) = row.get::<Option<String>>("account")? {
                posted.push((account, row.get("amount")?));
            }
            if rows.get(place + 1).map(entry_of).transpose()? == Some(entry_of(row)?) {
                continue;
            }
            values.push(Value::Text(form::written(std::mem::take(&mut posted))));
        }
        let hash = form.hash(values.iter().map(Value::cell), &mut Vec::new());
        let batch = row.get("seal_batch_id")?;
        let place = place_of(form, |place| values.get(place).map(Value::cell));
        found.push(SealedRow { form, batch, place, hash, values });
    }
    Ok(found)
}

fn entry_of(row: &Row) -> db::Result<(i64, i64)> {
    Ok((row.get("customer_id")?, row.get("entry_id")?))
}

/// The place of a row, of which `cell` has the values by the columns of its form.
pub(super) fn place_of<'c>(form: &Form, cell: impl Fn(usize) -> Option<Cell<'c>>) -> [i64; 2] {
    tables(form).1.map(|column| {
        let place = form.columns.iter().position(|known| *known == column);
        match place.and_then(&cell) {
            Some(Cell::Int(number)) => number,
            Some(Cell::Time(at)) => at.as_microsecond(),
            _ => 0,
        }
    })
}

impl SealedRow {
    pub(super) fn value(&self, column: &str) -> &Value {
        let place = self.form.columns.iter().position(|known| *known == column);
        place.and_then(|place| self.values.get(place)).unwrap_or(&Value::Null)
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        let [first, second] = self.place;
        match self.form.table {
            "calls" => {
                let (source, record) = (self.value("source"), self.value("record_id"));
                format!("call {source}/{record} of {}", CustomerId(first))
            }
            "ledger_entries" => format!("ledger entry {} of {}", EntryId(second), CustomerId(first)),
            "audit_entries" => format!("audit entry {}", AuditId(first)),
            "tariff_versions" => format!("version {second} of {}", TariffId(first)),
            "rates" => {
                let (position, prefix) = (self.value("position"), self.value("prefix"));
                format!("rate {position} ({prefix}) of version {second} of {}", TariffId(first))
            }
            "call_replacements" => {
                let (source, record) = (self.value("source"), self.value("record_id"));
                format!("the correction of call {source}/{record} of {}", CustomerId(first))
            }
            "voucher_batches" => format!("voucher batch {}", self.value("batch")),
            "suspense" => {
                format!("the record in suspense of line {first} of source {}", self.value("source"))
            }
            _ => format!("number {} of {}", self.value("number"), CustomerId(first)),
        }
    }
}

/// What people call a row of which only the leaf is left.
pub(super) fn name_of(leaf: &Leaf) -> String {
    let [first, second] = leaf.place;
    let at = || Timestamp::from_microsecond(second).map_or(second.to_string(), |at| at.to_string());
    match forms().into_iter().find(|form| form.number == leaf.form).map(|form| form.table) {
        Some("calls") => format!("a call of {} that began at {}", CustomerId(first), at()),
        Some("ledger_entries") => format!("ledger entry {} of {}", EntryId(second), CustomerId(first)),
        Some("audit_entries") => format!("audit entry {} of {}", AuditId(first), at()),
        Some("tariff_versions") => format!("version {second} of {}", TariffId(first)),
        Some("rates") => format!("a rate of version {second} of {}", TariffId(first)),
        Some("call_replacements") => {
            format!("the correction of a call of {} at {}", CustomerId(first), at())
        }
        Some("suspense") => format!("a record in suspense of line {first} that came at {}", at()),
        Some("voucher_batches") => format!("a batch of {first} vouchers that were made at {}", at()),
        _ => format!("the number of document {} of {}", InvoiceId(second), CustomerId(first)),
    }
}
