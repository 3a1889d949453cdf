//! What does an invoice look like on paper?
//!
//! A PDF/A-3b document with its fonts inside, so that it reads the same in ten years. The same
//! invoice and brand always give the same bytes: nothing in it comes from a clock or from chance.

mod canvas;
mod layout;
mod page;
#[cfg(test)]
mod tests;
mod text;
mod words;

use calculation::invoice::Invoice;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::{Document, SerializeSettings};
use serde::Deserialize;

use canvas::Canvas;
use page::Sheet;
use text::Faces;
use words::Words;

/// How the operator's documents look.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Brand {
    /// The colour of the name, the rules and the payment box.
    pub accent: Colour,
    /// Up to three lines below the operator's name and address on each page: the commercial
    /// register, the directors, the supervisory authority.
    pub footer: Vec<String>,
}

/// A colour: red, green and blue; as text `#1f5f8b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour(pub u8, pub u8, pub u8);

/// Why a document could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The embedded fonts could not be read: a fault of the build.
    #[error("the embedded fonts cannot be read")]
    Fonts,
    /// The PDF writer refused: a fault of ours, for no text of an invoice should lead to it.
    #[error("the invoice cannot be written as PDF/A-3b: {0}")]
    Refused(String),
}

/// The invoice as a PDF/A-3b document, in English.
///
/// An invoice without a number is marked as a draft on every page, and its payment box asks for
/// nothing.
pub fn pdf(invoice: &Invoice, brand: &Brand) -> Result<Vec<u8>, DocumentError> {
    let faces = text::faces().ok_or(DocumentError::Fonts)?;
    let words = &words::ENGLISH;
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_B)
        .finish()
        .map_err(|error| DocumentError::Refused(format!("{error:?}")))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    document.set_metadata(metadata(invoice, faces, words));
    let sheet = Sheet { invoice, brand, faces, words };
    let pages = layout::pages(invoice, faces, words);
    for (index, page) in pages.iter().enumerate() {
        let size = PageSettings::from_wh(layout::PAGE_WIDTH, layout::PAGE_HEIGHT)
            .ok_or_else(|| DocumentError::Refused("the page has no size".into()))?;
        let mut sheet_of_paper = document.start_page_with(size);
        let mut canvas = Canvas::new(sheet_of_paper.surface());
        sheet.draw(&mut canvas, page, index + 1, pages.len());
        canvas.finish();
        sheet_of_paper.finish();
    }
    document.finish().map_err(|error| DocumentError::Refused(format!("{error:?}")))
}

/// What the file says about itself. Only the invoice decides it, so that the bytes never differ.
fn metadata(invoice: &Invoice, faces: &Faces, words: &Words) -> Metadata {
    let printable = |text: &str| faces.regular.printable(text);
    let issued = invoice.issued_on;
    let created = DateTime::new(u16::try_from(issued.year()).unwrap_or_default())
        .month(u8::try_from(issued.month()).unwrap_or(1))
        .day(u8::try_from(issued.day()).unwrap_or(1));
    let id = [
        invoice.seller.name.as_str(),
        invoice.number.as_deref().unwrap_or("draft"),
        &invoice.customer_reference,
        &invoice.period.first_day.to_string(),
    ]
    .join("\n");
    Metadata::new()
        .title(printable(&page::title_of(invoice, words)))
        .authors(vec![printable(&invoice.seller.name)])
        .creator("tollbook".into())
        .language(words.language.into())
        .creation_date(created)
        .document_id(id)
}

impl Default for Brand {
    /// A calm blue, and no lines of its own in the footer.
    fn default() -> Self {
        Self { accent: Colour(0x1f, 0x5f, 0x8b), footer: Vec::new() }
    }
}

impl Brand {
    /// The accent as the colour of a text: darkened until it reads on white.
    fn accent_ink(&self) -> Colour {
        let mut ink = self.accent;
        while ink.brightness() > 115 {
            let Colour(red, green, blue) = ink;
            let darker = |part: u8| part - part.div_ceil(8);
            ink = Colour(darker(red), darker(green), darker(blue));
        }
        ink
    }

    /// The accent as the ground of a box: almost white.
    fn tint(&self) -> Colour {
        let Colour(red, green, blue) = self.accent;
        let lighter = |part: u8| 255 - (255 - part) / 14;
        Colour(lighter(red), lighter(green), lighter(blue))
    }
}

impl Colour {
    /// How bright it looks, from 0 to 255 (ITU-R BT.601).
    fn brightness(self) -> u32 {
        (u32::from(self.0) * 299 + u32::from(self.1) * 587 + u32::from(self.2) * 114) / 1000
    }
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let part =
            |from: usize| digits.and_then(|digits| u8::from_str_radix(digits.get(from..from + 2)?, 16).ok());
        match (part(0), part(2), part(4)) {
            (Some(red), Some(green), Some(blue)) => Ok(Self(red, green, blue)),
            _ => Err(format!("`{text}` is no colour: write # and six hexadecimal digits, such as #1f5f8b")),
        }
    }
}
