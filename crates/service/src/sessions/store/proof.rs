//! What does not add up about sessions?

use jiff::Timestamp;

use crate::db::{self, Halves, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, SessionId};

/// Of each kind so many are named: more say nothing new.
const FIRST: &str = "limit 100";

fn id(row: &Row) -> db::Result<SessionId> {
    Ok(SessionId { customer: CustomerId(row.get("customer_id")?), number: row.get("session_id")? })
}

fn with_record(row: &Row) -> db::Result<(SessionId, String)> {
    let (source, record): (String, String) = (row.get("source")?, row.get("record_id")?);
    Ok((id(row)?, format!("{source}/{record}")))
}

async fn number(tx: &mut Tx, sql: &str) -> Result<u64> {
    Ok(tx.counted(sql, &[], "sessions").await?)
}

pub(in crate::sessions) async fn count(tx: &mut Tx) -> Result<u64> {
    number(tx, "select count(*) as sessions from charging_sessions").await
}

/// Sessions that are over and hold something.
pub(in crate::sessions) async fn holding_though_over(tx: &mut Tx) -> Result<Vec<SessionId>> {
    let sql = format!(
        "select distinct r.customer_id, r.session_id from reservations r
         join charging_sessions s on s.customer_id = r.customer_id and s.session_id = r.session_id
         where r.held <> 0 and s.state <> 'open' order by r.customer_id, r.session_id {FIRST}"
    );
    Ok(tx.rows(&sql, &[]).await?.iter().map(id).collect::<db::Result<_>>()?)
}

/// Sessions that say another charge than was taken from balances of money.
pub(in crate::sessions) async fn charged_otherwise(tx: &mut Tx) -> Result<Vec<SessionId>> {
    let taken = Halves::of("r.taken").when("b.unit = 'money'").summed();
    let is_other = taken.less(&Halves::of("s.charged")).is_not_zero();
    let sql = format!(
        "select s.customer_id, s.session_id from charging_sessions s
         left join reservations r on r.customer_id = s.customer_id and r.session_id = s.session_id
         left join balances b on b.customer_id = r.customer_id and b.balance_id = r.balance_id
         group by s.customer_id, s.session_id, s.charged
         having {is_other}
         order by s.customer_id, s.session_id {FIRST}"
    );
    Ok(tx.rows(&sql, &[]).await?.iter().map(id).collect::<db::Result<_>>()?)
}

/// Sessions that say other seconds were included than they took of balances. Of one that is closed by now more may stay taken.
pub(in crate::sessions) async fn included_otherwise(tx: &mut Tx) -> Result<Vec<SessionId>> {
    let more =
        Halves::of("r.taken").when("b.unit = 'seconds'").summed().less(&Halves::of("s.included_seconds"));
    let sql = format!(
        "select s.customer_id, s.session_id from charging_sessions s
         left join reservations r on r.customer_id = s.customer_id and r.session_id = s.session_id
         left join balances b on b.customer_id = r.customer_id and b.balance_id = r.balance_id
         where s.prepaid group by s.customer_id, s.session_id, s.included_seconds
         having {} or ({} and count(b.closed_at) = 0)
         order by s.customer_id, s.session_id {FIRST}",
        more.is_below_zero(),
        more.is_above_zero()
    );
    Ok(tx.rows(&sql, &[]).await?.iter().map(id).collect::<db::Result<_>>()?)
}

/// Sessions that say other seconds were included, or that less was paid, than the call of their record says.
pub(in crate::sessions) async fn recorded_otherwise(tx: &mut Tx) -> Result<Vec<(SessionId, String)>> {
    let paid = Halves::of("s.charged").plus(&Halves::of("s.loss"));
    let sql = format!(
        "select s.customer_id, s.session_id, c.source, c.record_id from charging_sessions s
         join calls c on c.source = s.source and c.record_id = s.record_id and c.customer_id = s.customer_id
         where s.prepaid and c.outcome = 'charged' and (c.included_seconds <> s.included_seconds or {})
         order by s.customer_id, s.session_id {FIRST}",
        paid.less(&Halves::of("c.amount")).is_below_zero()
    );
    Ok(tx.rows(&sql, &[]).await?.iter().map(with_record).collect::<db::Result<_>>()?)
}

/// Customers whose sessions lost something else than the ledger says.
pub(in crate::sessions) async fn lost_otherwise(tx: &mut Tx) -> Result<Vec<CustomerId>> {
    let (lost, posted) = (Halves::of("loss"), Halves::of("p.amount").negated());
    let is_other = Halves::column("l.lost").summed().is_not_zero();
    let sql = format!(
        "select l.customer_id from (
           select customer_id, {} from charging_sessions
           union all
           select p.customer_id, {} from postings p
           join ledger_entries e on e.customer_id = p.customer_id and e.entry_id = p.entry_id
           where e.kind = 'call' and p.account = 'bad_debt') l
         group by l.customer_id having {is_other} order by l.customer_id {FIRST}",
        lost.columns("lost"),
        posted.columns("lost")
    );
    let customer = |row: &Row| row.get("customer_id").map(CustomerId);
    Ok(tx.rows(&sql, &[]).await?.iter().map(customer).collect::<db::Result<_>>()?)
}

/// Calls that are over since before an instant and have no record, not even one of a call that nobody answered. Of calls whose
/// detail was purged nobody can tell.
pub(in crate::sessions) async fn without_record(
    tx: &mut Tx,
    before: Timestamp,
) -> Result<Vec<(SessionId, String)>> {
    let sql = format!(
        "select s.customer_id, s.session_id, s.call_id from charging_sessions s
         join customers k on k.customer_id = s.customer_id
         where (k.calls_kept_from is null or s.opened_at >= k.calls_kept_from) and s.prepaid and s.origin = 'switch'
           and s.state in ('released', 'expired') and s.record_id is null and s.closed_at <= $1
           and not exists (select 1 from calls c where c.customer_id = s.customer_id and c.call_id = s.call_id)
         order by s.customer_id, s.session_id {FIRST}"
    );
    let session = |row: &Row| Ok((id(row)?, row.get("call_id")?));
    Ok(tx.rows(&sql, &[&Ts(before)]).await?.iter().map(session).collect::<db::Result<_>>()?)
}

pub(in crate::sessions) async fn count_without_session(tx: &mut Tx) -> Result<u64> {
    let sql = "select count(*) as sessions from charging_sessions where origin = 'record' and record_id is not null";
    number(tx, sql).await
}

/// Records of prepaid calls that nobody had asked for, the latest first.
pub(in crate::sessions) async fn without_session(tx: &mut Tx) -> Result<Vec<(SessionId, String)>> {
    let sql = "select customer_id, session_id, source, record_id from charging_sessions
               where origin = 'record' and record_id is not null order by session_id desc limit 10";
    Ok(tx.rows(sql, &[]).await?.iter().map(with_record).collect::<db::Result<_>>()?)
}

/// Sessions that were charged although another session was charged for the record of their call, and those records.
pub(in crate::sessions) async fn charged_besides(tx: &mut Tx) -> Result<Vec<(SessionId, String)>> {
    let sql = format!(
        "select s.customer_id, s.session_id, c.source, c.record_id from charging_sessions s
         join calls c on c.customer_id = s.customer_id and c.call_id = s.call_id
         join charging_sessions r on r.customer_id = c.customer_id and r.source = c.source and r.record_id = c.record_id
         where s.prepaid and s.origin = 'switch' and s.state in ('released', 'expired') and s.record_id is null and s.charged > 0
           and r.session_id <> s.session_id and c.outcome = 'charged' and c.charged_party is null and c.ended_at > s.started_at
         order by s.customer_id, s.session_id {FIRST}"
    );
    Ok(tx.rows(&sql, &[]).await?.iter().map(with_record).collect::<db::Result<_>>()?)
}
