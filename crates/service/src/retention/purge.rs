//! Removes what was kept long enough, some of it at a time: nobody waits long, and a program that stops in between has lost
//! nothing. Any number of programs may do it at once.

use std::time::Duration;

use calculation::period::Calendar;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::horizon::{self, HeldBy, Horizon};
use super::store;
use crate::app::App;
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, NOBODY};
use crate::seals::{REMOVER, Removal};
use crate::{audit, calls, customers, http, invoices, mail, sessions, suspense, timekeeping};

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Calls, with who called whom and when.
    pub calls: u64,
    /// Calls that were charged while they happened: their numbers.
    pub sessions: u64,
    /// Records that came and were never charged, or long ago.
    pub suspense: u64,
    /// Invoices and credit notes: all but number, days and totals.
    pub documents: u64,
    pub idempotency_keys: u64,
    pub audit_entries: u64,
    /// Links to documents that have expired.
    pub links: u64,
    /// Customers whose call detail is kept for longer, by reason.
    pub held: Held,
}

/// Customers whose call detail is kept for longer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    pub disputes: u64,
    pub unbilled: u64,
    pub unpaid: u64,
}

impl std::fmt::Display for Purged {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { calls, sessions, suspense, documents, idempotency_keys, audit_entries, links, held } =
            self;
        let Held { disputes, unbilled, unpaid } = held;
        writeln!(
            out,
            "{calls} calls, {sessions} calls charged while they happened, {suspense} records in suspense"
        )?;
        writeln!(out, "{documents} invoices and credit notes")?;
        writeln!(
            out,
            "{idempotency_keys} idempotency keys, {audit_entries} entries of the audit log, {links} links to documents"
        )?;
        write!(
            out,
            "kept for longer: the calls of {disputes} customers for a dispute, of {unbilled} to be billed, of {unpaid} to be paid"
        )
    }
}

/// What goes, and of before when.
#[derive(Debug, Clone, Copy)]
enum Part {
    Calls(CustomerId, Timestamp),
    Sessions(CustomerId, Timestamp),
    Suspense(Timestamp),
    Documents(Timestamp),
    IdempotencyKeys(Timestamp),
    AuditEntries(Timestamp),
    Links(Timestamp),
}

/// So much is removed in one transaction.
const SOME: usize = 5_000;
/// A document is long.
const DOCUMENTS: i64 = 500;
/// So many customers are looked up at once.
const PAGE: usize = 500;
const DAY: Duration = Duration::from_hours(24);

/// Removes what was kept long enough, once a day, until the program is to stop.
pub async fn run(app: App) {
    loop {
        match purge(&app).await {
            Ok(purged) if purged != (Purged { held: purged.held.clone(), ..Purged::default() }) => {
                tracing::info!(?purged, "what was kept long enough was removed");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "removing what was kept long enough failed"),
        }
        tokio::select! {
            () = app.stopping.begun() => return,
            () = tokio::time::sleep(DAY) => {}
        }
    }
}

/// Removes what was kept long enough.
pub async fn purge(app: &App) -> Result<Purged> {
    timekeeping::require(app).await?;
    let mut purged = Purged::default();
    if app.config.retention.call_detail_months > 0 {
        purge_detail(app, latest_horizon(app)?, &mut purged).await?;
        for part in of_nobody(app)? {
            *purged.of(part) += all_of(app, part).await?;
        }
    }
    for part in others(app)? {
        *purged.of(part) += all_of(app, part).await?;
    }
    Ok(purged)
}

/// What [`purge`] would remove now.
pub async fn outlook(app: &App) -> Result<Purged> {
    let mut purged = Purged::default();
    let mut tx = app.db.read().await?;
    if app.config.retention.call_detail_months > 0 {
        let latest = latest_horizon(app)?;
        let mut after = NOBODY;
        loop {
            let page = store::customers_with_detail(&mut tx, after, latest, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            for id in page {
                let Some(customer) = customers::by_id(&mut tx, id).await? else { continue };
                let (settings, now) = (app.config.retention, app.clock.now());
                let Horizon { from, held_by } =
                    horizon::of_customer(&mut tx, &customer, settings, now).await?;
                purged.held.count(held_by);
                for part in [Part::Calls(id, from), Part::Sessions(id, from)] {
                    *purged.of(part) += count_of(&mut tx, part).await?;
                }
            }
        }
        for part in of_nobody(app)? {
            *purged.of(part) += count_of(&mut tx, part).await?;
        }
    }
    for part in others(app)? {
        *purged.of(part) += count_of(&mut tx, part).await?;
    }
    Ok(purged)
}

/// Wherever a customer lives, their own horizon is not after this: their month begins within a day of that of UTC.
fn latest_horizon(app: &App) -> Result<Timestamp> {
    let day = SignedDuration::from_hours(24);
    let tomorrow = app.clock.now().checked_add(day);
    let begins = tomorrow.map_err(|error| Error::Other(error.to_string()));
    let begins = horizon::months_ago(&utc(), begins?, app.config.retention.call_detail_months)?;
    begins.checked_add(day).map_err(|error| Error::Other(error.to_string()))
}

/// What belongs to no customer goes by the months of UTC.
fn of_nobody(app: &App) -> Result<[Part; 2]> {
    let months = app.config.retention.call_detail_months;
    let before = horizon::months_ago(&utc(), app.clock.now(), months)?;
    Ok([Part::Calls(NOBODY, before), Part::Suspense(before)])
}

fn utc() -> Calendar {
    Calendar::new(TimeZone::UTC)
}

/// What goes by its own age, whoever it is of.
fn others(app: &App) -> Result<Vec<Part>> {
    let (settings, now) = (app.config.retention, app.clock.now());
    let ago = |hours: i64| now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN);
    let mut parts = vec![Part::Links(now)];
    if settings.invoice_years > 0 {
        let before = invoices::document_before(now, settings.invoice_years)?;
        parts.push(Part::Documents(before));
    }
    if settings.idempotency_days > 0 {
        let before = ago(24 * i64::from(settings.idempotency_days));
        parts.push(Part::IdempotencyKeys(before));
    }
    if settings.audit_months > 0 {
        let before = horizon::months_ago(&utc(), now, settings.audit_months)?;
        parts.push(Part::AuditEntries(before));
    }
    Ok(parts)
}

/// Removes the call detail of every customer up to their own horizon.
async fn purge_detail(app: &App, latest: Timestamp, purged: &mut Purged) -> Result<()> {
    let mut after = NOBODY;
    loop {
        let mut tx = app.db.read().await?;
        let page = store::customers_with_detail(&mut tx, after, latest, PAGE).await?;
        drop(tx);
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        for id in page {
            if app.stopping.has_begun() {
                return Ok(());
            }
            let Some(Horizon { from, held_by }) = advance(app, id).await? else { continue };
            purged.held.count(held_by);
            for part in [Part::Calls(id, from), Part::Sessions(id, from)] {
                *purged.of(part) += all_of(app, part).await?;
            }
        }
    }
}

/// Makes known that a customer's calls of before their horizon go: from then on no record of one is charged.
async fn advance(app: &App, id: CustomerId) -> Result<Option<Horizon>> {
    let mut tx = app.db.begin().await?;
    let Some(customer) = customers::hold(&mut tx, id).await? else { return Ok(None) };
    let (settings, now) = (app.config.retention, app.clock.now());
    let horizon = horizon::of_customer(&mut tx, &customer, settings, now).await?;
    customers::keep_calls_from(&mut tx, id, horizon.from).await?;
    tx.commit().await?;
    Ok(Some(horizon))
}

async fn all_of(app: &App, part: Part) -> Result<u64> {
    let mut all = 0;
    loop {
        if app.stopping.has_begun() {
            return Ok(all);
        }
        match once(app, part).await {
            Ok(0) => return Ok(all),
            Ok(some) => all += some,
            // Another program removes the same.
            Err(Error::Database(error)) if error.is_transient() => {
                tracing::info!(%error, ?part, "removing met another writer and is tried again");
            }
            Err(error) => return Err(error),
        }
    }
}

async fn once(app: &App, part: Part) -> Result<u64> {
    let mut tx = app.db.begin().await?;
    let some = some_of(&mut tx, part, &app.clock).await?;
    tx.commit().await?;
    Ok(some)
}

/// What is sealed is removed by a deed that is sealed.
async fn some_of(tx: &mut Tx, part: Part, clock: &Clock) -> Result<u64> {
    match part {
        Part::Calls(customer, before) => {
            customers::hold(tx, customer).await?;
            let removed = calls::purge(tx, customer, before, SOME).await?;
            audit::note_removal(tx, Removal::Calls, Some(customer), before, removed.rows(), clock).await?;
            Ok(removed.calls)
        }
        Part::Sessions(customer, before) => sessions::purge(tx, customer, before, SOME).await,
        Part::Suspense(before) => {
            let records = suspense::purge(tx, before, SOME).await?;
            audit::note_removal(tx, Removal::Suspense, None, before, records, clock).await?;
            Ok(records)
        }
        Part::Documents(before) => {
            let documents = invoices::purge(tx, before, DOCUMENTS, clock.now()).await?;
            audit::note_removal(tx, Removal::Documents, None, before, documents, clock).await?;
            Ok(documents)
        }
        Part::IdempotencyKeys(before) => http::purge_keys(tx, before, SOME).await,
        Part::AuditEntries(before) => {
            let entries = audit::purge(tx, before, SOME).await?;
            audit::note_removal(tx, Removal::AuditEntries, None, before, entries, clock).await?;
            Ok(entries)
        }
        Part::Links(before) => mail::purge_links(tx, before, SOME).await,
    }
}

async fn count_of(tx: &mut Tx, part: Part) -> Result<u64> {
    let kept = format!("audit_entries where happened_at < $1 and role <> '{REMOVER}'");
    let (sql, before) = match part {
        Part::Calls(customer, before) => return calls::count_purgeable(tx, customer, before).await,
        Part::Documents(before) => return invoices::count_purgeable(tx, before).await,
        Part::Sessions(customer, before) => return sessions::count_purgeable(tx, customer, before).await,
        Part::Suspense(before) => ("suspense where seen_at < $1", before),
        Part::IdempotencyKeys(before) => ("idempotency_keys where created_at < $1", before),
        Part::AuditEntries(before) => (kept.as_str(), before),
        Part::Links(before) => ("document_links where expires_at < $1", before),
    };
    store::count(tx, sql, before).await
}

impl Purged {
    /// Where a part is counted.
    fn of(&mut self, part: Part) -> &mut u64 {
        match part {
            Part::Calls(..) => &mut self.calls,
            Part::Sessions(..) => &mut self.sessions,
            Part::Suspense(_) => &mut self.suspense,
            Part::Documents(_) => &mut self.documents,
            Part::IdempotencyKeys(_) => &mut self.idempotency_keys,
            Part::AuditEntries(_) => &mut self.audit_entries,
            Part::Links(_) => &mut self.links,
        }
    }
}

impl Held {
    fn count(&mut self, held_by: Option<HeldBy>) {
        match held_by {
            Some(HeldBy::Dispute) => self.disputes += 1,
            Some(HeldBy::Unbilled) => self.unbilled += 1,
            Some(HeldBy::Unpaid) => self.unpaid += 1,
            None => {}
        }
    }
}
