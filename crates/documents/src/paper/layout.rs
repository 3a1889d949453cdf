//! Which row of an invoice stands on which page, and where?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts are only added as `Amount`"
)]

use calculation::invoice::{InvoiceLine, LineKind, TaxLine};
use calculation::money::Amount;
use calculation::tax::TaxCategory;

use super::ItemisedCall;
use super::annex::{self, CALL_HEIGHT, CallsTotal};
use super::chart::{CHART_HEIGHT, Chart};
use super::page::{Sheet, opening};
use super::payment::Payment;
use super::text::printable;
use crate::Settled;

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
pub(super) const TABLE_TOP_FIRST: f32 = 115.0 * MM;
const TABLE_TOP_NEXT: f32 = 32.0 * MM;
pub(super) const FOOTER_TOP: f32 = PAGE_HEIGHT - 24.0 * MM;
const TABLE_BOTTOM: f32 = FOOTER_TOP - 4.0 * MM;

pub(super) const TABLE_HEAD: f32 = 20.0;
pub(super) const BODY: f32 = 9.0;
pub(super) const SMALL: f32 = 8.0;
pub(super) const LEADING: f32 = 11.5;
pub(super) const PAYMENT_GAP: f32 = 16.0;
const DESCRIPTION_LINES: usize = 12;

/// The right edges of the columns after the description, which takes the rest.
pub(super) struct Columns;

impl Columns {
    pub(super) const NET: f32 = RIGHT;
    pub(super) const TAX_RATE: f32 = Self::NET - 72.0;
    pub(super) const INCLUDED: f32 = Self::TAX_RATE - 42.0;
    pub(super) const DURATION: f32 = Self::INCLUDED - 56.0;
    pub(super) const CALLS: f32 = Self::DURATION - 56.0;
    pub(super) const DESCRIPTION_WIDTH: f32 = Self::CALLS - 40.0 - LEFT;
    /// Where a line has no calls, its description takes their columns.
    pub(super) const WIDE_DESCRIPTION_WIDTH: f32 = Self::TAX_RATE - 40.0 - LEFT;
}

/// One row of a table, or of what follows it.
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
    Settled(&'a Settled),
    /// What is left to pay, where something settled a part.
    Open,
    /// Why no tax is due.
    TaxNote(Vec<String>),
    Payment(Payment),
    Closing(Vec<String>),
    Chart(Chart),
    AnnexTitle(Vec<String>),
    LateCalls,
    /// A call, and how many digits its amount shows after the point.
    Call(&'a ItemisedCall, u8),
    CallsTotal(CallsTotal, u8),
}

/// The head of a table, repeated on each page that has rows of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Lines,
    Calls,
}

/// What the lines of a group come to.
pub(super) struct Sum {
    pub(super) calls: u64,
    pub(super) seconds: u64,
    pub(super) included_seconds: u64,
    pub(super) net: Amount,
}

/// One page: its rows and heads with the height at which each begins.
#[derive(Default)]
pub(super) struct Page<'a> {
    pub(super) rows: Vec<(f32, Row<'a>)>,
    pub(super) heads: Vec<(f32, Head)>,
}

impl Row<'_> {
    fn height(&self) -> f32 {
        match self {
            Self::Group(_) => 23.0,
            Self::LateUsageNote(lines) => stacked(lines.len(), 10.5) + 3.0,
            Self::Line { description, .. } => stacked(description.len().max(1), LEADING) + 5.0,
            Self::Subtotal(_) => 20.0,
            Self::Net => 25.0,
            Self::Tax(_) | Self::Settled(_) => 15.0,
            Self::Gross | Self::Open => 30.0,
            Self::TaxNote(lines) => stacked(lines.len(), LEADING) + 10.0,
            Self::Payment(payment) => payment.height() + PAYMENT_GAP,
            Self::Closing(lines) => stacked(lines.len(), LEADING) + 14.0,
            Self::Chart(_) => CHART_HEIGHT,
            Self::AnnexTitle(lines) => stacked(lines.len(), 10.5) + 32.0,
            Self::LateCalls => 18.0,
            Self::Call(..) => CALL_HEIGHT,
            Self::NoLines | Self::CallsTotal(..) => 22.0,
        }
    }

    fn head(&self) -> Option<Head> {
        match self {
            Self::Group(_)
            | Self::LateUsageNote(_)
            | Self::Line { .. }
            | Self::Subtotal(_)
            | Self::NoLines => Some(Head::Lines),
            Self::LateCalls | Self::Call(..) | Self::CallsTotal(..) => Some(Head::Calls),
            _ => None,
        }
    }
}

pub(super) fn stacked(lines: usize, leading: f32) -> f32 {
    f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) * leading
}

impl<'a> Page<'a> {
    /// The annex has pages of its own; only the chart may stand on its first.
    fn is_for_the_annex(&self) -> bool {
        self.rows.iter().all(|(_, row)| matches!(row, Row::Chart(_)))
    }

    fn lacks_head_of(&self, row: &Row) -> bool {
        row.head().is_some_and(|head| self.heads.last().is_none_or(|(_, last)| *last != head))
    }

    /// Adds a row at a height, below the head of its table if that is not there yet; answers the height
    /// below it.
    fn add(&mut self, mut at: f32, row: Row<'a>) -> f32 {
        if let Some(head) = row.head().filter(|_| self.lacks_head_of(&row)) {
            self.heads.push((at, head));
            at += TABLE_HEAD;
        }
        let below = at + row.height();
        self.rows.push((at, row));
        below
    }
}

/// The rows of an invoice and its annex, spread over as many pages as they need.
pub(super) fn pages<'a>(sheet: &Sheet<'a>, calls: &'a [ItemisedCall]) -> Vec<Page<'a>> {
    let mut blocks = blocks(sheet);
    blocks.extend(Chart::of(sheet, calls).map(|chart| vec![Row::Chart(chart)]));
    blocks.append(&mut annex::blocks(sheet, calls));
    let (mut pages, mut page) = (Vec::new(), Page::default());
    let mut at = opening(sheet).bottom;
    for block in blocks {
        let head = if block.iter().any(|row| page.lacks_head_of(row)) { TABLE_HEAD } else { 0.0 };
        let height: f32 = block.iter().map(Row::height).sum();
        let mut stays = at + head + height <= TABLE_BOTTOM;
        if matches!(block.first(), Some(Row::AnnexTitle(_))) && !page.is_for_the_annex() {
            stays = false;
        }
        for row in block {
            // A block that is higher than any page has to be broken after all.
            stays = stays && at + row.height() <= TABLE_BOTTOM;
            if !stays && !page.rows.is_empty() {
                pages.push(std::mem::take(&mut page));
                at = TABLE_TOP_NEXT;
            }
            stays = true;
            at = page.add(at, row);
        }
    }
    pages.push(page);
    pages
}

/// The sections of the table, in their order.
const KINDS: [LineKind; 6] = [
    LineKind::Fee,
    LineKind::OneOff,
    LineKind::Usage,
    LineKind::LateUsage,
    LineKind::MinimumCommitment,
    LineKind::Discount,
];

/// Rows that belong on one page: a heading with the first line below it, and the totals with the
/// last line above them.
fn blocks<'a>(sheet: &Sheet<'a>) -> Vec<Vec<Row<'a>>> {
    let mut blocks: Vec<Vec<Row>> = Vec::new();
    for kind in KINDS {
        let lines: Vec<&InvoiceLine> = sheet.invoice.lines.iter().filter(|line| line.kind == kind).collect();
        let mut heading = heading(kind, sheet);
        for line in &lines {
            heading.push(line_row(line, sheet));
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
        last.append(&mut ending(sheet));
    }
    blocks
}

/// What stands below the last line: the totals, and what is to be paid.
fn ending<'a>(sheet: &Sheet<'a>) -> Vec<Row<'a>> {
    let invoice = sheet.invoice;
    let mut rows = vec![Row::Net];
    rows.extend(invoice.taxes.iter().map(Row::Tax));
    rows.push(Row::Gross);
    let settled = &sheet.settlement.settled;
    rows.extend(settled.iter().map(Row::Settled));
    rows.extend((!settled.is_empty()).then_some(Row::Open));
    rows.extend(tax_note(sheet).map(Row::TaxNote));
    rows.push(Row::Payment(Payment::of(sheet)));
    let closing = sheet.texts().and_then(|texts| texts.closing.as_deref());
    rows.extend(closing.map(|closing| Row::Closing(sheet.wrapped(closing, 4))));
    rows
}

/// Why no tax is due. That the buyer owes it is said in the words of the law, whatever the note says
/// (2006/112/EC, article 226 (11a)).
fn tax_note(sheet: &Sheet) -> Option<Vec<String>> {
    let invoice = sheet.invoice;
    let mut notes = Vec::new();
    if invoice.taxes.iter().any(|tax| tax.category == TaxCategory::ReverseCharge) {
        notes.push(sheet.words.reverse_charge_note);
    }
    let said = notes.first().map_or("", |note| note.trim_end_matches('.'));
    notes.extend(invoice.tax_note.as_deref().filter(|note| note.trim_end_matches('.') != said));
    (!notes.is_empty()).then(|| notes.iter().flat_map(|note| sheet.wrapped(note, 4)).collect())
}

fn heading<'a>(kind: LineKind, sheet: &Sheet) -> Vec<Row<'a>> {
    let group = Row::Group(kind);
    if kind != LineKind::LateUsage {
        return vec![group];
    }
    let note = sheet.faces.regular.wrap(sheet.words.late_usage_note, SMALL, RIGHT - LEFT, 3);
    vec![group, Row::LateUsageNote(note)]
}

/// Whether a line counts calls.
pub(super) fn has_calls(line: &InvoiceLine) -> bool {
    matches!(line.kind, LineKind::Usage | LineKind::LateUsage)
}

fn line_row<'a>(line: &'a InvoiceLine, sheet: &Sheet) -> Row<'a> {
    let face = &sheet.faces.regular;
    let width = if has_calls(line) { Columns::DESCRIPTION_WIDTH } else { Columns::WIDE_DESCRIPTION_WIDTH };
    let mut description = face.wrap(&printable(&line.description), BODY, width, DESCRIPTION_LINES);
    if let Some(days) = line.days {
        let days = sheet.words.days(days);
        // The days are never cut: where they do not fit behind the description, they stand below it.
        match description.last_mut() {
            None => description.push(days),
            Some(last) => {
                last.push(',');
                let together = format!("{last} {days}");
                if face.width(&together, BODY) <= width {
                    *last = together;
                } else {
                    description.push(days);
                }
            }
        }
    }
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
