//! Does a log or a terminal show what it must not?

use tollbook::log::{Concealed, Masked};
use tollbook::visible::Visible;

/// How secrets begin.
const SECRETS: [&str; 4] = ["tok_", "whsec_", "sec_0cnadvaem1t98_", "Bearer "];
/// 256 random bits, like every secret of ours.
const RANDOM: &str = "q7Zr-Yw2_nB4kXv9TfLs0HdJcM6gPaUe8oiRQ1ytWSz";

/// A secret is put into the text at its first NUL, or at its end.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (before, after) = text.split_once('\0').unwrap_or((text, ""));
    for secret in SECRETS {
        let text = format!("{before}{secret}{RANDOM}{after}");
        for masked in [Masked(&text).to_string(), Concealed(&text).to_string()] {
            assert!(!masked.contains(RANDOM), "{text} is shown as {masked}");
        }
    }
    visible(text);
}

fn visible(text: &str) {
    let shown = Visible(text).to_string();
    let acts = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    assert!(!shown.contains(acts), "{text:?} is shown as {shown:?}");
    assert_eq!(Visible(&shown).to_string(), shown);
    if let Ok(json) = serde_json::to_string(text) {
        let shown = Visible(json).to_string();
        assert!(serde_json::from_str::<String>(&shown).is_ok_and(|again| again == text), "{shown}");
    }
}
