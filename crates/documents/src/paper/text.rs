//! How wide is a text, and how does it fit a given width?
//!
//! The built-in face is read once into a table of glyphs and advances, which sets Latin, Greek and Cyrillic.
//! Other scripts are shaped (`shape.rs`), in other fonts where that one lacks a letter (`fonts.rs`). A letter
//! that no font has is remembered: such a document is refused.

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::raw::TableProvider;
use skrifa::{FontRef, MetadataProvider};
use unicode_normalization::UnicodeNormalization;

use super::fonts::Fonts;
use super::shape::{Drawn, Run, clusters, is_mark, is_plain, shape};

/// The two weights the document is set in.
pub(super) struct Faces {
    pub(super) regular: Face,
    pub(super) bold: Face,
}

/// One weight: the built-in font, those that take over where it lacks a letter, and the letters that none has.
pub(super) struct Face {
    own: &'static BuiltIn,
    fonts: Fonts,
    weight: i32,
    missing: Rc<RefCell<BTreeSet<char>>>,
}

/// A font in the program, and what we need to know of it to set text.
struct BuiltIn {
    font: Font,
    shaper: rustybuzz::Face<'static>,
    /// By code point, for the basic plane.
    glyphs: Vec<Option<Glyph>>,
    missing: Glyph,
    units_per_em: f32,
}

#[derive(Clone, Copy)]
struct Glyph {
    id: u16,
    /// In font units: `units_per_em` of them are one size.
    advance: u16,
}

/// A text longer than this is cut before it is measured: no field of an invoice needs more.
const LONGEST_TEXT: usize = 1000;
/// More marks on one letter are no letter of any script.
const MOST_MARKS: u8 = 6;
const ELLIPSIS: char = '…';
/// WHITE SQUARE stands for a letter that no font has, in a document that is refused for it.
const MISSING: char = '□';
const REGULAR: i32 = 400;
const BOLD: i32 = 700;

/// Both built-in faces, read at first use; nothing if the embedded files should be unreadable.
fn built_in() -> Option<&'static [BuiltIn; 2]> {
    static FACES: LazyLock<Option<[BuiltIn; 2]>> =
        LazyLock::new(|| Some([BuiltIn::read(notosans::REGULAR_TTF)?, BuiltIn::read(notosans::BOLD_TTF)?]));
    FACES.as_ref()
}

impl Faces {
    /// The built-in faces with the fonts that take over.
    pub(super) fn new(fonts: &Fonts) -> Option<Self> {
        let [regular, bold] = built_in()?;
        let missing = Rc::<RefCell<BTreeSet<char>>>::default();
        let face = |own, weight| Face { own, fonts: fonts.clone(), weight, missing: Rc::clone(&missing) };
        Some(Self { regular: face(regular, REGULAR), bold: face(bold, BOLD) })
    }

    /// The letters that no font had so far.
    pub(super) fn missing(&self) -> Vec<char> {
        self.regular.missing.borrow().iter().copied().collect()
    }
}

impl BuiltIn {
    fn read(file: &'static [u8]) -> Option<Self> {
        let tables = FontRef::new(file).ok()?;
        let metrics = tables.hmtx().ok()?;
        let mut glyphs = vec![None; usize::from(u16::MAX) + 1];
        for (code_point, glyph) in tables.charmap().mappings() {
            let id = u16::try_from(glyph.to_u32()).ok()?;
            if let Some(slot) = usize::try_from(code_point).ok().and_then(|index| glyphs.get_mut(index)) {
                *slot = Some(Glyph { id, advance: metrics.advance(glyph)? });
            }
        }
        let missing = glyphs.get(usize::try_from(u32::from(MISSING)).ok()?).copied().flatten()?;
        let font = Font::new(file.into(), 0)?;
        let shaper = rustybuzz::Face::from_slice(file, 0)?;
        let units_per_em = font.units_per_em();
        Some(Self { font, shaper, glyphs, missing, units_per_em })
    }

    fn glyph(&self, char: char) -> Option<Glyph> {
        let index = usize::try_from(u32::from(char)).ok()?;
        self.glyphs.get(index).copied().flatten().filter(|glyph| glyph.id != 0)
    }

    fn glyph_or_box(&self, char: char) -> Glyph {
        self.glyph(char).unwrap_or(self.missing)
    }
}

impl Face {
    pub(super) fn font(&self) -> Font {
        self.own.font.clone()
    }

    pub(super) fn shaper(&self) -> &'static rustybuzz::Face<'static> {
        &self.own.shaper
    }

    pub(super) fn has_all(&self, letters: &[char]) -> bool {
        letters.iter().all(|letter| self.own.glyph(*letter).is_some())
    }

    /// The font that has some letters which are drawn together: the built-in one if that has them, another, or
    /// none, which is remembered.
    pub(super) fn drawn_with(&self, letters: &[char]) -> Drawn {
        if self.has_all(letters) {
            return Drawn::BuiltIn;
        }
        let other = self.fonts.having(letters, self.weight);
        if other.is_none() {
            let lacking = |letter: &&char| {
                self.own.glyph(**letter).is_none() && self.fonts.having(&[**letter], self.weight).is_none()
            };
            let mut lacking: Vec<char> = letters.iter().filter(lacking).copied().collect();
            // Each has a font, but no one font has all that belong together.
            if lacking.is_empty() {
                lacking = letters.to_vec();
            }
            self.missing.borrow_mut().extend(lacking);
        }
        other.map_or(Drawn::Missing, Drawn::With)
    }

    /// A box for letters that no font has.
    pub(super) fn missing_run(&self, bytes: Range<usize>) -> Run {
        let Glyph { id, advance } = self.own.missing;
        let advance = f32::from(advance) / self.own.units_per_em;
        let glyph = KrillaGlyph::new(GlyphId::new(id.into()), advance, 0.0, 0.0, 0.0, bytes, None);
        Run { font: self.font(), glyphs: vec![glyph], advance }
    }

    /// Whether the built-in font sets the text letter by letter.
    fn is_simple(&self, text: &str) -> bool {
        text.chars().all(|char| is_plain(char) && self.own.glyph(char).is_some())
    }

    /// The width of a printable text at a size.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        if self.is_simple(text) {
            let units: f32 = text.chars().map(|char| f32::from(self.own.glyph_or_box(char).advance)).sum();
            return units * size / self.own.units_per_em;
        }
        let advances: f32 = shape(self, text).iter().map(|run| run.advance).sum();
        advances * size
    }

    /// The text, cut with an ellipsis if it is wider than `width`.
    pub(super) fn fit(&self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.into();
        }
        let room = width - self.width("…", size);
        let kept = &text[..self.prefix(text, size, room)];
        format!("{}{ELLIPSIS}", kept.trim_end())
    }

    /// The text in lines no wider than `width`, broken at spaces where possible; the last of at
    /// most `most` lines is cut with an ellipsis.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if lines.len() + 1 >= most {
                lines.push(self.fit(rest, size, width));
                break;
            }
            let line = &rest[..self.line_end(rest, size, width)];
            rest = rest[line.len()..].trim_start();
            lines.push(line.trim_end().into());
        }
        lines
    }

    /// Where the first line of the text ends: at a space, or inside a word that is itself too long.
    fn line_end(&self, text: &str, size: f32, width: f32) -> usize {
        let fits = self.prefix(text, size, width);
        if fits == text.len() || text[fits..].starts_with(' ') {
            return fits;
        }
        let at_space = text[..fits].rfind(' ');
        let first = clusters(text).first().map_or(0, |first| first.end);
        at_space.filter(|end| *end > 0).unwrap_or(fits.max(first))
    }

    /// The length in bytes of the longest start of the text that is no wider than `width`.
    fn prefix(&self, text: &str, size: f32, width: f32) -> usize {
        if !self.is_simple(text) {
            let clusters = clusters(text);
            // What is shaped grows with each cluster, as good as always.
            let fitting = clusters.partition_point(|cluster| self.width(&text[..cluster.end], size) <= width);
            return fitting.checked_sub(1).and_then(|last| clusters.get(last)).map_or(0, |last| last.end);
        }
        let mut used = 0.0;
        for (index, char) in text.char_indices() {
            used += f32::from(self.own.glyph_or_box(char).advance) * size / self.own.units_per_em;
            if used > width {
                return index;
            }
        }
        text.len()
    }

    /// The pieces of a printable text, as krilla draws them one after the other.
    pub(super) fn set(&self, text: &str) -> Vec<Run> {
        if !self.is_simple(text) {
            return shape(self, text);
        }
        let mut whole = 0.0;
        let glyphs = text.char_indices().map(|(index, char)| {
            let glyph = self.own.glyph_or_box(char);
            let advance = f32::from(glyph.advance) / self.own.units_per_em;
            whole += advance;
            let bytes = index..index + char.len_utf8();
            KrillaGlyph::new(GlyphId::new(glyph.id.into()), advance, 0.0, 0.0, 0.0, bytes, None)
        });
        let glyphs = glyphs.collect();
        vec![Run { font: self.font(), glyphs, advance: whole }]
    }
}

/// The text as it can be printed: composed (NFC), one line, no control or direction marks, and no more
/// than anybody would read.
pub(super) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(LONGEST_TEXT));
    let mut marks: u8 = 0;
    let mut rest = text.chars().filter(|char| !is_invisible(*char)).nfc().filter(move |char| {
        marks = if is_mark(*char) { marks.saturating_add(1) } else { 0 };
        marks <= MOST_MARKS
    });
    for char in rest.by_ref().take(LONGEST_TEXT) {
        match char {
            _ if char.is_whitespace() && char != NO_BREAK_SPACE => {
                if !clean.is_empty() && !clean.ends_with(' ') {
                    clean.push(' ');
                }
            }
            // The built-in faces lack the two Unicode hyphens, which differ from this one in name only.
            '\u{2010}' | '\u{2011}' => clean.push('-'),
            _ => clean.push(char),
        }
    }
    clean.truncate(clean.trim_end().len());
    if rest.next().is_some() {
        clean.push(ELLIPSIS);
    }
    clean
}

const NO_BREAK_SPACE: char = '\u{a0}';

/// Characters that print nothing and could only disturb the page: controls that are no white space,
/// direction marks, selectors and tags. Joiners stay: words of some scripts are misspelt without.
fn is_invisible(char: char) -> bool {
    (char.is_control() && !char.is_whitespace())
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2067}' | '\u{206a}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face() -> Face {
        Faces::new(&Fonts::default()).unwrap().regular
    }

    #[test]
    fn both_faces_cover_latin_greek_and_cyrillic() {
        let alphabets = "AZaz09 äöüßéèçñøåæœłżčšťžőűğışțŵŷ ΑΩαωάώ АЯаяёіїєґ €£¥₴₹ –—„“”’·…№□";
        for face in built_in().unwrap() {
            for char in alphabets.chars() {
                assert!(face.glyph(char).is_some(), "{char}");
            }
        }
    }

    #[test]
    fn figures_are_all_equally_wide() {
        let widths: Vec<f32> = ('0'..='9').map(|digit| face().width(&digit.to_string(), 9.0)).collect();
        assert!(widths.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()), "{widths:?}");
    }

    #[test]
    fn what_cannot_be_printed_is_composed_replaced_or_left_out() {
        let cases = [
            ("  two\r\n\twords ", "two words"),
            ("a\0b\u{202e}c\u{feff}", "abc"),
            ("tel\u{2011}no", "tel-no"),
            ("Mu\u{308}ller E\u{301}mile Nguye\u{302}\u{303}n", "Müller Émile Nguyễn"),
            ("漢 👾", "漢 👾"),
            ("\n", ""),
        ];
        for (text, printed) in cases {
            assert_eq!(printable(text), printed);
        }
        assert_eq!(printable(&"x".repeat(10_000)).chars().count(), LONGEST_TEXT + 1);
    }

    #[test]
    fn a_line_is_never_wider_than_its_room() {
        let long = "W".repeat(300);
        for text in ["", "a", "one two three four five six seven eight", "ä ö ü ".repeat(40).as_str(), &long]
        {
            for width in [1.0, 20.0, 50.0, 200.0] {
                let lines = face().wrap(text, 9.0, width, 5);
                assert!(lines.len() <= 5);
                // Room for one character at least: narrower than that, one stands alone.
                let room = width.max(face().width("W", 9.0)).max(face().width("…", 9.0));
                assert!(lines.iter().all(|line| face().width(line, 9.0) <= room), "{width}: {lines:?}");
            }
        }
    }

    #[test]
    fn lines_break_at_spaces_and_the_last_is_cut() {
        let width = face().width("one two", 9.0);
        assert_eq!(face().wrap("one two one two six", 9.0, width, 9), ["one two", "one two", "six"]);
        assert_eq!(face().wrap("one two one two six", 9.0, width, 2), ["one two", "one t…"]);
    }
}
