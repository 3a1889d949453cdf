//! How many writes about one customer may have a connection at once? A part of all: however long one customer's rows are
//! held, the rest is for others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::http::Uri;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::Problem;
use crate::db::Limits;

/// One customer's writes have one of so many connections.
const PART: usize = 4;
/// When so many customers are remembered, those are forgotten of whom nothing is under way.
const REMEMBERED: usize = 1_024;

/// Whose turn it is; cheap to clone.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<String, Weak<Semaphore>>>>);

/// A turn, over when it is dropped.
pub(super) type Turn = OwnedSemaphorePermit;

impl Turns {
    /// Waits for a turn of the customer that a path names, as long as for a connection.
    pub(super) async fn take(&self, uri: &Uri, limits: Limits) -> Result<Option<Turn>, Problem> {
        let customer = uri.path().strip_prefix("/v1/customers/").and_then(|rest| rest.split('/').next());
        let Some(customer) = customer else { return Ok(None) };
        let turns = self.of(customer, (limits.connections / PART).max(1));
        let turn = timeout(limits.wait(), turns.acquire_owned()).await;
        turn.ok().and_then(Result::ok).map(Some).ok_or_else(Problem::crowded)
    }

    fn of(&self, customer: &str, at_once: usize) -> Arc<Semaphore> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = known.get(customer).and_then(Weak::upgrade) {
            return turns;
        }
        if known.len() >= REMEMBERED {
            known.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(at_once));
        known.insert(customer.to_owned(), Arc::downgrade(&turns));
        turns
    }
}
