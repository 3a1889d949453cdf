//! What holds for every prepaid call?

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use calculation::money::{Amount, Exact, Price, Rounding, RoundingMode};
use calculation::phone_number::Dialled;
use calculation::prepaid::{Affordable, Balance, Means, Unit, draw, longest, means, usable};
use calculation::rating::price;
use calculation::tariff::{Increments, Prefix, Rate, Step, Tariff, Terms};
use jiff::Timestamp;
use proptest::prelude::*;

/// Longer than the calls that are tried second by second.
const TRIED_SECONDS: u32 = 400;

fn some_rounding() -> impl Strategy<Value = Rounding> {
    let modes = [RoundingMode::HalfUp, RoundingMode::Up, RoundingMode::Down, RoundingMode::HalfEven];
    (0..=6_u8, prop::sample::select(modes.to_vec()))
        .prop_map(|(digits, mode)| Rounding::new(digits, mode).unwrap())
}

fn tariff(
    rounding: Rounding,
    steps: impl IntoIterator<Item = (u32, i64)>,
    increments: (u32, u32),
    fee: i64,
    least: i64,
) -> Tariff {
    let step = |(from_seconds, nanos)| Step { from_seconds, price: Price::from_nanos(nanos) };
    let rate = Rate {
        prefix: "*".parse().unwrap(),
        destination: "World".into(),
        connection_fee: Price::from_nanos(fee),
        steps: steps.into_iter().map(step).collect(),
        increments: Increments { initial_seconds: increments.0, next_seconds: increments.1 },
        minimum_charge: Amount::from_micros(least),
        blocked: false,
        band: None,
        effective_from: None,
        effective_to: None,
    };
    Tariff::new(Terms::new("EUR".parse().unwrap(), rounding), vec![rate])
}

/// Prices that are none, round, or have all digits they can.
fn some_price() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), (0..300_i64).prop_map(|cents| cents * 10_000_000), 0..3_000_000_000_i64]
}

/// Tariffs whose prices change within the calls that are tried.
fn some_tariff() -> impl Strategy<Value = Tariff> {
    let steps = prop::collection::btree_map(1..TRIED_SECONDS, some_price(), 0..4);
    let increments =
        (prop_oneof![Just(0), Just(1), Just(60), 0..90_u32], prop_oneof![Just(1), Just(60), 1..90_u32]);
    let least = prop_oneof![Just(0), 0..2_000_000_i64];
    (some_rounding(), some_price(), steps, increments, some_price(), least).prop_map(
        |(rounding, first, steps, increments, fee, least)| {
            tariff(rounding, [(0, first)].into_iter().chain(steps), increments, fee, least)
        },
    )
}

/// Money in whole cents or finer than any tariff rounds, also less than none.
fn some_money() -> impl Strategy<Value = Amount> {
    let micros = prop_oneof![
        Just(0),
        (0..1_000_i64).prop_map(|cents| cents * 10_000),
        0..10_000_000_i64,
        -1_000_000..0_i64,
    ];
    micros.prop_map(Amount::from_micros)
}

fn some_means() -> impl Strategy<Value = Means> {
    (prop_oneof![Just(0), 0..500_u64], some_money()).prop_map(|(seconds, money)| Means { seconds, money })
}

/// Any tariff that a program could make: steps in order, and nothing else.
fn absurd_tariff() -> impl Strategy<Value = Tariff> {
    let number = || prop_oneof![any::<i64>(), Just(i64::MAX), Just(i64::MIN), 0..1_000_000_i64];
    let seconds = || prop_oneof![any::<u32>(), Just(u32::MAX), 0..3_u32];
    let steps = prop::collection::btree_map(any::<u32>(), number(), 0..5);
    (some_rounding(), steps, (seconds(), seconds()), number(), number())
        .prop_map(|(rounding, steps, increments, fee, least)| tariff(rounding, steps, increments, fee, least))
}

/// What a talk costs, if it can be paid.
fn paid(tariff: &Tariff, there: Means, talk_seconds: u32) -> Option<Affordable> {
    let rate = &tariff.rates()[0];
    let billed_seconds = rate.increments.billed(talk_seconds)?;
    let included_seconds = billed_seconds.min(u32::try_from(there.seconds).unwrap_or(u32::MAX));
    let (_, amount) = price(tariff, rate, billed_seconds, included_seconds)?;
    let found = Affordable { talk_seconds, billed_seconds, included_seconds, amount, is_limit: false };
    (amount <= there.money.max(Amount::ZERO)).then_some(found)
}

fn longest_of(tariff: &Tariff, there: Means, wanted: u32) -> Affordable {
    longest(tariff, &tariff.rates()[0], there, wanted)
}

fn some_balance() -> impl Strategy<Value = (bool, bool, i64, Option<i64>, i64)> {
    (any::<bool>(), any::<bool>(), -2..2_i64, prop::option::of(0..4_i64), -100..1_000_i64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_largest_charge_is_the_last_that_rounds_to_the_money(
        micros in prop_oneof![0..=i64::MAX, 0..3_000_000_i64], rounding in some_rounding(),
    ) {
        let money = Amount::from_micros(micros);
        let most = Exact::most_within(money, rounding).unwrap();
        prop_assert!(most.round(rounding).unwrap() <= money);
        let next = Exact::from_units(most.units() + 1).round(rounding);
        prop_assert!(next.is_none_or(|next| next > money), "{:?}", next);
        prop_assert_eq!(Exact::most_within(Amount::from_micros(-1 - micros), rounding), None);
    }

    #[test]
    fn the_longest_talk_of_billed_seconds_is_the_last_that_fits_them(
        initial in prop_oneof![any::<u32>(), 0..100_u32],
        next in prop_oneof![any::<u32>(), 0..100_u32],
        billed in prop_oneof![any::<u32>(), 0..1_000_u32, Just(u32::MAX)],
    ) {
        let increments = Increments { initial_seconds: initial, next_seconds: next };
        let talk = increments.longest_talk(billed);
        prop_assert!(increments.billed(talk).is_some_and(|least| least <= billed), "{}", talk);
        if let Some(longer) = talk.checked_add(1) {
            prop_assert!(increments.billed(longer).is_none_or(|more| more > billed), "{}", talk);
        }
    }

    #[test]
    fn the_longest_call_is_what_trying_every_second_finds(
        tariff in some_tariff(), there in some_means(), wanted in 0..TRIED_SECONDS,
    ) {
        let found = longest_of(&tariff, there, wanted);
        let last = (0..=wanted).take_while(|talk| paid(&tariff, there, *talk).is_some()).last().unwrap();
        let is_limit = paid(&tariff, there, last + 1).is_none();
        prop_assert_eq!(found, Affordable { is_limit, ..paid(&tariff, there, last).unwrap() });
        // No second after the first that cannot be paid could be: there is nothing longer to find.
        let later = (last + 1..=wanted).find(|talk| paid(&tariff, there, *talk).is_some());
        prop_assert_eq!(later, None);
    }

    #[test]
    fn more_means_and_a_longer_wish_never_make_a_call_shorter(
        tariff in some_tariff(), there in some_means(), wanted in 0..TRIED_SECONDS,
        seconds in 0..100_u64, micros in 0..1_000_000_i64, longer in 0..100_u32,
    ) {
        let found = longest_of(&tariff, there, wanted);
        let richer = Means { money: Amount::from_micros(there.money.micros() + micros), ..there };
        prop_assert!(longest_of(&tariff, richer, wanted).talk_seconds >= found.talk_seconds);
        let covered = Means { seconds: there.seconds + seconds, ..there };
        prop_assert!(longest_of(&tariff, covered, wanted).talk_seconds >= found.talk_seconds);
        let wished = longest_of(&tariff, there, wanted + longer);
        prop_assert!(wished.talk_seconds >= found.talk_seconds && wished.amount >= found.amount);
        if found.is_limit {
            prop_assert_eq!(wished, found);
        }
        // What was granted can be granted again, and is what is charged when it was talked.
        let again = longest_of(&tariff, there, found.talk_seconds);
        prop_assert_eq!(again, found);
    }

    #[test]
    fn no_tariff_is_too_absurd(
        tariff in absurd_tariff(),
        seconds in prop_oneof![any::<u64>(), any::<u32>().prop_map(u64::from), Just(0)],
        money in prop_oneof![any::<i64>(), Just(i64::MAX), 0..1_000_000_i64],
        wanted in prop_oneof![any::<u32>(), Just(u32::MAX), 0..1_000_u32],
    ) {
        let there = Means { seconds, money: Amount::from_micros(money) };
        let found = longest_of(&tariff, there, wanted);
        prop_assert!(found.talk_seconds <= wanted);
        prop_assert!(found.is_limit || found.talk_seconds == wanted);
        prop_assert_eq!(Some(Affordable { is_limit: false, ..found }), paid(&tariff, there, found.talk_seconds));
        let rate = &tariff.rates()[0];
        let sound = rate.steps.iter().map(|step| step.price).chain([rate.connection_fee]);
        let Some(longer) = found.talk_seconds.checked_add(1) else { return Ok(()) };
        if sound.min() >= Some(Price::default()) {
            prop_assert_eq!(found.is_limit, paid(&tariff, there, longer).is_none());
        }
    }

    #[test]
    fn balances_give_all_that_is_wanted_or_all_they_have(
        known in prop::collection::vec(some_balance(), 0..8), wanted in -100..4_000_i64, at in 0..4_i64,
    ) {
        let world: [Prefix; 1] = ["*".parse().unwrap()];
        let (own, other) = ("+493023125001".parse().unwrap(), "+493023125002".parse().unwrap());
        let second = |second| Timestamp::from_second(second).unwrap();
        let balances: Vec<_> = (0..).zip(&known).map(|(id, (seconds, foreign, priority, expiry, available))| Balance {
            id,
            unit: if *seconds { Unit::Seconds } else { Unit::Money },
            destinations: if *seconds { &world } else { &[] },
            line: Some(if *foreign { other } else { own }),
            priority: *priority,
            expires_at: expiry.map(second),
            available: *available,
        }).collect();
        let number = Dialled::Number("+442079460000".parse().unwrap());
        let payers = usable(&balances, Some(own), &number, second(at));
        let pays = |balance: &&Balance<'_>| balance.line == Some(own) && balance.expires_at.is_none_or(|expiry| expiry > second(at));
        prop_assert_eq!(payers.len(), balances.iter().filter(pays).count());
        prop_assert!(payers.iter().all(pays));
        let forever = second(i64::from(u32::MAX));
        let rank = |balance: &&Balance<'_>| (
            balance.unit == Unit::Money, balance.priority, balance.expires_at.unwrap_or(forever), balance.id,
        );
        prop_assert!(payers.is_sorted_by_key(rank));

        let there = means(&payers);
        let of_each = [(Unit::Seconds, i64::try_from(there.seconds).unwrap()), (Unit::Money, there.money.micros())];
        for (unit, all) in of_each {
            let parts = draw(&payers, unit, wanted);
            prop_assert_eq!(parts.iter().map(|part| part.quantity).sum::<i64>(), wanted.clamp(0, all));
            prop_assert!(parts.iter().all(|part| part.quantity > 0));
            // All but the last are used up, and none is passed over.
            let has: Vec<_> = payers.iter().filter(|balance| balance.unit == unit && balance.available > 0).collect();
            let places = parts.iter().zip(&has).rev().enumerate();
            for (from_the_end, (part, balance)) in places {
                prop_assert_eq!(part.balance, balance.id);
                prop_assert!(part.quantity == balance.available || (from_the_end == 0 && part.quantity < balance.available));
            }
        }
    }
}
