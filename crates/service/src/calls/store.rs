//! The calls in the database.

mod feeds;
mod itemised;
mod known;
mod months;
mod notable;
mod purge;
mod replaced;
mod sealed;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use calculation::money::{Exact, Money};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::charge::Uses;
use super::pass::CallRow;
use super::{Call, Control, HistoryQuery, amount};
use crate::cursor;
use crate::db::{self, Cell, Cells, Hold, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, ImportId, PlanId, TariffId};
use crate::seals;

pub(super) use feeds::{feeds, knows_feed};
pub use itemised::itemised;
pub(super) use known::{
    Known, Moment, Stored, Talk, answered_about, begun_about, legs_charged_twice, may_have_legs, stored,
    talks_of_calls, told_by_two_sources,
};
use months::POSTPAID;
pub(super) use months::{
    InvoicedWith, allowance_counters, any_settled, credited_and_replaced, invoiced, invoiced_with,
    late_usage, late_usage_left, save_spending, spending, taken_otherwise, usage, usage_left,
};
pub(super) use notable::{beginnings, dialled_in};
pub(super) use purge::{count_purgeable, delete_calls, delete_counters, unbilled_from};
pub(super) use replaced::{
    Replaced, free_id, has_replacements, insert_replacement, is_closed, last_stored_as, lower_spending,
    lower_uses, move_away, of_record, replaced_of, reversals_of,
};
pub(super) use sealed::seal_calls;

const IMPORTS: Place = Place::new("imports", &["import_id"]);
pub(super) const CALLS: Place = Place::new("calls", &["source", "record_id"]);
const ALLOWANCE_USES: Place =
    Place::new("allowance_uses", &["customer_id", "period_start", "plan_id", "allowance"]);
const CALL_ALLOWANCES: Place =
    Place::new("call_allowances", &["customer_id", "source", "record_id", "allowance"]);

/// A customer's month, by its start.
pub(super) type MonthKey = (CustomerId, Timestamp);

fn customer_cells(customers: &BTreeSet<CustomerId>) -> Vec<[Cell<'static>; 1]> {
    customers.iter().map(|customer| [Cell::Int(customer.0)]).collect()
}

/// What counts when customers are charged: their closed months, and the zone of each.
#[derive(Debug, Default)]
pub(super) struct HeldCustomers {
    pub(super) closed: BTreeSet<MonthKey>,
    pub(super) zones: BTreeMap<CustomerId, String>,
    /// From when on the detail of calls is there, of whom it was purged.
    pub(super) kept_from: BTreeMap<CustomerId, Timestamp>,
}

/// Holds customers until the transaction ends.
pub(super) async fn hold_customers(
    tx: &mut Tx,
    customers: &BTreeSet<CustomerId>,
    hold: Hold,
) -> Result<HeldCustomers> {
    let mut found = HeldCustomers::default();
    if customers.is_empty() {
        return Ok(found);
    }
    let held = holding(tx, hold);
    let known = "select c.customer_id, c.zone, c.calls_kept_from, p.starts_at from given g
                 join customers c on c.customer_id = g.customer_id
                 left join periods p on p.customer_id = g.customer_id and p.closed_at is not null";
    let given = customer_cells(customers);
    let rows = tx.over_rows("customer_id bigint", &["customer_id"], &given, &[&held, known]).await?;
    for row in &rows {
        let customer = CustomerId(row.get("customer_id")?);
        found.closed.extend(row.optional_time("starts_at")?.map(|starts_at| (customer, starts_at)));
        if let Entry::Vacant(new) = found.zones.entry(customer) {
            new.insert(row.get("zone")?);
            let kept_from = row.optional_time("calls_kept_from")?;
            found.kept_from.extend(kept_from.map(|kept_from| (customer, kept_from)));
        }
    }
    Ok(found)
}

fn holding(tx: &Tx, hold: Hold) -> String {
    format!(
        "select c.customer_id from given g join customers c on c.customer_id = g.customer_id
         order by c.customer_id {}",
        tx.hold(hold, "c")
    )
}

/// Holds those of some customers whom nobody else holds so that it could not; answers whom.
pub(super) async fn hold_free_customers(
    tx: &mut Tx,
    customers: &BTreeSet<CustomerId>,
    hold: Hold,
) -> Result<BTreeSet<CustomerId>> {
    let sql = holding(tx, hold.of_free());
    let given = customer_cells(customers);
    let rows = tx.over_rows("customer_id bigint", &["customer_id"], &given, &[&sql]).await?;
    Ok(rows.iter().map(|row| row.get("customer_id").map(CustomerId)).collect::<db::Result<_>>()?)
}

/// How much of each allowance some customers have used.
pub(super) async fn uses(tx: &mut Tx, customers: &BTreeSet<CustomerId>) -> Result<Uses> {
    let mut uses = Uses::new();
    if customers.is_empty() {
        return Ok(uses);
    }
    let select = "select u.customer_id, u.period_start, u.plan_id, u.allowance, u.used_seconds from given g
                  join allowance_uses u on u.customer_id = g.customer_id
                  order by u.customer_id, u.period_start, u.plan_id, u.allowance";
    let given = customer_cells(customers);
    for row in tx.over_rows("customer_id bigint", &["customer_id"], &given, &[select]).await? {
        let (key, seconds) = ALLOWANCE_USES.read(&row, |row| {
            let customer = CustomerId(row.get("customer_id")?);
            let key = (customer, row.time("period_start")?, PlanId(row.get("plan_id")?));
            Ok((key, row.count("used_seconds")?))
        })?;
        uses.entry(key).or_default().push(seconds);
    }
    Ok(uses)
}

pub(super) async fn save_uses(tx: &mut Tx, uses: &Uses) -> Result<()> {
    if uses.is_empty() {
        return Ok(());
    }
    let columns = ["customer_id", "period_start", "plan_id", "allowance", "used_seconds"];
    let rows = uses.iter().flat_map(|((customer, start, plan), used)| {
        used.iter().zip(0_i64..).map(|(seconds, allowance)| {
            [
                Cell::Int(customer.0),
                Cell::Time(*start),
                Cell::Int(plan.0),
                Cell::Int(allowance),
                Cell::fit(*seconds),
            ]
        })
    });
    let definition = "customer_id bigint, period_start timestamptz, plan_id bigint, allowance bigint,
                      used_seconds bigint";
    let upsert = "insert into allowance_uses (customer_id, period_start, plan_id, allowance, used_seconds)
                  select customer_id, period_start, plan_id, allowance, used_seconds from given where true
                  on conflict (customer_id, period_start, plan_id, allowance)
                  do update set used_seconds = excluded.used_seconds";
    tx.over_rows(definition, &columns, &rows.collect::<Vec<_>>(), &[upsert]).await?;
    Ok(())
}

/// Those of the form they are sealed by, and last the batch.
fn call_columns() -> [&'static str; 31] {
    seals::stored_columns(&seals::CALL)
}

pub(super) async fn insert_calls(tx: &mut Tx, rows: &[CallRow<'_>]) -> Result<()> {
    Ok(tx.insert_rows("calls", &call_columns(), rows).await?)
}

impl Cells<31> for CallRow<'_> {
    fn cells(&self) -> [Cell<'_>; 31] {
        call_cells(self)
    }
}

/// In the order of their columns.
fn call_cells<'r>(row: &'r CallRow<'_>) -> [Cell<'r>; 31] {
    let CallRow { source, record_id, import, hash, record, outcome, charged, batch } = row;
    let charge = charged.map(|charged| &charged.charge);
    let int = |number: i64| Cell::Int(number);
    let version = charged.map(|charged| charged.bill.version());
    [
        Cell::Int(record.customer.0),
        Cell::Text(source),
        Cell::Text(record_id),
        Cell::Text(record.call_id()),
        Cell::Bytes(*hash),
        import.map(|import| import.0).into(),
        Cell::Text(record.caller()),
        Cell::Text(record.called()),
        record.number().into(),
        Cell::Text(record.disposition.word()),
        Cell::Time(record.started_at),
        record.answered_at.into(),
        Cell::Time(record.ended_at),
        Cell::Int(record.talk_seconds.into()),
        Cell::Text(outcome),
        charged.map(|charged| charged.period_start).into(),
        charged.and_then(|charged| charged.late_for).into(),
        charged.map_or(Cell::Null, |charged| int(charged.bill.plan().id.0)),
        version.map_or(Cell::Null, |version| int(version.tariff_id.0)),
        version.map_or(Cell::Null, |version| int(version.version)),
        charge.map(|charge| charge.rate.prefix.as_str()).into(),
        charge.map(|charge| &*charge.rate.destination).into(),
        charge.and_then(|charge| charge.rate.band.as_deref()).into(),
        charge.map_or(Cell::Null, |charge| int(charge.billed_seconds.into())),
        charged.map_or(Cell::Null, |charged| int(charged.included_seconds.into())),
        charge.map_or(Cell::Null, |charge| Cell::fit(charge.exact.units())),
        charge.map_or(Cell::Null, |charge| int(charge.amount.micros())),
        charged.map(|charged| charged.bill.plan().currency.code()).into(),
        charge.and_then(|charge| charge.month_pricing).map_or(Cell::Null, Cell::fit),
        record.other_party().into(),
        Cell::Int(*batch),
    ]
}

pub(super) async fn insert_call_allowances(tx: &mut Tx, rows: &[CallRow<'_>]) -> Result<()> {
    let taken = rows.iter().flat_map(|row| {
        let parts = row.charged.map(|charged| charged.charge.taken.as_slice()).unwrap_or_default();
        parts.iter().map(|part| {
            [
                Cell::Int(row.record.customer.0),
                Cell::Text(row.source),
                Cell::Text(row.record_id),
                Cell::fit(part.allowance),
                Cell::Int(part.seconds.into()),
            ]
        })
    });
    let taken: Vec<_> = taken.collect();
    if taken.is_empty() {
        return Ok(());
    }
    let columns = ["customer_id", "source", "record_id", "allowance", "seconds"];
    Ok(tx.insert_rows("call_allowances", &columns, &taken).await?)
}

/// One run of an import, as stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportRow {
    #[schema(value_type = String, example = "imp_01h2x3y4z5a6b")]
    pub id: ImportId,
    pub source: String,
    pub file_name: String,
    pub format: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Absent while it runs, or when it was interrupted: import the file again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    pub control: Control,
    /// How many of its calls are not kept any more.
    pub purged: u64,
}

pub(super) async fn insert_import(tx: &mut Tx, import: &ImportRow) -> Result<()> {
    let sql = "insert into imports (import_id, source, file_name, format, started_at, records, charged, free,
                                    duplicate, suspended)
               values ($1, $2, $3, $4, $5, 0, 0, 0, 0, 0)";
    let ImportRow { id, source, file_name, format, started_at, .. } = import;
    tx.execute(sql, &[&id.0, source, file_name, format, &Ts(*started_at)]).await?;
    Ok(())
}

/// Stores the control total so far; `finished_at` when the import is over.
pub(super) async fn save_control(
    tx: &mut Tx,
    id: ImportId,
    control: &Control,
    finished_at: Option<Timestamp>,
) -> Result<()> {
    let sql = "update imports set records = $2, charged = $3, free = $4, duplicate = $5, suspended = $6,
                                  finished_at = $7
               where import_id = $1";
    let Control { records, charged, free, duplicate, suspended } = *control;
    let params: [&dyn Param; 7] = [
        &id.0,
        &db::int(records)?,
        &db::int(charged)?,
        &db::int(free)?,
        &db::int(duplicate)?,
        &db::int(suspended)?,
        &finished_at.map(Ts),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

pub(super) async fn imports(tx: &mut Tx, before: ImportId, limit: usize) -> Result<Vec<ImportRow>> {
    let limit = db::limit(limit);
    let sql = "select * from imports where import_id < $1 order by import_id desc limit $2";
    let rows = tx.rows(sql, &[&before.0, &limit]).await?;
    Ok(IMPORTS.all(&rows, import_row)?)
}

pub(super) async fn import(tx: &mut Tx, id: ImportId) -> Result<Option<ImportRow>> {
    let row = tx.row("select * from imports where import_id = $1", &[&id.0]).await?;
    Ok(IMPORTS.one(row.as_ref(), import_row)?)
}

fn import_row(row: &Row) -> db::Result<ImportRow> {
    Ok(ImportRow {
        id: ImportId(row.get("import_id")?),
        source: row.get("source")?,
        file_name: row.get("file_name")?,
        format: row.get("format")?,
        started_at: row.time("started_at")?,
        finished_at: row.optional_time("finished_at")?,
        control: Control {
            records: row.count("records")?,
            charged: row.count("charged")?,
            free: row.count("free")?,
            duplicate: row.count("duplicate")?,
            suspended: row.count("suspended")?,
        },
        purged: row.count("purged")?,
    })
}

/// A call with all that is stored of its charge.
#[derive(Debug, Clone)]
pub struct StoredCall {
    pub customer: CustomerId,
    pub call: Call,
    pub charge: Option<StoredCharge>,
}

/// What is stored of a charge.
#[derive(Debug, Clone)]
pub struct StoredCharge {
    pub plan_id: PlanId,
    pub tariff_id: TariffId,
    pub tariff_version: i64,
    pub prefix: String,
    pub band: Option<String>,
    pub exact: Exact,
    /// Which of the plan's month pricings prices the call.
    pub month_pricing: Option<usize>,
}

/// Where a page of the history begins: right after this call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub started_at: Timestamp,
    pub source: String,
    pub record_id: String,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.started_at.as_microsecond().to_string();
        out.write_str(&cursor::encode(&[&micros, &self.source, &self.record_id]))
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let [micros, source, record_id] = cursor::decode(text).ok_or(())?;
        let micros = micros.parse().map_err(|_| ())?;
        let started_at = Timestamp::from_microsecond(micros).map_err(|_| ())?;
        let is_sound = (earliest()..latest()).contains(&started_at);
        is_sound.then_some(Self { started_at, source, record_id }).ok_or(())
    }
}

impl Cursor {
    /// The cursor that goes on after a call.
    pub fn after(call: &Call) -> Self {
        Self { started_at: call.started_at, source: call.source.clone(), record_id: call.record_id.clone() }
    }
}

/// One bound above, compared as a row, and one below only if it is asked for: of two bounds PostgreSQL expects next to
/// no rows, and would read and sort all of a customer's calls for each page.
pub(super) async fn history(
    tx: &mut Tx,
    customer: CustomerId,
    query: &HistoryQuery,
) -> Result<Vec<StoredCall>> {
    let begin = |started_at| Cursor { started_at, source: String::new(), record_id: String::new() };
    let to = begin(query.to.unwrap_or_else(latest));
    let before = query.before.clone().filter(|before| before.started_at < to.started_at).unwrap_or(to);
    let limit = db::limit(query.limit);
    let (at, from) = (Ts(before.started_at), query.from.map(Ts));
    let below = if from.is_some() { "and started_at >= $6" } else { "" };
    let sql = format!(
        "select * from calls where customer_id = $1 and (started_at, source, record_id) < ($2, $3, $4) {below}
         order by started_at desc, source desc, record_id desc limit $5"
    );
    let mut params: Vec<&dyn Param> = vec![&customer.0, &at, &before.source, &before.record_id, &limit];
    params.extend(from.as_ref().map(|from| from as &dyn Param));
    let rows = tx.rows(&sql, &params).await?;
    Ok(CALLS.all(&rows, call)?)
}

/// The instants between which any call lies; both engines hold them.
fn earliest() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn latest() -> Timestamp {
    Timestamp::from_second(32_503_680_000).unwrap_or(Timestamp::MAX)
}

pub(super) async fn by_key(
    tx: &mut Tx,
    customer: CustomerId,
    source: &str,
    record_id: &str,
) -> Result<Option<StoredCall>> {
    let sql = "select * from calls where customer_id = $1 and source = $2 and record_id = $3";
    let row = tx.row(sql, &[&customer.0, &source, &record_id]).await?;
    Ok(CALLS.one(row.as_ref(), call)?)
}

fn call(row: &Row) -> db::Result<StoredCall> {
    let (mut money, mut billed_seconds, mut included_seconds) = (None, None, None);
    let charge = match row.get::<Option<i64>>("plan_id")? {
        None => None,
        Some(plan) => {
            money = Some(Money { amount: row.amount("amount")?, currency: row.parse("currency")? });
            billed_seconds = Some(row.count::<u32>("billed_seconds")?.into());
            included_seconds = Some(row.count::<u32>("included_seconds")?.into());
            Some(StoredCharge {
                plan_id: PlanId(plan),
                tariff_id: TariffId(row.get("tariff_id")?),
                tariff_version: row.get("tariff_version")?,
                prefix: row.get("prefix")?,
                band: row.get("band")?,
                exact: Exact::from_units(row.get::<i64>("exact")?.into()),
                month_pricing: row.optional_count("month_pricing")?,
            })
        }
    };
    let call = Call {
        source: row.get("source")?,
        record_id: row.get("record_id")?,
        call_id: row.get("call_id")?,
        caller: row.get("caller")?,
        called: row.get("called")?,
        number: row.get("dialled")?,
        started_at: row.time("started_at")?,
        answered_at: row.optional_time("answered_at")?,
        ended_at: row.time("ended_at")?,
        talk_seconds: row.count::<u32>("talk_seconds")?.into(),
        outcome: row.get("outcome")?,
        destination: row.get("destination")?,
        billed_seconds,
        included_seconds,
        amount: money,
        period_start: row.optional_time("period_start")?,
        late_for: row.optional_time("late_for")?,
        invoice: None,
        reversed: None,
        replaces: Vec::new(),
    };
    Ok(StoredCall { customer: CustomerId(row.get("customer_id")?), call, charge })
}

/// The seconds that one call took from each allowance of its plan.
pub(super) async fn taken(tx: &mut Tx, customer: CustomerId, call: &Call) -> Result<BTreeMap<i64, i64>> {
    let sql = "select customer_id, source, record_id, allowance, seconds from call_allowances where customer_id = $1 and source = $2 and record_id = $3";
    let rows = tx.rows(sql, &[&customer.0, &call.source, &call.record_id]).await?;
    let seconds = |row: &Row| Ok((row.get("allowance")?, row.count::<u32>("seconds")?.into()));
    Ok(CALL_ALLOWANCES.all(&rows, seconds)?)
}

/// Calls whose charge is to be computed again, after one by its key: any other order would sort all calls for each page.
pub(super) async fn charged_after(
    tx: &mut Tx,
    after: &(String, String),
    limit: i64,
) -> Result<Vec<((String, String), db::Result<StoredCall>)>> {
    let sql = "select * from calls where (source, record_id) > ($1, $2) and outcome = 'charged'
               order by source, record_id limit $3";
    let (source, record) = after;
    let rows = tx.rows(sql, &[source, record, &limit]).await?;
    Ok(CALLS.each(&rows, |row| Ok((row.get("source")?, row.get("record_id")?)), call)?)
}

/// How many calls each import stored.
pub(super) async fn stored_of_imports(tx: &mut Tx) -> Result<BTreeMap<i64, u64>> {
    let sql = "select import_id, count(*) as calls from (
                 select import_id from calls union all select import_id from replaced_calls) every
               where import_id is not null group by import_id";
    let count = |row: &Row| Ok((row.get("import_id")?, row.count("calls")?));
    Ok(tx.rows(sql, &[]).await?.iter().map(count).collect::<db::Result<_>>()?)
}

/// Customers with calls of a month that was skipped: it is open, and a later one is closed.
pub(super) async fn skipped_months(tx: &mut Tx) -> Result<Vec<MonthKey>> {
    let sql = format!(
        "select distinct calls.customer_id, calls.period_start from calls
         join (select customer_id, max(starts_at) as last from periods where closed_at is not null
               group by customer_id) closed
           on closed.customer_id = calls.customer_id and calls.period_start < closed.last
         where calls.outcome = 'charged' and {POSTPAID}
           and not exists (select 1 from periods p where p.customer_id = calls.customer_id
                             and p.starts_at = calls.period_start and p.closed_at is not null)"
    );
    let key = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.time("period_start")?));
    Ok(tx.rows(&sql, &[]).await?.iter().map(key).collect::<db::Result<_>>()?)
}
