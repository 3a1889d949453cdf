//! Which font has a letter that the built-in one lacks?
//!
//! Fonts are looked for in the places of the settings when a text first needs one: what letters each has is
//! noted, and only those that are drawn with stay in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use krilla::text::Font;
use skrifa::raw::FileRef;
use skrifa::{FontRef, MetadataProvider};

/// The folders of the settings' default: what is not there is none of the operator's mistakes.
const OF_THE_SYSTEM: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];
const ENDINGS: [&str; 4] = ["ttf", "otf", "ttc", "otc"];
/// A folder of fonts is not deeper, and a link may lead back.
const DEEPEST: usize = 8;
/// Fonts that have a box or a blank for every letter.
const OF_NO_LETTERS: [&str; 3] = ["lastresort", "adobeblank", "tofu"];

/// The fonts that take over where the built-in one lacks a letter; cheap to clone.
#[derive(Clone, Default)]
pub struct Fonts(Arc<Found>);

#[derive(Default)]
struct Found {
    places: Vec<PathBuf>,
    faces: OnceLock<Vec<Candidate>>,
    loaded: Mutex<BTreeMap<usize, Option<Arc<Fallback>>>>,
}

/// A face that was found, and which letters it has.
struct Candidate {
    path: PathBuf,
    index: u32,
    rank: Rank,
    weight: i32,
    /// Code points from one to another, both included, in their order.
    letters: Vec<(u32, u32)>,
}

/// Which of several is taken: of the place that is named first, of the family that fits the built-in one,
/// upright and of common width.
type Rank = (usize, u8, bool);

/// A face in memory.
pub(super) struct Fallback {
    pub(super) font: Font,
    pub(super) data: Arc<Vec<u8>>,
    pub(super) index: u32,
}

impl Fonts {
    /// Fonts in some files and folders.
    pub fn in_places(places: Vec<PathBuf>) -> Self {
        Self(Arc::new(Found { places, ..Found::default() }))
    }

    /// What is wrong with the places, by their names.
    pub fn faults(&self) -> Vec<String> {
        let lacks = |place: &&PathBuf| {
            !place.exists() && !OF_THE_SYSTEM.iter().any(|known| place.as_path() == Path::new(known))
        };
        let missing = self.0.places.iter().filter(lacks);
        missing.map(|place| format!("`{}`: there is no such file or folder", place.display())).collect()
    }

    /// The face that has all of some letters, the one whose weight is nearest.
    pub(super) fn having(&self, letters: &[char], weight: i32) -> Option<Arc<Fallback>> {
        let faces = self.0.faces.get_or_init(|| found(&self.0.places));
        let has_all = |face: &Candidate| letters.iter().all(|letter| face.has(*letter));
        let mut fitting: Vec<_> = (0..).zip(faces).filter(|(_, face)| has_all(face)).collect();
        fitting.sort_by_key(|(place, face)| (face.rank, (face.weight - weight).abs(), *place));
        fitting.into_iter().find_map(|(place, face)| self.load(place, face))
    }

    /// Reads a face, once; nothing if it cannot be drawn with.
    fn load(&self, place: usize, face: &Candidate) -> Option<Arc<Fallback>> {
        let mut loaded = self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let data = Arc::new(std::fs::read(&face.path).ok()?);
            let font = Font::new(data.clone().into(), face.index)?;
            rustybuzz::Face::from_slice(&data, face.index)?;
            Some(Arc::new(Fallback { font, data, index: face.index }))
        };
        loaded.entry(place).or_insert_with(read).clone()
    }
}

impl Candidate {
    fn has(&self, letter: char) -> bool {
        let code = u32::from(letter);
        let after = self.letters.partition_point(|(first, _)| *first <= code);
        after.checked_sub(1).and_then(|place| self.letters.get(place)).is_some_and(|(_, last)| code <= *last)
    }
}

/// Every face in some places, in an order that does not change.
fn found(places: &[PathBuf]) -> Vec<Candidate> {
    let mut faces = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let mut files = Vec::new();
        collect(place, 0, &mut files);
        files.sort();
        files.dedup();
        for path in files {
            let Ok(data) = std::fs::read(&path) else { continue };
            faces.extend(faces_of(&path, number, &data));
        }
    }
    faces
}

fn collect(place: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    if place.is_file() {
        let ending = place.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            files.push(place.to_owned());
        }
    } else if depth <= DEEPEST
        && let Ok(entries) = std::fs::read_dir(place)
    {
        entries.flatten().for_each(|entry| collect(&entry.path(), depth + 1, files));
    }
}

fn faces_of(path: &Path, place: usize, data: &[u8]) -> Vec<Candidate> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    if OF_NO_LETTERS.iter().any(|none| name.contains(none)) {
        return Vec::new();
    }
    let count = match FileRef::new(data) {
        Ok(FileRef::Font(_)) => 1,
        Ok(FileRef::Collection(all)) => all.len(),
        Err(_) => 0,
    };
    let face = |index| {
        let font = FontRef::from_index(data, index).ok()?;
        let attributes = font.attributes();
        let plain = attributes.style == skrifa::attribute::Style::Normal
            && attributes.stretch == skrifa::attribute::Stretch::NORMAL;
        #[expect(clippy::cast_possible_truncation, reason = "a weight is at most 1000")]
        let weight = attributes.weight.value() as i32;
        let letters = ranges(font.charmap().mappings().map(|(code, _)| code));
        (!letters.is_empty()).then(|| Candidate {
            path: path.to_owned(),
            index,
            rank: (place, family(&name), !plain),
            weight,
            letters,
        })
    };
    (0..count).filter_map(face).collect()
}

/// How well a family fits the built-in one; pictures and makeshift fonts come last.
fn family(name: &str) -> u8 {
    match name {
        _ if ["emoji", "unifont", "mono"].iter().any(|last| name.contains(last)) => 3,
        _ if name.starts_with("notosans") => 0,
        _ if name.starts_with("noto") => 1,
        _ => 2,
    }
}

fn ranges(codes: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut codes: Vec<u32> = codes.collect();
    codes.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for code in codes {
        match ranges.last_mut() {
            Some((_, last)) if code <= last.saturating_add(1) => *last = code,
            _ => ranges.push((code, code)),
        }
    }
    ranges
}

impl fmt::Debug for Fonts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(&self.0.places).finish()
    }
}

/// By where they are.
impl PartialEq for Fonts {
    fn eq(&self, other: &Self) -> bool {
        self.0.places == other.0.places
    }
}

impl Eq for Fonts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_found_in_ranges() {
        let letters = ranges([5, 1, 2, 3, 9, 9].into_iter());
        assert_eq!(letters, [(1, 3), (5, 5), (9, 9)]);
        let face = Candidate { path: PathBuf::new(), index: 0, rank: (0, 0, false), weight: 400, letters };
        let has = |code| face.has(char::from_u32(code).unwrap());
        assert_eq!([0, 1, 3, 4, 5, 6, 9, 10].map(has), [false, true, true, false, true, false, true, false]);
    }

    #[test]
    fn a_place_that_is_named_and_not_there_is_a_fault() {
        let places = ["/usr/local/share/fonts", "/nowhere/fonts"].map(PathBuf::from);
        let faults = Fonts::in_places(places.to_vec()).faults();
        assert_eq!(faults, ["`/nowhere/fonts`: there is no such file or folder"]);
        assert!(Fonts::in_places(Vec::new()).having(&['東'], 400).is_none());
    }
}
