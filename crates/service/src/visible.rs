//! What does a terminal show of a text that others wrote? All of it, and it does nothing of what the text says.
//!
//! A name or a record's id may hold characters that move the cursor, colour the screen or turn the direction of writing.

use std::fmt::{self, Display, Write as _};
use std::io::{self, IsTerminal, Write};

/// What is given on the command line to be kept and shown to others: words on one line.
pub fn one_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("it has a control character: write it on one line".to_owned());
    }
    Ok(text.to_owned())
}

/// A text in which each such character is escaped as in JSON: `\u001b`. Lines and tabs stay.
#[derive(Debug, Clone, Copy)]
pub struct Visible<T>(pub T);

impl<T: Display> Display for Visible<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(out), "{}", self.0)
    }
}

struct Escaping<W>(W);

impl<W: fmt::Write> fmt::Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(acts) {
            let mut letters = part.chars();
            match letters.next_back() {
                Some(last) if acts(last) => {
                    self.0.write_str(letters.as_str())?;
                    write!(self.0, "\\u{:04x}", u32::from(last))?;
                }
                _ => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Whether a terminal acts on a character instead of showing it. All of them have four hexadecimal digits.
fn acts(letter: char) -> bool {
    let turns = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (letter.is_control() && !matches!(letter, '\n' | '\t'))
}

/// Standard output for what programs read: as it is, but for a terminal.
pub fn stdout() -> Box<dyn Write> {
    let out = io::stdout();
    if out.is_terminal() { Box::new(Lines(out)) } else { Box::new(out) }
}

/// A writer for a terminal; it is given whole lines.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The rows of our own CSV end so.
        let (line, end) = bytes.strip_suffix(b"\r\n").map_or((bytes, ""), |line| (line, "\r\n"));
        write!(self.0, "{}{end}", Visible(String::from_utf8_lossy(line)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown() {
        for (text, shown) in [
            ("", ""),
            ("Müller & Söhne\t漢字 😀\nnext", "Müller & Söhne\t漢字 😀\nnext"),
            ("\u{1b}[31mred\u{1b}[0m", "\\u001b[31mred\\u001b[0m"),
            ("a\rb\u{8}\u{7}\0", "a\\u000db\\u0008\\u0007\\u0000"),
            ("\u{7f}\u{9b}2J\u{85}", "\\u007f\\u009b2J\\u0085"),
            ("left\u{202e}thgir\u{2066}x\u{2069}\u{200f}", "left\\u202ethgir\\u2066x\\u2069\\u200f"),
        ] {
            assert_eq!(Visible(text).to_string(), shown);
            let mut out = Vec::new();
            Lines(&mut out).write_all(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }

    #[test]
    fn a_row_ends_as_it_does_in_a_file() {
        let mut out = Vec::new();
        Lines(&mut out).write_all(b"a,\"b\r\nc\r\"\r\n").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,\"b\\u000d\nc\\u000d\"\r\n");
    }

    #[test]
    fn json_says_the_same_as_before() {
        let value = serde_json::json!({"id\u{9b}": "a\u{1b}[2J\u{202e}\u{7f}\r\n"});
        let text = Visible(serde_json::to_string_pretty(&value).unwrap()).to_string();
        assert!(!text.contains(acts), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
