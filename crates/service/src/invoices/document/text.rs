//! How wide is a text, and how does it fit a given width?
//!
//! Each face is read once into a table of glyphs and advances. Text is set without shaping: that
//! is right for Latin, Greek and Cyrillic, the scripts the faces hold; whatever else a name may
//! contain shows as a box.

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::raw::TableProvider;
use skrifa::{FontRef, MetadataProvider};

/// The two weights the document is set in.
pub(super) struct Faces {
    pub(super) regular: Face,
    pub(super) bold: Face,
}

/// One weight: a font, and what we need to know of it to set text.
pub(super) struct Face {
    font: Font,
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
const ELLIPSIS: char = '…';
/// WHITE SQUARE stands for a character the face does not have.
const MISSING: char = '□';

/// Both faces, read at first use; nothing if the embedded files should be unreadable.
pub(super) fn faces() -> Option<&'static Faces> {
    static FACES: LazyLock<Option<Faces>> = LazyLock::new(|| {
        Some(Faces { regular: Face::read(notosans::REGULAR_TTF)?, bold: Face::read(notosans::BOLD_TTF)? })
    });
    FACES.as_ref()
}

impl Face {
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
        let units_per_em = font.units_per_em();
        Some(Self { font, glyphs, missing, units_per_em })
    }

    pub(super) fn font(&self) -> Font {
        self.font.clone()
    }

    fn glyph(&self, char: char) -> Option<Glyph> {
        let index = usize::try_from(u32::from(char)).ok()?;
        self.glyphs.get(index).copied().flatten().filter(|glyph| glyph.id != 0)
    }

    /// The text as it can be printed: one line, no control or direction marks, a box for every
    /// character the face lacks, and no more than anybody would read.
    pub(super) fn printable(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len().min(LONGEST_TEXT));
        let mut rest = text.chars().filter(|char| !is_invisible(*char));
        for char in rest.by_ref().take(LONGEST_TEXT) {
            match char {
                _ if char.is_whitespace() && char != NO_BREAK_SPACE => {
                    if !clean.is_empty() && !clean.ends_with(' ') {
                        clean.push(' ');
                    }
                }
                // The faces lack the two Unicode hyphens, which differ from this one in name only.
                '\u{2010}' | '\u{2011}' => clean.push('-'),
                _ if self.glyph(char).is_some() => clean.push(char),
                _ => clean.push(MISSING),
            }
        }
        clean.truncate(clean.trim_end().len());
        if rest.next().is_some() {
            clean.push(ELLIPSIS);
        }
        clean
    }

    /// The width of a printable text at a size.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let units: f32 = text.chars().map(|char| f32::from(self.glyph_or_box(char).advance)).sum();
        units * size / self.units_per_em
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
        let first_char = text.chars().next().map_or(0, char::len_utf8);
        at_space.filter(|end| *end > 0).unwrap_or(fits.max(first_char))
    }

    /// The length in bytes of the longest start of the text that is no wider than `width`.
    fn prefix(&self, text: &str, size: f32, width: f32) -> usize {
        let mut used = 0.0;
        for (index, char) in text.char_indices() {
            used += f32::from(self.glyph_or_box(char).advance) * size / self.units_per_em;
            if used > width {
                return index;
            }
        }
        text.len()
    }

    /// The glyphs of a printable text, as krilla draws them.
    pub(super) fn set(&self, text: &str) -> Vec<KrillaGlyph> {
        text.char_indices()
            .map(|(index, char)| {
                let glyph = self.glyph_or_box(char);
                let advance = f32::from(glyph.advance) / self.units_per_em;
                let bytes = index..index + char.len_utf8();
                KrillaGlyph::new(GlyphId::new(glyph.id.into()), advance, 0.0, 0.0, 0.0, bytes, None)
            })
            .collect()
    }

    fn glyph_or_box(&self, char: char) -> Glyph {
        self.glyph(char).unwrap_or(self.missing)
    }
}

const NO_BREAK_SPACE: char = '\u{a0}';

/// Characters that print nothing and could only disturb the page: controls that are no white space,
/// joiners, direction marks, selectors and tags.
fn is_invisible(char: char) -> bool {
    (char.is_control() && !char.is_whitespace())
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face() -> &'static Face {
        &faces().unwrap().regular
    }

    #[test]
    fn both_faces_cover_latin_greek_and_cyrillic() {
        let alphabets = "AZaz09 äöüßéèçñøåæœłżčšťžőűğışțŵŷ ΑΩαωάώ АЯаяёіїєґ €£¥₴₹ –—„“”’·…№□";
        for face in [&faces().unwrap().regular, &faces().unwrap().bold] {
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
    fn what_cannot_be_printed_is_replaced_or_left_out() {
        let cases = [
            ("  two\r\n\twords ", "two words"),
            ("a\0b\u{202e}c\u{feff}", "abc"),
            ("tel\u{2011}no", "tel-no"),
            ("漢 👾", "□ □"),
            ("\n", ""),
        ];
        for (text, printed) in cases {
            assert_eq!(face().printable(text), printed);
        }
        assert_eq!(face().printable(&"x".repeat(10_000)).chars().count(), LONGEST_TEXT + 1);
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
