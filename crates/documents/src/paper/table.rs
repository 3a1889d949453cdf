//! What do the lines of an invoice and its totals look like?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::{DocumentKind, InvoiceLine, LineKind, TaxLine};
use calculation::money::Amount;
use calculation::tax::TaxCategory;

use super::canvas::{Canvas, Style};
use super::measures::{BODY, Columns, LEADING, LEFT, PAYMENT_GAP, RIGHT, SIDE, SMALL, TABLE_HEAD, stacked};
use super::row::{Head, Row, Sum, has_calls};
use super::sheet::{GREY, HAIRLINE, INK, Sheet};
use super::words::{duration, fill};

/// Where the totals begin.
const TOTALS: f32 = SIDE - 50.0;

impl Sheet<'_> {
    pub(super) fn table_head(&self, canvas: &mut Canvas, top: f32, head: Head) {
        if head == Head::Calls {
            return self.calls_head(canvas, top);
        }
        let words = self.words;
        let baseline = top + 13.0;
        let style = self.bold(SMALL, self.brand.accent_ink());
        canvas.text(style, LEFT, baseline, Columns::DESCRIPTION_WIDTH, words.description);
        let net = fill(words.net, &[("{currency}", self.invoice.currency.code())]);
        let tax = words.of_tax("{tax}", &self.invoice.buyer.country);
        let heads: [&str; 5] = if self.invoice.lines.iter().any(has_calls) {
            [words.calls, words.duration, words.included, &tax, &net]
        } else {
            ["", "", "", &tax, &net]
        };
        figures(canvas, style, baseline, heads);
        canvas.rule(self.brand.accent, (LEFT, RIGHT), top + TABLE_HEAD - 1.0, 1.2);
    }

    pub(super) fn row(&self, canvas: &mut Canvas, top: f32, row: &Row) {
        let words = self.words;
        match row {
            Row::Group(kind) => {
                canvas.text(self.bold(BODY, INK), LEFT, top + 16.5, RIGHT - LEFT, self.heading(*kind));
            }
            Row::LateUsageNote(lines) => {
                canvas.lines(self.regular(SMALL, GREY), LEFT, top + 8.5, 10.5, lines);
            }
            Row::Line { line, description } => self.line(canvas, top, line, description),
            Row::Subtotal(sum) => self.subtotal(canvas, top, sum),
            Row::NoLines => {
                canvas.text(self.regular(BODY, GREY), LEFT, top + 14.0, RIGHT - LEFT, words.no_lines);
            }
            Row::Net => {
                canvas.rule(self.brand.accent, (LEFT, RIGHT), top + 5.0, 1.2);
                self.total(canvas, top + 20.0, words.net_total, self.invoice.net);
            }
            Row::Tax(tax) => self.tax(canvas, top, tax),
            Row::Gross => self.gross(canvas, top),
            Row::Settled(settled) => {
                let taken_off = Amount::from_micros(settled.amount.micros().saturating_neg());
                self.total(canvas, top + 10.0, &words.settled(settled), taken_off);
            }
            Row::Open => self.sum(canvas, top, words.still_to_pay, self.settlement.open),
            Row::TaxNote(lines) => {
                canvas.lines(self.regular(BODY, INK), LEFT, top + 18.0, LEADING, lines);
            }
            Row::Payment(payment) => self.payment(canvas, top + PAYMENT_GAP, payment),
            Row::Closing(lines) => {
                canvas.lines(self.regular(BODY, INK), LEFT, top + 22.0, LEADING, lines);
            }
            Row::Chart(chart) => self.chart(canvas, top, chart),
            Row::AnnexTitle(notes) => self.annex_title(canvas, top, notes),
            Row::LateCalls => self.late_calls(canvas, top),
            Row::Call(call, digits) => self.call(canvas, top, call, *digits),
            Row::CallsTotal(total, digits) => self.calls_total(canvas, top, total, *digits),
        }
    }

    fn heading(&self, kind: LineKind) -> &'static str {
        match kind {
            LineKind::Fee => self.words.fees,
            LineKind::OneOff => self.words.one_off,
            LineKind::Usage => self.words.usage,
            LineKind::LateUsage => self.words.late_usage,
            LineKind::MinimumCommitment => self.words.minimum_commitment,
            LineKind::Discount => self.words.discounts,
        }
    }

    fn line(&self, canvas: &mut Canvas, top: f32, line: &InvoiceLine, description: &[String]) {
        let style = self.regular(BODY, INK);
        let baseline = top + 10.5;
        canvas.lines(style, LEFT, baseline, LEADING, description);
        let rate = match line.tax_category {
            TaxCategory::Standard | TaxCategory::Zero => self.words.rate(line.tax_rate),
            TaxCategory::Exempt | TaxCategory::ReverseCharge => "–".into(),
        };
        let net = self.words.amount(line.net, self.invoice.currency);
        let (calls, spoken, included) = if has_calls(line) {
            (self.words.count(line.calls), duration(line.seconds), included(line.included_seconds))
        } else {
            Default::default()
        };
        figures(canvas, style, baseline, [&calls, &spoken, &included, &rate, &net]);
        let height = stacked(description.len().max(1), LEADING);
        canvas.rule(HAIRLINE, (LEFT, RIGHT), top + height + 3.5, 0.5);
    }

    fn subtotal(&self, canvas: &mut Canvas, top: f32, sum: &Sum) {
        let style = self.bold(BODY, INK);
        let baseline = top + 11.5;
        canvas.text(style, LEFT, baseline, Columns::DESCRIPTION_WIDTH, self.words.subtotal);
        let net = self.words.amount(sum.net, self.invoice.currency);
        let (calls, spoken, included) = if sum.calls == 0 && sum.seconds == 0 {
            Default::default()
        } else {
            (self.words.count(sum.calls), duration(sum.seconds), included(sum.included_seconds))
        };
        figures(canvas, style, baseline, [&calls, &spoken, &included, "", &net]);
    }

    fn total(&self, canvas: &mut Canvas, baseline: f32, label: &str, amount: Amount) {
        let text = self.words.money(amount, self.invoice.currency);
        let style = self.regular(BODY, INK);
        let figure = style.face.width(&text, style.size).min(110.0);
        canvas.whole(style, TOTALS, baseline, RIGHT - TOTALS - figure - 8.0, label);
        canvas.figure(style, Columns::NET, baseline, 110.0, &text);
    }

    fn tax(&self, canvas: &mut Canvas, top: f32, tax: &TaxLine) {
        let label = match tax.category {
            TaxCategory::Standard | TaxCategory::Zero => self.words.tax_line,
            TaxCategory::Exempt => self.words.tax_exempt,
            TaxCategory::ReverseCharge => self.words.tax_reverse_charge,
        };
        let taxable = self.words.money(tax.taxable, self.invoice.currency);
        let name = self.words.of_tax("{tax}", &self.invoice.buyer.country);
        let rate = self.words.rate(tax.rate);
        let label = fill(label, &[("{tax}", &name), ("{rate}", &rate), ("{taxable}", &taxable)]);
        self.total(canvas, top + 10.0, &label, tax.tax);
    }

    fn gross(&self, canvas: &mut Canvas, top: f32) {
        let asks_for_all = self.settlement.open == self.invoice.gross;
        let label = match self.invoice.kind {
            DocumentKind::Invoice if asks_for_all => self.words.gross_total,
            DocumentKind::Invoice => self.words.total,
            DocumentKind::CreditNote => self.words.credited_total,
        };
        self.sum(canvas, top, label, self.invoice.gross);
    }

    /// An amount that matters, between two rules.
    fn sum(&self, canvas: &mut Canvas, top: f32, label: &str, amount: Amount) {
        canvas.rule(INK, (TOTALS, RIGHT), top + 3.0, 0.7);
        canvas.text(self.bold(11.0, INK), TOTALS, top + 19.0, 100.0, label);
        let text = self.words.money(amount, self.invoice.currency);
        canvas.figure(self.bold(11.0, INK), Columns::NET, top + 19.0, 130.0, &text);
        canvas.rule(INK, (TOTALS, RIGHT), top + 26.0, 0.7);
    }
}

fn included(seconds: u64) -> String {
    if seconds == 0 { "–".into() } else { duration(seconds) }
}

/// Prints calls, duration, included, tax rate and net amount into their columns.
fn figures(canvas: &mut Canvas, style: Style, baseline: f32, texts: [&str; 5]) {
    let columns = [
        (Columns::CALLS, 36.0),
        (Columns::DURATION, 50.0),
        (Columns::INCLUDED, 50.0),
        (Columns::TAX_RATE, 36.0),
        (Columns::NET, 66.0),
    ];
    for ((right, width), text) in columns.into_iter().zip(texts) {
        canvas.figure(style, right, baseline, width, text);
    }
}
