//! What does each part of a page look like?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::{Invoice, InvoiceLine, LineKind, Party, TaxLine};
use calculation::money::Amount;

use super::canvas::{Canvas, Style};
use super::layout::{
    ADDRESS_TOP, ADDRESS_WIDTH, BODY, Columns, FOLDS, FOOTER_TOP, LEADING, LEFT, PAGE_HEIGHT, PAGE_WIDTH,
    PAYMENT_GAP, PAYMENT_HEIGHT, Page, RIGHT, Row, SIDE, SMALL, Sum, TABLE_HEAD,
};
use super::text::Faces;
use super::words::{Words, duration, in_groups_of_four};
use super::{Brand, Colour};

const INK: Colour = Colour(0x1f, 0x24, 0x2a);
const GREY: Colour = Colour(0x5c, 0x65, 0x70);
const HAIRLINE: Colour = Colour(0xd5, 0xda, 0xe0);
const DRAFT_INK: Colour = Colour(0xf7, 0xdf, 0xdf);
const TINY: f32 = 7.0;
const FOOTER_LINES: usize = 5;

/// All that the drawing of one invoice needs to know.
pub(super) struct Sheet<'a> {
    pub(super) invoice: &'a Invoice,
    pub(super) brand: &'a Brand,
    pub(super) faces: &'a Faces,
    pub(super) words: &'a Words,
}

impl Sheet<'_> {
    /// Draws one page; `number` counts from one.
    pub(super) fn draw(&self, canvas: &mut Canvas, page: &Page, number: usize, of: usize) {
        if self.invoice.number.is_none() {
            let style = self.bold(130.0, DRAFT_INK);
            canvas.across(style, (PAGE_WIDTH / 2.0, PAGE_HEIGHT / 2.0), 50.0, self.words.draft_mark);
        }
        canvas.area(self.brand.accent, (0.0, 0.0), (PAGE_WIDTH, 7.0));
        if number == 1 {
            self.letterhead(canvas);
        } else {
            self.running_head(canvas);
        }
        if let Some(top) = page.table_head {
            self.table_head(canvas, top);
        }
        for (top, row) in &page.rows {
            self.row(canvas, *top, row);
        }
        self.footer(canvas, number, of);
    }

    /// What only the first page has: both parties, the facts and the title.
    fn letterhead(&self, canvas: &mut Canvas) {
        self.seller_name(canvas);
        self.seller_block(canvas);
        self.address(canvas);
        self.facts(canvas);
        canvas.text(self.bold(20.0, INK), LEFT, 290.0, RIGHT - LEFT, &title_of(self.invoice, self.words));
        let period = self
            .words
            .period
            .replace("{first}", &self.words.date(self.invoice.period.first_day))
            .replace("{last}", &self.words.date(self.invoice.period.last_day))
            .replace("{zone}", &self.invoice.period.zone);
        canvas.text(self.regular(10.0, GREY), LEFT, 306.0, RIGHT - LEFT, &period);
        for fold in FOLDS {
            canvas.rule(HAIRLINE, (11.0, 22.0), fold, 0.5);
        }
    }

    /// The operator's name, large, or less so where it is long.
    fn seller_name(&self, canvas: &mut Canvas) {
        let face = &self.faces.bold;
        let name = face.printable(&self.invoice.seller.name);
        let width = SIDE - LEFT - 14.0;
        let fits = |size: &f32| face.wrap(&name, *size, width, 3).len() <= 2;
        let size = [18.0, 14.0].into_iter().find(fits).unwrap_or(11.0);
        let lines = face.wrap(&name, size, width, 3);
        let style = self.bold(size, self.brand.accent_ink());
        canvas.lines(style, LEFT, 66.0, size * 1.2, &lines);
    }

    fn seller_block(&self, canvas: &mut Canvas) {
        let seller = &self.invoice.seller;
        let mut lines = vec![seller.street.clone(), town(seller)];
        lines.extend(self.foreign_country());
        lines.extend(seller.email.clone());
        lines.extend(seller.phone.clone());
        lines.extend(self.vat_id());
        let mut at = 56.0;
        for line in lines.iter().filter(|line| !line.is_empty()) {
            canvas.text(self.regular(SMALL, GREY), SIDE, at, RIGHT - SIDE, line);
            at += 11.0;
        }
    }

    /// The sender's line and the recipient, where the window of an envelope shows them.
    fn address(&self, canvas: &mut Canvas) {
        let (seller, buyer) = (&self.invoice.seller, &self.invoice.buyer);
        let sender = [seller.name.clone(), seller.street.clone(), town(seller)].join(" · ");
        let baseline = ADDRESS_TOP + 26.0;
        canvas.text(self.regular(6.5, GREY), LEFT, baseline, ADDRESS_WIDTH, &sender);
        canvas.rule(HAIRLINE, (LEFT, LEFT + ADDRESS_WIDTH), baseline + 4.5, 0.5);
        let style = self.regular(10.5, INK);
        let mut lines: Vec<String> = Vec::new();
        for (text, most) in [(&buyer.name, 2), (&buyer.street, 2), (&town(buyer), 1)] {
            lines.extend(style.face.wrap(&style.face.printable(text), style.size, ADDRESS_WIDTH, most));
        }
        if buyer.country != seller.country {
            let country = self.words.country(&buyer.country).to_uppercase();
            lines.extend(style.face.wrap(&style.face.printable(&country), style.size, ADDRESS_WIDTH, 1));
        }
        canvas.lines(style, LEFT, baseline + 21.0, 13.5, &lines);
    }

    /// The facts one looks for first, beside the address.
    fn facts(&self, canvas: &mut Canvas) {
        let (invoice, words) = (self.invoice, self.words);
        let number = invoice.number.as_deref().unwrap_or(words.not_numbered);
        let mut facts = vec![
            (words.number, number.to_owned()),
            (words.issued_on, words.date(invoice.issued_on)),
            (words.due_on, words.date(invoice.due_on)),
            (words.customer_reference, invoice.customer_reference.clone()),
        ];
        facts.extend(invoice.buyer.vat_id.clone().map(|id| (words.your_vat_id, id)));
        let mut at = ADDRESS_TOP + 26.0;
        for (label, value) in facts {
            canvas.text(self.regular(SMALL, GREY), SIDE, at, 84.0, label);
            canvas.whole(self.regular(BODY, INK), SIDE + 86.0, at, RIGHT - SIDE - 86.0, &value);
            canvas.rule(HAIRLINE, (SIDE, RIGHT), at + 5.5, 0.5);
            at += 17.0;
        }
        canvas.text(self.bold(BODY, INK), SIDE, at + 3.0, 84.0, words.amount_due);
        let total = words.money(invoice.gross, invoice.currency);
        let style = self.bold(13.0, self.brand.accent_ink());
        canvas.figure(style, RIGHT, at + 4.0, RIGHT - SIDE - 86.0, &total);
    }

    /// What the pages after the first begin with.
    fn running_head(&self, canvas: &mut Canvas) {
        let half = (RIGHT - LEFT) / 2.0 - 6.0;
        let name = self.bold(10.0, self.brand.accent_ink());
        canvas.text(name, LEFT, 56.0, half, &self.invoice.seller.name);
        let continued = self.words.continued.replace("{title}", &title_of(self.invoice, self.words));
        let style = self.regular(BODY, GREY);
        let shown = style.face.fit(&style.face.printable(&continued), style.size, half);
        canvas.figure(style, RIGHT, 56.0, half, &shown);
    }

    fn table_head(&self, canvas: &mut Canvas, top: f32) {
        let words = self.words;
        let baseline = top + 13.0;
        let style = self.bold(SMALL, self.brand.accent_ink());
        canvas.text(style, LEFT, baseline, Columns::DESCRIPTION_WIDTH, words.description);
        let net = words.net.replace("{currency}", self.invoice.currency.code());
        let heads: [&str; 5] = [words.calls, words.duration, words.included, words.tax_rate, &net];
        figures(canvas, style, baseline, heads);
        canvas.rule(self.brand.accent, (LEFT, RIGHT), top + TABLE_HEAD - 1.0, 1.2);
    }

    fn row(&self, canvas: &mut Canvas, top: f32, row: &Row) {
        let words = self.words;
        match row {
            Row::Group(kind) => {
                let heading = match kind {
                    LineKind::Fee | LineKind::OneOff | LineKind::MinimumCommitment | LineKind::Discount => {
                        words.fees
                    }
                    LineKind::Usage => words.usage,
                    LineKind::LateUsage => words.late_usage,
                };
                canvas.text(self.bold(BODY, INK), LEFT, top + 16.5, RIGHT - LEFT, heading);
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
            Row::Payment => self.payment(canvas, top + PAYMENT_GAP),
        }
    }

    fn line(&self, canvas: &mut Canvas, top: f32, line: &InvoiceLine, description: &[String]) {
        let style = self.regular(BODY, INK);
        let baseline = top + 10.5;
        canvas.lines(style, LEFT, baseline, LEADING, description);
        let rate = self.words.rate(line.tax_rate);
        let net = self.words.amount(line.net, self.invoice.currency);
        let (calls, spoken, included) = if line.kind == LineKind::Fee {
            Default::default()
        } else {
            (self.words.count(line.calls), duration(line.seconds), included(line.included_seconds))
        };
        figures(canvas, style, baseline, [&calls, &spoken, &included, &rate, &net]);
        let count = f32::from(u16::try_from(description.len().max(1)).unwrap_or(u16::MAX));
        canvas.rule(HAIRLINE, (LEFT, RIGHT), top + count * LEADING + 3.5, 0.5);
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
        canvas.text(self.regular(BODY, INK), SIDE - 50.0, baseline, 150.0, label);
        let text = self.words.money(amount, self.invoice.currency);
        canvas.figure(self.regular(BODY, INK), Columns::NET, baseline, 110.0, &text);
    }

    fn tax(&self, canvas: &mut Canvas, top: f32, tax: &TaxLine) {
        let label = self
            .words
            .tax_line
            .replace("{rate}", &self.words.rate(tax.rate))
            .replace("{taxable}", &self.words.money(tax.taxable, self.invoice.currency));
        self.total(canvas, top + 10.0, &label, tax.tax);
    }

    fn gross(&self, canvas: &mut Canvas, top: f32) {
        let from = SIDE - 50.0;
        canvas.rule(INK, (from, RIGHT), top + 3.0, 0.7);
        canvas.text(self.bold(11.0, INK), from, top + 19.0, 100.0, self.words.gross_total);
        let text = self.words.money(self.invoice.gross, self.invoice.currency);
        canvas.figure(self.bold(11.0, INK), Columns::NET, top + 19.0, 130.0, &text);
        canvas.rule(INK, (from, RIGHT), top + 26.0, 0.7);
    }

    /// What to pay, to whom, until when and with which reference; or that nothing is to be paid.
    fn payment(&self, canvas: &mut Canvas, top: f32) {
        let (invoice, words) = (self.invoice, self.words);
        canvas.area(self.brand.tint(), (LEFT, top), (RIGHT - LEFT, PAYMENT_HEIGHT));
        canvas.area(self.brand.accent, (LEFT, top), (3.0, PAYMENT_HEIGHT));
        let left = LEFT + 14.0;
        let Some(number) = &invoice.number else {
            let style = self.bold(BODY, INK);
            return canvas.text(style, left, top + 37.0, RIGHT - left, words.draft_is_not_payable);
        };
        if invoice.gross <= Amount::ZERO {
            let sentence =
                if invoice.gross < Amount::ZERO { words.in_your_favour } else { words.nothing_to_pay };
            return canvas.text(self.bold(BODY, INK), left, top + 37.0, RIGHT - left, sentence);
        }
        let sentence = words
            .please_pay
            .replace("{amount}", &words.money(invoice.gross, invoice.currency))
            .replace("{date}", &words.date(invoice.due_on));
        canvas.text(self.bold(10.0, INK), left, top + 20.0, RIGHT - left - 10.0, &sentence);
        let iban = in_groups_of_four(invoice.seller.iban.as_deref().unwrap_or_default());
        let columns = [
            (words.payee, invoice.seller.name.as_str(), 124.0),
            (words.iban, iban.as_str(), 154.0),
            (words.reference, number.as_str(), 85.0),
            (words.due_on, &words.date(invoice.due_on), RIGHT - left - 363.0),
        ];
        let mut x = left;
        for (label, value, width) in columns.into_iter().filter(|(_, value, _)| !value.is_empty()) {
            canvas.text(self.regular(TINY, GREY), x, top + 39.0, width - 6.0, label);
            let style = self.regular(BODY, INK);
            // A reference is copied as one word: rather small than broken.
            if value.contains(' ') {
                let lines = style.face.wrap(&style.face.printable(value), style.size, width - 6.0, 2);
                canvas.lines(style, x, top + 51.0, 10.5, &lines);
            } else {
                canvas.whole(style, x, top + 51.0, width - 6.0, value);
            }
            x += width;
        }
    }

    /// Who the operator is by law, and which page this is.
    fn footer(&self, canvas: &mut Canvas, number: usize, of: usize) {
        let seller = &self.invoice.seller;
        canvas.rule(HAIRLINE, (LEFT, RIGHT), FOOTER_TOP, 0.5);
        let mut who = vec![seller.name.clone(), seller.street.clone(), town(seller)];
        who.extend([self.words.country(&seller.country).to_owned()]);
        who.extend(self.vat_id());
        who.retain(|part| !part.is_empty());
        let style = self.regular(TINY, GREY);
        let width = RIGHT - LEFT - 76.0;
        let mut lines = style.face.wrap(&style.face.printable(&who.join(" · ")), style.size, width, 2);
        let own = self.brand.footer.iter().map(|line| style.face.printable(line));
        lines.extend(
            own.map(|line| style.face.fit(&line, style.size, width)).take(FOOTER_LINES - lines.len()),
        );
        canvas.lines(style, LEFT, FOOTER_TOP + 13.0, 9.5, &lines);
        let page = self.words.page.replace("{n}", &number.to_string()).replace("{m}", &of.to_string());
        canvas.figure(style, RIGHT, FOOTER_TOP + 13.0, 66.0, &page);
    }

    fn vat_id(&self) -> Option<String> {
        self.invoice.seller.vat_id.as_ref().map(|id| self.words.vat_id.replace("{id}", id))
    }

    /// The seller's country, where the letter crosses a border.
    fn foreign_country(&self) -> Option<String> {
        let (seller, buyer) = (&self.invoice.seller, &self.invoice.buyer);
        (seller.country != buyer.country).then(|| self.words.country(&seller.country).to_owned())
    }

    fn regular(&self, size: f32, colour: Colour) -> Style<'_> {
        Style { face: &self.faces.regular, size, colour }
    }

    fn bold(&self, size: f32, colour: Colour) -> Style<'_> {
        Style { face: &self.faces.bold, size, colour }
    }
}

/// `Invoice 2026-000123`, or that it is a draft.
pub(super) fn title_of(invoice: &Invoice, words: &Words) -> String {
    match &invoice.number {
        Some(number) => words.title.replace("{number}", number),
        None => words.title_draft.into(),
    }
}

/// `10115 Berlin`.
fn town(party: &Party) -> String {
    format!("{} {}", party.postcode, party.city).trim().into()
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
