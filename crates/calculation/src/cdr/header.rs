//! Which column of a file holds which field? The first line and the operator's column map say it.

use super::line::{self, columns_differ, malformed, shown};
use super::{Flaw, Reason};

/// How many column names a message lists.
const LISTED_NAMES: usize = 40;

/// More columns than any system exports; a line of commas is not worth the memory.
const MOST_COLUMNS: usize = 1_000;

/// The columns of a file in their order, under our names where the operator mapped them.
#[derive(Debug)]
pub(super) struct Header {
    found: Vec<String>,
    names: Vec<String>,
}

impl Header {
    /// Reads the first line; `map` holds (our name, name in the file), and `is_ours` knows our names.
    pub(super) fn read(
        first_line: &[u8],
        map: &[(String, String)],
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<Self, Flaw> {
        let mut found = Vec::new();
        let text = line::text(first_line)?;
        let count = line::split(&text, |column, cell| {
            if column < MOST_COLUMNS {
                found.push(cell.text().trim().to_owned());
            }
        })?;
        if count > MOST_COLUMNS {
            return Err(columns_differ(count, "", &format!("a header may have {MOST_COLUMNS}")));
        }
        let advice = line::separator(count, &text).filter(|_| count <= 2);
        if let Some(advice) = advice {
            return Err(malformed(format!("the header has {count} columns{advice}")));
        }
        let mut header = Self { names: found.iter().map(|name| name.to_lowercase()).collect(), found };
        header.rename(map, is_ours)?;
        header.refuse_twins()?;
        Ok(header)
    }

    /// The column called `name` in our words, counted from 0.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }

    /// How many columns every line must have.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// The first column whose name in our words `is_known` does not know: its place from 1, and its name in the file.
    pub(super) fn first_unknown(&self, is_known: impl Fn(&str) -> bool) -> Option<(usize, &str)> {
        let unknown = |(name, _): &(&String, &String)| !is_known(name);
        let place = self.names.iter().zip(&self.found).position(|pair| unknown(&pair))?;
        Some((place.saturating_add(1), self.found.get(place)?))
    }

    /// No column is called `name`, which must be there.
    pub(super) fn lacks(&self, name: &'static str, wanted: &str) -> Flaw {
        let listed: Vec<String> = self.found.iter().take(LISTED_NAMES).map(|name| shown(name)).collect();
        let more = if self.found.len() > LISTED_NAMES { ", …" } else { "" };
        let message = format!(
            "the header has no column {wanted}; it has {}{more}: map the column that holds it in the feed's `columns`",
            listed.join(", ")
        );
        Flaw::new(Reason::MissingField, name, message)
    }

    fn rename(&mut self, map: &[(String, String)], is_ours: impl Fn(&str) -> bool) -> Result<(), Flaw> {
        let as_found = self.names.clone();
        let mut mapped: Vec<(usize, String)> = Vec::new();
        for (ours, theirs) in map {
            let ours = ours.trim().to_lowercase();
            if !is_ours(&ours) {
                return Err(malformed(format!(
                    "the feed's `columns` map to `{}`, which is no field of a record: docs/cdr-formats.md lists them",
                    shown(&ours)
                )));
            }
            let theirs = theirs.trim().to_lowercase();
            let place = as_found.iter().position(|name| *name == theirs).ok_or_else(|| {
                malformed(format!(
                    "the feed's `columns` take `{}` from a column `{}` that the header does not have",
                    shown(&ours),
                    shown(&theirs)
                ))
            })?;
            if mapped.iter().any(|(other, name)| *other == place || *name == ours) {
                return Err(malformed(format!(
                    "the feed's `columns` name `{}` or `{}` twice: one column is one field",
                    shown(&ours),
                    shown(&theirs)
                )));
            }
            mapped.push((place, ours));
        }
        for (place, name) in self.names.iter_mut().enumerate() {
            if let Some((_, ours)) = mapped.iter().find(|(other, _)| *other == place) {
                name.clone_from(ours);
            } else if mapped.iter().any(|(_, ours)| ours == name) {
                // The map wins over a column that happens to have our name; that one is not read.
                *name = format!("ext_{name}");
            }
        }
        Ok(())
    }

    fn refuse_twins(&self) -> Result<(), Flaw> {
        let mut sorted: Vec<&String> = self.names.iter().filter(|name| !name.is_empty()).collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => {
                let name = pair.first().map(|name| shown(name)).unwrap_or_default();
                Err(malformed(format!("the header has two columns `{name}`: rename one of them")))
            }
            None => Ok(()),
        }
    }
}
