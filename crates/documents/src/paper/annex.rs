//! Which calls were made? The list behind the invoice, if the customer wants one.

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::Itemisation;
use calculation::money::Amount;

use super::ItemisedCall;
use super::canvas::Canvas;
use super::measures::{CALL_HEIGHT, LEFT, RIGHT, SMALL, TABLE_HEAD};
use super::row::{CallsTotal, Row};
use super::sheet::{GREY, HAIRLINE, INK, Sheet};
use super::text::printable;
use super::words::{duration, fill};

const SIZE: f32 = 7.5;
/// How many digits of a number are hidden.
const HIDDEN: usize = 3;

/// Where the columns begin; the last two end at their right edges.
struct Columns;

impl Columns {
    const DATE: f32 = LEFT;
    const TIME: f32 = Self::DATE + 52.0;
    const CALLER: f32 = Self::TIME + 40.0;
    const NUMBER: f32 = Self::CALLER + 80.0;
    const DESTINATION: f32 = Self::NUMBER + 84.0;
    const DURATION: f32 = RIGHT - 62.0;
    const AMOUNT: f32 = RIGHT;
}

/// The rows of the annex, in blocks that belong on one page: those of the month, then late ones.
pub(super) fn blocks<'a>(sheet: &Sheet, calls: &'a [ItemisedCall]) -> Vec<Vec<Row<'a>>> {
    if sheet.invoice.itemisation == Itemisation::None || calls.is_empty() {
        return Vec::new();
    }
    let digits = digits(sheet, calls);
    let mut blocks: Vec<Vec<Row>> = Vec::with_capacity(calls.len());
    let mut heading = vec![Row::AnnexTitle(notes(sheet))];
    for late in [false, true] {
        let group = calls.iter().filter(|call| call.late == late);
        for (index, call) in group.enumerate() {
            if late && index == 0 {
                heading.push(Row::LateCalls);
            }
            heading.push(Row::Call(call, digits));
            blocks.push(std::mem::take(&mut heading));
        }
    }
    if let (Some(total), Some(last)) = (total(calls), blocks.last_mut()) {
        last.push(Row::CallsTotal(total, digits));
    }
    blocks
}

/// The digits after the point that the amounts need, the same for all so that they align.
fn digits(sheet: &Sheet, calls: &[ItemisedCall]) -> u8 {
    let needs = |call: &ItemisedCall| {
        let text = call.amount.to_text(0);
        text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
    };
    let most = calls.iter().map(needs).max().unwrap_or_default();
    u8::try_from(most).unwrap_or_default().max(sheet.invoice.currency.minor_digits())
}

fn notes(sheet: &Sheet) -> Vec<String> {
    let note = fill(sheet.words.annex_note, &[("{zone}", &sheet.invoice.period.zone)]);
    let mut text = printable(&note);
    if sheet.invoice.itemisation == Itemisation::Masked {
        text = format!("{text} {}", sheet.words.masked_note);
    }
    sheet.faces.regular.wrap(&text, SMALL, RIGHT - LEFT, 3)
}

/// The sums; nothing if one does not fit.
fn total(calls: &[ItemisedCall]) -> Option<CallsTotal> {
    let seconds = calls.iter().try_fold(0_u64, |sum, call| sum.checked_add(call.billed_seconds))?;
    let amount = Amount::sum(calls.iter().map(|call| call.amount))?;
    Some(CallsTotal { calls: u64::try_from(calls.len()).ok()?, seconds, amount })
}

/// The number with its last three digits hidden.
fn masked(number: &str) -> String {
    let mut hidden = 0;
    let mask = |char: char| {
        let hides = hidden < HIDDEN && char.is_ascii_digit();
        hidden += usize::from(hides);
        if hides { 'x' } else { char }
    };
    let backwards: Vec<char> = number.chars().rev().map(mask).collect();
    backwards.into_iter().rev().collect()
}

impl Sheet<'_> {
    pub(super) fn annex_title(&self, canvas: &mut Canvas, top: f32, notes: &[String]) {
        canvas.text(self.bold(14.0, INK), LEFT, top + 20.0, RIGHT - LEFT, self.words.annex);
        canvas.lines(self.regular(SMALL, GREY), LEFT, top + 35.0, 10.5, notes);
    }

    pub(super) fn calls_head(&self, canvas: &mut Canvas, top: f32) {
        let (words, baseline) = (self.words, top + 13.0);
        let style = self.bold(SIZE, self.brand.accent_ink());
        let columns = [
            (Columns::DATE, words.call_date),
            (Columns::TIME, words.call_time),
            (Columns::CALLER, words.call_line),
            (Columns::NUMBER, words.call_number),
            (Columns::DESTINATION, words.call_destination),
        ];
        for (x, text) in columns {
            canvas.text(style, x, baseline, 82.0, text);
        }
        canvas.figure(style, Columns::DURATION, baseline, 40.0, words.duration);
        let amount = fill(words.net, &[("{currency}", self.invoice.currency.code())]);
        canvas.figure(style, Columns::AMOUNT, baseline, 56.0, &amount);
        canvas.rule(self.brand.accent, (LEFT, RIGHT), top + TABLE_HEAD - 1.0, 1.2);
    }

    pub(super) fn late_calls(&self, canvas: &mut Canvas, top: f32) {
        canvas.text(self.bold(SIZE, INK), LEFT, top + 13.0, RIGHT - LEFT, self.words.late_usage);
    }

    pub(super) fn call(&self, canvas: &mut Canvas, top: f32, call: &ItemisedCall, digits: u8) {
        let (style, baseline) = (self.regular(SIZE, INK), top + 8.5);
        let local = self.local(call.answered_at);
        let time = local.time();
        let time = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        canvas.text(style, Columns::DATE, baseline, 50.0, &self.words.short_date(local.date()));
        canvas.text(style, Columns::TIME, baseline, 38.0, &time);
        canvas.whole(style, Columns::CALLER, baseline, 76.0, &call.caller);
        let number = match self.invoice.itemisation {
            Itemisation::Masked => &masked(&call.number),
            Itemisation::Full | Itemisation::None => &call.number,
        };
        canvas.whole(style, Columns::NUMBER, baseline, 80.0, number);
        let room = Columns::DURATION - 40.0 - Columns::DESTINATION;
        canvas.text(style, Columns::DESTINATION, baseline, room, &call.destination);
        canvas.figure(style, Columns::DURATION, baseline, 38.0, &duration(call.billed_seconds));
        let amount = self.words.amount_to(call.amount, digits);
        canvas.figure(style, Columns::AMOUNT, baseline, 56.0, &amount);
        canvas.rule(HAIRLINE, (LEFT, RIGHT), top + CALL_HEIGHT, 0.4);
    }

    pub(super) fn calls_total(&self, canvas: &mut Canvas, top: f32, total: &CallsTotal, digits: u8) {
        canvas.rule(self.brand.accent, (LEFT, RIGHT), top + 3.0, 1.2);
        let (style, baseline) = (self.bold(SMALL, INK), top + 15.0);
        let text = fill(self.words.annex_total, &[("{count}", &self.words.count(total.calls))]);
        canvas.text(style, LEFT, baseline, Columns::DURATION - 60.0 - LEFT, &text);
        canvas.figure(style, Columns::DURATION, baseline, 56.0, &duration(total.seconds));
        let amount = self.words.amount_to(total.amount, digits);
        canvas.figure(style, Columns::AMOUNT, baseline, 58.0, &amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_digits_are_hidden() {
        for (number, shown) in [
            ("+442079460123", "+442079460xxx"),
            ("110", "xxx"),
            ("11", "xx"),
            ("*100#", "*xxx#"),
            ("", ""),
            ("anonymous", "anonymous"),
            ("٣٤٥+1234", "٣٤٥+1xxx"),
        ] {
            assert_eq!(masked(number), shown);
        }
    }
}
