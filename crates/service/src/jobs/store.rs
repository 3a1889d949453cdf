//! The jobs in the database.

use jiff::Timestamp;

use super::{Job, State, StoredJob};
use crate::db::{self, Cell, Hold, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::JobId;
use crate::log::Concealed;

const JOBS: Place = Place::new("jobs", &["job_id"]);

const COLUMNS: &str = "job_id, payload, state, run_at, attempts, unanswered, handed_over_at, last_error, created_at, finished_at";

/// Stores jobs; one whose key is there already stays as it is.
pub(super) async fn insert(tx: &mut Tx, jobs: &[(JobId, &Job)], now: Timestamp) -> Result<()> {
    let mut texts = Vec::with_capacity(jobs.len());
    for (id, job) in jobs {
        texts.push((id.0, job.kind(), job.key(), db::json_text(job)?));
    }
    match &texts[..] {
        [] => {}
        [(id, kind, key, payload)] => {
            let sql = "insert into jobs (job_id, kind, key, payload, state, run_at, attempts, created_at)
                       values ($1, $2, $3, $4, 'ready', $5, 0, $5) on conflict (kind, key) do nothing";
            tx.execute(sql, &[id, kind, key, payload, &Ts(now)]).await?;
        }
        many => {
            let rows: Vec<_> = many
                .iter()
                .map(|(id, kind, key, payload)| {
                    let [kind, key, payload] = [kind, &**key, payload].map(Cell::Text);
                    [Cell::Int(*id), kind, key, payload, Cell::Time(now)]
                })
                .collect();
            let definition = "job_id bigint, kind text, key text, payload text, at timestamptz";
            let sql = "insert into jobs (job_id, kind, key, payload, state, run_at, attempts, created_at)
                       select job_id, kind, key, payload, 'ready', at, 0, at from given where true
                       on conflict (kind, key) do nothing";
            tx.over_rows(definition, &["job_id", "kind", "key", "payload", "at"], &rows, &[sql]).await?;
        }
    }
    Ok(())
}

/// Takes ready jobs that no other worker has: they are not ready again before the lease is over.
pub(super) async fn claim(
    tx: &mut Tx,
    limit: usize,
    now: Timestamp,
    lease: Timestamp,
) -> Result<Vec<StoredJob>> {
    let sql = format!(
        "update jobs set run_at = $2, attempts = attempts + 1 where job_id in
           (select job_id from jobs where state = 'ready' and run_at <= $1 order by run_at, job_id limit $3 {})
         returning {COLUMNS}",
        tx.hold(Hold::Free, "jobs")
    );
    let limit = db::limit(limit);
    let rows = tx.rows(&sql, &[&Ts(now), &Ts(lease), &limit]).await?;
    let mut claimed: Vec<_> = JOBS.all(&rows, job)?;
    claimed.sort_by_key(|job| job.id);
    Ok(claimed)
}

/// Notes that a job is handed over from now on; answers whether it still is the worker's who claimed it.
pub(super) async fn hand_over(tx: &mut Tx, job: &StoredJob, now: Timestamp) -> Result<bool> {
    let sql = "update jobs set handed_over_at = $2 where job_id = $1 and state = 'ready' and attempts = $3";
    Ok(tx.execute(sql, &[&job.id.0, &Ts(now), &i64::from(job.attempts)]).await? == 1)
}

/// Settles a job; one whose lease was over and that another has claimed since is left to that one.
pub(super) async fn finish(
    tx: &mut Tx,
    job: &StoredJob,
    state: State,
    error: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let sql = "update jobs set state = $2, last_error = $3, finished_at = $4, unanswered = $6, handed_over_at = null
               where job_id = $1 and state = 'ready' and attempts = $5";
    let (state, attempts) = (state.code(), i64::from(job.attempts));
    let error = error.map(|error| Concealed(error).to_string());
    let unanswered = i64::from(job.unanswered);
    tx.execute(sql, &[&job.id.0, &state, &error, &Ts(now), &attempts, &unanswered]).await?;
    Ok(())
}

pub(super) async fn put_off(tx: &mut Tx, job: &StoredJob, error: &str, run_at: Timestamp) -> Result<()> {
    let sql = "update jobs set run_at = $2, last_error = $3, unanswered = $5, handed_over_at = null
               where job_id = $1 and state = 'ready' and attempts = $4";
    let error = Concealed(error).to_string();
    let (attempts, unanswered) = (i64::from(job.attempts), i64::from(job.unanswered));
    tx.execute(sql, &[&job.id.0, &Ts(run_at), &error, &attempts, &unanswered]).await?;
    Ok(())
}

/// Holds a job longer, unless another worker has claimed it since.
pub(super) async fn renew(tx: &mut Tx, job: &StoredJob, lease: Timestamp) -> Result<()> {
    let sql = "update jobs set run_at = $2 where job_id = $1 and state = 'ready' and attempts = $3";
    tx.execute(sql, &[&job.id.0, &Ts(lease), &i64::from(job.attempts)]).await?;
    Ok(())
}

pub(super) async fn retry_failed(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool> {
    let sql =
        "update jobs set state = 'ready', run_at = $2, attempts = 0, unanswered = 0, handed_over_at = null,
                 finished_at = null
               where job_id = $1 and state = 'failed'";
    Ok(tx.execute(sql, &[&id.0, &Ts(now)]).await? == 1)
}

/// Lets a job not wait for its next try. One that is being tried just now is claimed once more: whoever has it cannot hand it over
/// any more, and one that is handed over already stays as it is.
pub(super) async fn bring_forward(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool> {
    let sql = "update jobs set run_at = $2
               where job_id = $1 and state = 'ready' and handed_over_at is null and run_at > $2";
    Ok(tx.execute(sql, &[&id.0, &Ts(now)]).await? == 1)
}

pub(super) async fn by_id(tx: &mut Tx, id: JobId) -> Result<Option<StoredJob>> {
    let sql = format!("select {COLUMNS} from jobs where job_id = $1");
    Ok(JOBS.one(tx.row(&sql, &[&id.0]).await?.as_ref(), job)?)
}

/// The job that is asked for once by the key of this one.
pub(super) async fn by_key(tx: &mut Tx, like: &Job) -> Result<Option<StoredJob>> {
    let sql = format!("select {COLUMNS} from jobs where kind = $1 and key = $2");
    Ok(JOBS.one(tx.row(&sql, &[&like.kind(), &like.key()]).await?.as_ref(), job)?)
}

pub(super) async fn oldest_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    let sql = "select run_at from jobs where state = 'ready' order by run_at, job_id limit 1";
    Ok(tx.row(sql, &[]).await?.map(|row| row.time("run_at")).transpose()?)
}

pub(super) async fn list(
    tx: &mut Tx,
    state: Option<State>,
    before: JobId,
    limit: usize,
) -> Result<Vec<StoredJob>> {
    let limit = db::limit(limit);
    let newest_first = |condition: &str| {
        format!("select {COLUMNS} from jobs where job_id < $1 {condition} order by job_id desc limit $2")
    };
    let rows = match state {
        None => tx.rows(&newest_first(""), &[&before.0, &limit]).await?,
        Some(state) => tx.rows(&newest_first("and state = $3"), &[&before.0, &limit, &state.code()]).await?,
    };
    Ok(JOBS.all(&rows, job)?)
}

fn job(row: &Row) -> db::Result<StoredJob> {
    let states = [State::Ready, State::Done, State::Failed].map(|state| (state.code(), state));
    Ok(StoredJob {
        id: JobId(row.get("job_id")?),
        job: row.json("payload")?,
        state: row.choice("state", &states)?,
        run_at: row.time("run_at")?,
        attempts: row.count("attempts")?,
        unanswered: row.count("unanswered")?,
        handed_over_at: row.optional_time("handed_over_at")?,
        last_error: row.get("last_error")?,
        created_at: row.time("created_at")?,
        finished_at: row.optional_time("finished_at")?,
    })
}
