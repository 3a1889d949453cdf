//! Which glyphs make a text, in which fonts, and in which order do they stand?
//!
//! Where the built-in font has every letter and the script needs no shaping, a table tells. Else the text is
//! put into the order in which it is read on the page (UAX #9), cut where font or script changes, and shaped.

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use std::ops::Range;
use std::sync::Arc;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::BidiInfo;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use super::fonts::Fallback;
use super::text::Face;

/// A piece of a text in one font.
pub(super) struct Run {
    pub(super) font: Font,
    pub(super) glyphs: Vec<KrillaGlyph>,
    /// How wide it is, in sizes.
    pub(super) advance: f32,
}

/// What a piece is drawn with.
#[derive(Clone)]
pub(super) enum Drawn {
    BuiltIn,
    With(Arc<Fallback>),
    /// No font has its letters.
    Missing,
}

impl Drawn {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::BuiltIn, Self::BuiltIn) => true,
            (Self::With(one), Self::With(another)) => Arc::ptr_eq(one, another),
            _ => false,
        }
    }
}

/// A piece of a text: its bytes, its font and its script as far as they are told.
struct Piece {
    bytes: Range<usize>,
    drawn: Drawn,
    script: Script,
}

/// The pieces of a printable text from left to right; glyphs tell their bytes in it.
pub(super) fn shape(face: &Face, text: &str) -> Vec<Run> {
    let bidi = BidiInfo::new(text, None);
    let mut runs = Vec::new();
    for paragraph in &bidi.paragraphs {
        let (levels, visual) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for bytes in visual {
            let backwards = levels.get(bytes.start).is_some_and(unicode_bidi::Level::is_rtl);
            let mut pieces = pieces(face, text, bytes);
            if backwards {
                pieces.reverse();
            }
            runs.extend(pieces.iter().filter_map(|piece| set(face, text, piece, backwards)));
        }
    }
    runs
}

/// Cuts what is read in one direction where font or script changes.
fn pieces(face: &Face, text: &str, bytes: Range<usize>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let within = &text[bytes.clone()];
    for cluster in clusters(within) {
        let letters: Vec<char> = within[cluster.clone()].chars().filter(|char| !is_silent(*char)).collect();
        let script = script_of(&letters);
        let here = bytes.start + cluster.start..bytes.start + cluster.end;
        let last = pieces.last_mut();
        // What belongs to every script stays in the font of what is before it.
        let stays = |piece: &Piece| script.is_none() && has_all(face, &piece.drawn, &letters);
        let drawn = match &last {
            Some(piece) if stays(piece) => piece.drawn.clone(),
            _ => face.drawn_with(&letters),
        };
        match last {
            Some(piece)
                if piece.drawn.is(&drawn)
                    && script
                        .is_none_or(|script| piece.script == Script::Common || piece.script == script) =>
            {
                piece.bytes.end = here.end;
                piece.script = script.unwrap_or(piece.script);
            }
            _ => pieces.push(Piece { bytes: here, drawn, script: script.unwrap_or(Script::Common) }),
        }
    }
    pieces
}

fn has_all(face: &Face, drawn: &Drawn, letters: &[char]) -> bool {
    match drawn {
        Drawn::BuiltIn => face.has_all(letters),
        Drawn::With(fallback) => {
            let shaper = rustybuzz::Face::from_slice(&fallback.data, fallback.index);
            shaper.is_some_and(|shaper| letters.iter().all(|letter| shaper.glyph_index(*letter).is_some()))
        }
        Drawn::Missing => false,
    }
}

/// The script of the first letter that has one of its own.
fn script_of(letters: &[char]) -> Option<Script> {
    let mut scripts = letters.iter().map(UnicodeScript::script);
    scripts.find(|script| !matches!(script, Script::Common | Script::Inherited | Script::Unknown))
}

fn set(face: &Face, text: &str, piece: &Piece, backwards: bool) -> Option<Run> {
    match &piece.drawn {
        Drawn::BuiltIn => {
            Some(shaped(face.shaper(), face.font(), &text[piece.bytes.clone()], piece.bytes.start, backwards))
        }
        Drawn::With(fallback) => {
            let Fallback { font, data, index } = &**fallback;
            let shaper = rustybuzz::Face::from_slice(data, *index)?;
            Some(shaped(&shaper, font.clone(), &text[piece.bytes.clone()], piece.bytes.start, backwards))
        }
        Drawn::Missing => Some(face.missing_run(piece.bytes.clone())),
    }
}

fn shaped(shaper: &rustybuzz::Face<'_>, font: Font, piece: &str, start: usize, backwards: bool) -> Run {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(piece);
    buffer.set_direction(if backwards { Direction::RightToLeft } else { Direction::LeftToRight });
    buffer.guess_segment_properties();
    let set = rustybuzz::shape(shaper, &[], buffer);
    let unit = shaper.units_per_em().max(1) as f32;
    let place = |cluster: u32| usize::try_from(cluster).unwrap_or_default();
    let mut clusters: Vec<usize> = set.glyph_infos().iter().map(|info| place(info.cluster)).collect();
    clusters.sort_unstable();
    let end_of = |cluster: usize| {
        let next = clusters.partition_point(|other| *other <= cluster);
        clusters.get(next).copied().unwrap_or(piece.len())
    };
    let mut advance = 0.0;
    let glyphs = set.glyph_infos().iter().zip(set.glyph_positions()).map(|(info, position)| {
        let cluster = place(info.cluster);
        let bytes = start + cluster..start + end_of(cluster);
        let part = |units: i32| units as f32 / unit;
        advance += part(position.x_advance);
        KrillaGlyph::new(
            GlyphId::new(info.glyph_id),
            part(position.x_advance),
            part(position.x_offset),
            part(position.y_offset),
            part(position.y_advance),
            bytes,
            None,
        )
    });
    let glyphs = glyphs.collect();
    Run { font, glyphs, advance }
}

/// Where the letters of a text begin that are drawn together: marks stay with what they are on, and what is
/// joined stays together.
pub(super) fn clusters(text: &str) -> Vec<Range<usize>> {
    let mut clusters: Vec<Range<usize>> = Vec::new();
    let mut joined = false;
    for (start, char) in text.char_indices() {
        let end = start + char.len_utf8();
        match clusters.last_mut() {
            Some(last) if joined || stays_with_the_one_before(char) => last.end = end,
            _ => clusters.push(start..end),
        }
        joined = char == ZERO_WIDTH_JOINER;
    }
    clusters
}

const ZERO_WIDTH_JOINER: char = '\u{200d}';

fn stays_with_the_one_before(char: char) -> bool {
    is_mark(char) || is_silent(char) || matches!(char, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Whether a letter is set on the one before.
pub(super) fn is_mark(char: char) -> bool {
    char.general_category_group() == GeneralCategoryGroup::Mark
}

/// Whether a letter changes others and is never seen itself: joiners, and the marks around what is read in a
/// direction of its own.
pub(super) fn is_silent(char: char) -> bool {
    matches!(char, '\u{200c}' | ZERO_WIDTH_JOINER | '\u{2068}' | '\u{2069}')
}

/// Whether a letter stands as it is in the order in which it is written: no mark, no joined script.
pub(super) fn is_plain(char: char) -> bool {
    matches!(char, '\u{20}'..='\u{2ff}' | '\u{370}'..='\u{52f}' | '\u{1e00}'..='\u{200a}' | '\u{2010}'..='\u{2027}'
        | '\u{202f}'..='\u{205f}' | '\u{2070}'..='\u{20cf}' | '\u{2100}'..='\u{2bff}')
        && !is_mark(char)
}

/// A name within a text of another direction.
pub(super) fn isolated(name: &str) -> String {
    if name.chars().all(is_plain) { name.to_owned() } else { format!("\u{2068}{name}\u{2069}") }
}
