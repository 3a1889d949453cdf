//! What holds for every input?

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use calculation::discount::{DiscountScope, DiscountTerms, Duration, Reduction, reduction};
use calculation::fee::{DaysOfMonth, days_held, prorated, prorated_seconds};
use calculation::invoice::{InvoiceLine, LineKind, TaxLine, totals};
use calculation::money::{Amount, Currency, Price};
use calculation::period::Calendar;
use calculation::phone_number::{
    BareDigits, Dialled, E164, NumberForm, Region, dialled, dialled_as, is_shortened,
};
use calculation::tax::{TaxCategory, TaxRate};
use calculation::usage_pricing::{PricingModel, Tier};
use calculation::zone::zone_of;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

fn some_region() -> impl Strategy<Value = Option<Region>> {
    let known = ["DE", "US", "GB", "IT", "BR", "AR", "RU", "AU", "JP", "FI", "KZ"];
    prop::option::of(prop::sample::select(known.to_vec()))
        .prop_map(|code| code.and_then(|code| code.parse().ok()))
}

fn some_zone() -> impl Strategy<Value = TimeZone> {
    let names: Vec<_> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    prop::sample::select(names).prop_map(|name| TimeZone::get(&name).unwrap())
}

fn some_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["EUR", "JPY", "KWD"]).prop_map(|code| code.parse().unwrap())
}

fn some_tier(up_to_minutes: Option<u32>, price_nanos: i64, fee_micros: i64) -> Tier {
    let flat_fee = Amount::from_micros(fee_micros);
    Tier { up_to_minutes, price_per_minute: Price::from_nanos(price_nanos), flat_fee }
}

fn some_pricing() -> impl Strategy<Value = PricingModel> {
    let minutes = prop::collection::btree_set(1..20_000_u32, 0..5);
    let prices = prop::collection::vec((0..1_000_000_000_000_i64, 0..1_000_000_000_i64), 6);
    (0..3, minutes, prices).prop_map(|(kind, minutes, prices)| {
        let ends = minutes.iter().copied().map(Some).chain([None]);
        let tiers = ends.zip(&prices).map(|(end, (price, fee))| some_tier(end, *price, *fee)).collect();
        match kind {
            0 => PricingModel::Graduated { tiers },
            1 => PricingModel::Volume { tiers },
            _ => PricingModel::Package { minutes: 60, price: Amount::from_micros(prices[0].1) },
        }
    })
}

fn empty_line() -> InvoiceLine {
    InvoiceLine {
        kind: LineKind::Usage,
        description: String::new(),
        calls: 0,
        seconds: 0,
        included_seconds: 0,
        net: Amount::ZERO,
        tax_category: TaxCategory::Standard,
        tax_rate: TaxRate::ZERO,
        days: None,
    }
}

fn some_line() -> impl Strategy<Value = InvoiceLine> {
    let kinds = [LineKind::Fee, LineKind::OneOff, LineKind::Usage, LineKind::LateUsage];
    let kind = prop::sample::select(kinds.to_vec());
    (kind, -2_000..10_000_i64, 0..3_i64).prop_map(|(kind, cents, rate)| {
        let (net, tax_rate) = (Amount::from_micros(cents * 10_000), TaxRate::from_units(rate));
        InvoiceLine { kind, net, tax_rate, ..empty_line() }
    })
}

fn some_discount() -> impl Strategy<Value = DiscountTerms> {
    let scopes = [DiscountScope::Fees, DiscountScope::Usage, DiscountScope::All];
    let amount = (1..10_000_i64).prop_map(|cents| Reduction::Amount(Amount::from_micros(cents * 10_000)));
    let percent = (1..=100_u8).prop_map(|percent| Reduction::Percent(percent.to_string().parse().unwrap()));
    (prop_oneof![amount, percent], prop::sample::select(scopes.to_vec()))
        .prop_map(|(reduces, applies_to)| DiscountTerms { reduces, applies_to, duration: Duration::Once })
}

/// Years in which zones had other offsets than today's, local mean time too.
const YEARS: std::ops::Range<i16> = 1840..2100;

fn some_calendar() -> impl Strategy<Value = Calendar> {
    let until = (YEARS, 1..=12_i8).prop_map(|(year, month)| Date::new(year, month, 1).unwrap());
    (prop::collection::vec((until, some_zone()), 0..4), some_zone())
        .prop_map(|(former, zone)| Calendar::with_former(former, zone))
}

fn some_instant() -> impl Strategy<Value = Timestamp> {
    let year = |year: i16| Date::new(year, 1, 1).unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp();
    (year(YEARS.start).as_second()..year(YEARS.end).as_second())
        .prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #[test]
    fn every_instant_has_exactly_one_month(calendar in some_calendar(), at in some_instant()) {
        let period = calendar.holding(at).unwrap();
        prop_assert!(period.contains(at));
        prop_assert_eq!(calendar.month_of(period.last_day()), Ok(period));
        let (before, after) = (calendar.month_of(period.first_day - 1.month()).unwrap(), calendar.next(period).unwrap());
        prop_assert_eq!((before.ends_at, after.starts_at), (period.starts_at, period.ends_at));
        prop_assert_eq!(calendar.zone_at(at), Ok(calendar.zone_of(period.first_day)));
        for (edge, holder) in [
            (period.starts_at - 1.nanosecond(), before),
            (period.starts_at, period),
            (period.ends_at - 1.nanosecond(), period),
            (period.ends_at, after),
        ] {
            prop_assert_eq!(calendar.holding(edge), Ok(holder));
        }
    }

    #[test]
    fn each_day_counts_for_exactly_one_of_the_spans_that_follow_each_other(
        calendar in some_calendar(),
        at in some_instant(),
        changes in prop::collection::vec(0..=1_000_000_i64, 0..6),
        fee in -1_000_000_000_000..1_000_000_000_000_i64,
        seconds in any::<u32>(),
        currency in some_currency(),
    ) {
        let period = calendar.holding(at).unwrap();
        let zone = calendar.zone_of(period.first_day);
        let length = period.ends_at.duration_since(period.starts_at);
        let change = |millionths| period.starts_at + length * i32::try_from(millionths).unwrap() / 1_000_000;
        let mut edges: Vec<_> = changes.into_iter().map(change).collect();
        edges.extend([period.starts_at, period.ends_at]);
        edges.sort();
        let mut expected = period.first_day;
        let (mut spans, mut fees, mut allowances) = (0, 0, 0);
        for edge in edges.windows(2) {
            let Some(days) = days_held(edge[0], Some(edge[1]), period, zone) else { continue };
            prop_assert_eq!(days.first, expected);
            expected = days.last.tomorrow().unwrap();
            let part = DaysOfMonth::of(days).unwrap();
            spans += 1;
            fees += prorated(Amount::from_micros(fee), part, currency).unwrap().micros();
            allowances += i64::from(prorated_seconds(seconds, part));
        }
        prop_assert_eq!(expected, period.last_day().tomorrow().unwrap());
        let minor_unit = 10_i64.pow(6 - u32::from(currency.minor_digits()));
        prop_assert!(2 * (fees - fee).abs() <= spans * minor_unit);
        prop_assert!(2 * (allowances - i64::from(seconds)).abs() <= spans);
    }

    #[test]
    fn a_span_counts_from_the_local_day_it_begins_on(calendar in some_calendar(), at in some_instant()) {
        let period = calendar.holding(at).unwrap();
        prop_assume!(at > period.starts_at);
        let zone = calendar.zone_of(period.first_day);
        let days = days_held(at, None, period, zone).unwrap();
        prop_assert_eq!(days.first, period.local_day(at, zone));
        prop_assert_eq!(days.last, period.last_day());
    }

    #[test]
    fn late_minutes_and_those_before_cost_what_they_cost_together(
        model in some_pricing(), invoiced in 0..1_000_000_u64, late in 0..1_000_000_u64, currency in some_currency(),
    ) {
        let [before, all] = [invoiced, invoiced + late].map(|seconds| model.price(seconds, currency).unwrap());
        let more = model.price_of_late(invoiced, late, currency).unwrap();
        prop_assert_eq!(before.micros() + more.micros(), all.micros());
        if !matches!(model, PricingModel::Volume { .. }) {
            prop_assert!(more >= Amount::ZERO);
        }
    }

    #[test]
    fn one_tier_without_end_is_graduated_and_volume_alike(
        price in 0..1_000_000_000_000_i64, fee in 0..1_000_000_000_i64, seconds in 1..1_000_000_u64,
        currency in some_currency(),
    ) {
        let tier = some_tier(None, price, fee);
        let graduated = PricingModel::Graduated { tiers: vec![tier.clone()] };
        let volume = PricingModel::Volume { tiers: vec![tier] };
        // By the second: both products fit 128 bits.
        let micros_60_000 = i128::from(price) * i128::from(seconds) + i128::from(fee) * 60_000;
        let step = 10_i128.pow(6 - u32::from(currency.minor_digits())) * 60_000;
        let expected = (2 * micros_60_000 + step) / (2 * step) * (step / 60_000);
        for model in [graduated, volume] {
            prop_assert_eq!(i128::from(model.price(seconds, currency).unwrap().micros()), expected);
        }
    }

    #[test]
    fn discounts_one_after_the_other_take_no_tax_rate_below_zero(
        lines in prop::collection::vec(some_line(), 0..8),
        discounts in prop::collection::vec(some_discount(), 1..5),
    ) {
        let euro = "EUR".parse().unwrap();
        let mut lines = lines;
        for terms in discounts {
            prop_assert_eq!(terms.check(), Ok(()));
            // What gives back earlier charges is neither reduced nor lowers what is left.
            let reduced = |line: &&InvoiceLine| line.net > Amount::ZERO || line.kind == LineKind::Discount;
            let before: Vec<_> = lines.iter().filter(reduced).cloned().collect();
            let before = totals(&before, euro).unwrap();
            let parts = reduction(&terms, &lines, euro).unwrap();
            let taken = Amount::sum(parts.iter().map(|(.., off)| *off)).unwrap();
            for (tax_category, tax_rate, off) in parts {
                prop_assert!(off > Amount::ZERO && off.micros() % 10_000 == 0);
                let group = |line: &&TaxLine| (line.category, line.rate) == (tax_category, tax_rate);
                prop_assert!(off <= before.taxes.iter().find(group).unwrap().taxable);
                let net = Amount::from_micros(-off.micros());
                let line = InvoiceLine { kind: LineKind::Discount, net, tax_category, tax_rate, ..empty_line() };
                lines.push(line);
            }
            if let (Reduction::Amount(amount), DiscountScope::All) = (terms.reduces, terms.applies_to) {
                let there = before.taxes.iter().map(|line| line.taxable.max(Amount::ZERO));
                prop_assert_eq!(taken, amount.min(Amount::sum(there).unwrap()));
            }
        }
    }

    #[test]
    fn an_amount_is_spread_within_a_minor_unit_of_its_proportions(
        nets in prop::collection::vec(1..10_000_000_i64, 1..6), amount in 1..10_000_000_i64,
    ) {
        let cents = |count: i64| Amount::from_micros(count * 10_000);
        let lines: Vec<_> = (0..).zip(&nets).map(|(rate, net)| InvoiceLine {
            net: cents(*net), tax_rate: TaxRate::from_units(rate), ..empty_line()
        }).collect();
        let terms = DiscountTerms {
            reduces: Reduction::Amount(cents(amount)), applies_to: DiscountScope::All, duration: Duration::Once,
        };
        let parts = reduction(&terms, &lines, "EUR".parse().unwrap()).unwrap();
        let total: i64 = nets.iter().sum();
        let taken = amount.min(total);
        for (rate, net) in (0..).zip(&nets) {
            let part = parts.iter().find(|(_, of, _)| of.units() == rate).map_or(0, |(.., off)| off.micros() / 10_000);
            prop_assert!((part * total - taken * net).abs() < total);
        }
        prop_assert_eq!(parts.iter().map(|(.., off)| off.micros() / 10_000).sum::<i64>(), taken);
    }

    #[test]
    fn the_first_month_after_any_move_is_longer_than_26_days(
        from in some_zone(), to in some_zone(), year in YEARS, month in 1..=12_i8,
    ) {
        let first_day = Date::new(year, month, 1).unwrap();
        let calendar = Calendar::with_former(vec![(first_day, from)], to);
        let period = calendar.month_of(first_day).unwrap();
        prop_assert!(period.ends_at.duration_since(period.starts_at).as_hours() > 26 * 24, "{:?}", period);
        let day = period.local_day(period.starts_at, calendar.zone_of(first_day));
        prop_assert!((period.first_day..=period.last_day()).contains(&day));
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>(), region in some_region()) {
        let _ = dialled(&text, region);
        let _ = dialled_as(&text, region, NumberForm { bare_digits: BareDigits::International, ..NumberForm::default() });
    }

    #[test]
    fn no_text_of_the_characters_of_numbers_is_too_strange(
        text in "(sip:|tel:|\\+|00)?[-+0-9 ()x*#;,.%=@<>:]{0,30}", region in some_region(),
    ) {
        let _ = dialled(&text, region);
        let _ = dialled_as(&text, region, NumberForm { bare_digits: BareDigits::International, ..NumberForm::default() });
    }

    #[test]
    fn a_number_survives_the_round_trip(text in "\\+[1-9][0-9]{6,14}") {
        let number: E164 = text.parse().unwrap();
        prop_assert_eq!(number.to_string(), text.clone());
        prop_assert!(number.starts_with(&text[1..]));
        let digits: String = number.leading_digits().map(|digit| digit.to_string()).collect();
        prop_assert_eq!(&digits, &text[1..]);
        prop_assert_eq!(number.leading_digits().len(), digits.len());
        let _ = zone_of(number);
    }

    #[test]
    fn a_number_with_plus_is_the_same_wherever_it_is_dialled(
        text in "\\+[1-9][0-9]{9,14}", region in some_region(),
    ) {
        let read = dialled(&text, region);
        prop_assert_eq!(read, dialled(&text, None));
        // What is read is what was dialled, or has a trunk prefix less.
        if let Ok(Dialled::Number(number)) = read {
            let dialled: E164 = text.parse().unwrap();
            prop_assert!(number == dialled || is_shortened(&text, number), "{} {}", text, number);
        }
    }

    #[test]
    fn what_is_read_as_a_number_reads_as_itself(digits in "[0-9]{7,16}", region in some_region()) {
        if let Ok(Dialled::Number(number)) = dialled(&digits, region) {
            prop_assert_eq!(dialled(&number.to_string(), region), Ok(Dialled::Number(number)));
        }
    }
}
