//! The tariffs in the database.

use std::collections::BTreeMap;

use calculation::money::{Currency, Price};
use calculation::tariff::{self, Rate, Step};
use jiff::Timestamp;

use super::{Tariff, TariffVersion};
use crate::db::{self, Cell, Hold, Place, Row, Ts, Tx};
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::id::TariffId;
use crate::seals;

const RATES: Place = Place::new("rates", &["tariff_id", "version", "position"]);
const VERSIONS: Place = Place::new("tariff_versions", &["tariff_id", "version"]);

/// The tariff of that name, made if there is none, held until the transaction ends.
pub(super) async fn hold_tariff(
    tx: &mut Tx,
    id: TariffId,
    name: &str,
    currency: Currency,
    now: Timestamp,
) -> Result<(TariffId, Currency)> {
    let sql = "insert into tariffs (tariff_id, name, currency, created_at) values ($1, $2, $3, $4)
               on conflict (name) do nothing";
    tx.execute(sql, &[&id.0, &name, &currency.code(), &Ts(now)]).await?;
    let held = tx.hold(Hold::Exclusive, "tariffs");
    let sql = format!("select tariff_id, currency from tariffs where name = $1 {held}");
    let row = tx.row(&sql, &[&name]).await?;
    let row = row.ok_or_else(|| Error::Contradiction(format!("tariff {name} vanished")))?;
    Ok((TariffId(row.get("tariff_id")?), row.parse("currency")?))
}

/// Holds a tariff until the transaction ends: its versions are compared and published one after another. Answers
/// whether there is one.
pub(super) async fn hold(tx: &mut Tx, id: TariffId) -> Result<bool> {
    let held = tx.hold(Hold::Exclusive, "tariffs");
    let sql = format!("select tariff_id from tariffs where tariff_id = $1 {held}");
    Ok(tx.row(&sql, &[&id.0]).await?.is_some())
}

/// The newest version of a tariff.
pub(super) struct LastVersion {
    pub(super) version: i64,
    pub(super) content_hash: Hash,
    pub(super) valid_from: Option<Timestamp>,
    pub(super) withdrawn: bool,
}

pub(super) async fn last_version(tx: &mut Tx, id: TariffId) -> Result<Option<LastVersion>> {
    let sql = "select tariff_id, version, content_hash, valid_from, withdrawn_at from tariff_versions
               where tariff_id = $1 order by version desc limit 1";
    let Some(row) = tx.row(sql, &[&id.0]).await? else { return Ok(None) };
    let last = |row: &Row| {
        let (version, content_hash) = (row.get("version")?, row.hash("content_hash")?);
        let withdrawn = row.optional_time("withdrawn_at")?.is_some();
        Ok(LastVersion { version, content_hash, valid_from: row.optional_time("valid_from")?, withdrawn })
    };
    Ok(Some(VERSIONS.read(&row, last)?))
}

pub(super) async fn insert_version(
    tx: &mut Tx,
    (id, version): (TariffId, i64),
    tariff: &tariff::Tariff,
    content_hash: &Hash,
    batch: i64,
    now: Timestamp,
) -> Result<()> {
    let terms = db::json_text(tariff.terms())?;
    let batch = Cell::Int(tx.seal_batch(|| (batch, now)));
    let (id, version) = (Cell::Int(id.0), Cell::Int(version));
    let count = Cell::fit(tariff.rates().len());
    let row = [id, version, Cell::Text(&terms), count, Cell::Bytes(content_hash), Cell::Time(now), batch];
    seals::insert(tx, &seals::TARIFF_VERSION, &[row]).await?;
    let texts: Vec<_> =
        tariff.rates().iter().map(|rate| (steps_text(&rate.steps), rate.increments.to_string())).collect();
    let rows =
        tariff.rates().iter().zip(&texts).zip(0_i64..).map(|((rate, (steps, increments)), position)| {
            [
                id,
                version,
                Cell::Int(position),
                Cell::Text(rate.prefix.as_str()),
                Cell::Text(&rate.destination),
                Cell::Int(rate.connection_fee.nanos()),
                Cell::Text(steps),
                Cell::Text(increments),
                Cell::Int(rate.minimum_charge.micros()),
                Cell::Bool(rate.blocked),
                Cell::from(rate.band.as_deref()),
                Cell::from(rate.effective_from),
                Cell::from(rate.effective_to),
                batch,
            ]
        });
    seals::insert(tx, &seals::RATE, &rows.collect::<Vec<_>>()).await
}

/// Puts a version into force; answers whether it was not yet.
pub(super) async fn publish(tx: &mut Tx, id: TariffId, version: i64, valid_from: Timestamp) -> Result<bool> {
    let sql = "update tariff_versions set valid_from = $3
               where tariff_id = $1 and version = $2 and valid_from is null and withdrawn_at is null";
    Ok(tx.execute(sql, &[&id.0, &version, &Ts(valid_from)]).await? == 1)
}

/// Takes a version back. It loses its `valid_from`, so that no reader takes it for one in force.
pub(super) async fn withdraw(tx: &mut Tx, id: TariffId, version: i64, now: Timestamp) -> Result<()> {
    let sql = "update tariff_versions set withdrawn_at = $3, withdrawn_from = valid_from, valid_from = null
               where tariff_id = $1 and version = $2 and withdrawn_at is null";
    tx.execute(sql, &[&id.0, &version, &Ts(now)]).await?;
    Ok(())
}

const TARIFFS: &str = "select t.tariff_id, t.name, t.currency, t.created_at,
     v.version, v.terms, v.rate_count, v.imported_at, v.valid_from, v.withdrawn_at, v.withdrawn_from
   from tariffs t join tariff_versions v on v.tariff_id = t.tariff_id";

pub(super) async fn by_id(tx: &mut Tx, id: TariffId) -> Result<Option<Tariff>> {
    let rows =
        tx.rows(&format!("{TARIFFS} where t.tariff_id = $1 order by v.version desc"), &[&id.0]).await?;
    Ok(tariffs(&rows)?.into_iter().next())
}

pub(super) async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Tariff>> {
    let rows = tx.rows(&format!("{TARIFFS} where t.name = $1 order by v.version desc"), &[&name]).await?;
    Ok(tariffs(&rows)?.into_iter().next())
}

pub(super) async fn names(tx: &mut Tx) -> Result<Vec<String>> {
    let rows = tx.rows("select name from tariffs order by name", &[]).await?;
    Ok(rows.iter().map(|row| row.get("name")).collect::<db::Result<_>>()?)
}

pub(super) async fn all(tx: &mut Tx) -> Result<Vec<Tariff>> {
    Ok(tariffs(&tx.rows(&format!("{TARIFFS} order by t.name, v.version desc"), &[]).await?)?)
}

/// The published versions of a tariff: number and the instant from which each is in force.
pub(super) async fn published(tx: &mut Tx, id: TariffId) -> Result<Vec<(Timestamp, i64)>> {
    let sql = "select valid_from, version from tariff_versions
               where tariff_id = $1 and valid_from is not null order by valid_from, version";
    let rows = tx.rows(sql, &[&id.0]).await?;
    let version = |row: &Row| Ok((row.time("valid_from")?, row.get("version")?));
    Ok(VERSIONS.all(&rows, version)?)
}

/// One version, ready to be asked.
pub(super) async fn load(tx: &mut Tx, id: TariffId, version: i64) -> Result<Option<tariff::Tariff>> {
    let sql = "select tariff_id, version, terms from tariff_versions where tariff_id = $1 and version = $2";
    let Some(row) = tx.row(sql, &[&id.0, &version]).await? else { return Ok(None) };
    let terms = VERSIONS.read(&row, |row| row.json("terms"))?;
    let sql = "select * from rates where tariff_id = $1 and version = $2 order by position";
    let rows = tx.rows(sql, &[&id.0, &version]).await?;
    let rates: Vec<_> = RATES.all(&rows, rate)?;
    Ok(Some(tariff::Tariff::new(terms, rates)))
}

fn tariffs(rows: &[Row]) -> db::Result<Vec<Tariff>> {
    let mut tariffs: BTreeMap<String, Tariff> = BTreeMap::new();
    for row in rows {
        let (tariff, version) = VERSIONS.read(row, |row| Ok((tariff_of(row)?, version_of(row)?)))?;
        tariffs.entry(tariff.name.clone()).or_insert(tariff).versions.push(version);
    }
    Ok(tariffs.into_values().collect())
}

fn tariff_of(row: &Row) -> db::Result<Tariff> {
    Ok(Tariff {
        id: TariffId(row.get("tariff_id")?),
        name: row.get("name")?,
        currency: row.parse("currency")?,
        created_at: row.time("created_at")?,
        versions: Vec::new(),
    })
}

fn version_of(row: &Row) -> db::Result<TariffVersion> {
    Ok(TariffVersion {
        version: row.get("version")?,
        terms: row.json("terms")?,
        rate_count: row.get("rate_count")?,
        imported_at: row.time("imported_at")?,
        valid_from: row.optional_time("valid_from")?,
        withdrawn_at: row.optional_time("withdrawn_at")?,
        withdrawn_from: row.optional_time("withdrawn_from")?,
    })
}

fn rate(row: &Row) -> db::Result<Rate> {
    Ok(Rate {
        prefix: row.parse("prefix")?,
        destination: row.get::<String>("destination")?.into(),
        connection_fee: Price::from_nanos(row.get("connection_fee")?),
        steps: steps(&row.get::<String>("steps")?)?,
        increments: row.parse("increments")?,
        minimum_charge: row.amount("minimum_charge")?,
        blocked: row.get("blocked")?,
        band: row.get::<Option<String>>("band")?.map(Into::into),
        effective_from: row.optional_time("effective_from")?,
        effective_to: row.optional_time("effective_to")?,
    })
}

/// Steps as `0:0.10,60:0.05`: from which billed second on, at which price per minute.
fn steps_text(steps: &[Step]) -> String {
    let texts: Vec<_> = steps.iter().map(|step| format!("{}:{}", step.from_seconds, step.price)).collect();
    texts.join(",")
}

fn steps(text: &str) -> db::Result<Box<[Step]>> {
    let fault =
        || db::Error::Column { column: "steps".to_owned(), message: format!("`{text}` are no steps") };
    let step = |part: &str| {
        let (from, price) = part.split_once(':')?;
        Some(Step { from_seconds: from.parse().ok()?, price: price.parse().ok()? })
    };
    text.split(',').map(|part| step(part).ok_or_else(fault)).collect()
}
