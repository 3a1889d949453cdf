//! What should everybody have been charged? A program that knows no database, no fault and no order of things: it adds.
//!
//! All amounts are millionths of a euro.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::calendar::{begins, later, month_of, next_day, next_month};
use crate::purse::Purse;

pub(crate) const CENT: i128 = 10_000;
/// Hours after a month's end until it is billed.
const GRACE_SECONDS: i64 = 6 * 3_600;
/// What each plan costs a month.
pub(crate) const PLANS: [(&str, i128); 3] =
    [("Five", 5_000_000), ("Ten", 10_000_000), ("Twenty", 20_000_000)];
/// Where calls go: a number, and whether whole minutes are charged or seconds.
pub(crate) const DESTINATIONS: [(&str, bool); 3] =
    [("+442079460123", true), ("+493012345678", false), ("+33142345678", true)];

/// Prices of a minute in millionths, by destination, from an instant on.
#[derive(Debug, Clone)]
pub(crate) struct PriceList {
    pub(crate) from: Timestamp,
    pub(crate) minute: [i128; 3],
}

/// A call as a switch tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) customer: usize,
    pub(crate) to: usize,
    pub(crate) at: Timestamp,
    pub(crate) seconds: i64,
}

/// A month's calls to a destination: what they cost, what those of them cost that are on invoices, and how much these ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cost: i128,
    pub(crate) invoiced: i128,
    pub(crate) billed: i128,
}

/// What of a month's calls to a destination came too late for an invoice.
pub(crate) type Late = BTreeMap<(Date, usize), i128>;

#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    /// As the program names it, once it is there.
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) month: Date,
    pub(crate) net: i128,
    pub(crate) gross: i128,
    /// Whether its whole month was on one plan: its first line is that fee.
    pub(crate) is_of_one_plan: bool,
    pub(crate) fee_credited: bool,
    pub(crate) disputed: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) amount: i128,
    pub(crate) is_reversed: bool,
}

/// Somebody who pays.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) reference: String,
    pub(crate) id: i64,
    pub(crate) path: String,
    pub(crate) line: String,
    pub(crate) zone: TimeZone,
    pub(crate) email: Option<String>,
    /// Who pays before calling has one.
    pub(crate) purse: Option<Purse>,
    /// Since which day on which plan.
    pub(crate) plans: Vec<(Date, usize)>,
    pub(crate) usage: BTreeMap<(Date, usize), Usage>,
    /// The calls that count, in the order in which they were told.
    pub(crate) calls: Vec<Call>,
    pub(crate) credited_calls: BTreeSet<String>,
    /// The month that is billed next.
    pub(crate) next: Date,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) payments: Vec<Payment>,
    /// By credit notes.
    pub(crate) credited: i128,
    /// Open disputes, by their ids, and the place of the invoice.
    pub(crate) disputes: Vec<(String, usize)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) customers: Vec<Customer>,
    pub(crate) prices: Vec<PriceList>,
    /// Calls that are there, by their id; those of nobody among them.
    pub(crate) known: BTreeMap<String, Call>,
    pub(crate) suspended: BTreeSet<String>,
    /// How many records of prepaid calls are there.
    pub(crate) records: u64,
    /// How many names were given away.
    pub(crate) names: u64,
}

/// Millionths in whole cents, halves up.
pub(crate) fn to_cents(micros: i128) -> i128 {
    (micros + CENT / 2).div_euclid(CENT) * CENT
}

/// 19 percent.
pub(crate) fn tax(net: i128) -> i128 {
    to_cents_of(net * 19, 100)
}

/// A fraction in whole cents, halves up.
fn to_cents_of(over: i128, under: i128) -> i128 {
    let doubled = over * 2 + under * CENT;
    doubled.div_euclid(2 * under * CENT) * CENT
}

/// A duration in steps that are charged.
pub(crate) fn cost(minute: i128, whole_minutes: bool, seconds: i64) -> i128 {
    let seconds = i128::from(seconds);
    let charged = if whole_minutes { (seconds + 59) / 60 * 60 } else { seconds };
    minute * charged / 60
}

impl Model {
    pub(crate) fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}-{}", self.names)
    }

    pub(crate) fn cost(&self, call: &Call) -> i128 {
        let list = self.prices.iter().filter(|list| list.from <= call.at).max_by_key(|list| list.from);
        let minute = list.expect("there was always a price list").minute[call.to];
        cost(minute, DESTINATIONS[call.to].1, call.seconds)
    }

    /// A call is told; answers whether it counts now: for the first time, and for somebody.
    pub(crate) fn tell(&mut self, call: &Call) -> bool {
        if self.known.contains_key(&call.id) || self.suspended.contains(&call.id) {
            return false;
        }
        if call.customer >= self.customers.len() {
            self.suspended.insert(call.id.clone());
            return false;
        }
        self.known.insert(call.id.clone(), call.clone());
        let cost = self.cost(call);
        let customer = &mut self.customers[call.customer];
        let month = month_of(call.at, &customer.zone);
        customer.usage.entry((month, call.to)).or_default().cost += cost;
        customer.calls.push(call.clone());
        true
    }
}

impl Customer {
    pub(crate) fn is_postpaid(&self) -> bool {
        self.purse.is_none()
    }

    /// Whether a month is to be billed at an instant.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.is_postpaid() && later(begins(next_month(self.next), &self.zone), GRACE_SECONDS) <= now
    }

    /// The month's fee: by the days on each plan.
    fn fee(&self, month: Date) -> (i128, bool) {
        let days_in_month = i128::from(month.days_in_month());
        let mut days: BTreeMap<usize, i128> = BTreeMap::new();
        let mut day = month;
        while day.first_of_month() == month {
            let on = self.plans.iter().rposition(|(from, _)| *from <= day).expect("there was always a plan");
            *days.entry(on).or_default() += 1;
            day = next_day(day);
        }
        let part =
            |(place, days): (&usize, &i128)| to_cents_of(PLANS[self.plans[*place].1].1 * days, days_in_month);
        (days.iter().map(part).sum(), days.len() == 1)
    }

    /// What the next invoice is about, if some calls of it came too late for it.
    pub(crate) fn next_net(&self, late_to: &Late) -> i128 {
        let mut net = self.fee(self.next).0;
        for (key, usage) in self.usage.iter().filter(|((month, _), _)| *month <= self.next) {
            let cost = usage.cost - late_to.get(key).copied().unwrap_or_default();
            net += to_cents(cost) - usage.billed;
        }
        net
    }

    /// Issues the next invoice; some calls came too late for it.
    pub(crate) fn bill(&mut self, late_to: &Late) {
        let net = self.next_net(late_to);
        let next = self.next;
        for (key, usage) in self.usage.iter_mut().filter(|((month, _), _)| *month <= next) {
            usage.invoiced = usage.cost - late_to.get(key).copied().unwrap_or_default();
            usage.billed = to_cents(usage.invoiced);
        }
        let is_of_one_plan = self.fee(next).1;
        let gross = net + tax(net);
        self.invoices.push(Invoice {
            id: String::new(),
            number: String::new(),
            month: next,
            net,
            gross,
            is_of_one_plan,
            fee_credited: false,
            disputed: false,
        });
        self.next = next_month(next);
    }

    /// What the customer owes, less what they have to their credit.
    pub(crate) fn balance(&self) -> i128 {
        let asked: i128 = self.invoices.iter().map(|invoice| invoice.gross).sum();
        let paid = self.payments.iter().filter(|payment| !payment.is_reversed);
        asked - self.credited - paid.map(|payment| payment.amount).sum::<i128>()
    }
}
