//! Which file does a customer get? The drawn document, with its electronic invoice inside where it can be one.
//!
//! A long one takes seconds and much memory: few are drawn at once, a client that has left is drawn for no longer, and what was
//! drawn is kept for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use documents::{Brand, DocumentError, Drawing, ItemisedCall, einvoice};
use tokio::sync::Semaphore;

use super::itemise;
use crate::app::App;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::id::CustomerId;

/// Documents that are drawn at the same time.
const AT_ONCE: u32 = 2;
/// One that lists more calls is drawn alone: with 100,000 of them it takes 130 MB while it is drawn.
const LONG_CALLS: u64 = 10_000;
/// For how long a document is kept, and how many bytes of them at most.
const KEPT: Duration = Duration::from_mins(5);
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// The documents that are drawn and were drawn just now; cheap to clone.
#[derive(Clone)]
pub struct Drawings(Arc<Places>);

struct Places {
    free: Semaphore,
    kept: Mutex<VecDeque<Kept>>,
}

/// A document, and what it was drawn from.
struct Kept {
    customer: CustomerId,
    drawing: Drawing,
    file: Bytes,
    since: Stopwatch,
}

impl Default for Drawings {
    fn default() -> Self {
        Self(Arc::new(Places { free: Semaphore::new(AT_ONCE as usize), kept: Mutex::default() }))
    }
}

impl Drawings {
    fn find(&self, customer: CustomerId, drawing: &Drawing) -> Option<Bytes> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.since.elapsed() < KEPT);
        let same = |kept: &&Kept| kept.customer == customer && kept.drawing == *drawing;
        kept.iter().find(same).map(|kept| kept.file.clone())
    }

    fn keep(&self, customer: CustomerId, drawing: Drawing, file: &Bytes) {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(Kept { customer, drawing, file: file.clone(), since: Stopwatch::start() });
        while kept.iter().map(|kept| kept.file.len()).sum::<usize>() > KEPT_BYTES {
            kept.pop_front();
        }
    }
}

/// Says, when it is dropped, that nobody waits any more.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// A document as a PDF file.
pub struct Drawn {
    pub file: Bytes,
    /// Why it has no electronic invoice inside, when it was drawn now.
    pub lacks: Option<String>,
}

/// The document of a customer as a PDF file, with the calls behind it, in today's brand.
///
/// An invoice that lacks what the standard requires still goes out, as PDF alone; the log says what lacks.
pub async fn of(app: &App, customer: CustomerId, drawing: &Drawing) -> Result<Bytes> {
    let Drawn { file, lacks } = draw(app, customer, drawing).await?;
    if let Some(lacks) = lacks {
        let number = drawing.invoice.number.as_deref().unwrap_or_default();
        tracing::warn!(lacks, number, "no XML in the PDF");
    }
    Ok(file)
}

/// The same, for who tells what lacks.
pub async fn draw(app: &App, customer: CustomerId, drawing: &Drawing) -> Result<Drawn> {
    let closed = |_| Error::Other("documents are not drawn any more".to_owned());
    let places = if drawing.listed_calls() > LONG_CALLS { AT_ONCE } else { 1 };
    let place = app.drawings.0.free.acquire_many(places).await.map_err(closed)?;
    // Who drew the same meanwhile has kept it.
    if let Some(file) = app.drawings.find(customer, drawing) {
        return Ok(Drawn { file, lacks: None });
    }
    let mut tx = app.db.read().await?;
    let calls = itemise(&mut tx, customer, &drawing.invoice).await?;
    drop(tx);
    let waits = Waits(Arc::new(AtomicBool::new(true)));
    let (own, waited_for, config) = (drawing.clone(), waits.0.clone(), app.config.clone());
    let drawn = tokio::task::spawn_blocking(move || {
        pdf_while(&own, &calls, &config.brand, &|| waited_for.load(Ordering::Relaxed))
    });
    let drawn = drawn.await.map_err(|error| Error::Document(error.to_string()))??;
    app.drawings.keep(customer, drawing.clone(), &drawn.file);
    drop((waits, place));
    Ok(drawn)
}

/// The document as a PDF/A-3b file with `factur-x.xml` inside, where it can be.
pub fn pdf(drawing: &Drawing, calls: &[ItemisedCall], brand: &Brand) -> Result<Drawn> {
    pdf_while(drawing, calls, brand, &|| true)
}

fn pdf_while(
    drawing: &Drawing,
    calls: &[ItemisedCall],
    brand: &Brand,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Drawn> {
    let drawn = documents::pdf_while(drawing, calls, brand, is_wanted);
    let number = drawing.invoice.number.as_deref().unwrap_or_default();
    let drawn = drawn.map_err(|error| match error {
        DocumentError::Letters(_) => Error::Letters(format!("{number} cannot be drawn: {error}")),
        error => Error::Document(error.to_string()),
    })?;
    Ok(match einvoice::embed(&drawn, drawing) {
        Ok(file) => Drawn { file: file.into(), lacks: None },
        Err(error) => Drawn { file: drawn.into(), lacks: Some(error.to_string()) },
    })
}
