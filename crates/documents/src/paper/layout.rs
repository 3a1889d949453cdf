//! Which row of an invoice stands on which page, and where?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts are only added as `Amount`"
)]

use calculation::invoice::{InvoiceLine, LineKind};
use calculation::money::Amount;
use calculation::tax::TaxCategory;

use super::ItemisedCall;
use super::annex;
use super::chart::Chart;
use super::measures::{BODY, Columns, LEFT, RIGHT, SMALL, TABLE_BOTTOM, TABLE_HEAD, TABLE_TOP_NEXT};
use super::opening::opening;
use super::payment::Payment;
use super::row::{Page, Row, Sum, has_calls};
use super::sheet::Sheet;
use super::text::printable;

const DESCRIPTION_LINES: usize = 12;

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
