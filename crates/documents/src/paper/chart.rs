//! On which days was how much called?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money"
)]

use jiff::civil::Date;

use super::ItemisedCall;
use super::canvas::Canvas;
use super::measures::{BODY, LEFT, RIGHT};
use super::sheet::{GREY, HAIRLINE, INK, Sheet};
use super::words::fill;

pub(super) const CHART_HEIGHT: f32 = 106.0;
/// Where the plot begins and ends below the chart's top.
const PLOT: (f32, f32) = (39.0, 94.0);
const TINY: f32 = 6.5;
/// A month has at most 31; whatever has more is no month to draw.
const MOST_DAYS: usize = 31;

/// Billed seconds of each local day of the month.
pub(super) struct Chart {
    days: Vec<(Date, u64)>,
}

impl Chart {
    /// The chart of the month's own calls; late ones are of other months. Nothing without any.
    pub(super) fn of(sheet: &Sheet, calls: &[ItemisedCall]) -> Option<Self> {
        let period = &sheet.invoice.period;
        let days = period.first_day.series(jiff::Span::new().days(1));
        let days = days.take_while(|day| *day <= period.last_day).take(MOST_DAYS + 1);
        let mut days: Vec<(Date, u64)> = days.map(|day| (day, 0)).collect();
        if days.len() > MOST_DAYS {
            return None;
        }
        for call in calls.iter().filter(|call| !call.late) {
            let day = sheet.local(call.answered_at).date();
            if let Ok(place) = days.binary_search_by_key(&day, |(day, _)| *day) {
                days[place].1 = days[place].1.saturating_add(call.billed_seconds);
            }
        }
        days.iter().any(|(_, seconds)| *seconds > 0).then_some(Self { days })
    }

    /// The minutes at the top of the scale: 1, 2 or 5 with zeros, and no bar is higher.
    fn scale(&self) -> u64 {
        let most = self.days.iter().map(|(_, seconds)| seconds.div_ceil(60)).max().unwrap_or_default();
        let mut step: u64 = 1;
        loop {
            for top in [step, step.saturating_mul(2), step.saturating_mul(5)] {
                if top >= most {
                    return top;
                }
            }
            step = step.saturating_mul(10);
        }
    }
}

impl Sheet<'_> {
    pub(super) fn chart(&self, canvas: &mut Canvas, top: f32, chart: &Chart) {
        canvas.text(self.bold(BODY, INK), LEFT, top + 23.0, RIGHT - LEFT, self.words.chart);
        let (high, low) = (top + PLOT.0, top + PLOT.1);
        let scale = chart.scale();
        let minutes = fill(self.words.minutes, &[("{minutes}", &self.words.count(scale))]);
        canvas.rule(HAIRLINE, (LEFT, RIGHT), high, 0.5);
        canvas.rule(HAIRLINE, (LEFT, RIGHT), high.midpoint(low), 0.5);
        canvas.text(self.regular(TINY, GREY), LEFT, high - 3.0, 120.0, &minutes);
        let columns = f32::from(u8::try_from(chart.days.len()).unwrap_or(u8::MAX));
        let width = (RIGHT - LEFT) / columns;
        let mut bars = Vec::new();
        let mut x = LEFT;
        for (day, seconds) in &chart.days {
            let thousandths = seconds.saturating_mul(1000) / scale.saturating_mul(60).max(1);
            let height = f32::from(u16::try_from(thousandths).unwrap_or(1000)) / 1000.0 * (low - high);
            if *seconds > 0 {
                // A day with a call shows, however short the call was.
                let height = height.max(0.8);
                bars.push(((x + width * 0.18, low - height), (width * 0.64, height)));
            }
            let style = self.regular(TINY, GREY);
            let number = day.day().to_string();
            let centre = x + width / 2.0 + style.face.width(&number, style.size) / 2.0;
            canvas.figure(style, centre, low + 9.0, width, &number);
            x += width;
        }
        canvas.areas(self.brand.accent, bars);
        canvas.rule(GREY, (LEFT, RIGHT), low, 0.6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_a_round_number_that_holds_every_bar() {
        let scale = |seconds| Chart { days: vec![(Date::MIN, seconds)] }.scale();
        let cases = [(1, 1), (60, 1), (61, 2), (300, 5), (301, 10), (6001, 200), (3_000_000, 50_000)];
        for (seconds, minutes) in cases {
            assert_eq!(scale(seconds), minutes, "{seconds}");
        }
        assert!(scale(u64::MAX) >= u64::MAX / 60);
    }
}
