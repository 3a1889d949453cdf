//! Takes records in: a file of any length, or a few from the API.
//!
//! A thread reads, parses and resolves ahead while the database stores: memory holds a few batches,
//! whatever the file's length. Each batch is a transaction of its own; a crash between two leaves whole
//! batches, and importing the file again goes on where it stopped, for what is there is a duplicate.

use std::io::{BufReader, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use calculation::call::Limits;
use calculation::cdr::{Cdr, Flaw};
use calculation::phone_number::{NumberForm, Region};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::assigned::Assigned;
use super::batch::{Batch, Incoming};
use super::charge::{self, Charging, Outcome};
use super::content::{self, Said};
use super::directory::Directory;
use super::elsewhere::Elsewhere;
use super::first_look::{self, Head, Opened};
use super::lines::{LineEnd, check_end, next_line};
use super::resolve::{Bench, resolve};
use super::source::Source;
use super::understood::ReadBy;
use super::{Control, ImportRow, Reasons, announce, feed, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::hash;
use crate::id::ImportId;
use crate::sessions::{self, Desk};

/// So many records are stored in one transaction.
pub(super) const BATCH_RECORDS: usize = 20_000;
/// Or only so many while switches ask for calls: they wait until the transaction ends.
const SMALL_BATCH_RECORDS: usize = 1_000;
/// Or fewer, when they are long.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Batches read ahead of the database.
const BATCHES_AHEAD: usize = 1;
/// A batch that met another writer is tried again so often.
const TRIES: usize = 5;

/// An input to be imported.
pub struct Import<R> {
    pub source: Source,
    pub file_name: String,
    pub input: R,
}

/// What became of an import.
#[derive(Debug)]
pub enum Imported {
    /// It went through; the control total says what became of its records, `reasons` why some are suspended,
    /// `warnings` what was unusual about others. `looks_like` is the name of another feed that looks like that of a new one.
    Done { import: ImportRow, reasons: Reasons, warnings: Reasons, looks_like: Option<String> },
    /// It was refused at the first look: nothing of it is stored.
    Unreadable(Flaw),
    /// Its calls are there already, under another source: nothing of it is stored.
    Elsewhere(Elsewhere),
}

/// Imports records. `progress` is told the bytes read and the control total after each batch.
pub async fn import<R: Read + Send + 'static>(
    app: &App,
    import: Import<R>,
    progress: &(dyn Fn(u64, &Control) + Send + Sync),
) -> Result<Imported> {
    match begin(app, import).await? {
        Begun::Import(begun) => begun.finish(app, progress).await,
        Begun::Unreadable(flaw) => Ok(Imported::Unreadable(flaw)),
        Begun::Elsewhere(elsewhere) => Ok(Imported::Elsewhere(elsewhere)),
    }
}

/// What becomes of an import at its beginning.
pub enum Begun<R> {
    Import(Box<BegunImport<R>>),
    /// It was refused at the first look: nothing of it is stored.
    Unreadable(Flaw),
    /// Its calls are there already, under another source: nothing of it is stored.
    Elsewhere(Elsewhere),
}

/// An import that is known, and of which the first lines are charged.
pub struct BegunImport<R> {
    pub row: ImportRow,
    first: First,
    directory: Directory,
    region: Option<Region>,
    form: NumberForm,
    reader: Opened,
    input: BufReader<R>,
    /// Lines and bytes of the input that are charged.
    before: (u64, u64),
    looks_like: Option<String>,
}

/// The first records of an input, charged with what was stored of it.
struct First {
    run: Charging,
    batch: Batch,
    outcomes: Vec<Outcome>,
}

/// Begins an import: looks at its first lines, and charges them together with storing that it is there.
pub async fn begin<R: Read + Send + 'static>(app: &App, import: Import<R>) -> Result<Begun<R>> {
    let Import { source, file_name, input } = import;
    let mut tx = app.db.read().await?;
    let everybody = crate::customers::everybody(&mut tx).await?;
    let directory = Directory::load(&mut tx, &app.tariffs, everybody).await?;
    drop(tx);
    let mut input = BufReader::with_capacity(256 * 1024, input);
    let looked = tokio::task::block_in_place(|| first_look::look(&source, &mut input))?;
    let (reader, head) = match looked {
        Ok(opened) => opened,
        Err(flaw) => return Ok(Begun::Unreadable(flaw)),
    };
    let row = ImportRow {
        id: ImportId(app.clock.id()),
        source: source.name.clone(),
        file_name,
        format: reader.format.to_string(),
        started_at: app.clock.now(),
        finished_at: None,
        control: Control::default(),
        purged: 0,
    };
    let batch = first_records(app, &source, &directory, (&reader, &head));
    let before = head.0.iter().fold((0, 0), |(lines, bytes), line| (lines + 1, bytes + line.bytes));
    let Source { region, form, .. } = source;
    let begun = match store_first(app, &source, &reader, row, batch).await? {
        Ok((row, first, looks_like)) => {
            BegunImport { row, first, directory, region, form, reader, input, before, looks_like }
        }
        Err(found) => return Ok(Begun::Elsewhere(found)),
    };
    Ok(Begun::Import(Box::new(begun)))
}

/// The records of the first lines, judged.
fn first_records(
    app: &App,
    source: &Source,
    directory: &Directory,
    (opened, head): (&Opened, &Head),
) -> Batch {
    let (assigned, limits, now) = (Assigned::default(), app.config.limits(), app.clock.now());
    let Source { region, form, .. } = *source;
    let bench = Bench { directory, region, form, assigned: &assigned, limits, now };
    let mut batch = Batch::default();
    for (number, line) in (1..).zip(&head.0) {
        if let Some(end) = line.end.filter(|_| !line.content.is_empty()) {
            push(&mut batch, opened, bench, number, &line.content, end);
        }
    }
    batch
}

/// Stores that an import is there, and charges its first records in the same transaction, unless they are there already.
async fn store_first(
    app: &App,
    source: &Source,
    reader: &Opened,
    row: ImportRow,
    batch: Batch,
) -> Result<std::result::Result<(ImportRow, First, Option<String>), Elsewhere>> {
    let read_by = ReadBy { reader: reader.reader.clone(), region: source.region, form: source.form };
    let (app, source) = (app.clone(), source.clone());
    apart(async move {
        let mut tries = Tries::default();
        loop {
            match try_first(&app, &source, &read_by, &row, &batch).await {
                Err(error) if tries.another(&error) => {}
                Err(error) => return Err(error),
                Ok(Err(found)) => return Ok(Err(found)),
                Ok(Ok((run, outcomes, looks_like))) => {
                    let control = counted(row.control, &outcomes);
                    let first = First { run, batch, outcomes };
                    return Ok(Ok((ImportRow { control, ..row }, first, looks_like)));
                }
            }
        }
    })
    .await?
}

async fn try_first(
    app: &App,
    source: &Source,
    read_by: &ReadBy,
    row: &ImportRow,
    batch: &Batch,
) -> Result<std::result::Result<(Charging, Vec<Outcome>, Option<String>), Elsewhere>> {
    let mut tx = app.db.begin_batch().await?;
    let looks_like = feed::looks_like(&mut tx, &row.source).await?;
    store::insert_import(&mut tx, row).await?;
    let mut run = Charging::begin(&mut tx, &source.name, read_by.clone(), row.id).await?;
    let outcomes = if source.other_calls {
        charge::charge(&mut tx, &mut run, batch, &app.clock).await?
    } else {
        match charge::charge_first(&mut tx, &mut run, batch, &app.clock).await? {
            Ok(outcomes) => outcomes,
            Err(found) => return Ok(Err(found)),
        }
    };
    store::save_control(&mut tx, row.id, &counted(row.control, &outcomes), None).await?;
    tx.commit().await?;
    Ok(Ok((run, outcomes, looks_like)))
}

impl<R: Read + Send + 'static> BegunImport<R> {
    /// Charges all there is.
    pub async fn finish(
        self: Box<Self>,
        app: &App,
        progress: &(dyn Fn(u64, &Control) + Send + Sync),
    ) -> Result<Imported> {
        let Self { mut row, first, directory, region, form, reader, input, before, looks_like } = *self;
        let First { mut run, batch, outcomes } = first;
        let mut told = Told::default();
        told.add(&batch, &outcomes);
        progress(before.1, &row.control);
        let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
        let (done, spares) = std::sync::mpsc::channel();
        // Until it is known that nobody waits.
        let busy = Arc::new(AtomicBool::new(true));
        let (desk, limits, now) = (app.desk.clone(), app.config.limits(), app.clock.now());
        let assigned = Assigned::remembered();
        let judge = Judge { directory, desk, busy: busy.clone(), region, form, assigned, limits, now };
        let thread =
            std::thread::spawn(move || read_batches(&reader, &judge, input, before, &sender, &spares));
        while let Some(read) = batches.recv().await {
            let (mut batch, bytes): (Batch, u64) = read.map_err(Error::file(row.file_name.clone()))?;
            let stored;
            (run, batch, stored) = store_apart(app, run, batch, row.control).await?;
            let (outcomes, control) = stored?;
            row.control = control;
            busy.store(is_busy(app).await?, Ordering::Relaxed);
            told.add(&batch, &outcomes);
            progress(bytes, &row.control);
            // When nobody reads any more, nobody needs the room.
            let _ = done.send(batch);
        }
        thread.join().map_err(|_| Error::Other("the reading thread ended early".to_owned()))?;
        row.finished_at = Some(app.clock.now());
        let mut tx = app.db.begin().await?;
        store::save_control(&mut tx, row.id, &row.control, row.finished_at).await?;
        announce::imported(&mut tx, &row, &app.clock).await?;
        tx.commit().await?;
        let Told { reasons, warnings } = told;
        Ok(Imported::Done { import: row, reasons, warnings, looks_like })
    }
}

/// What is told of an import's records: why some are suspended, and what was unusual about others.
#[derive(Debug, Default)]
struct Told {
    reasons: Reasons,
    warnings: Reasons,
}

impl Told {
    fn add(&mut self, batch: &Batch, outcomes: &[Outcome]) {
        for (incoming, outcome) in batch.incoming.iter().zip(outcomes) {
            if let Outcome::Suspended(flaw) = outcome {
                *self.reasons.entry(flaw.reason.code()).or_default() += 1;
            }
            for warning in incoming.warnings(outcome).iter() {
                *self.warnings.entry(warning.code()).or_default() += 1;
            }
        }
    }
}

/// Whether switches ask for calls, of this program or of another on the same database.
async fn is_busy(app: &App) -> Result<bool> {
    let mut tx = app.db.read().await?;
    sessions::is_any_open(&mut tx, app.clock.now()).await
}

type Stored = Result<(Vec<Outcome>, Control)>;

/// Does work on a thread that may be kept for long, as SQLite does: others do meanwhile what it would have done.
/// It is a task of its own, for waiting inside of another's turn would swallow what wakes that one.
async fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let task = tokio::spawn(async { tokio::task::block_in_place(|| Handle::current().block_on(work)) });
    task.await.map_err(|error| Error::Other(error.to_string()))
}

/// Charges one batch apart.
async fn store_apart(
    app: &App,
    mut run: Charging,
    batch: Batch,
    before: Control,
) -> Result<(Charging, Batch, Stored)> {
    let app = app.clone();
    apart(async move {
        let stored = store_batch(&app, &mut run, &batch, before).await;
        (run, batch, stored)
    })
    .await
}

/// Charges one batch in a transaction of its own; tries again when it met another writer.
async fn store_batch(app: &App, run: &mut Charging, batch: &Batch, before: Control) -> Stored {
    let mut tries = Tries::default();
    loop {
        let mut tx = app.db.begin_batch().await?;
        match charge::charge(&mut tx, run, batch, &app.clock).await {
            Ok(outcomes) => {
                let control = counted(before, &outcomes);
                if let Some(import) = run.import {
                    store::save_control(&mut tx, import, &control, None).await?;
                }
                tx.commit().await?;
                return Ok((outcomes, control));
            }
            Err(error) if tries.another(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// How often a batch was tried.
#[derive(Debug, Default)]
struct Tries(usize);

impl Tries {
    /// Whether a batch that failed is tried again: it met another writer, and not too often.
    fn another(&mut self, error: &Error) -> bool {
        let Error::Database(error) = error else { return false };
        self.0 += 1;
        let is_met = error.is_transient() || error.is_unique_violation();
        if is_met && self.0 < TRIES {
            tracing::info!(%error, tries = self.0, "a batch met another writer and is tried again");
            return true;
        }
        false
    }
}

/// Adds the outcomes of more records to a control total.
fn counted(mut control: Control, outcomes: &[Outcome]) -> Control {
    for outcome in outcomes {
        control.count(outcome);
    }
    control
}

/// Who judges records while they are read.
struct Judge {
    directory: Directory,
    desk: Desk,
    /// Whether switches of another program ask for calls meanwhile.
    busy: Arc<AtomicBool>,
    region: Option<Region>,
    form: NumberForm,
    assigned: Assigned,
    limits: Limits,
    now: Timestamp,
}

impl Judge {
    fn bench(&self) -> Bench<'_> {
        let Self { directory, region, form, assigned, limits, now, .. } = self;
        Bench { directory, region: *region, form: *form, assigned, limits: *limits, now: *now }
    }
}

/// Reads the rest of an input, after so many lines and bytes, and hands it over in batches. A batch nobody wants ends the
/// reading.
fn read_batches(
    opened: &Opened,
    judge: &Judge,
    mut input: BufReader<impl Read>,
    (mut number, mut bytes): (u64, u64),
    batches: &mpsc::Sender<std::io::Result<(Batch, u64)>>,
    spares: &std::sync::mpsc::Receiver<Batch>,
) {
    let mut line = Vec::new();
    let mut batch = Batch::with_room();
    loop {
        let end = match next_line(&mut input, &mut line) {
            Ok(Some(end)) => end,
            Ok(None) => break,
            Err(error) => {
                let _ = batches.blocking_send(Err(error));
                return;
            }
        };
        bytes += end.bytes;
        number += 1;
        if !line.is_empty() {
            push(&mut batch, opened, judge.bench(), number, &line, end);
        }
        if is_full(&batch, judge) {
            // Batches are used again, so that memory stays as it is after the first few.
            let next = spares.try_recv().map_or_else(|_| Batch::with_room(), Batch::emptied);
            if batches.blocking_send(Ok((std::mem::replace(&mut batch, next), bytes))).is_err() {
                return;
            }
        }
    }
    // The last batch is sent even when it is empty, so that the control total is always shown.
    let _ = batches.blocking_send(Ok((batch, bytes)));
}

fn is_full(batch: &Batch, judge: &Judge) -> bool {
    let busy = judge.desk.is_busy() || judge.busy.load(Ordering::Relaxed);
    let most = if busy { SMALL_BATCH_RECORDS } else { BATCH_RECORDS };
    batch.incoming.len() >= most || batch.text.len() >= BATCH_BYTES
}

fn push(batch: &mut Batch, opened: &Opened, bench: Bench<'_>, line: u64, content: &[u8], end: LineEnd) {
    let start = batch.text.len();
    batch.text.extend_from_slice(content);
    let range = start..batch.text.len();
    let cdr = check_end(opened.format, content, end).and_then(|()| opened.reader.read(content));
    batch.incoming.push(judged(line, content, range, cdr, bench));
}

pub(super) fn judged(
    line: u64,
    text: &[u8],
    range: Range<usize>,
    cdr: std::result::Result<Cdr<'_>, Flaw>,
    bench: Bench<'_>,
) -> Incoming {
    let cdr = match cdr {
        Ok(cdr) => cdr,
        Err(flaw) => {
            return Incoming { line, hash: hash::of(text), content: range, record: Err(flaw), said: None };
        }
    };
    let (hash, record) = (content::hash(&cdr), resolve(&cdr, bench));
    let is_text = !cdr.record_id.contains('\0');
    let said = (record.is_err() && is_text).then(|| Box::new(Said::of(&cdr)));
    Incoming { line, hash, content: range, record, said }
}
