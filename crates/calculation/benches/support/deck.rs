//! Against which prices is rated, and who is called? A made-up deck, the same in every run.

use std::collections::BTreeSet;
use std::fmt::Write;

use calculation::phone_number::{Dialled, dialled};

/// How many prefixes there are of each length, from 1: as in a wholesale deck of 2015.
const PREFIXES_BY_LENGTH: [usize; 11] = [1, 46, 228, 1_025, 3_025, 5_510, 11_594, 6_805, 7_117, 838, 16];

/// Chance that falls the same in every run (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % end
    }

    /// One of some things.
    pub(crate) fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        let place = usize::try_from(self.below(things.len() as u64)).expect("a place in memory is a usize");
        &things[place]
    }

    fn digit(&mut self) -> char {
        char::from(b'0' + u8::try_from(self.below(10)).expect("a digit is a byte"))
    }
}

/// 36,205 prefixes, the shorter first. The longer extend shorter ones, as networks within a country do.
pub(crate) fn prefixes() -> Vec<String> {
    let mut chance = Chance(36);
    let mut all = vec![String::new()];
    let mut seen = BTreeSet::new();
    let mut shorter = 0..all.len();
    for (count, length) in PREFIXES_BY_LENGTH.into_iter().zip(1..) {
        let begins = all.len();
        while all.len() < begins + count {
            let parents = if length <= 3 { &all[..1] } else { &all[shorter.clone()] };
            let mut prefix = chance.one_of(parents).clone();
            while prefix.len() < length {
                prefix.push(chance.digit());
            }
            if !prefix.starts_with('0') && seen.insert(prefix.clone()) {
                all.push(prefix);
            }
        }
        shorter = begins..all.len();
    }
    all.remove(0);
    all
}

/// A deck of these prefixes in our own columns, in increments of 6/6 seconds. With `bands` each prefix has
/// a price for the band `peak` too.
pub(crate) fn deck(prefixes: &[String], bands: bool) -> String {
    let mut chance = Chance(66);
    let mut deck = "prefix,destination,rate_per_min,connection_charge,increments,time_band\n".to_owned();
    for (place, prefix) in prefixes.iter().enumerate() {
        for band in if bands { &["", "peak"][..] } else { &[""] } {
            let (price, fee) = (chance.below(30_000), chance.below(3) * 100);
            writeln!(deck, "{prefix},Destination {place},0.{price:05},0.{fee:05},6/6,{band}")
                .expect("memory does not end");
        }
    }
    deck
}

/// A number that its plan allows, with `+`, and that begins with one of the prefixes.
pub(crate) fn number(prefixes: &[String], chance: &mut Chance) -> String {
    loop {
        let length = 11 + usize::try_from(chance.below(3)).expect("it is below three");
        let mut number = format!("+{}", chance.one_of(prefixes));
        while number.len() <= length {
            number.push(chance.digit());
        }
        // Of one that cannot exist nothing is charged: another is made up.
        let itself = number.parse().map(Dialled::Number).ok();
        if itself.is_some() && dialled(&number, None).ok() == itself {
            return number;
        }
    }
}
