//! Who pays what, and what is posted? Tables in `cases/{postings,allocation,turn,settlement}.txt`, and what always holds.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use calculation::allocation::{Left, Owed, allocate, in_turn};
use calculation::money::{Amount, Price, Rounding, RoundingMode};
use calculation::phone_number::Dialled;
use calculation::posting::{Account, Postings};
use calculation::prepaid::{Balance, Part, Unit, pay_fee, usable};
use calculation::settlement::{Gone, Settled, settle};
use calculation::tariff::{Increments, Prefix, Rate, Step, Tariff, Terms};
use jiff::Timestamp;
use proptest::prelude::*;

/// Compares the answer to each question of a table; a line that only says what there is has none.
fn hold(table: &str, least: usize, mut answer: impl FnMut(&str) -> String) {
    let (mut cases, mut failures) = (0, Vec::new());
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (question, expected) = line.split_once(" -> ").unwrap_or((line, ""));
        cases += usize::from(!expected.is_empty());
        let answered = answer(question);
        if answered != expected {
            failures.push(format!("{line}\n    but it is {answered}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(cases >= least, "only {cases} cases");
}

#[test]
fn what_an_event_posts() {
    hold(include_str!("cases/postings.txt"), 30, |question| {
        let words: Vec<_> = question.split(' ').collect();
        let amount = |place: usize| words[place].parse::<Amount>().unwrap();
        let postings = match words[0] {
            "issue" => Postings::issue(amount(1), amount(2), amount(3)),
            "credit_note" => Postings::credit_note(amount(1), amount(2), amount(3)),
            "payment" => Postings::payment(amount(1)),
            "refund" => Postings::refund(amount(1)),
            "write_off" => Postings::write_off(amount(1)),
            "recovery" => Postings::recovery(amount(1)),
            "call" => Postings::call(amount(1), amount(2)),
            "booking" => {
                let account = ACCOUNTS.into_iter().find(|account| account.code() == words[1]).unwrap();
                Postings::booking(account, amount(2))
            }
            event => panic!("unknown event {event}"),
        };
        let Some(postings) = postings else { return "refused".to_owned() };
        let shown: Vec<_> =
            postings.iter().map(|(account, amount)| format!("{} {amount}", account.code())).collect();
        if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
    });
}

const ACCOUNTS: [Account; 10] = [
    Account::Receivable,
    Account::Revenue,
    Account::Tax,
    Account::Bank,
    Account::BadDebt,
    Account::Prepaid,
    Account::Vouchers,
    Account::Bonus,
    Account::Adjustment,
    Account::Breakage,
];

#[test]
fn which_credit_goes_to_which_invoice() {
    let read = |text: &str| -> Vec<Left<usize>> {
        let numbers = text.split(' ').filter(|number| *number != "-");
        let left = |(id, number): (usize, &str)| Left { id, amount: micros(number.parse().unwrap()) };
        (1..).zip(numbers).map(left).collect()
    };
    let or_none = |texts: Vec<String>| if texts.is_empty() { "-".to_owned() } else { texts.join(" ") };
    let shown =
        |left: &[Left<usize>]| or_none(left.iter().map(|left| left.amount.micros().to_string()).collect());
    hold(include_str!("cases/allocation.txt"), 19, |question| {
        let (credits, invoices) = question.split_once(" to ").unwrap();
        let (mut credits, mut invoices) = (read(credits), read(invoices));
        let parts = allocate(&mut credits, &mut invoices);
        let parts =
            parts.iter().map(|part| format!("{}-{}:{}", part.credit, part.invoice, part.amount.micros()));
        format!("{}, left {}, open {}", or_none(parts.collect()), shown(&credits), shown(&invoices))
    });
}

#[test]
fn in_which_order_invoices_are_settled() {
    let read = |(id, text): (usize, &str)| {
        let (open, contested) = text.split_once('/').unwrap_or((text, "0"));
        Owed { id, open: micros(open.parse().unwrap()), contested: micros(contested.parse().unwrap()) }
    };
    hold(include_str!("cases/turn.txt"), 11, |question| {
        let (invoices, first) = question.split_once(" first ").unwrap();
        let owed: Vec<_> = (1..).zip(invoices.split(' ').filter(|text| *text != "-")).map(read).collect();
        let turn = in_turn(&owed, first.parse().ok());
        let shown: Vec<_> = turn.iter().map(|left| format!("{}:{}", left.id, left.amount.micros())).collect();
        if shown.is_empty() { "-".to_owned() } else { shown.join(" ") }
    });
}

fn micros(micros: i64) -> Amount {
    Amount::from_micros(micros)
}

/// When the calls of the tables are priced.
fn noon() -> Timestamp {
    "2026-11-05T12:00:00Z".parse().unwrap()
}

fn london() -> Dialled {
    Dialled::Number("+442079460000".parse().unwrap())
}

/// A balance that pays everywhere.
#[derive(Debug, Clone)]
struct Has {
    destinations: Vec<Prefix>,
    unit: Unit,
    id: i64,
    available: i64,
    priority: i64,
    expires_at: Option<Timestamp>,
}

impl Has {
    fn read(text: &str) -> Self {
        let words: Vec<_> = text.split(' ').collect();
        let until = words.iter().position(|word| *word == "until");
        let seconds = words.get(2) == Some(&"s");
        Self {
            destinations: vec!["*".parse().unwrap()],
            unit: if seconds { Unit::Seconds } else { Unit::Money },
            id: words[0].parse().unwrap(),
            available: if seconds {
                words[1].parse().unwrap()
            } else {
                words[1].parse::<Amount>().unwrap().micros()
            },
            priority: if words.contains(&"first") { -1 } else { 0 },
            expires_at: until.map(|place| words[place + 1].parse().unwrap()),
        }
    }

    fn balance(&self) -> Balance<'_> {
        Balance {
            id: self.id,
            unit: self.unit,
            destinations: &self.destinations,
            line: None,
            priority: self.priority,
            expires_at: self.expires_at,
            available: self.available,
        }
    }
}

fn tariff(price: Price, increments: Increments, rounding: Rounding, fee: Price, least: Amount) -> Tariff {
    let rate = Rate {
        prefix: "44".parse().unwrap(),
        destination: "United Kingdom".into(),
        connection_fee: fee,
        steps: Box::new([Step { from_seconds: 0, price }]),
        increments,
        minimum_charge: least,
        blocked: false,
        band: None,
        effective_from: None,
        effective_to: None,
    };
    Tariff::new(Terms::new("EUR".parse().unwrap(), rounding), vec![rate])
}

fn settled(tariff: &Tariff, talk_seconds: u32, has: &[Has], gone: Gone) -> Option<Settled> {
    let balances: Vec<_> = has.iter().map(Has::balance).collect();
    let usable = usable(&balances, None, &london(), noon());
    settle(tariff, &tariff.rates()[0], talk_seconds, &usable, gone)
}

#[test]
fn what_a_call_that_is_over_takes() {
    let (mut list, mut has, mut gone) = (None, Vec::new(), Gone::default());
    hold(include_str!("cases/settlement.txt"), 27, |question| {
        let (key, text) = question.split_once(": ").unwrap();
        match key {
            "rate" => {
                let [price, increments, digits, mode, options @ ..] =
                    &text.split(' ').collect::<Vec<_>>()[..]
                else {
                    panic!("no rate: {text}")
                };
                let option = |name| options.iter().find_map(|word| word.strip_prefix(name)).unwrap_or("0");
                let rounding = Rounding::new(digits.parse().unwrap(), mode.parse().unwrap()).unwrap();
                let (fee, least) = (option("fee=").parse().unwrap(), option("least=").parse().unwrap());
                let (price, increments) = (price.parse().unwrap(), increments.parse().unwrap());
                list = Some(tariff(price, increments, rounding, fee, least));
            }
            "has" => {
                gone = Gone::default();
                has = text.split(", ").filter(|text| *text != "nothing").map(Has::read).collect();
            }
            "gone" => {
                let (seconds, money) = text.split_once(" s + ").unwrap();
                gone = Gone { seconds: seconds.parse().unwrap(), money: money.parse().unwrap() };
            }
            "call" => {
                let talk = text.trim_end_matches(" s").parse().unwrap();
                return shown(settled(list.as_ref().unwrap(), talk, &has, gone), &has);
            }
            _ => panic!("unknown key {key}"),
        }
        String::new()
    });
}

fn shown(settled: Option<Settled>, has: &[Has]) -> String {
    let Some(settled) = settled else { return "refused".to_owned() };
    let part = |Part { balance, quantity }: &Part| {
        let unit = has.iter().find(|has| has.id == *balance).unwrap().unit;
        match unit {
            Unit::Seconds => format!("{balance} pays {quantity} s"),
            Unit::Money => format!("{balance} pays {}", micros(*quantity)),
        }
    };
    let parts: Vec<_> = settled.parts.iter().map(part).collect();
    let parts = if parts.is_empty() { "nobody pays".to_owned() } else { parts.join(", ") };
    let Settled { billed_seconds, included_seconds, amount, charged, loss, .. } = settled;
    format!(
        "{billed_seconds} s, {included_seconds} included, {amount}: {parts}; charged {charged}, lost {loss}"
    )
}

/// Amounts small and large, of either sign.
fn some_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        -1_000_i64..1_000,
        any::<i64>(),
        Just(i64::MAX),
        Just(i64::MIN),
        (-50..50_i64).prop_map(|near| if near < 0 { i64::MAX + near } else { i64::MIN + near }),
    ]
    .prop_map(micros)
}

fn some_left() -> impl Strategy<Value = Vec<Left<usize>>> {
    let amount = prop_oneof![-5_i64..200, any::<i64>()];
    prop::collection::vec(amount, 0..6).prop_map(|amounts| {
        amounts.into_iter().enumerate().map(|(id, amount)| Left { id, amount: micros(amount) }).collect()
    })
}

fn some_balance() -> impl Strategy<Value = (bool, i64, i64, Option<i64>)> {
    let available = prop_oneof![-100_i64..100_000, 0..200_i64, any::<i64>()];
    (any::<bool>(), available, -1_i64..2, prop::option::of(-1_i64..3))
}

fn some_balances() -> impl Strategy<Value = Vec<Has>> {
    prop::collection::vec(some_balance(), 0..6).prop_map(|balances| {
        let has = |(id, (is_money, available, priority, hours)): (i64, (bool, i64, i64, Option<i64>))| Has {
            destinations: vec!["44".parse().unwrap()],
            unit: if is_money { Unit::Money } else { Unit::Seconds },
            id,
            available,
            priority,
            expires_at: hours
                .map(|hours| noon().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap()),
        };
        (1..).zip(balances).map(has).collect()
    })
}

fn some_tariff() -> impl Strategy<Value = Tariff> {
    let price = || prop_oneof![0..3_000_000_000_i64, Just(0)].prop_map(Price::from_nanos);
    let seconds = prop_oneof![Just((1, 1)), Just((60, 60)), Just((30, 6)), (0..90_u32, 1..90_u32)];
    (price(), seconds, price(), prop_oneof![Just(0), 0..2_000_000_i64]).prop_map(
        |(price, seconds, fee, least)| {
            let increments = Increments { initial_seconds: seconds.0, next_seconds: seconds.1 };
            let rounding = Rounding::new(4, RoundingMode::HalfUp).unwrap();
            tariff(price, increments, rounding, fee, micros(least))
        },
    )
}

/// The sum of what balances of a unit pay.
fn paid_by(parts: &[Part], has: &[Has], unit: Unit) -> i128 {
    let of_unit = |part: &&Part| has.iter().any(|has| has.id == part.balance && has.unit == unit);
    parts.iter().filter(of_unit).map(|part| i128::from(part.quantity)).sum()
}

proptest! {
    #[test]
    fn an_order_leaves_out_nothing_and_no_contested_amount_comes_before_another(
        owed in prop::collection::vec((0..200_i64, -50..250_i64), 0..8), first in 0..9_usize,
    ) {
        let owed = (0..).zip(owed).map(|(id, (open, contested))| Owed { id, open: micros(open), contested: micros(contested) });
        let owed: Vec<_> = owed.collect();
        let turn = in_turn(&owed, Some(first));
        for one in &owed {
            let all: i64 = turn.iter().filter(|left| left.id == one.id).map(|left| left.amount.micros()).sum();
            prop_assert_eq!(all, one.open.micros());
        }
        // Whatever is paid: as long as something uncontested is open, nothing contested of another is paid.
        let others = || owed.iter().filter(|one| one.id != first);
        let contested = |one: &Owed<usize>| one.contested.micros().clamp(0, one.open.micros());
        let free: i64 = others().map(|one| one.open.micros() - contested(one)).sum();
        let mut paid = 0;
        for left in turn.iter().filter(|left| left.id != first) {
            let of = others().find(|one| one.id == left.id).unwrap();
            let before: i64 = turn.iter().take_while(|one| *one != left).filter(|one| one.id == left.id).map(|one| one.amount.micros()).sum();
            let is_contested = before + left.amount.micros() > of.open.micros() - contested(of);
            prop_assert!(!is_contested || paid >= free, "{:?} of {:?}", left, turn);
            paid += left.amount.micros();
        }
    }

    #[test]
    fn what_is_posted_sums_to_zero(one in some_amount(), two in some_amount(), three in some_amount()) {
        let gross = Amount::sum([one, two]);
        let events = [
            gross.and_then(|gross| Postings::issue(one, two, gross)),
            gross.and_then(|gross| Postings::credit_note(one, two, gross)),
            Postings::issue(one, two, three),
            Postings::credit_note(one, two, three),
            Postings::payment(one),
            Postings::refund(one),
            Postings::write_off(one),
            Postings::call(one, two),
        ];
        let bookings = ACCOUNTS.map(|account| Postings::booking(account, one));
        for postings in events.into_iter().chain(bookings).flatten() {
            let sum: i128 = postings.iter().map(|(_, amount)| i128::from(amount.micros())).sum();
            prop_assert_eq!(sum, 0);
        }
        // Nothing that fits is refused.
        prop_assert_eq!(Postings::payment(one).is_some(), one.micros() != i64::MIN);
        prop_assert_eq!(Postings::issue(one, two, three).is_some(),
            i128::from(one.micros()) + i128::from(two.micros()) == i128::from(three.micros())
                && one.micros() != i64::MIN && two.micros() != i64::MIN);
    }

    #[test]
    fn nothing_is_allocated_that_is_not_there(before in some_left(), open in some_left()) {
        let (mut credits, mut invoices) = (before.clone(), open.clone());
        let parts = allocate(&mut credits, &mut invoices);
        for part in &parts {
            prop_assert!(part.amount > Amount::ZERO);
        }
        let of = |amounts: Vec<i64>| amounts.into_iter().map(i128::from).sum::<i128>();
        for (was, is) in before.iter().zip(&credits) {
            let given = of(parts.iter().filter(|part| part.credit == was.id).map(|part| part.amount.micros()).collect());
            prop_assert_eq!(i128::from(was.amount.micros()) - given, i128::from(is.amount.micros()));
            prop_assert!(is.amount >= was.amount.min(Amount::ZERO));
        }
        for (was, is) in open.iter().zip(&invoices) {
            let taken = of(parts.iter().filter(|part| part.invoice == was.id).map(|part| part.amount.micros()).collect());
            prop_assert_eq!(i128::from(was.amount.micros()) - taken, i128::from(is.amount.micros()));
            prop_assert!(is.amount >= was.amount.min(Amount::ZERO));
        }
        // One side is used up.
        let rest = |left: &[Left<usize>]| left.iter().any(|left| left.amount > Amount::ZERO);
        prop_assert!(!rest(&credits) || !rest(&invoices));
    }

    #[test]
    fn a_call_takes_no_more_than_there_is_and_all_that_it_costs(
        tariff in some_tariff(), has in some_balances(), talk in 0..10_000_u32,
        gone_seconds in 0..200_i64, gone_money in 0..100_000_i64,
    ) {
        let gone = Gone { seconds: gone_seconds, money: micros(gone_money) };
        let Some(settled) = settled(&tariff, talk, &has, gone) else { return Ok(()) };
        for part in &settled.parts {
            let balance = has.iter().find(|has| has.id == part.balance).unwrap();
            prop_assert!(0 < part.quantity && part.quantity <= balance.available);
            prop_assert!(balance.expires_at.is_none_or(|at| noon() < at));
        }
        let money = paid_by(&settled.parts, &has, Unit::Money);
        let (charged, loss) = (settled.charged.micros(), settled.loss.micros());
        prop_assert_eq!(money + i128::from(gone_money), i128::from(charged));
        prop_assert!(loss >= 0);
        let cost = i128::from(settled.amount.micros()).max(gone_money.into());
        prop_assert_eq!(i128::from(charged) + i128::from(loss), cost);
        let seconds = paid_by(&settled.parts, &has, Unit::Seconds);
        let included = i128::from(settled.included_seconds);
        prop_assert_eq!(seconds, (included - i128::from(gone_seconds)).max(0));
        // It is lost only when nothing that may pay is left.
        if loss > 0 {
            let left = has.iter().filter(|has| has.unit == Unit::Money && has.expires_at.is_none_or(|at| noon() < at));
            let left: i128 = left.map(|has| i128::from(has.available.max(0))).sum();
            prop_assert_eq!(left, money);
        }
    }

    #[test]
    fn the_order_in_which_balances_are_read_does_not_matter(
        tariff in some_tariff(), has in some_balances(), talk in 0..10_000_u32, fee in -5..100_000_i64,
    ) {
        let mut other = has.clone();
        other.reverse();
        let gone = Gone::default();
        prop_assert_eq!(settled(&tariff, talk, &has, gone), settled(&tariff, talk, &other, gone));
        let pay = |has: &[Has]| {
            let balances: Vec<_> = has.iter().map(Has::balance).collect();
            pay_fee(&balances, micros(fee), noon())
        };
        prop_assert_eq!(pay(&has), pay(&other));
    }

    #[test]
    fn a_fee_is_paid_wholly_or_not_at_all_from_the_first_balances(has in some_balances(), fee in 0..200_000_i64) {
        let balances: Vec<_> = has.iter().map(Has::balance).collect();
        let pays = |has: &&Has| has.unit == Unit::Money && has.expires_at.is_none_or(|at| noon() < at);
        let mut payers: Vec<_> = has.iter().filter(pays).collect();
        let there: i128 = payers.iter().map(|has| i128::from(has.available.max(0))).sum();
        let Some(parts) = pay_fee(&balances, micros(fee), noon()) else {
            prop_assert!(there < i128::from(fee));
            return Ok(());
        };
        prop_assert_eq!(paid_by(&parts, &has, Unit::Money), i128::from(fee));
        // By hand, as renewals once did: priority, expiry, number.
        payers.sort_by_key(|has| (has.priority, has.expires_at.is_none(), has.expires_at, has.id));
        let mut left = fee;
        let mut expected = Vec::new();
        for has in payers {
            let quantity = has.available.min(left);
            if quantity > 0 {
                expected.push(Part { balance: has.id, quantity });
                left -= quantity;
            }
        }
        prop_assert_eq!(parts, expected);
    }
}
