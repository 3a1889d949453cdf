//! Is the program to stop? Whoever begins something long asks; whoever waits is woken.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the program was told to stop; cheap to clone, and one for all clones.
#[derive(Debug, Clone)]
pub struct Stopping(Arc<watch::Sender<bool>>);

impl Default for Stopping {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stopping {
    /// Tells everybody.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was told.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is told.
    pub async fn begun(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|told| *told).await;
    }
}
