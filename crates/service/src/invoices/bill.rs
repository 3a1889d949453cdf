//! Issues customers' invoices, each in the customer's own zone, each once: of a month that is named, or all
//! that are due.

use std::sync::Arc;

use calculation::period::{Period, PeriodError};
use calculation::tax::TaxClass;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::sync::{Mutex, mpsc};

use super::review::{self, Standing};
use super::{Issued, StoredInvoice, Wanted, issue_some, number_all, store};
use crate::app::App;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::timekeeping;

/// So many transactions bill at once; SQLite lets them write in turn.
const WORKERS: usize = 8;
/// So many customers are billed in one transaction. Whoever charges them meanwhile waits until it ends.
const CHUNK: usize = 256;
pub(super) const NO_OPERATOR: &str =
    "the settings do not say who sells: name the [operator] and give the file by --config";
pub(super) const NOTHING: &str = "no fee and no calls in that month: there is nothing to invoice";
pub(super) const PREPAID: &str = "the customer is on a prepaid plan and gets no monthly invoice";
pub(super) const TOO_LARGE: &str = "the sum does not fit an amount: check the plan's fee and the rates";

/// What a billing run came to.
#[derive(Debug, Default, Serialize)]
pub struct Billed {
    /// The month, such as 2026-10; absent when all that was due was billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// Invoices issued now.
    pub issued: u64,
    /// Customers whose invoice was issued before.
    pub already: u64,
    /// Customers with no fee and no calls.
    pub nothing: u64,
    /// Customers who pay before or while calling.
    pub prepaid: u64,
    /// Customers whose invoice could not be issued, and why.
    pub refused: Vec<Refused>,
    /// What waits for somebody to approve or release it.
    pub standing: Standing,
}

/// A customer whose invoice could not be issued.
#[derive(Debug, Serialize)]
pub struct Refused {
    #[serde(skip)]
    pub customer: CustomerId,
    pub reference: String,
    pub reason: String,
}

/// What became of starting a billing run.
#[derive(Debug)]
pub enum Run {
    Billed(Billed),
    NotAMonth(PeriodError),
}

/// Bills a month. `progress` is told of each customer that is done.
pub async fn bill(app: &App, month: &str, progress: &(dyn Fn() + Send + Sync)) -> Result<Run> {
    if let Err(error) = Period::of_month(month, &TimeZone::UTC) {
        return Ok(Run::NotAMonth(error));
    }
    timekeeping::require(app).await?;
    let mut billed = Billed { month: Some(month.to_owned()), ..Billed::default() };
    let (to_do, queue) = mpsc::channel::<Chunk>(WORKERS * 2);
    let (done, mut results) = mpsc::channel(WORKERS * 2);
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..WORKERS {
        tokio::spawn(work(app.clone(), queue.clone(), done.clone()));
    }
    drop(done);
    let feeding = tokio::spawn(feed(app.clone(), month.to_owned(), to_do));
    while let Some(chunk) = results.recv().await {
        for (customer, issued) in chunk? {
            count(&mut billed, customer, issued);
            progress();
        }
    }
    feeding.await.map_err(|error| Error::Other(error.to_string()))??;
    number_all(app).await?;
    name_refused(app, &mut billed).await?;
    billed.standing = review::standing(&mut app.db.read().await?, &app.config, app.clock.now()).await?;
    Ok(Run::Billed(billed))
}

/// Bills every customer whose month ended more than the grace ago, whenever that was.
///
/// Any number of programs may do so at once: each claims customers that no other has.
pub async fn bill_due(app: &App) -> Result<Billed> {
    timekeeping::require(app).await?;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let app = app.clone();
        workers.spawn(async move {
            let mut billed = Billed::default();
            loop {
                let chunk = Box::pin(issue_chunk(&app, &Chunk::Due(None))).await?;
                if chunk.is_empty() {
                    return Ok::<_, Error>(billed);
                }
                for (customer, issued) in chunk {
                    count(&mut billed, customer, issued);
                }
            }
        });
    }
    let mut billed = Billed::default();
    while let Some(done) = workers.join_next().await {
        let part = done.map_err(|error| Error::Other(error.to_string()))??;
        billed.issued += part.issued;
        billed.nothing += part.nothing;
        billed.prepaid += part.prepaid;
        billed.refused.extend(part.refused);
    }
    number_all(app).await?;
    name_refused(app, &mut billed).await?;
    billed.standing = review::standing(&mut app.db.read().await?, &app.config, app.clock.now()).await?;
    Ok(billed)
}

/// Customers who are billed in one transaction.
enum Chunk {
    /// Some, for a month.
    Named(Vec<CustomerId>, String),
    /// Those who are due: some that no other worker has, or these.
    Due(Option<Vec<CustomerId>>),
}

type Issues = Vec<(CustomerId, Result<Issued>)>;

async fn feed(app: App, month: String, to_do: mpsc::Sender<Chunk>) -> Result<()> {
    let mut after: Option<CustomerId> = None;
    loop {
        let mut tx = app.db.read().await?;
        let page = customers::page(&mut tx, after, CHUNK).await?;
        drop(tx);
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        let ids = page.iter().map(|customer| customer.id).collect();
        if to_do.send(Chunk::Named(ids, month.clone())).await.is_err() {
            return Ok(());
        }
    }
}

type Queue = Arc<Mutex<mpsc::Receiver<Chunk>>>;

async fn work(app: App, queue: Queue, done: mpsc::Sender<Result<Issues>>) {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(chunk) = next else { return };
        if done.send(Box::pin(issue_chunk(&app, &chunk)).await).await.is_err() {
            return;
        }
    }
}

/// A chunk that met another writer is tried again so often.
const TRIES: usize = 5;

/// Bills a chunk in one transaction or, where that meets a fault, each customer in their own: one
/// customer's fault is that customer's alone.
async fn issue_chunk(app: &App, chunk: &Chunk) -> Result<Issues> {
    let mut tries = 0;
    let (ids, error) = loop {
        tries += 1;
        match try_chunk(app, chunk).await {
            (_, Ok(issued)) => return Ok(issued.into_iter().map(|(id, issued)| (id, Ok(issued))).collect()),
            (_, Err(Error::Database(error))) if error.is_transient() && tries < TRIES => {
                tracing::info!(%error, tries, "billing met another writer and is tried again");
            }
            (ids, Err(error)) => break (ids, error),
        }
    };
    if ids.is_empty() {
        return Err(error);
    }
    let mut issues = Issues::new();
    for id in ids {
        let (_, issued) = try_chunk(app, &chunk.only(id)).await;
        if let (Chunk::Due(_), Err(error)) = (chunk, &issued) {
            let mut tx = app.db.begin().await?;
            refuse(app, &mut tx, id, &error.to_string()).await?;
            tx.commit().await?;
        }
        let alone = |issued: Vec<(CustomerId, Issued)>| issued.into_iter().next().map(|(_, issued)| issued);
        issues.push((id, issued.map(|issued| alone(issued).unwrap_or(Issued::UnknownCustomer))));
    }
    Ok(issues)
}

/// Bills a chunk; answers who was in it, even when that fails.
async fn try_chunk(app: &App, chunk: &Chunk) -> (Vec<CustomerId>, Result<Vec<(CustomerId, Issued)>>) {
    let mut ids = Vec::new();
    let issued = issue_and_commit(app, chunk, &mut ids).await;
    (ids, issued)
}

async fn issue_and_commit(
    app: &App,
    chunk: &Chunk,
    ids: &mut Vec<CustomerId>,
) -> Result<Vec<(CustomerId, Issued)>> {
    let mut tx = app.db.begin().await?;
    let wanted = match chunk {
        Chunk::Named(_, month) => Wanted::Month(month),
        Chunk::Due(_) => Wanted::Next,
    };
    *ids = match chunk {
        Chunk::Named(ids, _) | Chunk::Due(Some(ids)) => ids.clone(),
        Chunk::Due(None) => {
            let now = app.clock.now();
            let mode = app.config.invoices.mode;
            store::claim_due(&mut tx, mode, review::over_by(&app.config, now), now, CHUNK).await?
        }
    };
    let issued = issue_some(&mut tx, &app.config, ids, wanted, &app.clock).await?;
    if let Chunk::Due(_) = chunk {
        for (id, issued) in &issued {
            if let Some(reason) = reason(issued).filter(|_| !waits(issued)) {
                refuse(app, &mut tx, *id, &reason).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(issued)
}

/// A refused month is tried again so often.
const RETRY: SignedDuration = SignedDuration::from_hours(1);

async fn refuse(app: &App, tx: &mut Tx, customer: CustomerId, reason: &str) -> Result<()> {
    tracing::warn!(%customer, reason, "a month could not be billed");
    let now = app.clock.now();
    store::refuse_cycle(tx, customer, reason, now.checked_add(RETRY).unwrap_or(now)).await
}

impl Chunk {
    /// One customer of it.
    fn only(&self, id: CustomerId) -> Self {
        match self {
            Self::Named(_, month) => Self::Named(vec![id], month.clone()),
            Self::Due(_) => Self::Due(Some(vec![id])),
        }
    }
}

/// Whether time alone will bring it about, or somebody who looks at it first.
fn waits(issued: &Issued) -> bool {
    matches!(issued, Issued::NotOver(_) | Issued::InGrace(..) | Issued::Waits(_) | Issued::Held(_))
}

fn count(billed: &mut Billed, customer: CustomerId, issued: Result<Issued>) {
    let reason = match issued {
        Ok(Issued::New(_)) => return billed.issued += 1,
        Ok(Issued::Already(_)) => return billed.already += 1,
        Ok(Issued::Nothing) => return billed.nothing += 1,
        Ok(Issued::Prepaid) => return billed.prepaid += 1,
        Ok(issued) if waits(&issued) && billed.month.is_none() => return,
        Ok(issued) => reason(&issued).unwrap_or_default(),
        Err(error) => {
            tracing::error!(%error, %customer, "an invoice was not issued");
            error.to_string()
        }
    };
    billed.refused.push(Refused { customer, reference: String::new(), reason });
}

/// Why there is no invoice of the one customer who was named.
pub(super) fn refusal(issued: &Issued) -> String {
    let nothing = if matches!(issued, Issued::Prepaid) { PREPAID } else { NOTHING };
    reason(issued).unwrap_or_else(|| nothing.to_owned())
}

/// Why there is no invoice, where there should be one.
fn reason(issued: &Issued) -> Option<String> {
    Some(match issued {
        Issued::New(_) | Issued::Already(_) | Issued::Nothing | Issued::Prepaid => return None,
        Issued::UnknownCustomer => "the customer is gone".to_owned(),
        Issued::NotAMonth(reason) => reason.clone(),
        Issued::TooLarge => TOO_LARGE.to_owned(),
        Issued::NoOperator => NO_OPERATOR.to_owned(),
        Issued::NotOver(end) => format!("the month ends at {end} in the customer's zone"),
        Issued::InGrace(_, until) => format!("records may come until {until}"),
        Issued::Waits(end) => format!("the month that ended at {end} waits for `tollbook bill approve`"),
        Issued::Held(held) => held.refusal(),
        Issued::NoTaxRate { country, class, day } => no_tax_rate(country, *class, *day),
    })
}

pub(super) fn no_tax_rate(country: &str, class: TaxClass, day: Date) -> String {
    format!("no {class} tax rate is known for {country} on {day}: set one at /v1/tax-rates")
}

/// Names the customers who were refused.
async fn name_refused(app: &App, billed: &mut Billed) -> Result<()> {
    let mut tx = app.db.read().await?;
    for refused in &mut billed.refused {
        let customer = customers::by_id(&mut tx, refused.customer).await?;
        refused.reference = customer.map(|customer| customer.reference).unwrap_or_default();
    }
    billed.refused.sort_by(|one, other| one.reference.cmp(&other.reference));
    Ok(())
}

/// The invoices of a month, for those who print or send them.
pub async fn invoices_of_month(app: &App, month: &str) -> Result<Vec<StoredInvoice>> {
    let mut tx = app.db.read().await?;
    store::of_month(&mut tx, month).await
}
