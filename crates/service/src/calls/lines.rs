//! Where does a record end? At its line's end: no quote can swallow the rest of a file.

use std::io::{BufRead, ErrorKind};

use calculation::cdr::{Flaw, Format, Reason};

/// A longer line is no record; its end is skipped, its beginning kept for suspense.
pub const LONGEST_LINE: usize = 256 * 1024;

/// One line as it was read, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineEnd {
    /// Bytes read from the input, the line's end included.
    pub bytes: u64,
    /// It was longer than a line may be, and is cut.
    pub cut: bool,
    /// It ended with the input, not with a line end: the rest of it may be missing.
    pub unended: bool,
}

/// Reads the next line into `line`; nothing at the end of the input.
pub fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<LineEnd>> {
    line.clear();
    let mut end = LineEnd { bytes: 0, cut: false, unended: true };
    while end.unended {
        let available = match input.fill_buf() {
            Ok([]) => break,
            Ok(available) => available,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let newline = available.iter().position(|byte| *byte == b'\n');
        let (content, used) = newline.map_or((available, available.len()), |at| (&available[..at], at + 1));
        let room = LONGEST_LINE - line.len();
        line.extend_from_slice(&content[..content.len().min(room)]);
        end.cut |= content.len() > room;
        end.unended = newline.is_none();
        end.bytes += used as u64;
        input.consume(used);
    }
    if end.bytes == 0 {
        return Ok(None);
    }
    if !end.cut && line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(end))
}

const DISPOSITIONS: [&[u8]; 7] =
    [b"ANSWERED", b"NO ANSWER", b"NO_ANSWER", b"BUSY", b"FAILED", b"CANCELLED", b"CONGESTION"];

/// Refuses lines that were cut, and a last line of which the end may be missing unseen: `125` may have
/// been `1250`. A closing quote, brace or the word of a disposition shows that it is whole.
pub(super) fn check_end(format: Format, content: &[u8], end: LineEnd) -> std::result::Result<(), Flaw> {
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

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &[u8]) -> Vec<(Vec<u8>, bool, bool)> {
        let mut input = BufReader::with_capacity(3, text);
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while let Some(end) = next_line(&mut input, &mut line).unwrap() {
            lines.push((line.clone(), end.cut, end.unended));
        }
        lines
    }

    #[test]
    fn a_line_ends_with_or_without_carriage_return() {
        let expected =
            [(b"abc".to_vec(), false, false), (b"".to_vec(), false, false), (b"d".to_vec(), false, true)];
        assert_eq!(lines(b"abc\r\n\nd"), expected);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_is_whole() {
        let mut text = vec![b'x'; LONGEST_LINE + 10];
        text.extend_from_slice(b"\nnext\n");
        let found = lines(&text);
        assert_eq!((found[0].0.len(), found[0].1), (LONGEST_LINE, true));
        assert_eq!(found[1], (b"next".to_vec(), false, false));
    }
}
