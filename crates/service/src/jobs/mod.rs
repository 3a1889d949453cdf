//! What is still to be done after the transaction that asked for it?
//!
//! A job is stored with the deed that asks for it, so that neither happens without the other: the table is
//! the outbox. It is asked for once by its key, claimed with a lease, tried again later and later when it
//! fails, and kept as failed when it is of no use to try again.

pub mod cli;
pub mod http;
mod store;
mod work;

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use work::{Round, round, run};

use crate::app::App;
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId, EndpointId, InvoiceId, JobId};
use crate::letters;
use crate::mail;
use crate::metrics::JOBS;
use crate::prepaid;
use crate::webhooks;

/// Everything that is done later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Sends a numbered invoice to its customer.
    SendInvoice {
        customer_id: CustomerId,
        invoice_id: InvoiceId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<Again>,
    },
    /// Sends a numbered credit note to its customer.
    SendCreditNote {
        customer_id: CustomerId,
        credit_note_id: CreditNoteId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<Again>,
    },
    /// Reminds a customer of an overdue invoice; steps of the ladder count from 1.
    SendReminder { customer_id: CustomerId, invoice_id: InvoiceId, step: u32 },
    /// Reminds a customer, once a day, of all invoices that are overdue. `last` says that no step comes after it.
    SendReminders { customer_id: CustomerId, on: Date, step: u32, last: bool },
    /// Tells a customer that so many percent of the spending cap are used.
    SendSpendingNotice { customer_id: CustomerId, period_start: Timestamp, percent: u32 },
    /// Asks for a customer's top-up because their prepaid money is low; numbers count up.
    RequestTopUp { customer_id: CustomerId, number: i64 },
    /// Tells a customer that their prepaid money is low; numbers count up.
    SendLowBalance { customer_id: CustomerId, number: i64 },
    /// Has a webhook endpoint mended that was disabled, which only the operator can.
    MendEndpoint { endpoint_id: EndpointId, disabled_at: Timestamp },
}

/// That a document is sent once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// Tells one request from another.
    pub number: i64,
    /// To this address instead of the customer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Again {
    fn key(again: Option<&Self>) -> String {
        again.map_or(String::new(), |again| format!(" {}", again.number))
    }
}

impl Job {
    /// To which address a document is sent instead of its customer's.
    pub(crate) fn to(&self) -> Option<&str> {
        match self {
            Self::SendInvoice { again: Some(again), .. }
            | Self::SendCreditNote { again: Some(again), .. } => again.to.as_deref(),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::SendInvoice { .. } => "send_invoice",
            Self::SendCreditNote { .. } => "send_credit_note",
            Self::SendReminder { .. } => "send_reminder",
            Self::SendReminders { .. } => "send_reminders",
            Self::SendSpendingNotice { .. } => "send_spending_notice",
            Self::RequestTopUp { .. } => "request_top_up",
            Self::SendLowBalance { .. } => "send_low_balance",
            Self::MendEndpoint { .. } => "mend_endpoint",
        }
    }

    /// What makes it one job: asked for twice, it is done once.
    fn key(&self) -> String {
        match self {
            Self::SendInvoice { invoice_id, again, .. } => {
                format!("{invoice_id}{}", Again::key(again.as_ref()))
            }
            Self::SendCreditNote { credit_note_id, again, .. } => {
                format!("{credit_note_id}{}", Again::key(again.as_ref()))
            }
            Self::SendReminder { invoice_id, step, .. } => format!("{invoice_id} {step}"),
            Self::SendReminders { customer_id, on, .. } => format!("{customer_id} {on}"),
            Self::SendSpendingNotice { customer_id, period_start, percent } => {
                format!("{customer_id} {period_start} {percent}")
            }
            Self::RequestTopUp { customer_id, number } | Self::SendLowBalance { customer_id, number } => {
                format!("{customer_id} {number}")
            }
            Self::MendEndpoint { endpoint_id, disabled_at } => format!("{endpoint_id} {disabled_at}"),
        }
    }
}

/// What became of trying a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    Done,
    /// What would be mailed is to be printed, under this title.
    Letter {
        customer: CustomerId,
        title: String,
    },
    /// It was handed over, and nobody knows whether it was taken: a server that dropped the connection instead of answering.
    Unanswered(String),
    /// It is of use to try again: a server that does not answer, a full disk.
    Again(String),
    /// It is of no use to try again: an address that does not exist.
    Failed(String),
}

/// A job as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StoredJob {
    #[schema(value_type = String, example = "job_01h2x3y4z5a6b")]
    pub id: JobId,
    /// What is to be done, and for whom.
    #[schema(value_type = serde_json::Value)]
    pub job: Job,
    pub state: State,
    /// When it is tried next.
    #[schema(value_type = String, format = DateTime)]
    pub run_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// How often it was handed over and no answer came.
    pub unanswered: u32,
    /// Why it did not succeed the last time.
    pub last_error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// To be tried, at `run_at`.
    Ready,
    Done,
    /// Given up: see `last_error`. It can be asked for again.
    Failed,
}

impl State {
    fn code(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// Asks for jobs, each once: one that was asked for before is left as it is.
pub async fn enqueue(tx: &mut Tx, jobs: &[Job], clock: &Clock) -> Result<()> {
    let numbered: Vec<_> = jobs.iter().map(|job| (JobId(clock.id()), job)).collect();
    store::insert(tx, &numbered, clock.now()).await
}

/// The reminder that was asked for on a day, if it is known still.
pub async fn reminder_of(tx: &mut Tx, customer_id: CustomerId, on: Date) -> Result<Option<StoredJob>> {
    let job = Job::SendReminders { customer_id, on, step: 0, last: false };
    store::by_key(tx, &job).await
}

/// Jobs in a state, the newest first.
pub async fn list(tx: &mut Tx, state: Option<State>, limit: usize) -> Result<Vec<StoredJob>> {
    list_before(tx, state, JobId(i64::MAX), limit).await
}

/// Jobs in a state before one, the newest first.
pub async fn list_before(
    tx: &mut Tx,
    state: Option<State>,
    before: JobId,
    limit: usize,
) -> Result<Vec<StoredJob>> {
    store::list(tx, state, before, limit).await
}

/// For how long the oldest job has been due that nobody has taken.
pub async fn lag(tx: &mut Tx, now: Timestamp) -> Result<SignedDuration> {
    let oldest = store::oldest_due(tx).await?;
    Ok(oldest.map_or(SignedDuration::ZERO, |due| now.duration_since(due).max(SignedDuration::ZERO)))
}

/// Makes a failed job ready again; answers whether there was one.
pub async fn retry(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool> {
    store::retry(tx, id, now).await
}

/// So many jobs are claimed at once: a lease must outlive trying all of them, and a mail may take minutes.
const CLAIM: usize = 1;
/// A claim holds so long, and is renewed while the job is tried; the jobs of a worker that died are then another's.
const LEASE: SignedDuration = SignedDuration::from_secs(45);
const RENEWAL: Duration = Duration::from_secs(15);
/// After so many attempts of which nobody knows how they ended, a job is given up: what was to be sent was sent that often.
const UNANSWERED: u32 = 3;
/// After so many attempts, over about two days, a job is given up.
const ATTEMPTS: u32 = 12;

/// What working the jobs off came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Worked {
    pub done: u64,
    pub put_off: u64,
    pub failed: u64,
}

/// Tries every job that is ready.
pub async fn work_off(app: &App) -> Result<Worked> {
    let mut worked = Worked::default();
    loop {
        // What is begun is finished; the next program takes the rest.
        if app.stopping.has_begun() {
            return Ok(worked);
        }
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let lease = now.checked_add(LEASE).unwrap_or(now);
        let claimed = store::claim(&mut tx, CLAIM, now, lease).await?;
        tx.commit().await?;
        if claimed.is_empty() {
            return Ok(worked);
        }
        for job in claimed {
            let renewing = tokio::spawn(renew(app.clone(), job.clone()));
            let tried = Box::pin(try_job(app, &job)).await;
            renewing.abort();
            let tried = match tried {
                Ok(tried) => tried,
                Err(error) => {
                    tracing::error!(%error, job = %job.id, "a job met a fault and is tried again");
                    Tried::Again(error.to_string())
                }
            };
            let mut tx = app.db.begin().await?;
            let now = app.clock.now();
            let outcome = match &tried {
                Tried::Done | Tried::Letter { .. } => "done",
                Tried::Again(_) if job.attempts < ATTEMPTS => "put_off",
                Tried::Unanswered(_) if job.unanswered + 1 < UNANSWERED => "put_off",
                Tried::Again(_) | Tried::Unanswered(_) | Tried::Failed(_) => "failed",
            };
            tx.tally(JOBS, &[("kind", job.job.kind()), ("outcome", outcome)], 1);
            match tried {
                Tried::Done => {
                    worked.done += 1;
                    store::finish(&mut tx, &job, State::Done, None, now).await?;
                }
                Tried::Letter { customer, title } => {
                    worked.done += 1;
                    letters::put(&mut tx, &job, customer, title, now).await?;
                    store::finish(&mut tx, &job, State::Done, None, now).await?;
                }
                Tried::Again(why) if job.attempts < ATTEMPTS => {
                    worked.put_off += 1;
                    store::put_off(&mut tx, &job, &why, later(now, job.attempts)).await?;
                }
                Tried::Unanswered(why) if job.unanswered + 1 < UNANSWERED => {
                    worked.put_off += 1;
                    let unanswered = job.unanswered + 1;
                    let next = now.checked_add(unanswered_pause(unanswered)).unwrap_or(now);
                    store::put_off_unanswered(&mut tx, &job, &why, next).await?;
                }
                Tried::Unanswered(why) => {
                    worked.failed += 1;
                    let why = format!(
                        "{why}. It was handed over {UNANSWERED} times and may have arrived each time: ask before retrying the job"
                    );
                    store::finish(&mut tx, &job, State::Failed, Some(&why), now).await?;
                }
                Tried::Again(why) | Tried::Failed(why) => {
                    worked.failed += 1;
                    store::finish(&mut tx, &job, State::Failed, Some(&why), now).await?;
                }
            }
            tx.commit().await?;
        }
    }
}

/// Holds the claim on a job while it is tried.
async fn renew(app: App, job: StoredJob) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let now = app.clock.now();
        let lease = now.checked_add(LEASE).unwrap_or(now);
        let renewed = async {
            let mut tx = app.db.begin().await?;
            store::renew(&mut tx, &job, lease).await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        if let Err(error) = renewed.await {
            tracing::warn!(%error, job = %job.id, "the claim on a job was not renewed");
        }
    }
}

/// After how long something is sent again of which nobody knows whether it arrived: a quarter of an hour, then two hours.
fn unanswered_pause(times: u32) -> SignedDuration {
    SignedDuration::from_mins(if times <= 1 { 15 } else { 120 })
}

/// When an attempt is followed by the next: after one minute, two, four, up to eight hours.
fn later(now: Timestamp, attempts: u32) -> Timestamp {
    let minutes = 1_i64 << attempts.saturating_sub(1).min(9);
    now.checked_add(minutes.min(480).minutes()).unwrap_or(now)
}

async fn try_job(app: &App, stored: &StoredJob) -> Result<Tried> {
    match &stored.job {
        Job::SendInvoice { .. }
        | Job::SendCreditNote { .. }
        | Job::SendReminder { .. }
        | Job::SendReminders { .. }
        | Job::SendSpendingNotice { .. }
        | Job::SendLowBalance { .. } => Box::pin(mail::send(app, stored)).await,
        Job::RequestTopUp { customer_id, number } => {
            Box::pin(prepaid::replenish(app, stored, *customer_id, *number)).await
        }
        Job::MendEndpoint { endpoint_id, disabled_at } => {
            webhooks::report(app, *endpoint_id, *disabled_at).await
        }
    }
}
