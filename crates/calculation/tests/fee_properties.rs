//! Is a month charged the fees that are due for it, whenever they are told?

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

mod bills;

use calculation::bill::{Known, PlanSpan, bill};
use calculation::fee::{DaysOfMonth, FeeTiming, days_held, prorated};
use calculation::money::Amount;
use calculation::period::{Calendar, Period};
use calculation::plan_terms::PlanTerms;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use bills::{ChargedBefore, RATES, known, remember};

fn some_zone() -> impl Strategy<Value = TimeZone> {
    let names: Vec<_> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    prop::sample::select(names).prop_map(|name| TimeZone::get(&name).unwrap())
}

/// What a random customer does, and in which order months are billed.
#[derive(Debug, Clone)]
struct Story {
    /// Fee in cents, in advance, divided; and after how many hours of the year the plan begins.
    plans: Vec<(i64, bool, bool, i64)>,
    /// Before a bill: the end of which subscription is told, and when it was, in hours of the year.
    told: Vec<Option<(usize, i64)>>,
}

fn some_story() -> impl Strategy<Value = Story> {
    let plan = (0..10_000_i64, any::<bool>(), any::<bool>(), 0..8_000_i64);
    let told = prop::option::of((0..6_usize, 0..8_000_i64));
    (prop::collection::vec(plan, 1..6), prop::collection::vec(told, 12))
        .prop_map(|(plans, told)| Story { plans, told })
}

/// The months of 2026, in another order for each seed.
fn shuffled(mut seed: u64) -> Vec<String> {
    let mut left: Vec<_> = (1..=12).map(|month| format!("2026-{month:02}")).collect();
    let mut months = Vec::new();
    while !left.is_empty() {
        let place = usize::try_from(seed % left.len() as u64).unwrap();
        seed = seed.rotate_right(5).wrapping_mul(0x9e37_79b9);
        months.push(left.remove(place));
    }
    months
}

proptest! {
    #[test]
    fn whatever_is_told_when_a_month_is_charged_what_is_due_for_it(
        story in some_story(), seed in any::<u64>(), in_order in any::<bool>(), zone in some_zone(),
    ) {
        let calendar = Calendar::new(zone.clone());
        let january = calendar.month("2026-01").unwrap();
        let hour = |hours: i64| january.starts_at + SignedDuration::from_hours(hours);
        let terms = |advance, prorate_fee| PlanTerms {
            fee_timing: if advance { FeeTiming::Advance } else { FeeTiming::Arrears },
            prorate_fee,
            ..PlanTerms::default()
        };
        let mut plans = story.plans.clone();
        plans.sort_by_key(|(.., from)| *from);
        let terms: Vec<_> = plans.iter().map(|(_, advance, divided, _)| terms(*advance, *divided)).collect();
        let mut spans: Vec<_> = (0..).zip(&plans).zip(&terms).map(|((id, (cents, .., from)), terms)| PlanSpan {
            subscription: id,
            plan: id % 2,
            name: "Plan",
            monthly_fee: Amount::from_micros(cents * 10_000),
            terms,
            from: hour(*from),
            to: plans.get(usize::try_from(id).unwrap() + 1).map(|(.., next)| hour(*next)),
        }).collect();
        let months = if in_order { shuffled(0) } else { shuffled(seed) };
        let (mut billed, mut charged) = (Vec::new(), ChargedBefore::new());
        let told = story.told.iter().chain([&None]);
        for (month, told) in months.iter().map(String::as_str).chain(["2027-01"]).zip(told) {
            if let Some((which, at)) = told {
                let place = which % spans.len();
                let span = &mut spans[place];
                let end = hour(*at).max(span.from);
                span.to = Some(span.to.map_or(end, |to| to.min(end)));
            }
            let period = calendar.month(month).unwrap();
            let before: Vec<Period> =
                billed.iter().copied().filter(|known: &Period| *known < period).collect();
            let made = bill(&Known {
                billed: &before, plans: &spans, charged: &charged, ..known(&calendar, period, RATES)
            }).unwrap();
            let lines: i64 = made.lines.iter().map(|line| line.net.micros()).sum();
            let fees: i64 = made.remembered.iter().map(|fee| fee.amount.micros()).sum();
            prop_assert_eq!(lines, fees);
            remember(&mut charged, &made);
            billed.push(period);
        }
        for month in &billed {
            for span in &spans {
                let days = days_held(span.from, span.to, *month, &zone);
                let due = match days {
                    Some(days) if span.terms.prorate_fee => {
                        prorated(span.monthly_fee, DaysOfMonth::of(days).unwrap(), "EUR".parse().unwrap()).unwrap()
                    }
                    Some(days) if days.last == month.last_day() => span.monthly_fee,
                    None | Some(_) => Amount::ZERO,
                };
                let of_fee = charged.get(&(span.subscription, month.first_day));
                let sum = Amount::sum(of_fee.into_iter().flatten().map(|entry| entry.amount)).unwrap();
                prop_assert_eq!(sum, due, "{} of {:?}", month.month(), span);
            }
        }
    }
}
