//! What do the charges of customers' months add up to?

use calculation::money::Amount;
use jiff::Timestamp;

use crate::calls::{Call, MonthUse, amount};
use crate::db::{self, Param, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::{CustomerId, PlanId};

/// Calls on a prepaid plan are paid already.
pub(super) const POSTPAID: &str = "plan_id in (select plan_id from plans where payment = 'postpaid')";

const SPENDING: Place = Place::new("spending", &["customer_id", "period_start"]);

const SUMS: &str = "count(*) as calls, cast(sum(billed_seconds) as bigint) as seconds,
    cast(sum(included_seconds) as bigint) as included, cast(sum(amount) as bigint) as amount,
    min(answered_at) as first_at, max(answered_at) as last_at";
const GROUPS: &str = "customer_id, period_start, plan_id, destination, month_pricing";

/// The use of one customer in the month that begins then.
type Used = (CustomerId, Timestamp, MonthUse);

/// Charges of some customers that began to ring in a span, for months that begin in another, added up.
pub(in crate::calls) async fn usage(
    tx: &mut Tx,
    customers: &[i64],
    rang: (Timestamp, Timestamp),
    months: (Timestamp, Timestamp),
) -> Result<Vec<Used>> {
    let sql = format!(
        "select {GROUPS}, null as late_for, {SUMS} from calls
         where started_at >= $1 and started_at < $2 and period_start >= $3 and period_start <= $4
           and late_for is null and {POSTPAID} and customer_id in ({}) group by {GROUPS}",
        in_list(5)
    );
    let (from, to, first, last) = (Ts(rang.0), Ts(rang.1), Ts(months.0), Ts(months.1));
    let rows = tx.rows_in(&sql, &[&from, &to, &first, &last], customers).await?;
    Ok(super::CALLS.all(&rows, |row| used(row, false))?)
}

/// The same of late calls, which may have rung at any time before.
pub(in crate::calls) async fn late_usage(
    tx: &mut Tx,
    customers: &[i64],
    months: (Timestamp, Timestamp),
) -> Result<Vec<Used>> {
    let sql = format!(
        "select {GROUPS}, late_for, {SUMS} from calls
         where period_start >= $1 and period_start <= $2 and late_for is not null and {POSTPAID}
           and customer_id in ({}) group by {GROUPS}, late_for",
        in_list(3)
    );
    let rows = tx.rows_in(&sql, &[&Ts(months.0), &Ts(months.1)], customers).await?;
    Ok(super::CALLS.all(&rows, |row| used(row, true))?)
}

fn used(row: &Row, late: bool) -> db::Result<Used> {
    let used = MonthUse {
        plan_id: PlanId(row.get("plan_id")?),
        destination: row.get("destination")?,
        month_pricing: row.optional_count("month_pricing")?,
        late_for: if late { row.optional_time("late_for")? } else { None },
        calls: row.count("calls")?,
        seconds: row.count("seconds")?,
        included_seconds: row.count("included")?,
        amount: amount(row.get("amount")?),
        first_at: row.time("first_at")?,
        last_at: row.time("last_at")?,
    };
    Ok((CustomerId(row.get("customer_id")?), row.time("period_start")?, used))
}

/// Seconds that a month pricing priced for a month on invoices of months before one.
pub(in crate::calls) async fn seconds_before(
    tx: &mut Tx,
    customer: CustomerId,
    plan: PlanId,
    pricing: usize,
    month: Timestamp,
    before: Timestamp,
) -> Result<u64> {
    let sql =
        "select coalesce(cast(sum(billed_seconds - included_seconds) as bigint), 0) as seconds from calls
               where customer_id = $1 and plan_id = $2 and month_pricing = $3 and period_start < $5
                 and ((period_start = $4 and late_for is null) or late_for = $4)";
    let params: [&dyn Param; 5] = [&customer.0, &plan.0, &db::int(pricing)?, &Ts(month), &Ts(before)];
    Ok(tx.counted(sql, &params, "seconds").await?)
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

/// The charges of a call's month and destination, late for the same month if it is.
pub(in crate::calls) async fn of_destination(
    tx: &mut Tx,
    customer: CustomerId,
    call: &Call,
) -> Result<Amount> {
    let sql = format!(
        "select coalesce(cast(sum(amount) as bigint), 0) as amount from calls
         where customer_id = $1 and period_start = $2 and destination = $3 and month_pricing is null
           and coalesce(late_for, period_start) = $4 and {POSTPAID}"
    );
    let Some(month) = call.period_start else { return Ok(Amount::ZERO) };
    let late_for = Ts(call.late_for.unwrap_or(month));
    let row = tx.row(&sql, &[&customer.0, &Ts(month), &call.destination, &late_for]).await?;
    Ok(amount(row.map_or(Ok(0), |row| row.get("amount"))?))
}
