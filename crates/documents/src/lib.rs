//! What does an invoice look like, on paper and to a program? An invoice in, bytes out.
//!
//! The same drawing always gives the same bytes: nothing here comes from a database, from a clock or from chance. Files
//! are read only where the settings name a logo or fonts.

mod drawing;
pub mod einvoice;
mod paper;

pub use drawing::{By, Drawing, Given, Settled, Settlement};
pub use paper::words::Words;
pub use paper::{
    Brand, BrandError, BrandSettings, Colour, DocumentError, Fonts, ItemisedCall, Logo, Printed, Texts,
    bundle, pdf, pdf_while, unprintable,
};
