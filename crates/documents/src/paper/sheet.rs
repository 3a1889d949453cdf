//! What must be known to draw a sheet of an invoice?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::{DocumentKind, Invoice};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::canvas::Style;
use super::measures::{BODY, LEFT, RIGHT};
use super::text::{Faces, printable};
use super::words::Words;
use super::{Brand, Colour, Texts};
use crate::{Drawing, Settlement};

pub(super) const INK: Colour = Colour(0x1f, 0x24, 0x2a);
pub(super) const GREY: Colour = Colour(0x5c, 0x65, 0x70);
pub(super) const HAIRLINE: Colour = Colour(0xd5, 0xda, 0xe0);

/// All that the drawing of one invoice needs to know.
pub(super) struct Sheet<'a> {
    pub(super) drawing: &'a Drawing,
    pub(super) invoice: &'a Invoice,
    pub(super) settlement: &'a Settlement,
    pub(super) brand: &'a Brand,
    pub(super) faces: &'a Faces,
    pub(super) words: &'a Words,
    /// The customer's zone, which dates and times are of.
    pub(super) zone: TimeZone,
}

impl Sheet<'_> {
    /// An instant as the customer's clock showed it.
    pub(super) fn local(&self, instant: Timestamp) -> DateTime {
        self.zone.to_datetime(instant)
    }

    /// What an invoice says besides the facts; a credit note says nothing.
    pub(super) fn texts(&self) -> Option<&Texts> {
        let invoice = self.invoice;
        (invoice.kind == DocumentKind::Invoice).then(|| self.brand.texts(invoice.language))
    }

    /// A text of any length in lines as wide as the page.
    pub(super) fn wrapped(&self, text: &str, most: usize) -> Vec<String> {
        let face = &self.faces.regular;
        face.wrap(&printable(text), BODY, RIGHT - LEFT, most)
    }

    pub(super) fn regular(&self, size: f32, colour: Colour) -> Style<'_> {
        Style { face: &self.faces.regular, size, colour }
    }

    pub(super) fn bold(&self, size: f32, colour: Colour) -> Style<'_> {
        Style { face: &self.faces.bold, size, colour }
    }
}
