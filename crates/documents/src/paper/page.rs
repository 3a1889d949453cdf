//! What does each part of a page look like?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::{DocumentKind, Invoice, Party};
use calculation::money::Amount;

use super::Colour;
use super::canvas::{Canvas, Style};
use super::measures::{
    ADDRESS_TOP, ADDRESS_WIDTH, BODY, FOLDS, FOOTER_TOP, LEFT, PAGE_HEIGHT, PAGE_WIDTH, RIGHT, SIDE, SMALL,
    TITLE, stacked,
};
use super::opening::opening;
use super::row::{Head, Page};
use super::shape::isolated;
use super::sheet::{GREY, HAIRLINE, INK, Sheet};
use super::text::printable;
use super::words::{Words, fill};

const DRAFT_INK: Colour = Colour(0xf7, 0xdf, 0xdf);
const TINY: f32 = 7.0;
/// No address is set smaller.
const SMALLEST: f32 = 5.5;
const MOST_LINES: usize = 40;
const FOOTER_LINES: usize = 5;
/// The room for a logo, above the address.
const LOGO: (f32, f32) = (190.0, 62.0);
const LOGO_TOP: f32 = 34.0;

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
            self.running_head(canvas, page);
        }
        for (top, head) in &page.heads {
            self.table_head(canvas, *top, *head);
        }
        for (top, row) in &page.rows {
            self.row(canvas, *top, row);
        }
        self.footer(canvas, number, of);
    }

    /// What only the first page has: both parties, the facts and the title.
    fn letterhead(&self, canvas: &mut Canvas) {
        if self.brand.logo.is_some() {
            self.logo(canvas);
        } else {
            self.seller_name(canvas);
        }
        self.seller_block(canvas);
        self.address(canvas);
        self.facts(canvas);
        canvas.whole(self.bold(20.0, INK), LEFT, TITLE, RIGHT - LEFT, &title_of(self.invoice, self.words));
        for (baseline, fact, line) in opening(self).lines {
            let colour = if fact { GREY } else { INK };
            canvas.text(self.regular(BODY, colour), LEFT, baseline, RIGHT - LEFT, &line);
        }
        for fold in FOLDS {
            canvas.rule(HAIRLINE, (11.0, 22.0), fold, 0.5);
        }
    }

    /// The logo, as large as its room allows.
    fn logo(&self, canvas: &mut Canvas) {
        let Some(logo) = &self.brand.logo else { return };
        let (width, height) = logo.0.size();
        let points = |pixels: u32| f32::from(u16::try_from(pixels).unwrap_or(u16::MAX).max(1));
        let (width, height) = (points(width), points(height));
        let scale = (LOGO.0 / width).min(LOGO.1 / height);
        let size = (width * scale, height * scale);
        canvas.image(&logo.0, (LEFT, LOGO_TOP + (LOGO.1 - size.1) / 2.0), size);
    }

    /// The operator's name, large, or less so where it is long.
    fn seller_name(&self, canvas: &mut Canvas) {
        let face = &self.faces.bold;
        let name = printable(&self.invoice.seller.name);
        let width = SIDE - LEFT - 14.0;
        let fits = |size: &f32| face.wrap(&name, *size, width, 3).len() <= 2;
        let size = [18.0, 14.0].into_iter().find(fits).unwrap_or(11.0);
        let lines = face.wrap(&name, size, width, 3);
        let style = self.bold(size, self.brand.accent_ink());
        canvas.lines(style, LEFT, 66.0, size * 1.2, &lines);
    }

    fn seller_block(&self, canvas: &mut Canvas) {
        let seller = &self.invoice.seller;
        let mut at = 56.0;
        if self.brand.logo.is_some() {
            canvas.whole(self.bold(SMALL, INK), SIDE, at - 11.0, RIGHT - SIDE, &seller.name);
        }
        let mut parts = vec![seller.street.clone(), town(seller)];
        parts.extend(self.foreign_country());
        parts.extend(seller.email.clone());
        parts.extend(seller.phone.clone());
        parts.extend(self.words.identifier(seller));
        let parts: Vec<_> = parts.iter().map(|part| (part.as_str(), 2)).collect();
        let room = ADDRESS_TOP + 10.0 - at;
        let (style, leading, lines) = self.fitting(&parts, (SMALL, 11.0), RIGHT - SIDE, room);
        for line in lines {
            canvas.lines(Style { colour: GREY, ..style }, SIDE, at, leading, &[line]);
            at += leading;
        }
    }

    /// The sender's line and the recipient, where the window of an envelope shows them.
    fn address(&self, canvas: &mut Canvas) {
        let (seller, buyer) = (&self.invoice.seller, &self.invoice.buyer);
        let sender = [&seller.name, &seller.street, &town(seller)].map(|part| isolated(part)).join(" · ");
        let baseline = ADDRESS_TOP + 26.0;
        canvas.text(self.regular(6.5, GREY), LEFT, baseline, ADDRESS_WIDTH, &sender);
        canvas.rule(HAIRLINE, (LEFT, LEFT + ADDRESS_WIDTH), baseline + 4.5, 0.5);
        let town = town(buyer);
        let mut parts = vec![(buyer.name.as_str(), 6), (&buyer.street, 6), (&town, 6)];
        let country = self.words.country(&buyer.country).to_uppercase();
        if buyer.country != seller.country {
            parts.push((&country, 1));
        }
        let room = TITLE - 30.0 - (baseline + 21.0);
        let (style, leading, lines) = self.fitting(&parts, (10.5, 13.5), ADDRESS_WIDTH, room);
        canvas.lines(style, LEFT, baseline + 21.0, leading, &lines);
    }

    /// Texts in lines, each text on lines of its own: set as large as fits into a room. Nothing is cut as long
    /// as it can be read.
    fn fitting(
        &self,
        parts: &[(&str, usize)],
        (largest, leading): (f32, f32),
        width: f32,
        room: f32,
    ) -> (Style<'_>, f32, Vec<String>) {
        let face = &self.faces.regular;
        let set = |size: f32, shrunk: bool| {
            let wrapped = parts.iter().flat_map(|(text, most)| {
                let most = if shrunk { MOST_LINES } else { *most };
                face.wrap(&printable(text), size, width, most)
            });
            wrapped.collect::<Vec<_>>()
        };
        let mut size = largest;
        loop {
            let lines = set(size, size < largest);
            let leading = leading * size / largest;
            let fits = stacked(lines.len(), leading) <= room && !lines.iter().any(|line| line.ends_with('…'));
            if fits || size <= SMALLEST {
                return (self.regular(size, INK), leading, lines);
            }
            size = (size - 0.5).max(SMALLEST);
        }
    }

    /// The facts one looks for first, beside the address.
    fn facts(&self, canvas: &mut Canvas) {
        let (invoice, words) = (self.invoice, self.words);
        let number = invoice.number.as_deref().unwrap_or(words.not_numbered).to_owned();
        let issued = words.date(invoice.issued_on);
        let (mut facts, amount) = match invoice.kind {
            DocumentKind::Invoice => {
                let mut facts = vec![(words.invoice_number, number), (words.invoice_date, issued)];
                // What asks for nothing is never due.
                if self.settlement.open > Amount::ZERO {
                    facts.push((words.due_on, words.date(invoice.due_on)));
                }
                let gives = self.drawing.gives().is_some();
                (facts, if gives { words.amount_in_favour } else { words.amount_due })
            }
            DocumentKind::CreditNote => {
                let facts = vec![(words.credit_note_number, number), (words.credit_note_date, issued)];
                (facts, words.amount_credited)
            }
        };
        facts.extend(
            invoice.corrects.iter().map(|corrects| (words.correction(invoice).1, corrects.number.clone())),
        );
        facts.push((words.customer_reference, invoice.customer_reference.clone()));
        let your_identifier = words.your_identifier(&invoice.buyer.country);
        facts.extend(invoice.buyer.vat_id.clone().map(|id| (your_identifier.as_str(), id)));
        let mut at = ADDRESS_TOP + 26.0;
        for (label, value) in facts {
            canvas.whole(self.regular(SMALL, GREY), SIDE, at, 82.0, label);
            canvas.whole(self.regular(BODY, INK), SIDE + 86.0, at, RIGHT - SIDE - 86.0, &value);
            canvas.rule(HAIRLINE, (SIDE, RIGHT), at + 5.5, 0.5);
            at += 17.0;
        }
        canvas.whole(self.bold(BODY, INK), SIDE, at + 3.0, 82.0, amount);
        let asked = self.drawing.gives().unwrap_or(self.settlement.open);
        let total = words.money(asked, invoice.currency);
        let style = self.bold(13.0, self.brand.accent_ink());
        canvas.figure(style, RIGHT, at + 4.0, RIGHT - SIDE - 86.0, &total);
    }

    /// What the pages after the first begin with.
    fn running_head(&self, canvas: &mut Canvas, page: &Page) {
        let third = (RIGHT - LEFT) / 3.0;
        let name = self.bold(10.0, self.brand.accent_ink());
        canvas.text(name, LEFT, 56.0, third, &self.invoice.seller.name);
        let annex = page.heads.iter().all(|(_, head)| *head == Head::Calls) && !page.heads.is_empty();
        let text = if annex { self.words.annex_of } else { self.words.continued };
        let continued = fill(text, &[("{title}", &title_of(self.invoice, self.words))]);
        let style = self.regular(BODY, GREY);
        let room = 2.0 * third - 12.0;
        let shown = style.face.fit(&printable(&continued), style.size, room);
        canvas.figure(style, RIGHT, 56.0, room, &shown);
    }

    /// Who the operator is by law, and which page this is.
    fn footer(&self, canvas: &mut Canvas, number: usize, of: usize) {
        let seller = &self.invoice.seller;
        canvas.rule(HAIRLINE, (LEFT, RIGHT), FOOTER_TOP, 0.5);
        let mut who = [&seller.name, &seller.street, &town(seller)].map(|part| isolated(part)).to_vec();
        who.extend([self.words.country(&seller.country).to_owned()]);
        who.extend(self.words.identifier(seller));
        who.retain(|part| !part.is_empty());
        let style = self.regular(TINY, GREY);
        let width = RIGHT - LEFT - 76.0;
        let mut lines = style.face.wrap(&printable(&who.join(" · ")), style.size, width, 2);
        let own = self.brand.footer.iter().map(|line| printable(line));
        lines.extend(
            own.map(|line| style.face.fit(&line, style.size, width)).take(FOOTER_LINES - lines.len()),
        );
        canvas.lines(style, LEFT, FOOTER_TOP + 13.0, 9.5, &lines);
        let page = fill(self.words.page, &[("{n}", &number.to_string()), ("{m}", &of.to_string())]);
        canvas.figure(style, RIGHT, FOOTER_TOP + 13.0, 66.0, &page);
    }

    /// The seller's country, where the letter crosses a border.
    fn foreign_country(&self) -> Option<String> {
        let (seller, buyer) = (&self.invoice.seller, &self.invoice.buyer);
        (seller.country != buyer.country).then(|| self.words.country(&seller.country).to_owned())
    }
}

/// `Invoice 2026-000123`, or that it is a draft.
pub(super) fn title_of(invoice: &Invoice, words: &Words) -> String {
    let (numbered, draft) = match invoice.kind {
        DocumentKind::Invoice => (words.invoice, words.invoice_draft),
        DocumentKind::CreditNote => (words.credit_note, words.credit_note_draft),
    };
    match &invoice.number {
        Some(number) => fill(numbered, &[("{number}", number)]),
        None => draft.into(),
    }
}

/// `10115 Berlin`.
fn town(party: &Party) -> String {
    format!("{} {}", party.postcode, party.city).trim().into()
}
