//! Which text can XML hold?

/// Text as XML can hold it: without control characters.
pub(super) fn clean(text: &str) -> String {
    let holdable = |letter: &char| !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}');
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(holdable).collect()
}

/// Text if there is any.
pub(super) fn given(text: &str) -> Option<String> {
    Some(clean(text)).filter(|text| !text.is_empty())
}
