//! How does an invoice read to a program? As an electronic invoice by EN 16931, in either of its syntaxes.
//!
//! The crates that know the standard stay behind this module: `en16931` (the model and its rules) and
//! `en16931-formats` (the writers). What they are given is `model.rs`. `docs/einvoices.md` has the choices.

mod lacks;
mod model;
mod party;
mod text;
mod words;

use std::fmt::Write;
use std::str::FromStr;

use calculation::invoice::{self, DocumentKind, Invoice, TaxLine, Totals};
use calculation::money::{Amount, Currency};
use en16931::Validated;
use en16931::profiles::{En16931, PeppolBis3};
use en16931::validation::profile::ProfileMarker;
use en16931_formats::zugferd::{self, EmbedOptions, Metadata};
use en16931_formats::{Syntax as Format, write};
use jiff::tz::TimeZone;

use crate::Drawing;
pub use lacks::Lack;
use text::clean;

/// Why an invoice cannot be an electronic one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EInvoiceError {
    /// The standard requires what the invoice does not say.
    #[error("an electronic invoice needs more: {}", lacks::in_words(.0))]
    Lacks(Vec<Lack>),
    /// Two decimals are the most that the standard allows (BR-DEC-09 and its like).
    #[error("amounts in {0} have more than the two decimals of an electronic invoice: send the PDF")]
    Decimals(Currency),
    /// The frozen sums are not those of the lines. The rules would let tax be wrong by up to 1.00.
    #[error("its sums are not exactly those of its lines and rates: compare it with `tollbook check`")]
    Inexact,
    /// A rule of the standard, or of the profile, is broken by what the invoice says.
    #[error("it breaks rules of electronic invoices: {0}")]
    Rules(String),
    /// The PDF takes no attachment: it is no PDF/A-3, or has one already.
    #[error("the electronic invoice cannot be put into the PDF: {0}")]
    Embed(String),
}

/// In which syntax an electronic invoice is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Syntax {
    /// UN/CEFACT Cross Industry Invoice, as in Factur-X and ZUGFeRD.
    #[default]
    Cii,
    /// UBL 2.1, as in Peppol.
    Ubl,
}

impl Syntax {
    pub const ALL: [Self; 2] = [Self::Cii, Self::Ubl];

    /// `cii`, `ubl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cii => "cii",
            Self::Ubl => "ubl",
        }
    }
}

/// No syntax has the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an electronic invoice is written as cii or ubl")]
pub struct UnknownSyntax;

impl FromStr for Syntax {
    type Err = UnknownSyntax;

    fn from_str(name: &str) -> Result<Self, UnknownSyntax> {
        Self::ALL.into_iter().find(|syntax| syntax.name() == name).ok_or(UnknownSyntax)
    }
}

/// The document as XML.
pub fn xml(drawing: &Drawing, syntax: Syntax) -> Result<String, EInvoiceError> {
    match syntax {
        Syntax::Cii => cii(drawing),
        Syntax::Ubl => ubl(drawing),
    }
}

/// The invoice as Cross Industry Invoice: Factur-X and ZUGFeRD, profile EN 16931.
pub fn cii(drawing: &Drawing) -> Result<String, EInvoiceError> {
    Ok(write(&factur_x(drawing)?, Format::Cii).xml)
}

/// The invoice as UBL 2.1 `Invoice` or `CreditNote`: Peppol BIS Billing 3.
pub fn ubl(drawing: &Drawing) -> Result<String, EInvoiceError> {
    Ok(write(&peppol(drawing)?, Format::Ubl).xml)
}

/// A PDF/A-3 file with the invoice inside as `factur-x.xml`.
///
/// The same file and invoice always give the same bytes: the attachment is dated by the invoice.
pub fn embed(pdf: &[u8], drawing: &Drawing) -> Result<Vec<u8>, EInvoiceError> {
    let invoice = &drawing.invoice;
    let title = words::of(invoice.language).title(invoice);
    let issued_at = TimeZone::UTC.to_timestamp(invoice.issued_on.into());
    let options = EmbedOptions {
        metadata: Some(Metadata {
            subject: format!("{title}, {}, {}", invoice.issued_on, clean(&invoice.seller.name)),
            author: clean(&invoice.seller.name),
            title,
        }),
        modified: issued_at.ok().map(Into::into),
        ..EmbedOptions::default()
    };
    let embedded = zugferd::embed(pdf, &factur_x(drawing)?, &options);
    embedded.map_err(|error| EInvoiceError::Embed(error.to_string()))
}

/// The business process that Peppol wants named (BT-23).
const BILLING: &str = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0";

fn factur_x(drawing: &Drawing) -> Result<Validated<En16931>, EInvoiceError> {
    proven(drawing, lacks::in_any(&drawing.invoice), None)
}

fn peppol(drawing: &Drawing) -> Result<Validated<PeppolBis3>, EInvoiceError> {
    proven(drawing, lacks::in_peppol(&drawing.invoice), Some(BILLING))
}

/// The invoice in the standard's terms, with the proof that it keeps every rule of the profile.
fn proven<P: ProfileMarker>(
    drawing: &Drawing,
    lacks: Vec<Lack>,
    process: Option<&str>,
) -> Result<Validated<P>, EInvoiceError> {
    if !lacks.is_empty() {
        return Err(EInvoiceError::Lacks(lacks));
    }
    check_sums(&drawing.invoice)?;
    let mut model = model::of(drawing).ok_or(EInvoiceError::Decimals(drawing.invoice.currency))?;
    model.specification_id = Some(P::PROFILE.specification_id.to_owned());
    model.business_process = process.map(str::to_owned);
    Validated::new(model).map_err(|rejected| {
        let mut broken = String::new();
        for finding in rejected.report().fatal().take(SHOWN) {
            let _ = write!(broken, "{}{} ({})", separator(&broken), finding.message, finding.rule);
        }
        EInvoiceError::Rules(broken)
    })
}

/// Of many broken rules the first few tell enough.
const SHOWN: usize = 3;

fn separator(before: &str) -> &'static str {
    if before.is_empty() { "" } else { "; " }
}

fn check_sums(invoice: &Invoice) -> Result<(), EInvoiceError> {
    let sums = invoice::totals(&invoice.lines, invoice.currency).ok_or(EInvoiceError::Inexact)?;
    let stated = (&invoice.taxes, invoice.net, invoice.tax, invoice.gross);
    let exact = (&sums.taxes, sums.net, sums.tax, sums.gross) == stated;
    let last = invoice.kind == DocumentKind::CreditNote && gives_back_the_last(invoice, &sums);
    if exact || last { Ok(()) } else { Err(EInvoiceError::Inexact) }
}

/// So many millionths may a rate's tax differ, when a credit note gives back the last of it.
const ROUNDING: i64 = 100_000;

/// Whether a credit note is exact but for what the roundings of those before it left of the tax.
fn gives_back_the_last(invoice: &Invoice, sums: &Totals) -> bool {
    let near = |(stated, exact): (&TaxLine, &TaxLine)| {
        let off = stated.tax.micros().abs_diff(exact.tax.micros());
        let same =
            (stated.category, stated.rate, stated.taxable) == (exact.category, exact.rate, exact.taxable);
        same && off <= ROUNDING.unsigned_abs()
    };
    invoice.taxes.len() == sums.taxes.len()
        && invoice.taxes.iter().zip(&sums.taxes).all(near)
        && invoice.net == sums.net
        && Amount::sum(invoice.taxes.iter().map(|tax| tax.tax)) == Some(invoice.tax)
        && invoice.net.checked_add(invoice.tax) == Some(invoice.gross)
}
