//! What does a cursor look like that has several parts? Text that tells nothing and fits a URL.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A cursor of parts, none of which but the last has a line end.
pub(crate) fn encode(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

/// The parts of a cursor; none of one that nobody made.
pub(crate) fn decode<const PARTS: usize>(text: &str) -> Option<[String; PARTS]> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let parts: Vec<_> = text.splitn(PARTS, '\n').map(str::to_owned).collect();
    // No database holds it.
    if text.contains('\0') { None } else { parts.try_into().ok() }
}
