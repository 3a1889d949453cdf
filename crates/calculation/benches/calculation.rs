//! How long do the hot paths take?

#[path = "support/deck.rs"]
mod deck;

fn main() {
    if !std::path::Path::new(rating::SHARED_DECK).exists() {
        println!("{} is not there: only the made-up deck is measured", rating::SHARED_DECK);
    }
    divan::main();
}

mod cdr {
    use calculation::cdr::{Feed, Format, Reader};
    use divan::{Bencher, black_box};

    const HEADER: &[u8] = b"record_id,call_id,account_ref,direction,calling_number,called_number,start_time,answer_time,end_time,duration,billsec,disposition";
    const LINE: &[u8] = b"1792888199.7-000001,1792888199.7,K-10007,outbound,+4930123456,+442079460000,2026-03-01T12:00:00.125+01:00,2026-03-01T12:00:05.5+01:00,2026-03-01T12:01:05.5+01:00,65.375,60,ANSWERED";
    const MASTER: &[u8] = br#""K7","11","0170123","x","""Ann"" <11>","SIP/11-1","PJSIP/carrier-2","Dial","","2026-07-01 10:00:00","2026-07-01 10:00:05","2026-07-01 10:00:20",20,15,"ANSWERED","DOCUMENTATION","1782900000.7","vip","","1782900000.6",3"#;
    const JSON: &[u8] = br#"{"record_id":"1792888199.7-000001","call_id":"1792888199.7","account_ref":"K-10007","direction":"outbound","calling_number":"+4930123456","called_number":"+442079460000","start_time":"2026-03-01T12:00:00.125+01:00","answer_time":"2026-03-01T12:00:05.5+01:00","end_time":"2026-03-01T12:01:05.5+01:00","duration":65.375,"billsec":60,"disposition":"ANSWERED"}"#;

    fn read(bencher: Bencher, format: Format, first_line: &[u8], line: &[u8]) {
        let feed = Feed { zone: jiff::tz::TimeZone::UTC, ..Feed::new(format) };
        let (reader, _) = Reader::new(feed, first_line).expect("the header is right");
        bencher.bench_local(|| reader.read(black_box(line)).expect("the line is right"));
    }

    #[divan::bench]
    fn canonical_csv_of_12_columns(bencher: Bencher) {
        read(bencher, Format::Canonical, HEADER, LINE);
    }

    #[divan::bench]
    fn canonical_ndjson_of_12_keys(bencher: Bencher) {
        read(bencher, Format::CanonicalNdjson, JSON, JSON);
    }

    #[divan::bench]
    fn asterisk_master_of_21_columns(bencher: Bencher) {
        read(bencher, Format::AsteriskMaster, MASTER, MASTER);
    }
}

mod phone_number {
    use calculation::phone_number::{E164, dialled};
    use calculation::zone::zone_of;
    use divan::{Bencher, black_box};

    /// A number with `+`, as most feeds write it: no allocation, no regular expression.
    #[divan::bench]
    fn dialled_with_plus(bencher: Bencher) {
        let germany = "DE".parse().ok();
        bencher.bench_local(|| dialled(black_box("+49301234567"), black_box(germany)));
    }

    /// A number in national form, which the region's plan must interpret.
    #[divan::bench]
    fn dialled_nationally(bencher: Bencher) {
        let germany = "DE".parse().ok();
        bencher.bench_local(|| dialled(black_box("030 1234567"), black_box(germany)));
    }

    /// The digits of a number from the left, as a prefix search takes them.
    #[divan::bench]
    fn leading_digits(bencher: Bencher) {
        let number: E164 = "+49301234567".parse().expect("it is a number");
        bencher.bench_local(|| black_box(number).leading_digits().fold(0, |all, digit| all ^ digit));
    }

    /// The zone of a new customer.
    #[divan::bench]
    fn zone_of_a_number(bencher: Bencher) {
        let number: E164 = "+12125550123".parse().expect("it is a number");
        bencher.bench_local(|| zone_of(black_box(number)));
    }
}

mod rating {
    use std::fmt;

    use calculation::allowance::{Allowance, take};
    use calculation::call::Billable;
    use calculation::phone_number::Dialled;
    use calculation::rating::{Caller, rate};
    use calculation::tariff::deck::{self, Columns};
    use calculation::tariff::{Tariff, Terms};
    use divan::{Bencher, black_box};
    use jiff::tz::TimeZone;

    use crate::deck::{Chance, number, prefixes};

    /// A wholesale deck of 2015, which lies beside the repository where we have it.
    pub(super) const SHARED_DECK: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ratedecks/astpp_outbound_routes_2015.csv");
    /// So many calls that neither the numbers nor the way through the index stay in the nearest cache.
    const CALLS: usize = 1 << 16;
    /// A sample is one round of all calls, so that the caches are as they are in a long run.
    const CALLS_A_SAMPLE: u32 = 1 << 16;
    const SAMPLES: u32 = 40;
    const TERMS: &str = r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"},
        "increments": "6/6", "holidays": ["2026-12-25", "2026-12-26"], "bands": []}"#;
    const BANDED_TERMS: &str = r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"},
        "holidays": ["2026-12-25", "2026-12-26"], "bands": [
            {"name": "peak", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00"},
            {"name": "weekend", "days": ["sat", "sun", "holiday"], "from": "00:00", "to": "24:00"}]}"#;

    /// A deck to be measured.
    struct Deck {
        name: &'static str,
        text: String,
        columns: Columns,
    }

    impl fmt::Display for Deck {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str(self.name)
        }
    }

    impl Deck {
        fn tariff(&self, terms: &str) -> Tariff {
            let terms: Terms = serde_json::from_str(terms).expect("the terms are right");
            deck::read(terms, self.text.as_bytes(), &self.columns).expect("the deck is right")
        }
    }

    fn decks() -> Vec<Deck> {
        let text = crate::deck::deck(&prefixes(), false);
        let made_up = Deck { name: "made-up deck", text, columns: Columns::default() };
        std::iter::once(made_up).chain(shared_deck()).collect()
    }

    fn shared_deck() -> Option<Deck> {
        let named = [("connection_charge", "connect_cost"), ("rate_per_min", "cost_per_min")];
        let named = named.map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())).to_vec();
        let columns = Columns { named, ignored: vec!["included_seconds".to_owned()], end_dates: None };
        let text = std::fs::read_to_string(SHARED_DECK).ok()?;
        Some(Deck { name: "deck of 2015", text, columns })
    }

    /// Calls to numbers that the tariff has a price for, in October 2026.
    fn calls(tariff: &Tariff) -> Vec<(Dialled, Billable)> {
        let prefixes: Vec<String> = tariff.rates().iter().map(|rate| rate.prefix.to_string()).collect();
        let mut chance = Chance(1);
        let call = || {
            let number = number(&prefixes, &mut chance).parse().expect("the number is valid");
            let second = 1_790_805_600 + i64::try_from(chance.below(31 * 86_400)).expect("a month is short");
            let answered_at = jiff::Timestamp::from_second(second).expect("it is an instant");
            let talk_seconds = 1 + u32::try_from(chance.below(900)).expect("a call is short");
            (Dialled::Number(number), Billable { answered_at, talk_seconds })
        };
        std::iter::repeat_with(call).take(CALLS).collect()
    }

    /// Times one call after the other, each to another number.
    fn each_call<T>(
        bencher: Bencher,
        calls: &[(Dialled, Billable)],
        mut deed: impl FnMut(&Dialled, Billable) -> T,
    ) {
        let mut calls = calls.iter().cycle();
        bencher.bench_local(|| {
            let (number, talk) = calls.next().expect("a circle has no end");
            deed(black_box(number), black_box(*talk))
        });
    }

    /// The target: at most 400 ns a call.
    #[divan::bench(args = decks(), sample_size = CALLS_A_SAMPLE, sample_count = SAMPLES)]
    fn rate_a_call_lookup_included(bencher: Bencher, deck: &Deck) {
        let tariff = deck.tariff(TERMS);
        let caller = Caller { zone: &TimeZone::UTC, allowances: &[], used: &[], usage_pricing: &[] };
        each_call(bencher, &calls(&tariff), |number, talk| rate(&tariff, caller, number, talk));
    }

    /// The part of it that searches the prefix.
    #[divan::bench(args = decks(), sample_size = CALLS_A_SAMPLE, sample_count = SAMPLES)]
    fn look_up_a_rate(bencher: Bencher, deck: &Deck) {
        let tariff = deck.tariff(TERMS);
        let zone = &TimeZone::UTC;
        each_call(bencher, &calls(&tariff), |number, talk| {
            tariff.rate_for(number, talk.answered_at, zone).is_some()
        });
    }

    /// Each instant is put on the customer's wall clock to find its band.
    #[divan::bench(sample_size = CALLS_A_SAMPLE, sample_count = SAMPLES)]
    fn rate_a_call_in_time_bands_of_a_zone(bencher: Bencher) {
        let text = crate::deck::deck(&prefixes(), true);
        let tariff = Deck { name: "", text, columns: Columns::default() }.tariff(BANDED_TERMS);
        let zone = TimeZone::get("Europe/Berlin").expect("there is Berlin");
        let caller = Caller { zone: &zone, allowances: &[], used: &[], usage_pricing: &[] };
        each_call(bencher, &calls(&tariff), |number, talk| rate(&tariff, caller, number, talk));
    }

    /// Three allowances with seven prefixes between them.
    fn allowances() -> Vec<Allowance> {
        let allowance = |name: &str, seconds, prefixes: &[&str]| {
            let destinations = prefixes.iter().map(|prefix| prefix.parse().expect("it is a prefix"));
            Allowance { name: name.to_owned(), seconds, destinations: destinations.collect() }
        };
        vec![
            allowance("Germany", 6_000, &["49"]),
            allowance("Neighbours", 3_600, &["31", "32", "33", "41", "43"]),
            allowance("World", 600, &["*"]),
        ]
    }

    #[divan::bench(sample_size = CALLS_A_SAMPLE, sample_count = SAMPLES)]
    fn take_from_allowances(bencher: Bencher) {
        let tariff = decks()[0].tariff(TERMS);
        let allowances = allowances();
        each_call(bencher, &calls(&tariff), |number, talk| {
            take(&allowances, black_box(&[5_900, 0, 0]), number, talk.talk_seconds)
        });
    }

    #[divan::bench(sample_size = CALLS_A_SAMPLE, sample_count = SAMPLES)]
    fn rate_a_call_with_allowances(bencher: Bencher) {
        let tariff = decks()[0].tariff(TERMS);
        let allowances = allowances();
        let caller = Caller {
            zone: &TimeZone::UTC,
            allowances: &allowances,
            used: &[5_900, 0, 0],
            usage_pricing: &[],
        };
        each_call(bencher, &calls(&tariff), |number, talk| rate(&tariff, caller, number, talk));
    }

    /// Reads, checks and indexes the whole deck.
    #[divan::bench(args = decks(), sample_count = 10)]
    fn build_a_tariff(bencher: Bencher, deck: &Deck) {
        bencher.bench_local(|| black_box(deck).tariff(TERMS));
    }
}

mod prepaid {
    use calculation::money::Amount;
    use calculation::prepaid::{Balance, Means, Unit, draw, longest, means, usable};
    use calculation::tariff::{Prefix, Tariff, deck};
    use divan::{Bencher, black_box};

    const TERMS: &str = r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}"#;
    /// 0.60 a minute, from the eleventh second on 0.30.
    const PRICES: &str = "prefix,destination,rate_per_min,increments,step_from,step_to\n\
        44,United Kingdom,0.60,1/1,0,10\n44,United Kingdom,0.30,1/1,10,\n";

    fn tariff() -> Tariff {
        let terms = serde_json::from_str(TERMS).expect("the terms are right");
        deck::read(terms, PRICES.as_bytes(), &deck::Columns::default()).expect("the deck is right")
    }

    /// What is there pays just so many seconds. The target: three hours cost no more than a minute.
    #[divan::bench(args = [60, 10_800])]
    fn the_longest_call(bencher: Bencher, seconds: u32) {
        let tariff = tariff();
        let money = Amount::from_micros(50_000 + i64::from(seconds) * 5_000);
        let there = Means { seconds: 0, money };
        let found = longest(&tariff, &tariff.rates()[0], there, 86_400);
        assert!(found.talk_seconds == seconds && found.is_limit, "{found:?}");
        bencher.bench_local(|| longest(&tariff, &tariff.rates()[0], black_box(there), black_box(86_400)));
    }

    /// A customer with five balances: who pays, how much there is, and how much each gives.
    #[divan::bench]
    fn order_and_draw_five_balances(bencher: Bencher) {
        let destinations: [Prefix; 2] = ["49", "44"].map(|prefix| prefix.parse().expect("it is a prefix"));
        let balance = |id: i64| Balance {
            id,
            unit: if id % 2 == 0 { Unit::Seconds } else { Unit::Money },
            destinations: &destinations,
            line: None,
            priority: -id,
            expires_at: None,
            available: 100,
        };
        let balances = [1, 2, 3, 4, 5].map(balance);
        let number =
            calculation::phone_number::Dialled::Number("+442079460000".parse().expect("it is a number"));
        let at = "2026-11-05T12:00:00Z".parse().expect("it is an instant");
        bencher.bench_local(|| {
            let payers = usable(black_box(&balances), None, &number, at);
            (means(&payers), draw(&payers, Unit::Seconds, 150), draw(&payers, Unit::Money, 250))
        });
    }
}
