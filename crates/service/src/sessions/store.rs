//! Sessions and their reservations in the database.

mod proof;
mod purge;

use std::collections::{BTreeMap, BTreeSet};

use calculation::money::Amount;
use calculation::phone_number::{Dialled, E164, Region, dialled};
use jiff::Timestamp;
use jiff::civil::Date;

pub(super) use proof::{
    charged_besides, charged_otherwise, count, count_without_session, holding_though_over,
    included_otherwise, lost_otherwise, recorded_otherwise, without_record, without_session,
};

pub(super) use purge::{blank, count_telling};

use super::{Origin, Reservation, Session};
use crate::db::{self, Cell, Cells, Kind, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::hash::Hash;
use crate::id::{BalanceId, CustomerId, PlanId, SessionId, TariffId};

const SESSIONS: Place = Place::new("charging_sessions", &["customer_id", "session_id"]);
const RESERVATIONS: Place = Place::new("reservations", &["customer_id", "session_id", "balance_id"]);
const DAYS: Place = Place::new("day_spending", &["customer_id", "day"]);

const COLUMNS: [&str; 30] = [
    "customer_id",
    "session_id",
    "call_id",
    "origin",
    "state",
    "line",
    "called",
    "region",
    "destination",
    "plan_id",
    "tariff_id",
    "tariff_version",
    "prepaid",
    "currency",
    "started_at",
    "answered_at",
    "granted_seconds",
    "used_seconds",
    "billed_seconds",
    "included_seconds",
    "charged",
    "loss",
    "last_sequence",
    "request_hash",
    "answer",
    "valid_until",
    "closed_at",
    "source",
    "record_id",
    "opened_at",
];

fn selected() -> String {
    COLUMNS.map(|column| format!("s.{column}")).join(", ")
}

/// A session as a row: what is text in it, made once.
struct SessionRow<'s> {
    session: &'s Session,
    line: Option<String>,
    region: Option<String>,
    answer: String,
}

impl<'s> SessionRow<'s> {
    fn of(session: &'s Session) -> db::Result<Self> {
        let answer = session.answer.as_ref().map(db::json_text).transpose()?;
        Ok(Self {
            session,
            line: session.line.map(|line| line.to_string()),
            region: session.region.map(|region| region.to_string()),
            // A purged session has no answer any more.
            answer: answer.unwrap_or_default(),
        })
    }
}

impl Cells<30> for SessionRow<'_> {
    fn cells(&self) -> [Cell<'_>; 30] {
        let session = self.session;
        let (source, record_id) = session
            .record
            .as_ref()
            .map_or((None, None), |(source, id)| (Some(source.as_str()), Some(id.as_str())));
        [
            Cell::Int(session.id.customer.0),
            Cell::Int(session.id.number),
            Cell::Text(&session.call_id),
            Cell::Text(match session.origin {
                Origin::Switch => "switch",
                Origin::Record => "record",
            }),
            Cell::Text(session.state.code()),
            self.line.as_deref().into(),
            Cell::Text(&session.called),
            self.region.as_deref().into(),
            session.destination.as_deref().into(),
            Cell::Int(session.plan_id.0),
            session.tariff.map(|(tariff, _)| tariff.0).into(),
            session.tariff.map(|(_, version)| version).into(),
            Cell::Bool(session.prepaid),
            Cell::Text(session.currency.code()),
            Cell::Time(session.started_at),
            session.answered_at.into(),
            Cell::Int(session.granted_seconds.into()),
            Cell::Int(session.used_seconds.into()),
            Cell::Int(session.billed_seconds.into()),
            Cell::Int(session.included_seconds.into()),
            Cell::Int(session.charged.micros()),
            Cell::Int(session.loss.micros()),
            Cell::Int(session.last_sequence.into()),
            Cell::Bytes(&session.request_hash),
            Cell::Text(&self.answer),
            Cell::Time(session.valid_until),
            session.closed_at.into(),
            source.into(),
            record_id.into(),
            Cell::Time(session.opened_at),
        ]
    }
}

pub(super) async fn insert(tx: &mut Tx, sessions: &[&Session]) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let rows = sessions.iter().map(|session| SessionRow::of(session)).collect::<db::Result<Vec<_>>>()?;
    Ok(tx.insert_rows("charging_sessions", &COLUMNS, &rows).await?)
}

/// The columns of a session that may change, after those that tell which it is. Who called whom and how it began
/// never change.
const CHANGING: [(&str, Kind); 22] = [
    ("customer_id", Kind::Int),
    ("session_id", Kind::Int),
    ("state", Kind::Text),
    ("destination", Kind::Text),
    ("plan_id", Kind::Int),
    ("tariff_id", Kind::Int),
    ("tariff_version", Kind::Int),
    ("prepaid", Kind::Bool),
    ("answered_at", Kind::Time),
    ("granted_seconds", Kind::Int),
    ("used_seconds", Kind::Int),
    ("billed_seconds", Kind::Int),
    ("included_seconds", Kind::Int),
    ("charged", Kind::Int),
    ("loss", Kind::Int),
    ("last_sequence", Kind::Int),
    ("request_hash", Kind::Bytes),
    ("answer", Kind::Text),
    ("valid_until", Kind::Time),
    ("closed_at", Kind::Time),
    ("source", Kind::Text),
    ("record_id", Kind::Text),
];

/// Stores what may change of sessions.
pub(super) async fn update(tx: &mut Tx, sessions: &[&Session]) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let places = CHANGING.map(|(column, _)| COLUMNS.iter().position(|known| *known == column));
    let sets = CHANGING.iter().zip(1..).skip(2);
    let sets: Vec<_> = sets.map(|((column, _), place)| format!("{column} = g.column{place}")).collect();
    let sql = format!(
        "update charging_sessions set {} from :given g where customer_id = g.column1 and session_id = g.column2",
        sets.join(", ")
    );
    let texts = sessions.iter().map(|session| SessionRow::of(session)).collect::<db::Result<Vec<_>>>()?;
    let rows: Vec<_> = texts
        .iter()
        .map(|row| {
            let cells = row.cells();
            places.map(|place| place.map_or(Cell::Null, |place| cells[place]))
        })
        .collect();
    tx.rows_over(&sql, CHANGING.map(|(_, kind)| kind), &rows).await?;
    Ok(())
}

/// The session that a record settled.
pub(super) async fn of_record(
    tx: &mut Tx,
    customer: CustomerId,
    source: &str,
    record_id: &str,
) -> Result<Option<SessionId>> {
    let sql =
        "select session_id from charging_sessions where customer_id = $1 and source = $2 and record_id = $3";
    let row = tx.row(sql, &[&customer.0, &source, &record_id]).await?;
    Ok(row
        .map(|row| Ok::<_, db::Error>(SessionId { customer, number: row.get("session_id")? }))
        .transpose()?)
}

/// Stores what is held and was taken for sessions.
pub(super) async fn save_reservations<'s>(
    tx: &mut Tx,
    sessions: impl Iterator<Item = &'s Session>,
) -> Result<()> {
    let rows: Vec<_> = sessions
        .flat_map(|session| {
            session.reservations.iter().map(|own| {
                let SessionId { customer, number } = session.id;
                [customer.0, number, own.balance.0, own.held, own.taken].map(Cell::Int)
            })
        })
        .collect();
    let sql = "insert into reservations (customer_id, session_id, balance_id, held, taken)
               select g.column1, g.column2, g.column3, g.column4, g.column5
               from :given g where g.column1 is not null
               on conflict (customer_id, session_id, balance_id)
               do update set held = excluded.held, taken = excluded.taken";
    tx.rows_over(sql, [Kind::Int; 5], &rows).await?;
    Ok(())
}

pub(super) async fn by_ids(tx: &mut Tx, ids: &[SessionId]) -> Result<Vec<Session>> {
    some(tx, ids, &[], &[]).await
}

/// Sessions by their ids and by their calls, and those of customers that are under way.
pub(super) async fn some(
    tx: &mut Tx,
    ids: &[SessionId],
    calls: &[(CustomerId, String)],
    under_way_of: &[CustomerId],
) -> Result<Vec<Session>> {
    let those = |condition: &str| {
        let columns = selected();
        format!(
            "select {columns} from :given g cross join charging_sessions s where s.customer_id = g.column1 {condition}"
        )
    };
    let given: Vec<_> = ids.iter().map(|id| [Cell::Int(id.customer.0), Cell::Int(id.number)]).collect();
    let kinds = [Kind::Int, Kind::Int];
    let mut rows = tx.rows_over(&those("and s.session_id = g.column2"), kinds, &given).await?;
    let given: Vec<_> =
        calls.iter().map(|(customer, call_id)| [Cell::Int(customer.0), Cell::Text(call_id)]).collect();
    let kinds = [Kind::Int, Kind::Text];
    rows.append(&mut tx.rows_over(&those("and s.call_id = g.column2"), kinds, &given).await?);
    let given: Vec<_> = under_way_of.iter().map(|customer| [Cell::Int(customer.0)]).collect();
    rows.append(&mut tx.rows_over(&those("and s.state = 'open'"), [Kind::Int], &given).await?);
    whole(tx, rows).await
}

/// A customer's sessions before one, newest first.
pub(super) async fn of_customer(
    tx: &mut Tx,
    customer: CustomerId,
    before: i64,
    limit: usize,
) -> Result<Vec<Session>> {
    let sql = format!(
        "select {} from charging_sessions s where s.customer_id = $1 and s.session_id < $2
         order by s.session_id desc limit $3",
        selected()
    );
    let limit = db::limit(limit);
    let rows = tx.rows(&sql, &[&customer.0, &before, &limit]).await?;
    whole(tx, rows).await
}

/// Whether a call is under way.
pub(super) async fn is_any_open(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let sql = "select 1 as one from charging_sessions where state = 'open' and valid_until > $1 limit 1";
    Ok(tx.row(sql, &[&Ts(now)]).await?.is_some())
}

/// Sessions whose time is over.
pub(super) async fn due(tx: &mut Tx, now: Timestamp, limit: usize) -> Result<Vec<SessionId>> {
    let sql = "select customer_id, session_id from charging_sessions
               where state = 'open' and valid_until <= $1 order by valid_until limit $2";
    let limit = db::limit(limit);
    let id = |row: &Row| {
        Ok(SessionId { customer: CustomerId(row.get("customer_id")?), number: row.get("session_id")? })
    };
    Ok(tx.rows(sql, &[&Ts(now), &limit]).await?.iter().map(id).collect::<db::Result<_>>()?)
}

/// Sessions with their reservations. A row that was given twice is one session.
async fn whole(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Session>> {
    let mut sessions = BTreeMap::new();
    let mut order = Vec::new();
    for row in &rows {
        let session = SESSIONS.read(row, session)?;
        order.push(session.id);
        sessions.insert(session.id, session);
    }
    let ids: BTreeSet<_> = sessions.keys().copied().collect();
    let given: Vec<_> = ids.iter().map(|id| [Cell::Int(id.customer.0), Cell::Int(id.number)]).collect();
    // The unit is looked up for each row: joined, all balances there are would be read for it.
    let sql = "select r.customer_id, r.session_id, r.balance_id, r.held, r.taken,
                 (select b.unit from balances b
                  where b.customer_id = r.customer_id and b.balance_id = r.balance_id) as unit
               from :given g cross join reservations r
               where r.customer_id = g.column1 and r.session_id = g.column2
               order by r.customer_id, r.session_id, r.balance_id";
    for row in tx.rows_over(sql, [Kind::Int, Kind::Int], &given).await? {
        let customer = CustomerId(row.get("customer_id")?);
        let Some(session) = sessions.get_mut(&SessionId { customer, number: row.get("session_id")? }) else {
            continue;
        };
        let balance = BalanceId(row.get("balance_id")?);
        let reservation = |row: &Row| {
            let (unit, held, taken) = (row.parse("unit")?, row.get("held")?, row.get("taken")?);
            Ok(Reservation { balance, unit, held, taken })
        };
        session.reservations.push(RESERVATIONS.read(&row, reservation)?);
    }
    Ok(order.into_iter().filter_map(|id| sessions.remove(&id)).collect())
}

/// What was dialled, as it was read when the session began. Earlier versions read numbers that no plan has: a call
/// that began then is charged to its end.
fn read_again(called: &str, region: Option<Region>) -> Option<Dialled> {
    let plain =
        || called.parse().or_else(|_| format!("+{}", called.trim_start_matches("00")).parse::<E164>());
    dialled(called, region).ok().or_else(|| plain().ok().map(Dialled::Number))
}

fn session(row: &Row) -> db::Result<Session> {
    let region: Option<Region> = row.optional_parse("region")?;
    let line: Option<E164> = row.optional_parse("line")?;
    let called: String = row.get("called")?;
    // A purged session tells no request and no answer any more.
    let is_purged = called.is_empty() && row.get::<Vec<u8>>("request_hash")?.is_empty();
    let request_hash = if is_purged { Hash::default() } else { row.hash("request_hash")? };
    let answer = if row.get::<String>("answer")?.is_empty() { None } else { Some(row.json("answer")?) };
    let tariff: Option<i64> = row.get("tariff_id")?;
    let version: Option<i64> = row.get("tariff_version")?;
    let source: Option<String> = row.get("source")?;
    let record_id: Option<String> = row.get("record_id")?;
    Ok(Session {
        id: SessionId { customer: CustomerId(row.get("customer_id")?), number: row.get("session_id")? },
        call_id: row.get("call_id")?,
        origin: row.choice("origin", &[("switch", Origin::Switch), ("record", Origin::Record)])?,
        state: row.parse("state")?,
        line,
        dialled: read_again(&called, region),
        called,
        region,
        destination: row.get("destination")?,
        plan_id: PlanId(row.get("plan_id")?),
        tariff: tariff.map(TariffId).zip(version),
        prepaid: row.get("prepaid")?,
        currency: row.parse("currency")?,
        started_at: row.time("started_at")?,
        answered_at: row.optional_time("answered_at")?,
        granted_seconds: row.count("granted_seconds")?,
        used_seconds: row.count("used_seconds")?,
        billed_seconds: row.count("billed_seconds")?,
        included_seconds: row.count("included_seconds")?,
        charged: row.amount("charged")?,
        loss: row.amount("loss")?,
        last_sequence: row.count("last_sequence")?,
        request_hash,
        answer,
        valid_until: row.time("valid_until")?,
        opened_at: row.time("opened_at")?,
        closed_at: row.optional_time("closed_at")?,
        record: source.zip(record_id),
        reservations: Vec::new(),
    })
}

/// What customers have spent on a day each.
pub(super) async fn day_spending(
    tx: &mut Tx,
    days: &[(CustomerId, Date)],
) -> Result<Vec<((CustomerId, Date), Amount)>> {
    let texts: Vec<_> = days.iter().map(|(customer, day)| (*customer, day.to_string())).collect();
    let given: Vec<_> =
        texts.iter().map(|(customer, day)| [Cell::Int(customer.0), Cell::Text(day)]).collect();
    let sql = "select d.customer_id, d.day, d.amount from :given g cross join day_spending d
               where d.customer_id = g.column1 and d.day = g.column2";
    let rows = tx.rows_over(sql, [Kind::Int, Kind::Text], &given).await?;
    let spent = |row: &Row| {
        let key = (CustomerId(row.get("customer_id")?), row.parse("day")?);
        Ok((key, row.get("amount").map(Amount::from_micros)?))
    };
    Ok(DAYS.all(&rows, spent)?)
}

pub(super) async fn add_day_spending(tx: &mut Tx, spent: &[(CustomerId, Date, Amount)]) -> Result<()> {
    let texts: Vec<_> = spent.iter().map(|(_, day, _)| day.to_string()).collect();
    let rows: Vec<_> = spent
        .iter()
        .zip(&texts)
        .map(|((customer, _, amount), day)| {
            [Cell::Int(customer.0), Cell::Text(day), Cell::Int(amount.micros())]
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into day_spending (customer_id, day, amount) values ($1, $2, $3)
               on conflict (customer_id, day) do update set amount = day_spending.amount + excluded.amount";
    tx.execute_each(sql, &rows).await?;
    Ok(())
}
