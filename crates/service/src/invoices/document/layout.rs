//! Which row of an invoice stands on which page, and where?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts are only added as `Amount`"
)]

use calculation::invoice::{Invoice, InvoiceLine, LineKind, TaxLine};
use calculation::money::Amount;

use super::text::Faces;
use super::words::Words;

/// A millimetre in points.
const MM: f32 = 72.0 / 25.4;
pub(super) const PAGE_WIDTH: f32 = 210.0 * MM;
pub(super) const PAGE_HEIGHT: f32 = 297.0 * MM;
/// The address must start 25 mm from the edge to show in a window envelope; all else follows it.
pub(super) const LEFT: f32 = 25.0 * MM;
pub(super) const RIGHT: f32 = PAGE_WIDTH - 20.0 * MM;
/// Where the information column beside the address begins (DIN 5008).
pub(super) const SIDE: f32 = 125.0 * MM;
/// Where the address field of a window envelope begins and ends (DIN 5008, form B).
pub(super) const ADDRESS_TOP: f32 = 45.0 * MM;
pub(super) const ADDRESS_WIDTH: f32 = 80.0 * MM;
/// Where a sheet is folded to fit the envelope.
pub(super) const FOLDS: [f32; 2] = [105.0 * MM, 210.0 * MM];
const TABLE_TOP_FIRST: f32 = 115.0 * MM;
const TABLE_TOP_NEXT: f32 = 32.0 * MM;
pub(super) const FOOTER_TOP: f32 = PAGE_HEIGHT - 24.0 * MM;
const TABLE_BOTTOM: f32 = FOOTER_TOP - 4.0 * MM;

pub(super) const TABLE_HEAD: f32 = 20.0;
pub(super) const BODY: f32 = 9.0;
pub(super) const SMALL: f32 = 8.0;
pub(super) const LEADING: f32 = 11.5;
pub(super) const PAYMENT_HEIGHT: f32 = 70.0;
pub(super) const PAYMENT_GAP: f32 = 16.0;
const DESCRIPTION_LINES: usize = 3;

/// The right edges of the columns after the description, which takes the rest.
pub(super) struct Columns;

impl Columns {
    pub(super) const NET: f32 = RIGHT;
    pub(super) const TAX_RATE: f32 = Self::NET - 72.0;
    pub(super) const INCLUDED: f32 = Self::TAX_RATE - 42.0;
    pub(super) const DURATION: f32 = Self::INCLUDED - 56.0;
    pub(super) const CALLS: f32 = Self::DURATION - 56.0;
    pub(super) const DESCRIPTION_WIDTH: f32 = Self::CALLS - 40.0 - LEFT;
}

/// One row of the table, or of what follows it.
pub(super) enum Row<'a> {
    Group(LineKind),
    /// Why calls of earlier months are on this invoice.
    LateUsageNote(Vec<String>),
    Line {
        line: &'a InvoiceLine,
        description: Vec<String>,
    },
    Subtotal(Sum),
    NoLines,
    Net,
    Tax(&'a TaxLine),
    Gross,
    Payment,
}

/// What the lines of a group come to.
pub(super) struct Sum {
    pub(super) calls: u64,
    pub(super) seconds: u64,
    pub(super) included_seconds: u64,
    pub(super) net: Amount,
}

/// One page: its rows with the height at which each begins.
#[derive(Default)]
pub(super) struct Page<'a> {
    pub(super) rows: Vec<(f32, Row<'a>)>,
    /// Where the repeated table header begins, if the page has rows of the table.
    pub(super) table_head: Option<f32>,
}

impl Row<'_> {
    fn height(&self) -> f32 {
        match self {
            Self::Group(_) => 23.0,
            Self::LateUsageNote(lines) => stacked(lines.len(), 10.5) + 3.0,
            Self::Line { description, .. } => stacked(description.len().max(1), LEADING) + 5.0,
            Self::Subtotal(_) => 20.0,
            Self::NoLines => 22.0,
            Self::Net => 25.0,
            Self::Tax(_) => 15.0,
            Self::Gross => 30.0,
            Self::Payment => PAYMENT_HEIGHT + PAYMENT_GAP,
        }
    }

    fn is_table(&self) -> bool {
        !matches!(self, Self::Net | Self::Tax(_) | Self::Gross | Self::Payment)
    }
}

fn stacked(lines: usize, leading: f32) -> f32 {
    f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) * leading
}

/// The rows of an invoice, spread over as many pages as they need.
pub(super) fn pages<'a>(invoice: &'a Invoice, faces: &Faces, words: &Words) -> Vec<Page<'a>> {
    let mut pages = vec![Page::default()];
    let mut at = TABLE_TOP_FIRST;
    for block in blocks(invoice, faces, words) {
        let height: f32 = block.iter().map(Row::height).sum();
        let mut stays = at + height + TABLE_HEAD <= TABLE_BOTTOM;
        for row in block {
            // A block that is higher than any page has to be broken after all.
            stays = stays && at + row.height() <= TABLE_BOTTOM;
            if !stays && pages.last().is_some_and(|page| !page.rows.is_empty()) {
                pages.push(Page::default());
                at = TABLE_TOP_NEXT;
            }
            stays = true;
            if let Some(page) = pages.last_mut() {
                if row.is_table() && page.table_head.is_none() {
                    page.table_head = Some(at);
                    at += TABLE_HEAD;
                }
                let top = at;
                at += row.height();
                page.rows.push((top, row));
            }
        }
    }
    pages
}

/// Rows that belong on one page: a heading with the first line below it, and the totals with the
/// last line above them.
fn blocks<'a>(invoice: &'a Invoice, faces: &Faces, words: &Words) -> Vec<Vec<Row<'a>>> {
    let mut blocks: Vec<Vec<Row>> = Vec::new();
    for kind in [
        LineKind::Fee,
        LineKind::OneOff,
        LineKind::Usage,
        LineKind::LateUsage,
        LineKind::MinimumCommitment,
        LineKind::Discount,
    ] {
        let lines: Vec<&InvoiceLine> = invoice.lines.iter().filter(|line| line.kind == kind).collect();
        let mut heading = heading(kind, faces, words);
        for line in &lines {
            heading.push(line_row(line, faces));
            blocks.push(std::mem::take(&mut heading));
        }
        if let (Some(sum), Some(last)) = (sum(&lines), blocks.last_mut()) {
            last.push(Row::Subtotal(sum));
        }
    }
    if blocks.is_empty() {
        blocks.push(vec![Row::NoLines]);
    }
    if let Some(last) = blocks.last_mut() {
        last.push(Row::Net);
        last.extend(invoice.taxes.iter().map(Row::Tax));
        last.extend([Row::Gross, Row::Payment]);
    }
    blocks
}

fn heading<'a>(kind: LineKind, faces: &Faces, words: &Words) -> Vec<Row<'a>> {
    let group = Row::Group(kind);
    if kind != LineKind::LateUsage {
        return vec![group];
    }
    let note = faces.regular.wrap(words.late_usage_note, SMALL, RIGHT - LEFT, 3);
    vec![group, Row::LateUsageNote(note)]
}

fn line_row<'a>(line: &'a InvoiceLine, faces: &Faces) -> Row<'a> {
    let text = faces.regular.printable(&line.description);
    let description = faces.regular.wrap(&text, BODY, Columns::DESCRIPTION_WIDTH, DESCRIPTION_LINES);
    Row::Line { line, description }
}

/// What several lines come to; nothing for one line, which says it itself, or if it does not fit.
fn sum(lines: &[&InvoiceLine]) -> Option<Sum> {
    if lines.len() < 2 {
        return None;
    }
    let total = |count: fn(&InvoiceLine) -> u64| {
        lines.iter().try_fold(0_u64, |sum, line| sum.checked_add(count(line)))
    };
    Some(Sum {
        calls: total(|line| line.calls)?,
        seconds: total(|line| line.seconds)?,
        included_seconds: total(|line| line.included_seconds)?,
        net: Amount::sum(lines.iter().map(|line| line.net))?,
    })
}
