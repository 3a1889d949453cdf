//! Where does what was seen wait until it is noted? In memory, for a second at most.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Entry, store};
use crate::db::Db;
use crate::error::Result;

/// So many entries may wait; who comes then waits too.
const WAITING: usize = 65_536;
/// So many are noted in one transaction.
const TOGETHER: usize = 1_000;
/// So long entries are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// So often noting is tried, a second apart.
const TRIES: usize = 60;

/// Takes entries; cheap to clone.
#[derive(Clone)]
pub struct Queue(mpsc::Sender<Message>);

enum Message {
    Entry(Entry),
    /// Asks to be told when all before it are noted.
    Settle(oneshot::Sender<()>),
}

impl Queue {
    /// Opens it. Its task ends with the last clone.
    pub fn open(db: &Db) -> Self {
        let (sender, messages) = mpsc::channel(WAITING);
        tokio::spawn(work(db.clone(), messages));
        Self(sender)
    }

    /// Hands an entry in.
    pub(super) async fn put(&self, entry: Entry) {
        if self.0.send(Message::Entry(entry)).await.is_err() {
            tracing::error!("the task that notes what was seen has ended");
        }
    }

    /// Whether entries are taken.
    pub fn is_alive(&self) -> bool {
        !self.0.is_closed()
    }

    /// Waits until everything that was handed in is noted.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.0.send(Message::Settle(done)).await.is_ok() {
            // When it cannot be told, the task has ended and said why.
            let _ = settled.await;
        }
    }
}

async fn work(db: Db, mut messages: mpsc::Receiver<Message>) {
    let mut gathered = Vec::with_capacity(TOGETHER);
    loop {
        if messages.recv_many(&mut gathered, TOGETHER).await == 0 {
            return;
        }
        let waits = |gathered: &[Message]| gathered.iter().any(|one| matches!(one, Message::Settle(_)));
        if gathered.len() < TOGETHER && !waits(&gathered) {
            // Who waits cuts it short.
            let more = async {
                while gathered.len() < TOGETHER && !waits(&gathered) {
                    let room = TOGETHER - gathered.len();
                    if messages.recv_many(&mut gathered, room).await == 0 {
                        return;
                    }
                }
            };
            let _ = tokio::time::timeout(GATHER, more).await;
        }
        let (mut entries, mut waiting) = (Vec::new(), Vec::new());
        for message in gathered.drain(..) {
            match message {
                Message::Entry(entry) => entries.push(entry),
                Message::Settle(done) => waiting.push(done),
            }
        }
        store_all(&db, &entries).await;
        for done in waiting {
            let _ = done.send(());
        }
    }
}

/// Notes entries, and tries for long: they are in memory only.
async fn store_all(db: &Db, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    for left in (0..TRIES).rev() {
        match once(db, entries).await {
            Ok(()) => return,
            Err(error) if left == 0 => {
                tracing::error!(%error, entries = entries.len(), "what was seen could not be noted and is lost");
            }
            Err(error) => {
                tracing::warn!(%error, entries = entries.len(), "what was seen cannot be noted yet");
                tokio::time::sleep(GATHER).await;
            }
        }
    }
}

async fn once(db: &Db, entries: &[Entry]) -> Result<()> {
    let mut tx = db.begin().await?;
    store::insert(&mut tx, entries).await?;
    Ok(tx.commit().await?)
}
