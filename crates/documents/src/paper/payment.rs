//! How is the invoice paid? In words, and as a code that a banking app reads (EPC069-12, version 2.1).

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::Invoice;
use calculation::money::Amount;
use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};
use unicode_normalization::UnicodeNormalization;

use super::Colour;
use super::canvas::Canvas;
use super::measures::{BODY, LEADING, LEFT, RIGHT, stacked};
use super::sheet::{GREY, INK, Sheet};
use super::text::printable;
use super::words::{fill, in_groups_of_four};

const TINY: f32 = 7.0;
/// From the edge of the box to its text.
const INDENT: f32 = 14.0;
/// Of what is said in place of a request to pay.
const MOST_LINES: usize = 40;
/// The code with its quiet zone.
const CODE_SIDE: f32 = 84.0;
/// What stands below the code.
const CAPTION: f32 = 10.0;
/// The quiet zone on each side, in modules (ISO/IEC 18004).
const QUIET: f32 = 4.0;

/// UTF-8 as an extended channel interpretation (AIM ITS/04-023).
const UTF_8: u32 = 26;

/// What the payment box says.
pub(super) enum Payment {
    Draft,
    /// Nothing is asked for: why, and where went what is given back.
    Nothing(Vec<String>),
    /// With a code where the payee can be paid by one.
    Due(Option<QrCode>),
}

impl Payment {
    pub(super) fn of(sheet: &Sheet) -> Self {
        let open = sheet.settlement.open;
        if sheet.invoice.number.is_none() {
            return Self::Draft;
        }
        if open > Amount::ZERO {
            return Self::Due(epc_payload(sheet.invoice, open).and_then(|payload| code(&payload)));
        }
        let said = sheet.words.standing(sheet.drawing).join(" ");
        let (face, width) = (&sheet.faces.bold, RIGHT - LEFT - 2.0 * INDENT);
        Self::Nothing(face.wrap(&printable(&said), BODY, width, MOST_LINES))
    }

    pub(super) fn height(&self) -> f32 {
        match self {
            Self::Draft => 38.0,
            Self::Nothing(lines) => 38.0 + stacked(lines.len().saturating_sub(1), LEADING),
            Self::Due(None) => 70.0,
            Self::Due(Some(_)) => CODE_SIDE + CAPTION + 8.0,
        }
    }
}

impl Sheet<'_> {
    /// What to pay, to whom, until when and with which reference; or that nothing is to be paid.
    pub(super) fn payment(&self, canvas: &mut Canvas, top: f32, payment: &Payment) {
        let (invoice, words) = (self.invoice, self.words);
        let height = payment.height();
        canvas.area(self.brand.tint(), (LEFT, top), (RIGHT - LEFT, height));
        canvas.area(self.brand.accent, (LEFT, top), (3.0, height));
        let left = LEFT + INDENT;
        let style = self.bold(BODY, INK);
        let code = match payment {
            Payment::Draft => {
                return canvas.text(style, left, top + 22.5, RIGHT - left, words.draft_is_not_payable);
            }
            Payment::Nothing(lines) => return canvas.lines(style, left, top + 22.5, LEADING, lines),
            Payment::Due(code) => code,
        };
        let mut right = RIGHT - 10.0;
        if let Some(code) = code {
            right -= CODE_SIDE;
            self.code(canvas, (RIGHT - CODE_SIDE - 5.0, top + 5.0), code);
        }
        let sentence = fill(
            if self.settlement.overdue { words.please_pay_at_once } else { words.please_pay },
            &[
                ("{amount}", &words.money(self.settlement.open, invoice.currency)),
                ("{date}", &words.date(invoice.due_on)),
            ],
        );
        let style = self.bold(10.0, INK);
        canvas.whole(style, left, top + 20.0, right - left, &sentence);
        self.payee(canvas, (left, right), top + 42.0, code.is_some());
    }

    /// Payee, account and reference: side by side, or in two rows beside a code.
    fn payee(&self, canvas: &mut Canvas, (left, right): (f32, f32), top: f32, two_rows: bool) {
        let (invoice, words) = (self.invoice, self.words);
        let iban = in_groups_of_four(invoice.seller.iban.as_deref().unwrap_or_default());
        let number = invoice.number.as_deref().unwrap_or_default();
        let due_on = words.date(invoice.due_on);
        let payee = (words.payee, invoice.seller.name.as_str());
        let rows = if two_rows {
            vec![vec![payee, (words.iban, &iban)], vec![(words.reference, number), (words.due_on, &due_on)]]
        } else {
            vec![vec![payee, (words.iban, &iban), (words.reference, number)]]
        };
        let mut at = top;
        for row in rows {
            let columns = f32::from(u16::try_from(row.len()).unwrap_or(1));
            let width = (right - left) / columns;
            let mut x = left;
            for (label, value) in row.into_iter().filter(|(_, value)| !value.is_empty()) {
                canvas.text(self.regular(TINY, GREY), x, at, width - 8.0, label);
                self.value(canvas, x, at + 11.5, width - 8.0, value);
                x += width;
            }
            at += 30.0;
        }
    }

    /// A value on one line, or smaller on two.
    fn value(&self, canvas: &mut Canvas, x: f32, baseline: f32, width: f32, value: &str) {
        let style = self.regular(BODY, INK);
        let text = printable(value);
        if style.face.width(&text, style.size) <= width * 1.2 {
            return canvas.whole(style, x, baseline, width, value);
        }
        let style = self.regular(TINY, INK);
        canvas.lines(style, x, baseline - 3.0, 8.0, &style.face.wrap(&text, style.size, width, 2));
    }

    /// The code in its white quiet zone, each row of dark modules as one bar.
    fn code(&self, canvas: &mut Canvas, corner: (f32, f32), code: &QrCode) {
        canvas.area(Colour(255, 255, 255), corner, (CODE_SIDE, CODE_SIDE));
        let side = code.size();
        let module = CODE_SIDE / (place(side) + 2.0 * QUIET);
        let at = |index: i32| module * (place(index) + QUIET);
        let mut bars = Vec::new();
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let dark = (x..side).take_while(|x| code.get_module(*x, y)).count();
                let dark = i32::try_from(dark).unwrap_or_default();
                bars.push(((corner.0 + at(x), corner.1 + at(y)), (module * place(dark), module)));
                x += dark.max(1);
            }
        }
        bars.retain(|(_, (width, _))| *width > 0.0);
        canvas.areas(Colour(0, 0, 0), bars);
        let style = self.regular(TINY, GREY);
        let width = style.face.width(self.words.scan_to_pay, style.size).min(CODE_SIDE);
        let right = corner.0 + CODE_SIDE / 2.0 + width / 2.0;
        canvas.figure(style, right, corner.1 + CODE_SIDE + CAPTION - 1.5, CODE_SIDE, self.words.scan_to_pay);
    }
}

/// A module's place; a code has at most 69 in a row.
fn place(index: i32) -> f32 {
    f32::from(u8::try_from(index).unwrap_or_default())
}

/// The standard asks for error correction level M and a version of at most 13.
fn code(payload: &str) -> Option<QrCode> {
    let mut segments = vec![QrSegment::make_bytes(payload.as_bytes())];
    // Readers guess the character set of letters beyond ASCII unless they are told.
    if !payload.is_ascii() {
        segments.insert(0, QrSegment::make_eci(UTF_8));
    }
    let largest = Version::new(13);
    QrCode::encode_segments_advanced(&segments, QrCodeEcc::Medium, Version::MIN, largest, None, false).ok()
}

/// What the code says: a SEPA credit transfer to the seller's account with the invoice's number. Nothing
/// where the standard has no room for it: another currency, an account that is none, a sum too large.
fn epc_payload(invoice: &Invoice, open: Amount) -> Option<String> {
    let largest = Amount::from_micros(999_999_999_990_000);
    if invoice.currency.code() != "EUR" || open <= Amount::ZERO || open > largest {
        return None;
    }
    let amount = open.to_text(2);
    let (_, cents) = amount.split_once('.')?;
    let iban: String = invoice.seller.iban.as_deref()?.split_whitespace().collect();
    let name: String = one_line(&invoice.seller.name).nfc().take(70).collect();
    let text = one_line(invoice.number.as_deref()?);
    if cents.len() != 2 || !is_iban(&iban) || name.is_empty() || text.chars().count() > 140 {
        return None;
    }
    let amount = format!("EUR{amount}");
    // No BIC, no purpose and no structured reference.
    Some(["BCD", "002", "1", "SCT", "", name.trim_end(), &iban, &amount, "", "", &text].join("\n"))
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace(char::is_control, "")
}

/// Whether the check digits are right (ISO 13616, ISO 7064 mod 97-10).
fn is_iban(text: &str) -> bool {
    let shape = text.bytes().enumerate().all(|(place, byte)| match place {
        0 | 1 => byte.is_ascii_uppercase(),
        2 | 3 => byte.is_ascii_digit(),
        _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
    });
    if !shape || !(15..=34).contains(&text.len()) {
        return false;
    }
    let moved = text.chars().skip(4).chain(text.chars().take(4));
    let digits = moved.filter_map(|char| char.to_digit(36));
    let remainder = digits.fold(0, |rest, digit| {
        let shift = if digit < 10 { 10 } else { 100 };
        (rest * shift + digit) % 97
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_number_proves_itself() {
        for right in ["DE89370400440532013000", "GB82WEST12345698765432", "NO9386011117947"] {
            assert!(is_iban(right), "{right}");
        }
        for wrong in [
            "",
            "DE",
            "DE88370400440532013000",
            "DE89370400440532013001",
            "de89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "8937040044053201300000",
            "DE8937040044053201300Ä",
            "DE895370400440532013000111122223333",
        ] {
            assert!(!is_iban(wrong), "{wrong}");
        }
    }
}
