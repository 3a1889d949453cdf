//! Issues every customer's invoice of a month, each in the customer's own zone, each once.

use std::sync::Arc;

use calculation::period::{Period, PeriodError};
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::sync::{Mutex, mpsc};

use super::{Issued, StoredInvoice, issue, number_all};
use crate::app::App;
use crate::customers::{self, Customer};
use crate::error::{Error, Result};
use crate::id::CustomerId;

/// So many customers are billed at once; SQLite lets them write in turn.
const WORKERS: usize = 8;
const PAGE: usize = 1_000;
pub(super) const NO_OPERATOR: &str =
    "the settings do not say who sells: name the [operator] and give the file by --config";

/// What a billing run came to.
#[derive(Debug, Default, Serialize)]
pub struct Billed {
    /// The month, such as 2026-10.
    pub month: String,
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
}

/// A customer whose invoice could not be issued.
#[derive(Debug, Serialize)]
pub struct Refused {
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
    let mut billed = Billed { month: month.to_owned(), ..Billed::default() };
    let (to_do, queue) = mpsc::channel::<Customer>(WORKERS * 2);
    let (done, mut results) = mpsc::channel(WORKERS * 2);
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..WORKERS {
        tokio::spawn(work(app.clone(), month.to_owned(), queue.clone(), done.clone()));
    }
    drop(done);
    let feeding = tokio::spawn(feed(app.clone(), to_do));
    while let Some((customer, issued)) = results.recv().await {
        count(&mut billed, customer, issued);
        progress();
    }
    feeding.await.map_err(|error| Error::Other(error.to_string()))??;
    number_all(app).await?;
    billed.refused.sort_by(|one, other| one.reference.cmp(&other.reference));
    Ok(Run::Billed(billed))
}

async fn feed(app: App, to_do: mpsc::Sender<Customer>) -> Result<()> {
    let mut after: Option<CustomerId> = None;
    loop {
        let mut tx = app.db.read().await?;
        let page = customers::page(&mut tx, after, PAGE).await?;
        drop(tx);
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for customer in page {
            if to_do.send(customer).await.is_err() {
                return Ok(());
            }
        }
    }
}

type Queue = Arc<Mutex<mpsc::Receiver<Customer>>>;

async fn work(app: App, month: String, queue: Queue, done: mpsc::Sender<(Customer, Result<Issued>)>) {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(customer) = next else { return };
        let issued = issue_one(&app, customer.id, &month).await;
        if done.send((customer, issued)).await.is_err() {
            return;
        }
    }
}

/// A customer that met another writer is tried again so often.
const TRIES: usize = 5;

async fn issue_one(app: &App, customer: CustomerId, month: &str) -> Result<Issued> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_to_issue(app, customer, month).await {
            Err(Error::Database(error)) if error.is_transient() && tries < TRIES => {
                tracing::info!(%error, tries, "an invoice met another writer and is tried again");
            }
            answer => return answer,
        }
    }
}

async fn try_to_issue(app: &App, customer: CustomerId, month: &str) -> Result<Issued> {
    let mut tx = app.db.begin().await?;
    let issued = issue(&mut tx, &app.config, customer, month, &app.clock).await?;
    // A month with nothing to invoice is closed as well: calls that come later go to the next. Any other
    // refusal leaves nothing behind: dropping the transaction rolls it back.
    if matches!(issued, Issued::New(_) | Issued::Nothing) {
        tx.commit().await?;
    }
    Ok(issued)
}

/// One customer's fault is that customer's: the others get their invoices.
fn count(billed: &mut Billed, customer: Customer, issued: Result<Issued>) {
    let issued = match issued {
        Ok(issued) => issued,
        Err(error) => {
            tracing::error!(%error, reference = customer.reference, "an invoice was not issued");
            return billed.refused.push(Refused { reference: customer.reference, reason: error.to_string() });
        }
    };
    let reason = match issued {
        Issued::New(_) => return billed.issued += 1,
        Issued::Already(_) => return billed.already += 1,
        Issued::Nothing => return billed.nothing += 1,
        Issued::Prepaid => return billed.prepaid += 1,
        Issued::UnknownCustomer => "the customer is gone".to_owned(),
        Issued::NotAMonth(reason) => reason,
        Issued::TooLarge => "the sum does not fit an amount: check the plan's fee and the rates".to_owned(),
        Issued::NoOperator => NO_OPERATOR.to_owned(),
        Issued::NotOver(end) => format!("the month ends at {end} in {}", customer.zone),
        Issued::NoTaxRate { country, day } => {
            format!("no tax rate is known for {country} on {day}: set one")
        }
    };
    billed.refused.push(Refused { reference: customer.reference, reason });
}

/// The invoices of a month, for those who print or send them.
pub async fn invoices_of_month(app: &App, month: &str) -> Result<Vec<StoredInvoice>> {
    let mut tx = app.db.read().await?;
    super::store::of_month(&mut tx, month).await
}
