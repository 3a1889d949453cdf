//! What do the charges of customers' months add up to?

use std::collections::{BTreeMap, BTreeSet};

use calculation::call::LONGEST_RING_SECONDS;
use calculation::money::Amount;
use calculation::period::Period;
use jiff::Timestamp;

use crate::calls::{MonthUse, RecordKey, StoredCall};
use crate::db::{self, Halves, Param, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::{CustomerId, PlanId};

/// Calls on a prepaid plan are paid already.
pub(super) const POSTPAID: &str = "plan_id in (select plan_id from plans where payment = 'postpaid')";

/// What is added up of a customer and month.
const MONTHS: Place = Place::new("calls", &["customer_id", "period_start", "destination"]);
const SPENDING: Place = Place::new("spending", &["customer_id", "period_start"]);

const GROUPS: &str = "customer_id, period_start, plan_id, destination, month_pricing";

/// What the calls of a group add up to.
fn sums() -> String {
    let sum = |column: &str, name: &str| Halves::sum(column).columns(name);
    let (seconds, included) = (sum("billed_seconds", "seconds"), sum("included_seconds", "included"));
    let amount = sum("amount", "amount");
    format!(
        "count(*) as calls, {seconds}, {included}, {amount}, min(answered_at) as first_at, max(answered_at) as last_at"
    )
}

/// The use of one customer in the month that begins then.
type Used = (CustomerId, Timestamp, MonthUse);

/// Charges of some customers that began to ring in a span, for months that begin in another, added up.
pub(in crate::calls) async fn usage(
    tx: &mut Tx,
    customers: &[i64],
    rang: (Timestamp, Timestamp),
    months: (Timestamp, Timestamp),
) -> Result<Vec<Used>> {
    let sums = sums();
    let sql = format!(
        "select {GROUPS}, null as late_for, {sums} from calls
         where started_at >= $1 and started_at < $2 and period_start >= $3 and period_start <= $4
           and late_for is null and {POSTPAID} and customer_id in ({}) group by {GROUPS}",
        in_list(5)
    );
    let (from, to, first, last) = (Ts(rang.0), Ts(rang.1), Ts(months.0), Ts(months.1));
    let rows = tx.rows_in(&sql, &[&from, &to, &first, &last], customers).await?;
    Ok(MONTHS.all(&rows, |row| used(row, false))?)
}

/// The same of late calls, which may have rung at any time before.
pub(in crate::calls) async fn late_usage(
    tx: &mut Tx,
    customers: &[i64],
    months: (Timestamp, Timestamp),
) -> Result<Vec<Used>> {
    let sums = sums();
    let sql = format!(
        "select {GROUPS}, late_for, {sums} from calls
         where period_start >= $1 and period_start <= $2 and late_for is not null and {POSTPAID}
           and customer_id in ({}) group by {GROUPS}, late_for",
        in_list(3)
    );
    let rows = tx.rows_in(&sql, &[&Ts(months.0), &Ts(months.1)], customers).await?;
    Ok(MONTHS.all(&rows, |row| used(row, true))?)
}

fn used(row: &Row, late: bool) -> db::Result<Used> {
    let used = MonthUse {
        plan_id: PlanId(row.get("plan_id")?),
        destination: row.get("destination")?,
        month_pricing: row.optional_count("month_pricing")?,
        late_for: if late { row.optional_time("late_for")? } else { None },
        calls: row.count("calls")?,
        seconds: row.sum_count("seconds")?,
        included_seconds: row.sum_count("included")?,
        amount: row.sum_amount("amount")?,
        first_at: row.time("first_at")?,
        last_at: row.time("last_at")?,
    };
    Ok((CustomerId(row.get("customer_id")?), row.time("period_start")?, used))
}

/// The calls of a month that some months were invoiced with, late ones too, added up; without those that were credited. The month
/// itself alone, with what was credited until an instant, or every closed month but one.
pub(in crate::calls) async fn usage_left(
    tx: &mut Tx,
    customer: CustomerId,
    month: Period,
    with: InvoicedWith,
) -> Result<Vec<MonthUse>> {
    let (which, invoiced, until) = match with {
        InvoicedWith::Itself { credited_until } => ("period_start = $5", month.starts_at, credited_until),
        InvoicedWith::AllBut(but) => (
            "period_start <> $5 and exists (select 1 from periods p where p.customer_id = calls.customer_id
               and p.starts_at = calls.period_start and p.closed_at is not null)",
            but.unwrap_or(Timestamp::UNIX_EPOCH),
            None,
        ),
    };
    let sums = sums();
    let sql = format!(
        "select {GROUPS}, {sums} from calls
         where customer_id = $1 and started_at >= $2 and started_at < $3 and coalesce(late_for, period_start) = $4
           and {which} and {POSTPAID}
           and not exists (select 1 from credited_calls k where k.customer_id = calls.customer_id
                             and k.source = calls.source and k.record_id = calls.record_id and k.credited_at <= $6)
         group by {GROUPS}"
    );
    let start = month.starts_at;
    let ring_from = Timestamp::from_second(start.as_second() - LONGEST_RING_SECONDS).unwrap_or(start);
    let (end, invoiced, until) = (Ts(month.ends_at), Ts(invoiced), Ts(until.unwrap_or(LAST)));
    let params: [&dyn Param; 6] = [&customer.0, &Ts(ring_from), &end, &Ts(start), &invoiced, &until];
    let rows = tx.rows(&sql, &params).await?;
    let used: Vec<Used> = MONTHS.all(&rows, |row| used(row, false))?;
    Ok(used.into_iter().map(|(_, _, used)| used).collect())
}

/// Which months invoiced calls.
#[derive(Debug, Clone, Copy)]
pub(in crate::calls) enum InvoicedWith {
    Itself { credited_until: Option<Timestamp> },
    AllBut(Option<Timestamp>),
}

/// Later than anything.
const LAST: Timestamp = Timestamp::constant(32_503_680_000, 0);

/// Whether calls of a customer were credited, or replaced by other records.
pub(in crate::calls) async fn any_settled(tx: &mut Tx, customer: CustomerId) -> Result<bool> {
    let sql = "select 1 as found from credited_calls where customer_id = $1 limit 1";
    Ok(tx.row(sql, &[&customer.0]).await?.is_some())
}

/// The calls of a customer that were credited, and those in whose place another record stands: it took what they took of
/// allowances.
pub(in crate::calls) async fn credited_and_replaced(
    tx: &mut Tx,
    customer: CustomerId,
) -> Result<[BTreeSet<RecordKey>; 2]> {
    let credited = "select source, record_id from credited_calls where customer_id = $1";
    let replaced = "select source, reversed as record_id from call_replacements
                    where customer_id = $1 and reversed <> stored_as";
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for (sql, keys) in [credited, replaced].into_iter().zip(&mut found) {
        for row in tx.rows(sql, &[&customer.0]).await? {
            keys.insert((row.get("source")?, row.get("record_id")?));
        }
    }
    Ok(found)
}

/// Late calls that a month's invoice has, added up; without those that were credited until then.
pub(in crate::calls) async fn late_usage_left(
    tx: &mut Tx,
    customer: CustomerId,
    month: Timestamp,
    credited_until: Option<Timestamp>,
) -> Result<Vec<MonthUse>> {
    let sums = sums();
    let sql = format!(
        "select {GROUPS}, late_for, {sums} from calls
         where customer_id = $1 and period_start = $2 and late_for is not null and {POSTPAID}
           and not exists (select 1 from credited_calls k where k.customer_id = calls.customer_id
                             and k.source = calls.source and k.record_id = calls.record_id and k.credited_at <= $3)
         group by {GROUPS}, late_for"
    );
    let rows = tx.rows(&sql, &[&customer.0, &Ts(month), &Ts(credited_until.unwrap_or(LAST))]).await?;
    let used: Vec<Used> = MONTHS.all(&rows, |row| used(row, true))?;
    Ok(used.into_iter().map(|(_, _, used)| used).collect())
}

/// The charged calls that a customer's month was invoiced with, late ones too, each with what it took of allowances; and those that
/// the month which begins then is invoiced with.
pub(in crate::calls) async fn invoiced(
    tx: &mut Tx,
    customer: CustomerId,
    month: Period,
    now: Option<Timestamp>,
) -> Result<Vec<(StoredCall, BTreeMap<i64, i64>)>> {
    let of_month =
        "customer_id = $1 and started_at >= $2 and started_at < $3 and coalesce(late_for, period_start) = $4";
    let sql = format!(
        "select * from calls where {of_month} and outcome = 'charged' and {POSTPAID}
           and (period_start = $5 or exists (select 1 from periods p where p.customer_id = calls.customer_id
                                               and p.starts_at = calls.period_start and p.closed_at is not null))"
    );
    let start = month.starts_at;
    let ring_from = Timestamp::from_second(start.as_second() - LONGEST_RING_SECONDS).unwrap_or(start);
    let (ring_from, end, now) = (Ts(ring_from), Ts(month.ends_at), Ts(now.unwrap_or(Timestamp::UNIX_EPOCH)));
    let params: [&dyn Param; 5] = [&customer.0, &ring_from, &end, &Ts(start), &now];
    let calls: Vec<StoredCall> = super::CALLS.all(&tx.rows(&sql, &params).await?, super::call)?;
    let params: [&dyn Param; 4] = [&customer.0, &ring_from, &end, &Ts(start)];
    let sql = "select a.customer_id, a.source, a.record_id, a.allowance, a.seconds from call_allowances a join calls c
           on c.customer_id = a.customer_id and c.source = a.source and c.record_id = a.record_id
         where c.customer_id = $1 and c.started_at >= $2 and c.started_at < $3 and coalesce(c.late_for, c.period_start) = $4";
    let mut taken: BTreeMap<(String, String), BTreeMap<i64, i64>> = BTreeMap::new();
    for row in tx.rows(sql, &params).await? {
        let seconds = super::CALL_ALLOWANCES
            .read(&row, |row| Ok((row.get::<i64>("allowance")?, i64::from(row.count::<u32>("seconds")?))))?;
        taken.entry((row.get("source")?, row.get("record_id")?)).or_default().extend([seconds]);
    }
    let with_taken = |stored: StoredCall| {
        let key = (stored.call.source.clone(), stored.call.record_id.clone());
        (stored, taken.remove(&key).unwrap_or_default())
    };
    Ok(calls.into_iter().map(with_taken).collect())
}

/// The charged calls that are on a month's own invoice, late ones too.
pub(in crate::calls) async fn invoiced_with(
    tx: &mut Tx,
    customer: CustomerId,
    month: Period,
) -> Result<Vec<StoredCall>> {
    let start = month.starts_at;
    let ring_from = Timestamp::from_second(start.as_second() - LONGEST_RING_SECONDS).unwrap_or(start);
    let own = format!(
        "select * from calls where customer_id = $1 and started_at >= $2 and started_at < $3 and period_start = $4
           and late_for is null and outcome = 'charged' and {POSTPAID}"
    );
    let params: [&dyn Param; 4] = [&customer.0, &Ts(ring_from), &Ts(month.ends_at), &Ts(start)];
    let mut rows = tx.rows(&own, &params).await?;
    let late = format!(
        "select * from calls where customer_id = $1 and period_start = $2 and late_for is not null
           and outcome = 'charged' and {POSTPAID}"
    );
    rows.append(&mut tx.rows(&late, &[&customer.0, &Ts(start)]).await?);
    Ok(super::CALLS.all(&rows, super::call)?)
}

/// What is counted against a customer's cap in a month, and the percentage last told.
pub(in crate::calls) async fn spending(
    tx: &mut Tx,
    customer: CustomerId,
    period_start: Timestamp,
) -> Result<(Amount, u32)> {
    let sql = "select customer_id, period_start, amount, notified_percent from spending where customer_id = $1 and period_start = $2";
    let Some(row) = tx.row(sql, &[&customer.0, &Ts(period_start)]).await? else {
        return Ok((Amount::ZERO, 0));
    };
    Ok(SPENDING.read(&row, |row| Ok((row.amount("amount")?, row.count("notified_percent")?)))?)
}

pub(in crate::calls) async fn save_spending(
    tx: &mut Tx,
    customer: CustomerId,
    period_start: Timestamp,
    spent: Amount,
    told: u32,
) -> Result<()> {
    let sql = "insert into spending (customer_id, period_start, amount, notified_percent)
               values ($1, $2, $3, $4) on conflict (customer_id, period_start)
               do update set amount = excluded.amount, notified_percent = excluded.notified_percent";
    let params: [&dyn Param; 4] = [&customer.0, &Ts(period_start), &spent.micros(), &i64::from(told)];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Calls on invoices that say they took other seconds of allowances than they did, by source and id.
pub(in crate::calls) async fn taken_otherwise(tx: &mut Tx) -> Result<Vec<RecordKey>> {
    let sql = format!(
        "select c.source, c.record_id from calls c
         left join (select customer_id, source, record_id, sum(seconds % 4294967296) as seconds from call_allowances
                    group by customer_id, source, record_id) a
           on a.customer_id = c.customer_id and a.source = c.source and a.record_id = c.record_id
         where c.outcome = 'charged' and c.{POSTPAID} and c.included_seconds <> coalesce(a.seconds, 0)
         order by c.source, c.record_id limit 100"
    );
    let key = |row: &Row| Ok((row.get("source")?, row.get("record_id")?));
    Ok(tx.rows(&sql, &[]).await?.iter().map(key).collect::<db::Result<_>>()?)
}

/// How many allowance counters there are, and the customers whose counters are wrong.
pub(in crate::calls) async fn allowance_counters(tx: &mut Tx) -> Result<(u64, Vec<CustomerId>)> {
    // The seconds of a call fit 32 bits, and more than that is a fault of its own.
    let sql = "select u.customer_id, u.used_seconds,
                 (select coalesce(cast(sum(a.seconds % 4294967296) as bigint), 0) from call_allowances a
                  join calls c on c.customer_id = a.customer_id and c.source = a.source
                              and c.record_id = a.record_id
                  where a.customer_id = u.customer_id and a.allowance = u.allowance
                    and not exists (select 1 from call_replacements r where r.customer_id = c.customer_id
                                      and r.source = c.source and r.reversed = c.record_id and r.stored_as <> r.reversed)
                    and coalesce(c.late_for, c.period_start) = u.period_start and c.plan_id = u.plan_id) as taken
               from allowance_uses u";
    let rows = tx.rows(sql, &[]).await?;
    let mut wrong = Vec::new();
    for row in &rows {
        if row.get::<i64>("used_seconds")? != row.get::<i64>("taken")? {
            wrong.push(CustomerId(row.get("customer_id")?));
        }
    }
    let lost = "select distinct a.customer_id from call_allowances a
                join calls c on c.customer_id = a.customer_id and c.source = a.source and c.record_id = a.record_id
                join customers k on k.customer_id = a.customer_id
                where a.seconds > 0 and (k.calls_kept_from is null or coalesce(c.late_for, c.period_start) >= k.calls_kept_from)
                  and not exists (select 1 from call_replacements r where r.customer_id = c.customer_id
                                    and r.source = c.source and r.reversed = c.record_id and r.stored_as <> r.reversed)
                  and not exists (select 1 from allowance_uses u where u.customer_id = a.customer_id and u.allowance = a.allowance
                                    and u.period_start = coalesce(c.late_for, c.period_start) and u.plan_id = c.plan_id)
                order by a.customer_id";
    for row in &tx.rows(lost, &[]).await? {
        wrong.push(CustomerId(row.get("customer_id")?));
    }
    wrong.dedup();
    Ok((rows.len() as u64, wrong))
}
