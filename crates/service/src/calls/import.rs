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
use calculation::cdr::{Cdr, Flaw, Format, Reason};
use calculation::phone_number::{NumberForm, Region};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::assigned::Assigned;
use super::charge::{self, Batch, Charging, Incoming, Outcome};
use super::content::{self, Said};
use super::directory::Directory;
use super::elsewhere::{Elsewhere, elsewhere};
use super::first_look::{self, Head, Opened};
use super::lines::{LONGEST_LINE, LineEnd, next_line};
use super::resolve::{Bench, resolve};
use super::source::Source;
use super::understood::ReadBy;
use super::{Control, ImportRow, Reasons, announce, store};
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
    /// `warnings` what was unusual about others.
    Done { import: ImportRow, reasons: Reasons, warnings: Reasons },
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

/// An import that is known, and of which nothing is charged yet.
pub struct BegunImport<R> {
    pub row: ImportRow,
    run: Charging,
    directory: Directory,
    region: Option<Region>,
    form: NumberForm,
    reader: Opened,
    input: BufReader<R>,
    head: Head,
}

/// Begins an import: looks at its first lines and stores that it is there.
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
    if !source.other_calls {
        let first = first_records(app, &source, &directory, (&reader, &head));
        let mut tx = app.db.read().await?;
        if let Some(found) = elsewhere(&mut tx, &source.name, &first).await? {
            return Ok(Begun::Elsewhere(found));
        }
    }
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
    let mut tx = app.db.begin().await?;
    store::insert_import(&mut tx, &row).await?;
    let Source { region, form, .. } = source;
    let read_by = ReadBy { reader: reader.reader.clone(), region, form };
    let run = Charging::begin(&mut tx, &source.name, read_by, row.id).await?;
    tx.commit().await?;
    Ok(Begun::Import(Box::new(BegunImport { row, run, directory, region, form, reader, input, head })))
}

/// The records of the first lines, judged.
fn first_records(
    app: &App,
    source: &Source,
    directory: &Directory,
    (opened, head): (&Opened, &Head),
) -> Vec<Incoming> {
    let (assigned, limits, now) = (Assigned::default(), app.config.limits(), app.clock.now());
    let Source { region, form, .. } = *source;
    let bench = Bench { directory, region, form, assigned: &assigned, limits, now };
    let judge = |(line, text)| judged(line, text, 0..0, opened.reader.read(text), bench);
    head.records().map(judge).collect()
}

impl<R: Read + Send + 'static> BegunImport<R> {
    /// Charges all there is.
    pub async fn finish(
        self: Box<Self>,
        app: &App,
        progress: &(dyn Fn(u64, &Control) + Send + Sync),
    ) -> Result<Imported> {
        let Self { mut row, mut run, directory, region, form, reader, input, head } = *self;
        let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
        let (done, spares) = std::sync::mpsc::channel();
        // Until it is known that nobody waits.
        let busy = Arc::new(AtomicBool::new(true));
        let (desk, limits, now) = (app.desk.clone(), app.config.limits(), app.clock.now());
        let assigned = Assigned::remembered();
        let judge = Judge { directory, desk, busy: busy.clone(), region, form, assigned, limits, now };
        let thread = std::thread::spawn(move || read_batches(&reader, &judge, input, head, &sender, &spares));
        let (mut reasons, mut warnings) = (Reasons::new(), Reasons::new());
        while let Some(read) = batches.recv().await {
            let (mut batch, bytes): (Batch, u64) = read.map_err(Error::file(row.file_name.clone()))?;
            let stored;
            (run, batch, stored) = store_apart(app, run, batch, row.control).await?;
            let (outcomes, control) = stored?;
            row.control = control;
            busy.store(is_busy(app).await?, Ordering::Relaxed);
            for (incoming, outcome) in batch.incoming.iter().zip(&outcomes) {
                if let Outcome::Suspended(flaw) = outcome {
                    *reasons.entry(flaw.reason.code()).or_default() += 1;
                }
                for warning in incoming.warnings(outcome).iter() {
                    *warnings.entry(warning.code()).or_default() += 1;
                }
            }
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
        Ok(Imported::Done { import: row, reasons, warnings })
    }
}

/// Whether switches ask for calls, of this program or of another on the same database.
async fn is_busy(app: &App) -> Result<bool> {
    let mut tx = app.db.read().await?;
    sessions::is_any_open(&mut tx, app.clock.now()).await
}

type Stored = Result<(Vec<Outcome>, Control)>;

/// Charges one batch on a thread that may be kept for long, as SQLite does: others do meanwhile what it would have done.
/// It is a task of its own, for waiting inside of another's turn would swallow what wakes that one.
async fn store_apart(
    app: &App,
    mut run: Charging,
    batch: Batch,
    before: Control,
) -> Result<(Charging, Batch, Stored)> {
    let app = app.clone();
    let stored = tokio::spawn(async move {
        let stored = tokio::task::block_in_place(|| {
            Handle::current().block_on(store_batch(&app, &mut run, &batch, before))
        });
        (run, batch, stored)
    });
    stored.await.map_err(|error| Error::Other(error.to_string()))
}

/// Charges one batch in a transaction of its own; tries again when it met another writer.
async fn store_batch(app: &App, run: &mut Charging, batch: &Batch, before: Control) -> Stored {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut tx = app.db.begin().await?;
        match charge::charge(&mut tx, run, batch, &app.clock).await {
            Ok(outcomes) => {
                let mut control = before;
                for outcome in &outcomes {
                    control.count(outcome);
                }
                if let Some(import) = run.import {
                    store::save_control(&mut tx, import, &control, None).await?;
                }
                tx.commit().await?;
                return Ok((outcomes, control));
            }
            Err(Error::Database(error))
                if tries < TRIES && (error.is_transient() || error.is_unique_violation()) =>
            {
                tracing::info!(%error, tries, "a batch met another writer and is tried again");
            }
            Err(error) => return Err(error),
        }
    }
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

/// Reads the input to its end, the lines that were read ahead first, and hands it over in batches. A batch nobody
/// wants ends the reading.
fn read_batches(
    opened: &Opened,
    judge: &Judge,
    mut input: BufReader<impl Read>,
    head: Head,
    batches: &mpsc::Sender<std::io::Result<(Batch, u64)>>,
    spares: &std::sync::mpsc::Receiver<Batch>,
) {
    let mut line = Vec::new();
    let (mut number, mut bytes) = (0, 0);
    let mut batch = Batch::with_room();
    let mut ahead = head.0.into_iter();
    loop {
        let end = match ahead.next() {
            Some(read) => {
                line = read.content;
                bytes += read.bytes;
                read.end
            }
            None => match next_line(&mut input, &mut line) {
                Ok(Some(end)) => {
                    bytes += end.bytes;
                    Some(end)
                }
                Ok(None) => break,
                Err(error) => {
                    let _ = batches.blocking_send(Err(error));
                    return;
                }
            },
        };
        number += 1;
        if let Some(end) = end.filter(|_| !line.is_empty()) {
            push(&mut batch, opened, judge, number, &line, end);
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

fn push(batch: &mut Batch, opened: &Opened, judge: &Judge, line: u64, content: &[u8], end: LineEnd) {
    let start = batch.text.len();
    batch.text.extend_from_slice(content);
    let range = start..batch.text.len();
    let cdr = check_end(opened.format, content, end).and_then(|()| opened.reader.read(content));
    batch.incoming.push(judged(line, content, range, cdr, judge.bench()));
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

const DISPOSITIONS: [&[u8]; 7] =
    [b"ANSWERED", b"NO ANSWER", b"NO_ANSWER", b"BUSY", b"FAILED", b"CANCELLED", b"CONGESTION"];

/// Refuses lines that were cut, and a last line of which the end may be missing unseen: `125` may have
/// been `1250`. A closing quote, brace or the word of a disposition shows that it is whole.
fn check_end(format: Format, content: &[u8], end: LineEnd) -> std::result::Result<(), Flaw> {
    if end.cut {
        let message = format!("a line of more than {LONGEST_LINE} bytes: no record is that long");
        return Err(Flaw::new(Reason::MalformedLine, "line", message));
    }
    let last_field = content.rsplit(|byte| *byte == b',').next().unwrap_or_default();
    let is_disposition = DISPOSITIONS.iter().any(|word| last_field.eq_ignore_ascii_case(word));
    let whole = last_field.ends_with(b"\"") || is_disposition;
    if end.unended && !whole && format != Format::CanonicalNdjson {
        let message = "the last line has no line end and may be cut: if it is whole, end it and import again";
        return Err(Flaw::new(Reason::MalformedLine, "line", message));
    }
    Ok(())
}
