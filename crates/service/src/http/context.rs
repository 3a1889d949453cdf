//! Which request is this? Its id and its trace, taken from the caller or made.

use std::sync::{Arc, OnceLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const LONGEST_ID: usize = 100;

/// What is known of a request, in its extensions.
#[derive(Debug, Clone)]
pub struct Context(Arc<Known>);

#[derive(Debug)]
struct Known {
    id: String,
    trace: Trace,
    subject: OnceLock<String>,
}

/// Where a request stands in a trace (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    pub trace_id: u128,
    /// Ours.
    pub span_id: u64,
    /// The caller's, if it sent one.
    pub parent_id: Option<u64>,
    pub flags: u8,
}

impl Context {
    /// Takes the id that the caller sent, else the trace's.
    pub fn of(headers: &HeaderMap, trace: Trace) -> Self {
        let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let sound = |id: &&str| {
            !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let id = sent.filter(sound).map_or_else(|| format!("{:032x}", trace.trace_id), str::to_owned);
        Self(Arc::new(Known { id, trace, subject: OnceLock::new() }))
    }

    /// The id that the caller chose; else the trace's.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    pub fn trace(&self) -> Trace {
        self.0.trace
    }

    /// Who asks, once that is proven.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.get().map(String::as_str)
    }

    /// Notes who asks. What is proven first stays.
    pub fn prove(&self, subject: impl Into<String>) {
        let _ = self.0.subject.set(subject.into());
    }

    /// Puts id and trace on an answer.
    pub fn mark(&self, headers: &mut HeaderMap) {
        for (name, value) in [(REQUEST_ID, self.id()), (TRACEPARENT, &self.0.trace.to_string())] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
}

impl Trace {
    /// Continues the caller's trace; else begins one.
    pub fn of(headers: &HeaderMap) -> Self {
        let span_id = clock::random_bits_64();
        let sent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(parse);
        if let Some((trace_id, parent, flags)) = sent {
            return Self { trace_id, span_id, parent_id: Some(parent), flags };
        }
        let [upper, lower] = [(); 2].map(|()| u128::from(clock::random_bits_64()));
        Self { trace_id: (upper << 64) | lower, span_id, parent_id: None, flags: 0 }
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// Reads `version-trace-parent-flags`. A version after ours may have more behind that.
fn parse(text: &str) -> Option<(u128, u64, u8)> {
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2)?;
    let (trace, parent, flags) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
    let more = parts.next().is_some();
    if version == 0xff || (version == 0 && more) || trace == 0 || parent == 0 {
        return None;
    }
    // Of a later version only the flag that we know.
    let flags = u8::try_from(flags).ok()? & if version == 0 { 0xff } else { 1 };
    Some((trace, u64::try_from(parent).ok()?, flags))
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let sound = text.len() == digits && text.bytes().all(lower);
    sound.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let known = (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, 1);
        assert_eq!(parse(&format!("00-{trace}-00f067aa0ba902b7-01")), Some(known));
        assert_eq!(parse(&format!("cc-{trace}-00f067aa0ba902b7-03-more")), Some(known));
        for wrong in [
            String::new(),
            "00".to_owned(),
            format!("00-{trace}-00f067aa0ba902b7"),
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{trace}-+0f067aa0ba902b7-01"),
            format!("0-{trace}-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_id_that_is_not_sound_is_replaced_by_the_traces() {
        for (sent, kept) in [
            ("switch-a/17", true),
            (&"x".repeat(100), true),
            (&"x".repeat(101), false),
            ("two words", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(sent).unwrap())]);
            let context = Context::of(&headers, Trace::of(&headers));
            assert_eq!(context.id() == sent, kept, "{sent}");
            assert!(kept || context.id() == format!("{:032x}", context.trace().trace_id));
        }
    }
}
