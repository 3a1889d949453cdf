//! How do many documents become one file to be printed? Page after page, a letter's text on a page of its own.

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::Party;
use krilla::Document;
use krilla::page::PageSettings;

use super::canvas::{Canvas, Style};
use super::text::Faces;
use super::{Brand, Colour, DocumentError, ItemisedCall, measures};
use crate::Drawing;

/// Something to be printed.
#[derive(Debug, Clone)]
pub enum Printed {
    /// What a letter says.
    Text { sender: Box<Party>, recipient: Box<Party>, text: String },
    /// An invoice or credit note, with the calls behind it.
    Document(Box<Drawing>, Vec<ItemisedCall>),
}

const BLACK: Colour = Colour(0, 0, 0);
const MARGIN: f32 = 57.0;
const SIZE: f32 = 10.0;
const LEADING: f32 = 14.0;
/// Where the window of an envelope is (DIN 5008).
const ADDRESS: f32 = 142.0;
const BODY: f32 = 280.0;
/// No line of a letter breaks into more.
const MOST: usize = 200;

/// All of it as one PDF.
pub fn bundle(printed: &[Printed], brand: &Brand) -> Result<Vec<u8>, DocumentError> {
    let mut document = Document::new();
    for one in printed {
        match one {
            Printed::Document(drawing, calls) => {
                super::draw_pages(&mut document, (drawing, calls), brand, &|| true)?;
            }
            Printed::Text { sender, recipient, text } => {
                letter(&mut document, [sender, recipient], text, brand)?;
            }
        }
    }
    document.finish().map_err(DocumentError::refused)
}

/// The lines of an address, with its country where that is not home.
fn address(party: &Party, home: &str) -> Vec<String> {
    let place = format!("{} {}", party.postcode, party.city);
    let abroad = if party.country == home { String::new() } else { party.country.clone() };
    let lines = [party.name.clone(), party.street.clone(), place.trim().to_owned(), abroad];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

fn letter(
    document: &mut Document,
    [sender, recipient]: [&Party; 2],
    text: &str,
    brand: &Brand,
) -> Result<(), DocumentError> {
    let faces = &Faces::new(&brand.fonts).ok_or(DocumentError::Fonts)?;
    let width = measures::PAGE_WIDTH - 2.0 * MARGIN;
    let wrapped = |line: &str| {
        if line.trim().is_empty() { vec![String::new()] } else { faces.regular.wrap(line, SIZE, width, MOST) }
    };
    let lines: Vec<String> = text.lines().flat_map(wrapped).collect();
    let mut rest = lines.as_slice();
    let mut first = true;
    while first || !rest.is_empty() {
        let size = PageSettings::from_wh(measures::PAGE_WIDTH, measures::PAGE_HEIGHT)
            .ok_or_else(|| DocumentError::Refused("the page has no size".into()))?;
        let mut sheet = document.start_page_with(size);
        let mut canvas = Canvas::new(sheet.surface());
        let style = Style { face: &faces.regular, size: SIZE, colour: BLACK };
        let mut at = MARGIN + SIZE;
        if first {
            let small = Style { size: 7.0, ..style };
            canvas.text(
                small,
                MARGIN,
                ADDRESS - LEADING,
                width,
                &address(sender, &sender.country).join(", "),
            );
            for (place, line) in (0_u8..).zip(address(recipient, &sender.country)) {
                canvas.text(style, MARGIN, ADDRESS + f32::from(place) * LEADING, width, &line);
            }
            at = BODY;
        }
        first = false;
        while let Some((line, others)) = rest.split_first() {
            if at > measures::PAGE_HEIGHT - MARGIN {
                break;
            }
            canvas.text(style, MARGIN, at, width, line);
            at += LEADING;
            rest = others;
        }
        canvas.finish();
        sheet.finish();
    }
    let missing = faces.missing();
    if missing.is_empty() { Ok(()) } else { Err(DocumentError::Letters(missing)) }
}
