//! Is every setting read or refused by its name, wherever it was given?

use std::io::Write;

use documents::{Brand, BrandSettings};
use tollbook::config::sources::Sources;

use crate::input::Choice;

pub(crate) fn run(input: &[u8]) {
    let Some((mut choice, text)) = Choice::of_text(input) else { return };
    // A setting may name a file: no device must be read.
    if ["/dev", "/proc", "/sys"].iter().any(|folder| text.contains(folder)) {
        return;
    }
    let mut sources = Sources::default();
    let lines = || text.lines();
    match choice.one(&[0, 1, 2]) {
        0 => sources.file("tollbook.toml", text),
        1 => {
            let variables = lines().filter_map(|line| line.split_once('='));
            sources.environment(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        _ => sources.options(&lines().map(str::to_owned).collect::<Vec<_>>()),
    }
    let (config, faults) = sources.settle();
    assert!(config.is_some() || !faults.is_empty(), "refused without a word: {text}");
    for fault in &faults {
        assert!(!fault.what.trim().is_empty(), "{fault:?}: {text}");
    }
    let _ = sources.in_force();
}

/// A logo is refused, or can be drawn.
pub(crate) fn logo(input: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
    file.write_all(input).unwrap_or_else(|error| panic!("{error}"));
    let settings = BrandSettings {
        logo: Some(file.path().to_owned()),
        ..serde_json::from_str::<BrandSettings>(r##"{"accent": "#1f5f8b", "footer": [], "fonts": []}"##)
            .unwrap_or_else(|error| panic!("{error}"))
    };
    if let Err(refusal) = Brand::load(settings) {
        assert!(refusal.to_string().contains("brand.logo"), "{refusal}");
    }
}
