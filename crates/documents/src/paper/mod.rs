//! What does an invoice look like on paper?
//!
//! A PDF/A-3b document with its fonts inside, so that it reads the same in ten years. The same
//! drawing, calls and brand always give the same bytes: nothing in it comes from a clock or from chance.

mod annex;
mod brand;
mod bundle;
mod canvas;
mod chart;
mod fonts;
mod layout;
mod measures;
mod opening;
mod page;
mod payment;
mod row;
mod shape;
mod sheet;
mod table;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod words;

use calculation::invoice::Invoice;
use calculation::money::Amount;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::{Document, SerializeSettings};

pub use brand::{Brand, BrandError, BrandSettings, Colour, Logo, Texts};
pub use bundle::{Printed, bundle};
pub use fonts::Fonts;

use crate::Drawing;
use canvas::Canvas;
use sheet::Sheet;
use text::{Faces, printable};
use words::Words;

/// A charged call, as the chart and the annex show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemisedCall {
    pub answered_at: Timestamp,
    /// The customer's line.
    pub caller: String,
    /// The number dialled.
    pub number: String,
    pub destination: String,
    pub billed_seconds: u64,
    /// Net, as charged: it may have more digits than the currency's minor unit.
    pub amount: Amount,
    /// It belongs to an earlier month, which was invoiced already.
    pub late: bool,
}

/// Why a document could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The embedded fonts could not be read: a fault of the build.
    #[error("the embedded fonts cannot be read")]
    Fonts,
    /// They would be boxes on the page.
    #[error("no font has {}: install one that has, or name it in brand.fonts", in_words(.0))]
    Letters(Vec<char>),
    /// Whoever asked for it has left.
    #[error("nobody waits for the document any more")]
    Unwanted,
    /// Calls have a local time, and this is no zone.
    #[error("`{0}` is no IANA time zone")]
    Zone(String),
    /// The PDF writer refused: a fault of ours, for no text of an invoice should lead to it.
    #[error("the invoice cannot be written as PDF/A-3b: {0}")]
    Refused(String),
}

/// Of many letters the first few tell which script it is.
const SHOWN: usize = 8;

/// `東 (U+6771), 京 (U+4EAC)`.
fn in_words(letters: &[char]) -> String {
    let shown = letters.iter().take(SHOWN).map(|letter| format!("{letter} (U+{:04X})", u32::from(*letter)));
    let mut words = shown.collect::<Vec<_>>().join(", ");
    if let Some(more) = letters.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        words += &format!(" and {more} more letters");
    }
    words
}

/// Why some texts cannot be printed, if they cannot.
pub fn unprintable<'a>(texts: impl IntoIterator<Item = &'a str>, fonts: &Fonts) -> Option<DocumentError> {
    let Some(faces) = Faces::new(fonts) else { return Some(DocumentError::Fonts) };
    for text in texts {
        faces.regular.width(&printable(text), measures::BODY);
    }
    let missing = faces.missing();
    (!missing.is_empty()).then_some(DocumentError::Letters(missing))
}

impl DocumentError {
    fn refused(error: impl std::fmt::Debug) -> Self {
        Self::Refused(format!("{error:?}"))
    }
}

/// The invoice as a PDF/A-3b document, in its language.
///
/// Without a number it is marked as a draft on every page, and its payment box asks for nothing. With
/// calls it gets a chart of the month, and an annex that lists them if the invoice wants that.
pub fn pdf(drawing: &Drawing, calls: &[ItemisedCall], brand: &Brand) -> Result<Vec<u8>, DocumentError> {
    pdf_while(drawing, calls, brand, &|| true)
}

/// The same, as long as somebody wants it: it is asked for before each page.
pub fn pdf_while(
    drawing: &Drawing,
    calls: &[ItemisedCall],
    brand: &Brand,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Vec<u8>, DocumentError> {
    let mut document = archival_document()?;
    document.set_metadata(metadata(&drawing.invoice, Words::of(drawing.invoice.language)));
    draw_pages(&mut document, (drawing, calls), brand, is_wanted)?;
    document.finish().map_err(DocumentError::refused)
}

/// Draws an invoice's pages after those that are there.
fn draw_pages(
    document: &mut Document,
    (drawing, calls): (&Drawing, &[ItemisedCall]),
    brand: &Brand,
    is_wanted: &dyn Fn() -> bool,
) -> Result<(), DocumentError> {
    let Drawing { invoice, settlement } = drawing;
    let faces = &Faces::new(&brand.fonts).ok_or(DocumentError::Fonts)?;
    let words = Words::of(invoice.language);
    let zone = match TimeZone::get(&invoice.period.zone) {
        Ok(zone) => zone,
        Err(_) if calls.is_empty() => TimeZone::UTC,
        Err(_) => return Err(DocumentError::Zone(invoice.period.zone.clone())),
    };
    let sheet = Sheet { drawing, invoice, settlement, brand, faces, words, zone };
    let pages = layout::pages(&sheet, calls);
    for (index, page) in pages.iter().enumerate() {
        if !is_wanted() {
            return Err(DocumentError::Unwanted);
        }
        let size = PageSettings::from_wh(measures::PAGE_WIDTH, measures::PAGE_HEIGHT)
            .ok_or_else(|| DocumentError::Refused("the page has no size".into()))?;
        let mut sheet_of_paper = document.start_page_with(size);
        let mut canvas = Canvas::new(sheet_of_paper.surface());
        sheet.draw(&mut canvas, page, index + 1, pages.len());
        canvas.finish();
        sheet_of_paper.finish();
    }
    let missing = faces.missing();
    if !missing.is_empty() {
        return Err(DocumentError::Letters(missing));
    }
    Ok(())
}

fn archival_document() -> Result<Document, DocumentError> {
    let configuration = ConfigurationBuilder::new().with_archival_validator(Archival::A3_B);
    let configuration = configuration.finish().map_err(DocumentError::refused)?;
    Ok(Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() }))
}

/// What the file says about itself. Only the invoice decides it, so that the bytes never differ.
fn metadata(invoice: &Invoice, words: &Words) -> Metadata {
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
        .language(words.tag.into())
        .creation_date(created)
        .document_id(id)
}
