//! Which faults meet a deed? Chance says; a replay may leave some out.

use std::collections::{BTreeMap, BTreeSet};

use tollbook::db::Fault;

use crate::chance::Chance;
use crate::deeds::Deed;

/// The faults of a database, from the frequent to the rare.
const FAULTS: [(Fault, u64); 8] = [
    (Fault::Killed, 30),
    (Fault::KilledAfterCommit, 12),
    (Fault::AnswerLost, 16),
    (Fault::ConnectionLost, 16),
    (Fault::Conflict, 12),
    (Fault::Full, 10),
    (Fault::Frozen, 4),
    (Fault::Silent, 3),
];

pub(crate) fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Killed => "killed between two statements",
        Fault::KilledAfterCommit => "killed after a commit",
        Fault::AnswerLost => "answer of a commit lost",
        Fault::ConnectionLost => "connection lost",
        Fault::Conflict => "conflict of transactions",
        Fault::Full => "disk full",
        Fault::Frozen => "connection frozen",
        Fault::Silent => "connection silent until the limit",
    }
}

/// What goes wrong while a deed is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Planned {
    /// At the first attempt, the second and so on; each after so many statements.
    pub(crate) faults: Vec<(Fault, u64)>,
    /// By so many seconds the program's time is wrong at the first attempt: it started so.
    pub(crate) leap: i64,
    /// By so many seconds the machine's clock leaps before the first attempt, while the program runs: it must not believe that.
    pub(crate) leap_seen: i64,
    /// Whether the program may die while a mail or webhook is on its way.
    pub(crate) dies_sending: bool,
}

/// What is left of a story in a replay.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keep {
    /// Only these steps; all when absent.
    pub(crate) steps: Option<BTreeSet<u64>>,
    /// Faults in these steps only; in all when absent.
    pub(crate) faults: Option<BTreeSet<u64>>,
    /// Whether mails and webhooks are taken without ado.
    pub(crate) calm: bool,
}

impl Keep {
    pub(crate) fn has_step(&self, step: u64) -> bool {
        self.steps.as_ref().is_none_or(|steps| steps.contains(&step))
    }

    pub(crate) fn has_faults(&self, step: u64) -> bool {
        self.faults.as_ref().is_none_or(|steps| steps.contains(&step))
    }
}

impl Planned {
    pub(crate) fn by(chance: &mut Chance, deed: &Deed, is_alone: bool) -> Self {
        let mut planned = Self::default();
        let many = match chance.below(100) {
            0..=24 => 0,
            25..=79 => 1,
            80..=94 => 2,
            _ => 3,
        };
        for _ in 0..many {
            let mut roll = chance.below(FAULTS.iter().map(|(_, weight)| weight).sum());
            let fault = FAULTS.iter().find(|(_, weight)| {
                let is_it = roll < *weight;
                roll = roll.saturating_sub(*weight);
                is_it
            });
            let most = deed.statements();
            // The first statements of a deed are met by every one of them.
            let before = if chance.percent(50) { chance.below(most / 2) } else { chance.below(most) };
            planned.faults.extend(fault.map(|(fault, _)| (*fault, before)));
        }
        if let Some(most_back) = deed.may_be_early_by()
            && chance.percent(20)
        {
            // Forward by less than an hour, back by days.
            let forward = is_alone && chance.percent(50);
            planned.leap = if forward { chance.within(60, 3_600) } else { -chance.within(60, most_back) };
        }
        if planned.leap == 0 && chance.percent(12) {
            // By more than is believed: two hours to 400 days.
            let leap = chance.within(7_200, 400 * 86_400);
            planned.leap_seen = if chance.percent(50) { leap } else { -leap };
        }
        planned.dies_sending = matches!(deed, Deed::Round) && chance.percent(40);
        planned
    }
}

/// What was met and looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) deeds: BTreeMap<&'static str, u64>,
    pub(crate) days: u64,
    pub(crate) checks: u64,
    pub(crate) comparisons: u64,
    /// Steps in which two programs or three acted at once.
    pub(crate) at_once: BTreeMap<usize, u64>,
    pub(crate) invoices: u64,
    pub(crate) mails: u64,
    pub(crate) copies: u64,
}

impl Counts {
    pub(crate) fn met(&mut self, fault: &str, times: u64) {
        *self.faults.entry(fault.to_owned()).or_default() += times;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (fault, times) in other.faults {
            self.met(&fault, times);
        }
        for (deed, times) in other.deeds {
            *self.deeds.entry(deed).or_default() += times;
        }
        for (programs, times) in other.at_once {
            *self.at_once.entry(programs).or_default() += times;
        }
        self.days += other.days;
        self.checks += other.checks;
        self.comparisons += other.comparisons;
        self.invoices += other.invoices;
        self.mails += other.mails;
        self.copies += other.copies;
    }

    pub(crate) fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }
}
