//! Is a file of call records read safely, in each of its formats?

use std::io::BufReader;

use calculation::call::{Limits, Verdict, judge};
use calculation::cdr::{Cdr, Disposition, Feed, FirstLine, Flaw, Format, Reader, Seventeenth, detect};
use calculation::phone_number::dialled;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tollbook::calls::lines::{LONGEST_LINE, next_line};

use crate::input::Choice;

/// Later than the times in the corpus: no record is refused only because it lies in the future.
const NOW: i64 = 4_000_000_000;
/// A message repeats no more than a part of what it refuses.
const LONGEST_MESSAGE: usize = 1_000;

pub(crate) fn csv(input: &[u8]) {
    file(input, Format::Canonical);
}

pub(crate) fn ndjson(input: &[u8]) {
    file(input, Format::CanonicalNdjson);
}

pub(crate) fn asterisk(input: &[u8]) {
    file(input, Format::AsteriskMaster);
}

pub(crate) fn asterisk_table(input: &[u8]) {
    file(input, Format::AsteriskTable);
}

/// The settings of a source, chosen by the first byte.
fn feed(mut choice: Choice, format: Format) -> Feed {
    let zone = choice.one(&["Europe/Berlin", "America/St_Johns", "UTC", ""]);
    let trunks = choice.one(&[&[][..], &["PJSIP/VIOrig"]]);
    let columns = choice.one(&[&[][..], &[("called_number", "dst"), ("record_id", "uniqueid")]]);
    let seventeenth = choice.one(&[Seventeenth::UniqueId, Seventeenth::UserField]);
    Feed {
        zone: TimeZone::get(zone).unwrap_or(TimeZone::unknown()),
        trunks: trunks.iter().map(|trunk| (*trunk).to_owned()).collect(),
        columns: columns.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect(),
        seventeenth,
        ..Feed::new(format)
    }
}

fn file(input: &[u8], format: Format) {
    let Some((choice, file)) = Choice::of(input) else { return };
    let mut lines = file.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let _ = detect(first);
    let (reader, kind) = match Reader::new(feed(choice, format), first) {
        Ok(opened) => opened,
        Err(flaw) => return refused(&flaw),
    };
    let records = (kind == FirstLine::Record).then_some(first).into_iter().chain(lines);
    for line in records {
        record(&reader, line);
    }
}

fn record(reader: &Reader, line: &[u8]) {
    let _ = reader.clock_proof(line);
    let read = reader.read(line);
    if !line.ends_with(b"\r") {
        let with_return = [line, b"\r"].concat();
        assert_eq!(reader.read(&with_return), read, "a carriage return belongs to the line's end");
    }
    match read {
        Ok(cdr) => accepted(&cdr),
        Err(flaw) => refused(&flaw),
    }
}

/// Checks what every record has that was read, and every one that is charged or free.
fn accepted(cdr: &Cdr<'_>) {
    assert!(!cdr.record_id.is_empty(), "it has no id: {cdr:?}");
    let texts = [&cdr.record_id, &cdr.call_id, &cdr.calling_number, &cdr.called_number];
    assert!(texts.iter().all(|text| !text.contains('\0')), "no database holds it: {cdr:?}");
    assert_eq!(&cdr.clone().into_owned(), cdr);
    written(cdr);
    let Ok(now) = Timestamp::from_second(NOW) else { return };
    let mut warnings = cdr.warnings;
    let judged = judge(cdr, now, Limits::default(), &mut warnings);
    if judged.is_ok() {
        assert!(cdr.start <= cdr.end, "it ends before it begins: {cdr:?}");
        if let Some(answer) = cdr.answer {
            assert!(answer <= cdr.end, "it ends before it is answered: {cdr:?}");
            // The clocks of two proxies may differ by a second.
            assert!(
                cdr.start <= answer.saturating_add(1.second()).unwrap_or(answer),
                "it is answered before it begins: {cdr:?}"
            );
        }
    }
    match judged {
        Ok(Verdict::Billable(billable)) => {
            assert_eq!(cdr.disposition, Disposition::Answered, "{cdr:?}");
            assert_eq!(Some(billable.answered_at), cdr.answer, "{cdr:?}");
            let longest = Limits::default().longest_call_seconds;
            assert!((1..=longest).contains(&billable.talk_seconds), "{billable:?} of {cdr:?}");
        }
        Ok(_) => {}
        Err(flaw) => refused(&flaw),
    }
    let _ = dialled(&cdr.called_number, None);
}

/// A record that is written in our own format and read again says the same.
fn written(cdr: &Cdr<'_>) {
    let json = cdr.to_json();
    let reader = Reader::written();
    let again = reader.read(json.as_bytes()).unwrap_or_else(|flaw| panic!("{json} is refused: {flaw}"));
    let known = Cdr {
        leg: cdr.leg,
        second_id: cdr.second_id.clone(),
        written_id: cdr.written_id.clone(),
        warnings: cdr.warnings,
        ..again
    };
    assert_eq!(&known, cdr, "{json}");
}

fn refused(flaw: &Flaw) {
    assert!(!flaw.field.is_empty() && !flaw.message.is_empty(), "{flaw:?}");
    assert!(flaw.message.len() <= LONGEST_MESSAGE, "{flaw}");
}

/// Lines are the same however the bytes are cut into pieces.
pub(crate) fn lines(input: &[u8]) {
    let Some((choice, file)) = Choice::of(input) else { return };
    // A short input makes long lines.
    let mut choice = choice;
    let times = choice.one(&[1, 1, 1, LONGEST_LINE / 16]);
    let capacity = choice.one(&[1, 2, 3, 7, 64]);
    let file = file.repeat(if file.len() <= 20 { times } else { 1 });
    let whole = read_lines(&file, file.len().max(1));
    assert_eq!(read_lines(&file, capacity), whole);
    let bytes: u64 = whole.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(bytes, u64::try_from(file.len()).unwrap_or_default());
    assert!(whole.iter().all(|(line, _)| line.len() <= LONGEST_LINE && !line.contains(&b'\n')));
    if file.len() <= LONGEST_LINE && !file.contains(&b'\r') {
        let mut expected: Vec<_> = file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        expected.pop_if(|last| last.is_empty());
        assert_eq!(whole.into_iter().map(|(line, _)| line).collect::<Vec<_>>(), expected);
    }
}

fn read_lines(file: &[u8], capacity: usize) -> Vec<(Vec<u8>, u64)> {
    let mut input = BufReader::with_capacity(capacity, file);
    let (mut line, mut lines) = (Vec::new(), Vec::new());
    while let Some(end) = next_line(&mut input, &mut line).unwrap_or_else(|error| panic!("{error}")) {
        lines.push((line.clone(), end.bytes));
    }
    lines
}
