//! What is still to be done after the transaction that asked for it?
//!
//! A job is stored with the deed that asks for it, so that neither happens without the other: the table is
//! the outbox. It is asked for once by its key, claimed with a lease, tried again later and later when it
//! fails, and kept as failed when it is of no use to try again.

pub mod cli;
pub mod http;
mod store;
mod work;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use work::{Round, round, run};

use crate::app::App;
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, EndpointId, InvoiceId, JobId};
use crate::lease;
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
    /// Since when it is handed over, while no answer is noted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub handed_over_at: Option<Timestamp>,
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

/// Outcome of asking for a job to be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It is ready: it had been given up, or waited for its next try.
    Ready,
    /// It is being tried since then; what became of that is known soon.
    UnderWay(Timestamp),
    Done,
    Unknown,
}

impl Retried {
    /// Why the job is not tried now; nothing when it is.
    fn refusal(self, id: JobId) -> Option<String> {
        match self {
            Self::Ready => None,
            Self::UnderWay(since) => {
                Some(format!("job {id} is handed over since {since}: wait for what becomes of it"))
            }
            Self::Done => Some(format!("job {id} is done")),
            Self::Unknown => Some(format!("there is no job {id}")),
        }
    }
}

/// Has a job tried now that was given up, or that waits for its next try.
pub async fn retry(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<Retried> {
    if store::retry_failed(tx, id, now).await? || store::bring_forward(tx, id, now).await? {
        return Ok(Retried::Ready);
    }
    let Some(job) = store::by_id(tx, id).await? else { return Ok(Retried::Unknown) };
    Ok(match (job.state, job.handed_over_at) {
        (State::Ready, Some(since)) => Retried::UnderWay(since),
        (State::Ready | State::Failed, _) => Retried::Ready,
        (State::Done, _) => Retried::Done,
    })
}

/// So many jobs are claimed at once: a lease must outlive trying all of them, and a mail may take minutes.
const CLAIM: usize = 1;
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
        let claimed = store::claim(&mut tx, CLAIM, now, lease::end(now)).await?;
        tx.commit().await?;
        if claimed.is_empty() {
            return Ok(worked);
        }
        for job in claimed {
            let tried = try_claimed(app, &job).await;
            let mut tx = app.db.begin().await?;
            let settled = settle(&mut tx, job, tried, app.clock.now()).await?;
            tx.commit().await?;
            worked.count(settled);
        }
    }
}

/// What follows from trying a job.
#[derive(Clone, Copy)]
enum Settled {
    Done,
    PutOff,
    Failed,
}

impl Worked {
    fn count(&mut self, settled: Settled) {
        match settled {
            Settled::Done => self.done += 1,
            Settled::PutOff => self.put_off += 1,
            Settled::Failed => self.failed += 1,
        }
    }
}

/// Tries a job, and holds the claim on it meanwhile. One that was handed over by who did not live to note the answer is not tried.
async fn try_claimed(app: &App, job: &StoredJob) -> Tried {
    if let Some(at) = job.handed_over_at {
        return Tried::Unanswered(format!("the program that handed it over at {at} noted no answer"));
    }
    let (its_app, its_job) = (app.clone(), job.clone());
    let renewing = move || renew(its_app.clone(), its_job.clone());
    lease::held(Box::pin(try_job(app, job)), renewing).await.unwrap_or_else(|error| {
        tracing::error!(%error, job = %job.id, "a job met a fault and is tried again");
        Tried::Again(error.to_string())
    })
}

async fn renew(app: App, job: StoredJob) -> Result<()> {
    let mut tx = app.db.begin().await?;
    store::renew(&mut tx, &job, lease::end(app.clock.now())).await?;
    Ok(tx.commit().await?)
}

/// Notes, before a job is handed over to somebody whose answer may be lost, that it is; answers whether it still is the
/// caller's. What was noted counts as unanswered unless the caller lives to tell the answer.
pub(crate) async fn hand_over(app: &App, job: &StoredJob) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let is_ours = store::hand_over(&mut tx, job, app.clock.now()).await?;
    tx.commit().await?;
    Ok(is_ours)
}

/// Stores what became of trying a job.
async fn settle(tx: &mut Tx, mut job: StoredJob, tried: Tried, now: Timestamp) -> Result<Settled> {
    job.unanswered += u32::from(matches!(tried, Tried::Unanswered(_)));
    let again = match &tried {
        Tried::Again(_) if job.attempts < ATTEMPTS => Some(later(now, job.attempts)),
        Tried::Unanswered(_) if job.unanswered < UNANSWERED => {
            Some(now.checked_add(unanswered_pause(job.unanswered)).unwrap_or(now))
        }
        _ => None,
    };
    let (settled, outcome) = match (&tried, again) {
        (Tried::Done | Tried::Letter { .. }, _) => (Settled::Done, "done"),
        (_, Some(_)) => (Settled::PutOff, "put_off"),
        (_, None) => (Settled::Failed, "failed"),
    };
    tx.tally(JOBS, &[("kind", job.job.kind()), ("outcome", outcome)], 1);
    match (tried, again) {
        (Tried::Done, _) => store::finish(tx, &job, State::Done, None, now).await?,
        (Tried::Letter { customer, title }, _) => {
            letters::put(tx, &job, customer, title, now).await?;
            store::finish(tx, &job, State::Done, None, now).await?;
        }
        (Tried::Again(why) | Tried::Unanswered(why) | Tried::Failed(why), Some(next)) => {
            store::put_off(tx, &job, &why, next).await?;
        }
        (Tried::Unanswered(why), None) => {
            let (id, times) = (job.id, job.unanswered);
            let why = format!(
                "{why}. It was handed over {times} times and may have arrived each time: ask whether it did, and send it again \
                 with `tollbook jobs --retry {id}` if not"
            );
            store::finish(tx, &job, State::Failed, Some(&why), now).await?;
        }
        (Tried::Again(why) | Tried::Failed(why), None) => {
            store::finish(tx, &job, State::Failed, Some(&why), now).await?;
        }
    }
    Ok(settled)
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
