//! How does one line fall into fields?

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::{Flaw, Reason};

/// As many slots as the widest layout we know has columns: Asterisk's `Master.csv`.
pub(super) const WIDTH: usize = 21;

/// How much of somebody's text a message repeats.
const SHOWN_CHARACTERS: usize = 40;

/// One field as it stands in the line.
#[derive(Debug, Default)]
pub(super) enum Cell<'l> {
    /// The line has no such field.
    #[default]
    Absent,
    /// Without quotes; in JSON a number.
    Bare(&'l str),
    /// With quotes; in JSON a string.
    Quoted(Cow<'l, str>),
}

/// The fields of one line that a format asks for, each in its slot.
#[derive(Debug, Default)]
pub(super) struct Row<'l>([Cell<'l>; WIDTH]);

impl Cell<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Cell::Absent => "",
            Cell::Bare(text) => text,
            Cell::Quoted(text) => text,
        }
    }
}

impl<'l> Row<'l> {
    pub(super) fn put(&mut self, slot: usize, cell: Cell<'l>) {
        if let Some(place) = self.0.get_mut(slot) {
            *place = cell;
        }
    }

    pub(super) fn cell(&self, slot: usize) -> &Cell<'l> {
        self.0.get(slot).unwrap_or(&Cell::Absent)
    }

    pub(super) fn text(&self, slot: usize) -> &str {
        self.cell(slot).text()
    }

    pub(super) fn take_cell(&mut self, slot: usize) -> Cell<'l> {
        self.0.get_mut(slot).map(std::mem::take).unwrap_or_default()
    }

    /// The text in a slot, empty when absent; the slot is empty afterwards.
    pub(super) fn take(&mut self, slot: usize) -> Cow<'l, str> {
        match self.take_cell(slot) {
            Cell::Absent => Cow::Borrowed(""),
            Cell::Bare(text) => Cow::Borrowed(text),
            Cell::Quoted(text) => text,
        }
    }
}

/// A line as text, without a byte order mark and a carriage return.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'l> {
    pub(super) text: &'l str,
    /// Bytes that are not UTF-8 were replaced in it.
    pub(super) is_garbled: bool,
}

impl Line<'_> {
    /// Refuses a field that is read and whose bytes are not UTF-8. In one that nobody reads they harm nobody.
    pub(super) fn refuse_garbled(
        &self,
        row: &Row<'_>,
        name: impl Fn(usize) -> &'static str,
    ) -> Result<(), Flaw> {
        let is_bad = |slot: &usize| self.is_garbled && row.text(*slot).contains(char::REPLACEMENT_CHARACTER);
        match (0..WIDTH).find(is_bad) {
            Some(slot) => Err(malformed(format!(
                "`{}` is not UTF-8 (`{}`): export the file as UTF-8",
                name(slot),
                shown(row.text(slot))
            ))),
            None => Ok(()),
        }
    }
}

/// The bytes of a line that is one: without a byte order mark and a carriage return.
///
/// The mark is taken off every line, as files that were joined have it inside.
pub(super) fn bytes(line: &[u8]) -> Result<&[u8], Flaw> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    if line.is_empty() {
        return Err(malformed("the line is empty"));
    }
    match memchr2(0, b'\n', line) {
        Some(at) => Err(malformed(format!("a NUL or newline at byte {}", position(at)))),
        None => Ok(line),
    }
}

/// A line as text; bytes that are not UTF-8 are replaced.
pub(super) fn text(line: &[u8]) -> Result<Cow<'_, str>, Flaw> {
    bytes(line).map(String::from_utf8_lossy)
}

/// Gives each field of a CSV line with its column, counted from 0, to `each`; answers how many there are.
///
/// Quotes are those of RFC 4180 within one line: around a whole field, doubled inside it.
pub(super) fn split<'l>(line: &'l str, mut each: impl FnMut(usize, Cell<'l>)) -> Result<usize, Flaw> {
    let mut rest = line;
    let mut column = 0_usize;
    loop {
        let next = match rest.strip_prefix('"') {
            Some(body) => quoted(body),
            None => bare(rest),
        };
        let (cell, after) = next.map_err(|trouble| {
            let at = position(line.len().saturating_sub(trouble.rest));
            malformed(format!("{} in column {}, at byte {at}", trouble.what, position(column)))
        })?;
        each(column, cell);
        column = position(column);
        match after {
            Some(after) => rest = after,
            None => return Ok(column),
        }
    }
}

/// What is wrong with a field, and how many bytes of the line are left there.
struct Trouble {
    what: &'static str,
    rest: usize,
}

type Next<'l> = Result<(Cell<'l>, Option<&'l str>), Trouble>;

fn bare(rest: &str) -> Next<'_> {
    let Some(at) = memchr2(b',', b'"', rest.as_bytes()) else {
        return Ok((Cell::Bare(rest), None));
    };
    // The byte found is ASCII, so it begins a character and the line can be cut before it.
    let (text, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
    match after.strip_prefix(',') {
        Some(after) => Ok((Cell::Bare(text), Some(after))),
        None => {
            Err(Trouble { what: "a quote inside a field that does not begin with one", rest: after.len() })
        }
    }
}

fn quoted(body: &str) -> Next<'_> {
    let mut text = Cow::Borrowed("");
    let mut rest = body;
    loop {
        let cut = memchr(b'"', rest.as_bytes()).and_then(|at| rest.split_at_checked(at));
        let Some((piece, tail)) = cut else {
            return Err(Trouble {
                what: "a quote that is not closed on its line",
                rest: body.len().saturating_add(1),
            });
        };
        match &mut text {
            Cow::Owned(text) => text.push_str(piece),
            Cow::Borrowed(_) => text = Cow::Borrowed(piece),
        }
        let after = tail.strip_prefix('"').unwrap_or(tail);
        if after.is_empty() {
            return Ok((Cell::Quoted(text), None));
        }
        if let Some(next) = after.strip_prefix(',') {
            return Ok((Cell::Quoted(text), Some(next)));
        }
        let Some(inside) = after.strip_prefix('"') else {
            return Err(Trouble { what: "text after a closing quote", rest: after.len() });
        };
        text.to_mut().push('"');
        rest = inside;
    }
}

/// People count from 1.
fn position(index: usize) -> usize {
    index.saturating_add(1)
}

pub(super) fn malformed(message: impl Into<String>) -> Flaw {
    Flaw::new(Reason::MalformedLine, "line", message)
}

/// A line falls into another number of fields than it should, perhaps because commas do not part them.
pub(super) fn columns_differ(found: usize, line: &str, expected: &str) -> Flaw {
    let advice = separator(found, line).unwrap_or_default();
    malformed(format!("{found} columns where {expected}{advice}"))
}

/// What to do about a line that other characters than commas part into fields.
pub(super) fn separator(found: usize, line: &str) -> Option<String> {
    let names = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
    let parts = |separator: char| line.matches(separator).count();
    let (_, name) = names.into_iter().find(|(separator, _)| parts(*separator) >= found.max(3))?;
    Some(format!(": the columns are separated by {name}: export the file with commas"))
}

/// The beginning of a text, fit for a message.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_CHARACTERS)
        .map(|character| if character.is_control() { '\u{FFFD}' } else { character })
        .collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, Flaw> {
        let mut fields = Vec::new();
        split(line, |_, cell| fields.push(format!("{cell:?}")))?;
        Ok(fields)
    }

    fn message(line: &str) -> String {
        fields(line).unwrap_err().message
    }

    #[test]
    fn a_line_falls_into_bare_and_quoted_fields() {
        let line = r#"a,"b,c","say ""hi""",,"","#;
        let expected = [
            r#"Bare("a")"#,
            r#"Quoted("b,c")"#,
            r#"Quoted("say \"hi\"")"#,
            r#"Bare("")"#,
            r#"Quoted("")"#,
            r#"Bare("")"#,
        ];
        assert_eq!(fields(line).unwrap(), expected);
        assert_eq!(fields(r#""""""#).unwrap(), [r#"Quoted("\"")"#]);
    }

    #[test]
    fn only_a_field_with_escaped_quotes_is_copied() {
        split(r#"a,"b","c""d""#, |column, cell| {
            let copied = matches!(cell, Cell::Quoted(Cow::Owned(_)));
            assert_eq!(copied, column == 2);
        })
        .unwrap();
    }

    #[test]
    fn a_quote_in_the_wrong_place_is_named_with_its_place() {
        assert_eq!(
            message(r#"a,b"c"#),
            "a quote inside a field that does not begin with one in column 2, at byte 4"
        );
        assert_eq!(message(r#"a,"bc"#), "a quote that is not closed on its line in column 2, at byte 3");
        assert_eq!(message(r#"é,"b"c"#), "text after a closing quote in column 2, at byte 7");
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_place() {
        assert_eq!(text(b"").unwrap_err().message, "the line is empty");
        assert_eq!(text(b"\r").unwrap_err().message, "the line is empty");
        assert_eq!(text(b"ab\0").unwrap_err().message, "a NUL or newline at byte 3");
        assert_eq!(text(b"ab\xFF").unwrap(), "ab\u{FFFD}");
        assert_eq!(text(b"\xEF\xBB\xBFa\r").unwrap(), "a");
        assert!(text(b"ab\0").unwrap_err().reason == Reason::MalformedLine);
    }

    #[test]
    fn a_message_repeats_at_most_forty_characters() {
        assert_eq!(shown("a\tb"), "a\u{FFFD}b");
        assert_eq!(shown(&"ü".repeat(41)), format!("{}…", "ü".repeat(40)));
    }
}
