//! What holds for every bill?

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

mod bills;

use std::collections::BTreeMap;

use calculation::bill::{
    Bill, BillError, Charged, ChargedPart, Discount, Known, LateUsage, MonthCharged, MonthPart, OneOff,
    PlanSpan, Reopened, Usage, bill, calls_of_month, changes, due_of,
};
use calculation::discount::{DiscountScope, DiscountTerms, Duration, Reduction};
use calculation::fee::{DaysOfMonth, prorated};
use calculation::invoice::{Days, LineKind, totals};
use calculation::money::{Amount, Price};
use calculation::period::Calendar;
use calculation::plan_terms::PlanTerms;
use calculation::tax::{TaxCategory, TaxClass, TaxRate};
use calculation::usage_pricing::{PricingModel, Tier, UsagePricing};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use bills::{ChargedBefore, RATES, known, remember};

fn cents(cents: i64) -> Amount {
    Amount::from_micros(cents * 10_000)
}

fn some_discount() -> impl Strategy<Value = DiscountTerms> {
    let scopes = [DiscountScope::Fees, DiscountScope::Usage, DiscountScope::All];
    let amount = (1..10_000_i64).prop_map(|cents| Reduction::Amount(Amount::from_micros(cents * 10_000)));
    let percent = (1..=100_u8).prop_map(|percent| Reduction::Percent(percent.to_string().parse().unwrap()));
    (prop_oneof![amount, percent], prop::sample::select(scopes.to_vec()))
        .prop_map(|(reduces, applies_to)| DiscountTerms { reduces, applies_to, duration: Duration::Once })
}

fn some_pricing() -> impl Strategy<Value = PricingModel> {
    (0..3_u8, any::<u32>(), 0..i64::MAX, 0..i64::MAX).prop_map(|(kind, minutes, price, fee)| {
        let tier = |up_to_minutes| Tier {
            up_to_minutes,
            price_per_minute: Price::from_nanos(price),
            flat_fee: Amount::from_micros(fee),
        };
        let tiers = vec![tier(Some(minutes)), tier(None)];
        match kind {
            0 => PricingModel::Graduated { tiers },
            1 => PricingModel::Volume { tiers },
            _ => PricingModel::Package { minutes: minutes.max(1), price: Amount::from_micros(price) },
        }
    })
}

fn net(bills: &[&Bill]) -> i64 {
    bills.iter().flat_map(|bill| &bill.lines).map(|line| line.net.micros()).sum()
}

/// What the documents charged of a month by its calls.
fn documents(bills: &[(&Bill, Date)], month: Date) -> MonthCharged {
    let mut charged = MonthCharged::new();
    for (bill, own) in bills {
        for line in &bill.lines {
            let of = line.days.map_or(*own, |days| days.first.first_of_month());
            let Some(part) = MonthPart::of(line).filter(|_| of == month) else { continue };
            let part = charged.entry((part, (line.tax_category, line.tax_rate))).or_default();
            part.amount = part.amount.checked_add(line.net).unwrap();
        }
    }
    charged
}

/// A plan with a minimum and, for destination 0, tiers, where all that is above a volume is cheaper, or packages.
fn some_terms() -> impl Strategy<Value = PlanTerms> {
    let tier = |up_to_minutes, price: &str, fee: i64| Tier {
        up_to_minutes,
        price_per_minute: price.parse().unwrap(),
        flat_fee: cents(fee),
    };
    let model = move |kind| match kind {
        0 => PricingModel::Graduated { tiers: vec![tier(Some(2), "0.10", 50), tier(None, "0.03", 7)] },
        1 => PricingModel::Volume { tiers: vec![tier(Some(3), "0.10", 0), tier(None, "0.08", 0)] },
        _ => PricingModel::Package { minutes: 2, price: cents(150) },
    };
    (prop::option::of(0..4_000_i64), 0..3_u8).prop_map(move |(least, kind)| {
        let pricing = UsagePricing {
            name: "Tiers".into(),
            destinations: vec!["*".parse().unwrap()],
            model: model(kind),
        };
        let minimum_commitment = least.map(cents);
        PlanTerms { minimum_commitment, usage_pricing: vec![pricing], ..PlanTerms::default() }
    })
}

/// A call: to which destination, of which 0 is priced by the month, its seconds, its charge, and a number at random.
type SomeCall = (u8, u64, i64, u32);

fn some_calls() -> impl Strategy<Value = Vec<SomeCall>> {
    prop::collection::vec((0..4_u8, 1..200_u64, 0..3_000_000_i64, any::<u32>()), 0..9)
}

/// Calls added up as the database does.
fn added<'c>(calls: impl Iterator<Item = &'c SomeCall>) -> Vec<Usage> {
    let mut sums: BTreeMap<u8, Usage> = BTreeMap::new();
    for (destination, seconds, micros, _) in calls {
        let priced = *destination == 0;
        let used = sums.entry(*destination).or_insert_with(|| Usage {
            plan: 1,
            destination: destination.to_string(),
            month_pricing: priced.then_some(0),
            calls: 0,
            seconds: 0,
            included_seconds: 0,
            amount: Amount::ZERO,
        });
        used.calls += 1;
        used.seconds += seconds;
        let micros = if priced { 0 } else { *micros };
        used.amount = used.amount.checked_add(Amount::from_micros(micros)).unwrap();
    }
    sums.into_values().collect()
}

proptest! {
    #[test]
    fn discounts_leave_no_tax_group_below_zero_and_the_least_is_reached(
        fee in 0..5_000_i64, least in 0..20_000_i64, from_day in 1..=31_i8,
        calls in prop::collection::vec((0..4_u8, 0..30_000_000_i64), 0..6),
        one_offs in prop::collection::vec((1..5_000_i64, any::<bool>()), 0..3),
        discounts in prop::collection::vec(some_discount(), 0..4),
    ) {
        let calendar = Calendar::new(TimeZone::UTC);
        let period = calendar.month("2026-10").unwrap();
        let terms = PlanTerms { minimum_commitment: Some(cents(least)), ..PlanTerms::default() };
        let from = Date::new(2026, 10, from_day).unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp();
        let plans = [PlanSpan {
            subscription: 1, plan: 1, name: "Plan", monthly_fee: cents(fee), terms: &terms, from, to: None,
        }];
        let usage: Vec<_> = calls.iter().map(|(destination, micros)| Usage {
            plan: 1,
            destination: destination.to_string(),
            month_pricing: None,
            calls: 1,
            seconds: 60,
            included_seconds: 0,
            amount: Amount::from_micros(*micros),
        }).collect();
        let one_offs: Vec<_> = one_offs.iter().map(|(amount, reduced)| OneOff {
            description: "Once",
            amount: cents(*amount),
            tax_class: if *reduced { TaxClass::Reduced } else { TaxClass::Standard },
            day: period.first_day,
        }).collect();
        let discounts: Vec<_> = (0..).zip(&discounts).map(|(discount, terms)| Discount {
            discount, description: "Off", terms, begins: period.first_day, uses: 0, is_over: false,
        }).collect();
        let all = Known { plans: &plans, usage: &usage, one_offs: &one_offs, discounts: &discounts,
            ..known(&calendar, period, RATES) };
        let made = bill(&all).unwrap();
        let sums = totals(&made.lines, all.currency).unwrap();
        prop_assert!(sums.taxes.iter().all(|tax| tax.taxable >= Amount::ZERO), "{:?}", sums);
        let of = |kinds: &[LineKind]| -> i64 {
            made.lines.iter().filter(|line| kinds.contains(&line.kind)).map(|line| line.net.micros()).sum()
        };
        let taken: i64 = made.discounts.iter().map(|(_, amount)| amount.micros()).sum();
        prop_assert_eq!(of(&[LineKind::Discount]), -taken);
        let days = DaysOfMonth::new(u32::try_from(32 - from_day).unwrap(), 31).unwrap();
        let least = prorated(cents(least), days, all.currency).unwrap();
        let (missing, rest) =
            (of(&[LineKind::MinimumCommitment]), of(&[LineKind::Fee, LineKind::Usage]));
        // Exactly the least, or more without anything added.
        prop_assert_eq!(missing, (least.micros() - rest).max(0));
    }

    #[test]
    fn amounts_of_any_size_are_billed_or_refused(
        fee in any::<i64>(), least in any::<i64>(), amounts in prop::collection::vec(any::<i64>(), 4),
        (calls, seconds) in any::<(u64, u64)>(), model in some_pricing(),
        charged in any::<i64>(), discounts in prop::collection::vec(some_discount(), 0..3),
    ) {
        let calendar = Calendar::new(TimeZone::UTC);
        let period = calendar.month("2026-10").unwrap();
        let pricing = UsagePricing { name: "All".into(), destinations: vec!["*".parse().unwrap()], model };
        let (minimum_commitment, usage_pricing) = (Some(Amount::from_micros(least)), vec![pricing]);
        let terms = PlanTerms { minimum_commitment, usage_pricing, ..PlanTerms::default() };
        let (from, monthly_fee) = (Timestamp::MIN, Amount::from_micros(fee));
        let plans = [PlanSpan { subscription: 1, plan: 1, name: "Plan", monthly_fee, terms: &terms, from, to: None }];
        let usage: Vec<_> = [None, Some(0), Some(7), Some(0)]
            .into_iter()
            .zip(&amounts)
            .map(|(month_pricing, amount)| Usage {
                plan: 1,
                destination: "Moon".into(),
                month_pricing,
                calls,
                seconds,
                included_seconds: calls,
                amount: Amount::from_micros(*amount),
            })
            .collect();
        let discounts: Vec<_> = (0..).zip(&discounts).map(|(discount, terms)| Discount {
            discount, description: "Off", terms, begins: period.first_day, uses: 0, is_over: false,
        }).collect();
        let entry = Charged {
            tax: None, amount: Amount::from_micros(charged), discounted: Amount::from_micros(charged / 3),
            credited: Amount::from_micros(charged / 5), discounts_of: None,
        };
        let before = ChargedPart { amount: Amount::from_micros(charged), credited: Amount::from_micros(charged / 7) };
        let standard = (TaxCategory::Standard, TaxRate::from_units(190_000));
        let parts = [MonthPart::Usage("Moon".into()), MonthPart::Minimum("Plan".into()), MonthPart::Discount("Off".into())];
        let by_calls = parts.map(|part| ((part, standard), before)).into();
        let charged = [((1, period.first_day), vec![entry])].into();
        let september = calendar.month("2026-09").unwrap();
        let days = Days { first: september.first_day, last: september.first_day };
        let late: Vec<_> = usage.iter().map(|used| LateUsage { used: used.clone(), days }).collect();
        let reopened = [september, period].map(|period| Reopened {
            period, one_offs: &[], before: &usage, late: &late, discounts: &discounts, charged: &by_calls,
            has_minimums: true,
        });
        let made = bill(&Known { plans: &plans, usage: &usage, discounts: &discounts, reopened: &reopened,
            charged: &charged, ..known(&calendar, period, RATES) });
        match made {
            Ok(made) => prop_assert!(made.lines.iter().any(|line| line.kind == LineKind::Usage)),
            Err(error) => prop_assert_eq!(error, BillError::TooLarge),
        }
    }

    #[test]
    fn late_calls_cost_what_they_would_have_cost_in_time(
        terms in some_terms(), fee in 0..3_000_i64, calls in some_calls(), of_october in some_calls(),
        discounts in prop::collection::vec((some_discount(), 0..3_u8), 0..3), once in prop::option::of(1..2_000_i64),
    ) {
        let calendar = Calendar::new(TimeZone::UTC);
        let months = ["2026-09", "2026-10", "2026-11"].map(|month| calendar.month(month).unwrap());
        let plans = [PlanSpan {
            subscription: 1, plan: 1, name: "Plan", monthly_fee: cents(fee), terms: &terms,
            from: months[0].starts_at, to: None,
        }];
        let once: Vec<_> = once.map(|amount| OneOff {
            description: "Once", amount: cents(amount), tax_class: TaxClass::Standard, day: months[0].first_day,
        }).into_iter().collect();
        let discounts: Vec<_> = discounts.into_iter().map(|(terms, months)| DiscountTerms {
            duration: if months == 0 { Duration::Forever } else { Duration::Months(months.into()) }, ..terms
        }).collect();
        let discounts: Vec<_> = (0..).zip(&discounts).map(|(discount, terms)| Discount {
            discount, description: "Off", terms, begins: months[0].first_day, uses: 0, is_over: false,
        }).collect();
        let base = |place: usize| Known {
            plans: &plans, discounts: &discounts, zero: false, ..known(&calendar, months[place], RATES)
        };
        let october = added(of_october.iter());
        let all = added(calls.iter());
        let in_time = [
            bill(&Known { usage: &all, one_offs: &once, ..base(0) }).unwrap(),
            bill(&Known { usage: &october, ..base(1) }).unwrap(),
            bill(&base(2)).unwrap(),
        ];
        // Some come in time, some a month late, and some two.
        let [on_time, late, later] = [0, 1, 2].map(|when| added(calls.iter().filter(|call| call.3 % 3 == when)));
        let days = Days { first: months[0].first_day, last: months[0].last_day() };
        let as_late = |usage: &[Usage]| -> Vec<_> {
            usage.iter().map(|used| LateUsage { used: used.clone(), days }).collect()
        };
        let mut charged = ChargedBefore::new();
        let first = bill(&Known { usage: &on_time, one_offs: &once, ..base(0) }).unwrap();
        remember(&mut charged, &first);
        let one_offs: Vec<_> =
            first.lines.iter().filter(|line| line.kind == LineKind::OneOff).cloned().collect();
        let (late_calls, later_calls) = (as_late(&late), as_late(&later));
        let reopened = |before, late, charged| Reopened {
            period: months[0], one_offs: &one_offs, before, late, discounts: &discounts, charged, has_minimums: true,
        };
        let september = months[0].first_day;
        let by_calls = documents(&[(&first, september)], september);
        let billed = [months[0], months[1]];
        let second = bill(&Known {
            usage: &october, charged: &charged, reopened: &[reopened(&on_time, &late_calls, &by_calls)],
            billed: &billed[..1], ..base(1)
        }).unwrap();
        remember(&mut charged, &second);
        let both = added(calls.iter().filter(|call| call.3 % 3 < 2));
        let by_calls = documents(&[(&first, september), (&second, months[1].first_day)], september);
        let third = bill(&Known {
            charged: &charged, reopened: &[reopened(&both, &later_calls, &by_calls)], billed: &billed, ..base(2)
        }).unwrap();
        prop_assert_eq!(net(&[&first, &second, &third]), net(&in_time.each_ref()));
        let sum = |entries: &Vec<Charged>| -> i64 { entries.iter().map(|entry| entry.amount.micros()).sum() };
        prop_assert!(charged.values().all(|entries| sum(entries) >= 0));
    }

    #[test]
    fn all_calls_credited_one_by_one_give_back_what_they_added(
        terms in some_terms(), fee in 0..3_000_i64, calls in some_calls(),
        discounts in prop::collection::vec(some_discount(), 0..3),
    ) {
        let calendar = Calendar::new(TimeZone::UTC);
        let period = calendar.month("2026-10").unwrap();
        let next = calendar.next(period).unwrap();
        let plans = [PlanSpan {
            subscription: 1, plan: 1, name: "Plan", monthly_fee: cents(fee), terms: &terms,
            from: period.starts_at, to: None,
        }];
        let discounts: Vec<_> = (0..).zip(&discounts).map(|(discount, terms)| Discount {
            discount, description: "Off", terms, begins: period.first_day, uses: 0, is_over: false,
        }).collect();
        let known = Known { plans: &plans, discounts: &discounts, ..known(&calendar, period, RATES) };
        let usage = added(calls.iter());
        let issued = bill(&Known { usage: &usage, ..known }).unwrap();
        let mut charged = ChargedBefore::new();
        remember(&mut charged, &issued);
        let known = Known { charged: &charged, billed: std::slice::from_ref(&period), period: next, ..known };
        let due = |left: &[SomeCall]| {
            let reckoned = calls_of_month(&known, period, (&[], &[]), &added(left.iter()), &discounts).unwrap();
            due_of(&known, &discounts, &reckoned).unwrap()
        };
        let sum = |parts: &MonthCharged| -> i64 { parts.values().map(|part| part.amount.micros()).sum() };
        let mut by_calls = documents(&[(&issued, period.first_day)], period.first_day);
        let whole = sum(&by_calls);
        // In the order of their random numbers: what one gives back was not given before.
        let mut left = calls.clone();
        left.sort_by_key(|call| call.3);
        let mut least = whole;
        while let Some(_credited) = left.pop() {
            let less = changes(&due(&left), &by_calls, known.currency).unwrap();
            let sum_of_less: i64 = less.iter().map(|change| change.net.micros()).sum();
            prop_assert!(less.iter().all(|change| change.settled == Amount::ZERO));
            least = least.min(whole.min(sum(&by_calls) + sum_of_less));
            // What would make the invoice dearer is not charged.
            if sum_of_less <= 0 {
                for change in less {
                    let part = by_calls.entry((change.part, change.tax)).or_default();
                    part.amount = part.amount.checked_add(change.net).unwrap();
                }
            }
            prop_assert_eq!(sum(&by_calls), least);
        }
        let fees_alone = bill(&Known { charged: &ChargedBefore::new(), billed: &[], period, ..known }).unwrap();
        let fees = net(&[&issued]) - whole;
        let without: i64 = due(&[]).values().map(|amount| amount.micros()).sum();
        prop_assert_eq!(fees + without, net(&[&fees_alone]));
        prop_assert!(least <= without);
    }
}
