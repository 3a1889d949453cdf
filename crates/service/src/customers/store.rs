//! The customers in the database.

mod cycle;
mod forget;
mod parties;
mod references;
mod undo;

use std::collections::BTreeMap;

use calculation::money::Amount;
use calculation::phone_number::E164;
use calculation::zone::{FoundZone, ZoneStep};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Billing, Customer, Line, Subscription, SuspendedFor, Suspension};
use crate::db::{self, Cell, Hold, IN_LIST, Kind, Param, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::{CustomerId, LineId, PlanId, SubscriptionId};

pub(super) use cycle::{begin_cycle, bill_from, hold_cycle, insert_cycle};
pub(super) use forget::{erase, keep_calls_from};
pub(super) use parties::{insert_party, seats};
pub(super) use references::{
    claim_reference, entries_of_references, id_of_reference, looking_like, references, save_look,
    without_look,
};
pub(super) use undo::{delete_line, note_change, reopen_line, reopen_subscription};

const CUSTOMERS: Place = Place::new("customers", &["customer_id"]);
const FORMER: Place = Place::new("former_zones", &["customer_id", "until_day"]);
const NUMBERS: Place = Place::new("number_directory", &["e164", "valid_from"]);
const LINES: Place = Place::new("lines", &["customer_id", "line_id"]);
const SUBSCRIPTIONS: Place = Place::new("subscriptions", &["customer_id", "subscription_id"]);

/// Which customer a reference names.
#[derive(Debug, Clone)]
pub struct ReferenceEntry {
    pub reference: String,
    pub customer_id: CustomerId,
}

/// Which customer holds a number in a span of time.
#[derive(Debug, Clone)]
pub struct LineSpan {
    pub number: E164,
    pub valid_from: Timestamp,
    pub valid_to: Option<Timestamp>,
    pub customer_id: CustomerId,
}

/// Which plan a customer is on in a span of time.
#[derive(Debug, Clone)]
pub struct SubscriptionSpan {
    pub customer_id: CustomerId,
    pub plan_id: PlanId,
    pub valid_from: Timestamp,
    pub valid_to: Option<Timestamp>,
}

const CUSTOMER: &str =
    "select customer_id, reference, party, currency, zone, zone_step, created_at, language,
    itemisation, tax_treatment, tax_note, spending_cap, closed_at, suspended_at, suspended_for,
    suspended_reason, calls_kept_from, erased_at, delivery from customers";

/// Stores a new customer; answers whether the reference was free.
pub(super) async fn insert(tx: &mut Tx, customer: &Customer) -> Result<bool> {
    if !claim_reference(tx, &customer.reference, customer.id).await? {
        return Ok(false);
    }
    let sql = "insert into customers (customer_id, reference, party, country, currency, zone, zone_step, created_at)
               values ($1, $2, '', '', $3, '', '', $4)";
    let (reference, currency) = (&customer.reference, customer.currency.code());
    tx.execute(sql, &[&customer.id.0, reference, &currency, &Ts(customer.created_at)]).await?;
    update(tx, customer).await?;
    Ok(true)
}

/// Stores all of a customer that may change.
pub(super) async fn update(tx: &mut Tx, customer: &Customer) -> Result<()> {
    let sql = "update customers set party = $2, country = $3, zone = $4, zone_step = $5, language = $6,
                 itemisation = $7, tax_treatment = $8, tax_note = $9, spending_cap = $10, closed_at = $11,
                 delivery = $12
               where customer_id = $1";
    let party = db::json_text(&customer.party)?;
    let billing = &customer.billing;
    let params: [&dyn Param; 12] = [
        &customer.id.0,
        &party,
        &customer.party.country,
        &customer.zone,
        &customer.zone_step.code(),
        &db::word(&billing.language)?,
        &db::word(&billing.itemisation)?,
        &db::word(&billing.tax_treatment)?,
        &billing.tax_note,
        &billing.spending_cap.map(Amount::micros),
        &customer.closed_at.map(Ts),
        &billing.delivery.map(|delivery| delivery.code().to_owned()),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

pub(super) async fn by_id(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    let row = tx.row(&format!("{CUSTOMER} where customer_id = $1"), &[&id.0]).await?;
    Ok(CUSTOMERS.one(row.as_ref(), customer)?)
}

/// The customer, whose row nobody else may change until the transaction ends.
pub(super) async fn hold(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    let sql = format!("{CUSTOMER} where customer_id = $1 {}", tx.hold(Hold::Exclusive, "customers"));
    let row = tx.row(&sql, &[&id.0]).await?;
    Ok(CUSTOMERS.one(row.as_ref(), customer)?)
}

/// How a customer chose to get documents.
pub(super) async fn delivery(tx: &mut Tx, id: CustomerId) -> Result<Option<String>> {
    let row = tx.row("select delivery from customers where customer_id = $1", &[&id.0]).await?;
    Ok(row.map(|row| row.get("delivery")).transpose()?.flatten())
}

pub(super) async fn by_ids(tx: &mut Tx, ids: &[CustomerId], hold: Option<Hold>) -> Result<Vec<Customer>> {
    let mut held = Vec::with_capacity(ids.len());
    for some in ids.chunks(IN_LIST) {
        let sql = format!(
            "{CUSTOMER} where customer_id in ({}) order by customer_id {}",
            in_list(1),
            hold.map_or_else(String::new, |hold| tx.hold(hold, "customers"))
        );
        for row in tx.rows_in(&sql, &[], &numbers(some)).await? {
            held.push(CUSTOMERS.read(&row, customer)?);
        }
    }
    Ok(held)
}

fn numbers(ids: &[CustomerId]) -> Vec<i64> {
    ids.iter().map(|id| id.0).collect()
}

/// A zone that a customer had until the month that begins on a day.
#[derive(Debug, Clone)]
pub struct FormerZone {
    pub customer_id: CustomerId,
    pub until: Date,
    pub zone: String,
}

pub(super) async fn insert_former_zone(tx: &mut Tx, id: CustomerId, until: Date, zone: &str) -> Result<()> {
    // Moved twice in a month: the zone of that month is the first one.
    let sql = "insert into former_zones (customer_id, until_day, zone) values ($1, $2, $3)
               on conflict (customer_id, until_day) do nothing";
    tx.execute(sql, &[&id.0, &until.to_string(), &zone]).await?;
    Ok(())
}

const FORMER_ZONES: &str = "select customer_id, until_day, zone from former_zones";

pub(super) async fn all_former_zones(tx: &mut Tx) -> Result<Vec<FormerZone>> {
    let rows = tx.rows(&format!("{FORMER_ZONES} order by customer_id, until_day"), &[]).await?;
    Ok(FORMER.all(&rows, former_zone)?)
}

pub(super) async fn former_zones(tx: &mut Tx, ids: &[CustomerId]) -> Result<Vec<FormerZone>> {
    let mut found = Vec::new();
    for some in ids.chunks(IN_LIST) {
        let list = in_list(1);
        let sql = format!("{FORMER_ZONES} where customer_id in ({list}) order by customer_id, until_day");
        for row in tx.rows_in(&sql, &[], &numbers(some)).await? {
            found.push(FORMER.read(&row, former_zone)?);
        }
    }
    Ok(found)
}

fn former_zone(row: &Row) -> db::Result<FormerZone> {
    Ok(FormerZone {
        customer_id: CustomerId(row.get("customer_id")?),
        until: row.parse("until_day")?,
        zone: row.get("zone")?,
    })
}

pub(super) async fn page(tx: &mut Tx, after: CustomerId, limit: usize) -> Result<Vec<Customer>> {
    let limit = db::limit(limit);
    let sql = format!("{CUSTOMER} where customer_id > $1 order by customer_id limit $2");
    let rows = tx.rows(&sql, &[&after.0, &limit]).await?;
    Ok(CUSTOMERS.all(&rows, customer)?)
}

pub(super) async fn all(tx: &mut Tx) -> Result<Vec<Customer>> {
    let rows = tx.rows(CUSTOMER, &[]).await?;
    Ok(CUSTOMERS.all(&rows, customer)?)
}

pub(super) async fn count(tx: &mut Tx) -> Result<u64> {
    Ok(tx.counted("select count(*) as customers from customers", &[], "customers").await?)
}

/// Holds a number against others that would change who holds it.
pub(super) async fn lock_number(tx: &mut Tx, number: E164) -> Result<()> {
    let sql = "insert into number_locks (e164, changes) values ($1, 1)
               on conflict (e164) do update set changes = number_locks.changes + 1";
    tx.execute(sql, &[&number.to_string()]).await?;
    Ok(())
}

const SPANS: &str = "select e164, valid_from, valid_to, customer_id from number_directory";

pub(super) async fn spans_of_numbers(tx: &mut Tx, numbers: &[E164]) -> Result<Vec<LineSpan>> {
    let sql = "select d.e164, d.valid_from, d.valid_to, d.customer_id
               from :given g cross join number_directory d where d.e164 = g.column1
               order by d.e164, d.valid_from";
    let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    let given: Vec<_> = texts.iter().map(|number| [Cell::Text(number)]).collect();
    let rows = tx.rows_over(sql, [Kind::Text], &given).await?;
    Ok(NUMBERS.all(&rows, line_span)?)
}

/// The lines of customers, oldest first.
pub(super) async fn spans_of_customers(tx: &mut Tx, ids: &[CustomerId]) -> Result<Vec<LineSpan>> {
    let sql = format!(
        "select e164, valid_from, valid_to, customer_id from lines where customer_id in ({})
         order by customer_id, valid_from, line_id",
        in_list(1)
    );
    let mut found = Vec::new();
    for some in ids.chunks(IN_LIST) {
        for row in tx.rows_in(&sql, &[], &numbers(some)).await? {
            found.push(NUMBERS.read(&row, line_span)?);
        }
    }
    Ok(found)
}

pub(super) async fn line_spans(tx: &mut Tx) -> Result<Vec<LineSpan>> {
    let rows = tx.rows(SPANS, &[]).await?;
    Ok(NUMBERS.all(&rows, line_span)?)
}

fn line_span(row: &Row) -> db::Result<LineSpan> {
    Ok(LineSpan {
        number: row.parse("e164")?,
        valid_from: row.time("valid_from")?,
        valid_to: row.optional_time("valid_to")?,
        customer_id: CustomerId(row.get("customer_id")?),
    })
}

pub(super) async fn insert_line(tx: &mut Tx, customer: CustomerId, line: &Line) -> Result<()> {
    let (number, from, to) = (line.number.to_string(), Ts(line.valid_from), line.valid_to.map(Ts));
    let sql =
        "insert into lines (customer_id, line_id, e164, valid_from, valid_to) values ($1, $2, $3, $4, $5)";
    tx.execute(sql, &[&customer.0, &line.id.0, &number, &from, &to]).await?;
    let sql = "insert into number_directory (e164, valid_from, valid_to, customer_id, line_id)
               values ($1, $2, $3, $4, $5)";
    tx.execute(sql, &[&number, &from, &to, &customer.0, &line.id.0]).await?;
    Ok(())
}

pub(super) async fn end_line(tx: &mut Tx, customer: CustomerId, line: &Line, end: Timestamp) -> Result<()> {
    let sql = "update lines set valid_to = $3 where customer_id = $1 and line_id = $2";
    tx.execute(sql, &[&customer.0, &line.id.0, &Ts(end)]).await?;
    let sql = "update number_directory set valid_to = $3 where e164 = $1 and valid_from = $2";
    tx.execute(sql, &[&line.number.to_string(), &Ts(line.valid_from), &Ts(end)]).await?;
    Ok(())
}

pub(super) async fn lines(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Line>> {
    let sql = "select line_id, e164, valid_from, valid_to from lines where customer_id = $1
               order by valid_from, line_id";
    let line = |row: &Row| {
        Ok(Line {
            id: LineId(row.get("line_id")?),
            number: row.parse("e164")?,
            valid_from: row.time("valid_from")?,
            valid_to: row.optional_time("valid_to")?,
        })
    };
    Ok(LINES.all(&tx.rows(sql, &[&customer.0]).await?, line)?)
}

/// Gives a customer the zone of a number, as long as no month of theirs has begun to be charged; answers whether that is so.
pub(super) async fn settle_zone(tx: &mut Tx, customer: CustomerId, zone: FoundZone) -> Result<bool> {
    let sql = "update customers set zone = $2, zone_step = $3 where customer_id = $1
               and not exists (select 1 from calls where calls.customer_id = $1 and period_start is not null)
               and not exists (select 1 from periods where periods.customer_id = $1)
               and not exists (select 1 from renewals where renewals.customer_id = $1)";
    Ok(tx.execute(sql, &[&customer.0, &zone.zone, &zone.step.code()]).await? == 1)
}

pub(super) async fn insert_subscription(tx: &mut Tx, customer: CustomerId, new: &Subscription) -> Result<()> {
    let sql = "insert into subscriptions (customer_id, subscription_id, plan_id, valid_from, valid_to)
               values ($1, $2, $3, $4, $5)";
    let (from, to) = (Ts(new.valid_from), new.valid_to.map(Ts));
    tx.execute(sql, &[&customer.0, &new.id.0, &new.plan_id.0, &from, &to]).await?;
    Ok(())
}

pub(super) async fn end_subscription(
    tx: &mut Tx,
    customer: CustomerId,
    id: SubscriptionId,
    end: Timestamp,
) -> Result<()> {
    let sql = "update subscriptions set valid_to = $3 where customer_id = $1 and subscription_id = $2";
    tx.execute(sql, &[&customer.0, &id.0, &Ts(end)]).await?;
    Ok(())
}

pub(super) async fn subscriptions(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Subscription>> {
    Ok(subscriptions_of(tx, &[customer]).await?.remove(&customer).unwrap_or_default())
}

pub(super) async fn subscriptions_of(
    tx: &mut Tx,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<Subscription>>> {
    let mut found: BTreeMap<CustomerId, Vec<Subscription>> = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let sql = format!(
            "select customer_id, subscription_id, plan_id, valid_from, valid_to from subscriptions
             where customer_id in ({}) order by valid_from",
            in_list(1)
        );
        for row in tx.rows_in(&sql, &[], &numbers(some)).await? {
            let subscription = Subscription {
                id: SubscriptionId(row.get("subscription_id")?),
                plan_id: PlanId(row.get("plan_id")?),
                valid_from: row.time("valid_from")?,
                valid_to: row.optional_time("valid_to")?,
            };
            found.entry(CustomerId(row.get("customer_id")?)).or_default().push(subscription);
        }
    }
    Ok(found)
}

pub(super) async fn subscription_spans(tx: &mut Tx) -> Result<Vec<SubscriptionSpan>> {
    let rows = tx.rows("select customer_id, plan_id, valid_from, valid_to from subscriptions", &[]).await?;
    let span = |row: &Row| {
        Ok(SubscriptionSpan {
            customer_id: CustomerId(row.get("customer_id")?),
            plan_id: PlanId(row.get("plan_id")?),
            valid_from: row.time("valid_from")?,
            valid_to: row.optional_time("valid_to")?,
        })
    };
    Ok(SUBSCRIPTIONS.all(&rows, span)?)
}

pub(super) async fn suspension(tx: &mut Tx, customer: CustomerId) -> Result<Option<Suspension>> {
    Ok(by_id(tx, customer).await?.and_then(|customer| customer.suspension))
}

fn suspension_of(row: &Row) -> db::Result<Option<Suspension>> {
    let Some(suspended_at) = row.optional_time("suspended_at")? else { return Ok(None) };
    let known = [SuspendedFor::Hand, SuspendedFor::Overdue].map(|known| (known.code(), known));
    let suspended_for = row.choice("suspended_for", &known)?;
    Ok(Some(Suspension { suspended_at, suspended_for, reason: row.get("suspended_reason")? }))
}

pub(super) async fn suspend(tx: &mut Tx, customer: CustomerId, suspension: &Suspension) -> Result<()> {
    let sql = "update customers set suspended_at = $2, suspended_for = $3, suspended_reason = $4
               where customer_id = $1";
    let Suspension { suspended_at, suspended_for, reason } = suspension;
    tx.execute(sql, &[&customer.0, &Ts(*suspended_at), &suspended_for.code(), reason]).await?;
    Ok(())
}

/// Restores what was suspended for one of these; answers whether it was.
pub(super) async fn restore(tx: &mut Tx, customer: CustomerId, from: &[SuspendedFor]) -> Result<bool> {
    let mut restored = false;
    for suspended_for in from {
        let sql = "update customers set suspended_at = null, suspended_for = null, suspended_reason = null
                   where customer_id = $1 and suspended_for = $2 and suspended_at is not null";
        restored |= tx.execute(sql, &[&customer.0, &suspended_for.code()]).await? == 1;
    }
    Ok(restored)
}

fn customer(row: &Row) -> db::Result<Customer> {
    let steps = [
        ZoneStep::Set,
        ZoneStep::Region,
        ZoneStep::AreaCode,
        ZoneStep::CountryDefault,
        ZoneStep::OperatorDefault,
    ];
    let steps = steps.map(|step| (step.code(), step));
    Ok(Customer {
        id: CustomerId(row.get("customer_id")?),
        reference: row.get("reference")?,
        party: row.json("party")?,
        currency: row.parse("currency")?,
        zone: row.get("zone")?,
        zone_step: row.choice("zone_step", &steps)?,
        billing: Billing {
            language: row.word("language")?,
            itemisation: row.word("itemisation")?,
            tax_treatment: row.word("tax_treatment")?,
            tax_note: row.get("tax_note")?,
            spending_cap: row.optional_amount("spending_cap")?,
            delivery: row.optional_parse("delivery")?,
        },
        created_at: row.time("created_at")?,
        closed_at: row.optional_time("closed_at")?,
        suspension: suspension_of(row)?,
        calls_kept_from: row.optional_time("calls_kept_from")?,
        erased_at: row.optional_time("erased_at")?,
    })
}
