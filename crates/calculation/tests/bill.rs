//! What does a month come to? Cases in `cases/bill.txt`, readable by a billing clerk.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use std::collections::BTreeMap;

use calculation::bill::{
    Bill, BillError, Charged, Discount, Known, LateUsage, MonthCharged, MonthPart, OneOff, PlanSpan,
    Reopened, Usage, bill,
};
use calculation::discount::DiscountTerms;
use calculation::invoice::{Days, InvoiceLine, Language, LineKind};
use calculation::money::{Amount, Currency};
use calculation::period::{Calendar, Period};
use calculation::plan_terms::PlanTerms;
use calculation::tax::{TaxClass, TaxRate, TaxTreatment};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

struct Plan {
    name: String,
    fee: Amount,
    terms: PlanTerms,
}

struct Subscription {
    name: String,
    plan: usize,
    from: Timestamp,
    to: Option<Timestamp>,
}

/// What is kept of a month that was billed: its one-off charges, its calls, what was charged by them, and its discounts by place
/// with their uses before.
#[derive(Clone, Default)]
struct Past {
    one_offs: Vec<InvoiceLine>,
    charged: MonthCharged,
    calls: Vec<Usage>,
    discounts: Vec<(usize, u32)>,
}

/// What a case has said so far.
struct Case {
    calendar: Calendar,
    currency: Currency,
    language: Language,
    treatment: TaxTreatment,
    zero: bool,
    rates: BTreeMap<(TaxClass, Date), TaxRate>,
    plans: Vec<Plan>,
    subscriptions: Vec<Subscription>,
    billed: Vec<String>,
    charged: BTreeMap<(i64, Date), Vec<Charged>>,
    /// What was billed of each month, by its first day.
    past: BTreeMap<Date, Past>,
    usage: Vec<Usage>,
    late: BTreeMap<Date, Vec<LateUsage>>,
    one_offs: Vec<(String, Amount, TaxClass, Date)>,
    discounts: Vec<(String, DiscountTerms, Date, u32)>,
    /// What was billed and not yet compared.
    said: Vec<String>,
}

impl Case {
    fn new() -> Self {
        let day = "2000-01-01".parse().unwrap();
        let rate = |class, percent: &str| ((class, day), percent.parse().unwrap());
        Self {
            calendar: Calendar::new(TimeZone::get("Europe/Berlin").unwrap()),
            currency: "EUR".parse().unwrap(),
            language: Language::En,
            treatment: TaxTreatment::Standard,
            zero: false,
            rates: [rate(TaxClass::Standard, "19"), rate(TaxClass::Reduced, "7")].into(),
            plans: Vec::new(),
            subscriptions: Vec::new(),
            billed: Vec::new(),
            charged: BTreeMap::new(),
            past: BTreeMap::new(),
            usage: Vec::new(),
            late: BTreeMap::new(),
            one_offs: Vec::new(),
            discounts: Vec::new(),
            said: Vec::new(),
        }
    }

    fn at(&self, text: &str) -> Timestamp {
        let local: DateTime = text.parse().unwrap();
        let month = self.calendar.month_of(local.date()).unwrap();
        local.to_zoned(self.calendar.zone_of(month.first_day).clone()).unwrap().timestamp()
    }

    fn plan(&self, name: &str) -> usize {
        self.plans.iter().position(|plan| plan.name == name).unwrap_or_else(|| panic!("no plan {name}"))
    }

    /// Does what a line of the table says.
    fn take(&mut self, key: &str, value: &str) {
        let words: Vec<_> = value.split_whitespace().collect();
        match (key, words.as_slice()) {
            ("currency", [code]) => self.currency = code.parse().unwrap(),
            ("language", ["de"]) => self.language = Language::De,
            ("customer", [treatment]) => {
                self.treatment = serde_json::from_value((*treatment).into()).unwrap();
            }
            ("zero invoices", ["yes"]) => self.zero = true,
            ("rate", [class, percent, "from", day]) => {
                let class = serde_json::from_value((*class).into()).unwrap();
                self.rates.insert((class, day.parse().unwrap()), percent.parse().unwrap());
            }
            ("no rates", []) => self.rates.clear(),
            ("plan", [name, fee, terms @ ..]) => {
                let terms = if terms.is_empty() { "{}".to_owned() } else { terms.join(" ") };
                let terms: PlanTerms = serde_json::from_str(&terms).unwrap();
                // What was agreed before there were limits is computed as well.
                let is_unsound = terms.check().is_err_and(|error| !error.message.starts_with("is more than"));
                assert!(!is_unsound, "{name}: {terms:?}");
                self.plans.push(Plan { name: (*name).into(), fee: fee.parse().unwrap(), terms });
            }
            ("on", [name, plan, "from", from, to @ ..]) => {
                let (plan, from) = (self.plan(plan), self.at(from));
                let to = if let ["to", to] = to { Some(self.at(to)) } else { None };
                self.subscriptions.push(Subscription { name: (*name).into(), plan, from, to });
            }
            ("ends", [name, at]) => {
                let at = self.at(at);
                self.subscriptions.iter_mut().find(|held| held.name == *name).unwrap().to = Some(at);
            }
            ("credited", [name, month, amount]) => {
                let id = self.subscriptions.iter().position(|held| held.name == *name).unwrap();
                let key = (i64::try_from(id).unwrap(), month.parse().unwrap());
                let charged = self.charged.get_mut(&key).unwrap().last_mut().unwrap();
                charged.credited = charged.credited.checked_add(amount.parse().unwrap()).unwrap();
            }
            ("begins", [name, at]) => {
                let at = self.at(at);
                self.subscriptions.iter_mut().find(|held| held.name == *name).unwrap().from = at;
            }
            ("calls", [plan, destination, sums @ ..]) => self.calls(plan, destination, None, sums),
            ("late", [first, last, plan, destination, sums @ ..]) => {
                let days = Days { first: first.parse().unwrap(), last: last.parse().unwrap() };
                self.calls(plan, destination, Some(days), sums);
            }
            ("once", [description, amount, class, "on", day]) => {
                let class = serde_json::from_value((*class).into()).unwrap();
                let (amount, day) = (amount.parse().unwrap(), day.parse().unwrap());
                self.one_offs.push(((*description).into(), amount, class, day));
            }
            ("discount", [description, begins, terms @ ..]) => {
                let terms: DiscountTerms = serde_json::from_str(&terms.join(" ")).unwrap();
                terms.check().unwrap();
                self.discounts.push(((*description).into(), terms, begins.parse().unwrap(), 0));
            }
            ("bill", [month]) => self.said = self.bill(month),
            _ => panic!("not understood: {key}: {value}"),
        }
    }

    fn calls(&mut self, plan: &str, destination: &str, late: Option<Days>, sums: &[&str]) {
        let [calls, seconds, included_seconds, amount] = sums else {
            panic!("calls, seconds, included, sum")
        };
        let month_pricing = amount.strip_prefix("pricing-").map(|place| place.parse().unwrap());
        let used = Usage {
            plan: i64::try_from(self.plan(plan)).unwrap(),
            destination: destination.to_owned(),
            month_pricing,
            calls: calls.parse().unwrap(),
            seconds: seconds.parse().unwrap(),
            included_seconds: included_seconds.parse().unwrap(),
            amount: if month_pricing.is_some() { Amount::ZERO } else { amount.parse().unwrap() },
        };
        match late {
            Some(days) => {
                let month = days.first.first_of_month();
                self.late.entry(month).or_default().push(LateUsage { used, days });
            }
            None => self.usage.push(used),
        }
    }

    /// Bills a month and remembers of it what the service remembers.
    fn bill(&mut self, month: &str) -> Vec<String> {
        let period = self.calendar.month(month).unwrap();
        let plans: Vec<_> = (0..).zip(&self.subscriptions).map(|(id, held)| self.span(id, held)).collect();
        let rates = |class, day| {
            let known = self.rates.range((class, Date::MIN)..=(class, day));
            known.last().map(|(_, rate)| *rate)
        };
        let one_off = |(description, amount, tax_class, day): &'_ (String, Amount, TaxClass, Date)| {
            let (amount, tax_class, day) = (*amount, *tax_class, *day);
            (description.clone(), amount, tax_class, day)
        };
        let owned: Vec<_> = self.one_offs.iter().map(one_off).collect();
        let one_offs: Vec<_> = owned
            .iter()
            .map(|(description, amount, tax_class, day)| OneOff {
                description,
                amount: *amount,
                tax_class: *tax_class,
                day: *day,
            })
            .collect();
        let discount = |place: usize, uses| {
            let (description, terms, begins, _) = &self.discounts[place];
            let discount = i64::try_from(place).unwrap();
            Discount { discount, description, terms, begins: *begins, uses, is_over: false }
        };
        let held: Vec<_> = self.discounts.iter().map(|(.., uses)| *uses).enumerate().collect();
        let discounts: Vec<_> = held.iter().map(|(place, uses)| discount(*place, *uses)).collect();
        let billed: Vec<_> = self.billed.iter().map(|month| self.calendar.month(month).unwrap()).collect();
        let billed: Vec<_> = billed.into_iter().filter(|month| month.starts_at < period.starts_at).collect();
        let mut past = self.past.clone();
        for month in self.late.keys() {
            past.entry(*month).or_default();
        }
        let past: Vec<_> = past
            .into_iter()
            .map(|(first_day, past)| {
                let uses_before = |place: usize| past.discounts.iter().find(|known| known.0 == place);
                let uses = |place: usize, now: u32| uses_before(place).map_or(now, |known| known.1);
                let given: Vec<_> =
                    held.iter().map(|(place, now)| discount(*place, uses(*place, *now))).collect();
                let late = self.late.get(&first_day).cloned().unwrap_or_default();
                let month = self.calendar.month_of(first_day).unwrap();
                (month, past, given, late)
            })
            .filter(|(month, ..)| month.starts_at < period.starts_at)
            .collect();
        let reopened: Vec<_> = past
            .iter()
            .map(|(month, past, discounts, late)| Reopened {
                period: *month,
                one_offs: &past.one_offs,
                before: &past.calls,
                late,
                discounts,
                charged: &past.charged,
                has_minimums: billed.contains(month),
            })
            .collect();
        let tax = |class, day| rates(class, day).map(|rate| self.treatment.apply(rate));
        let exempt = |_, _| Some(self.treatment.apply(TaxRate::ZERO));
        let result = bill(&Known {
            calendar: &self.calendar,
            period,
            currency: self.currency,
            language: self.language,
            tax: if self.treatment == TaxTreatment::Standard { &tax } else { &exempt },
            billed: &billed,
            plans: &plans,
            charged: &self.charged,
            usage: &self.usage,
            reopened: &reopened,
            one_offs: &one_offs,
            discounts: &discounts,
            zero: self.zero,
        });
        let made = match result {
            Ok(made) => made,
            Err(error @ (BillError::TooLarge | BillError::NoTaxRate(..))) => {
                return vec![format!("refused: {error}")];
            }
        };
        self.remember(&made, period, held);
        self.one_offs.clear();
        self.billed.push(month.to_owned());
        let lines = made.lines.iter().map(said).collect::<Vec<_>>();
        if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
    }

    /// Remembers of a bill what the service remembers.
    fn remember(&mut self, made: &Bill, period: Period, held: Vec<(usize, u32)>) {
        let one_off = |line: &&InvoiceLine| line.kind == LineKind::OneOff && line.days.is_none();
        let calls = std::mem::take(&mut self.usage);
        let own = self.past.entry(period.first_day).or_default();
        own.one_offs = made.lines.iter().filter(one_off).cloned().collect();
        (own.calls, own.discounts) = (calls, held);
        for (month, late) in std::mem::take(&mut self.late) {
            self.past.entry(month).or_default().calls.extend(late.into_iter().map(|late| late.used));
        }
        let mut change = |month: Date, key, more: Amount| {
            let charged = self.past.entry(month).or_default().charged.entry(key).or_default();
            charged.amount = charged.amount.checked_add(more).unwrap();
        };
        for line in &made.lines {
            let month = line.days.map_or(period.first_day, |days| days.first.first_of_month());
            if let Some(part) = MonthPart::of(line) {
                change(month, (part, (line.tax_category, line.tax_rate)), line.net);
            }
        }
        assert_eq!(made.settled, [], "no call-dependent part was credited");
        for kept in &made.remembered {
            let (amount, discounted, credited) = (kept.amount, kept.discounted, kept.credited);
            let discounts_of = Some(kept.discounts_of);
            let entry = Charged { tax: kept.tax, amount, discounted, credited, discounts_of };
            self.charged.entry((kept.subscription, kept.month)).or_default().push(entry);
        }
        for (id, _) in &made.discounts {
            self.discounts[usize::try_from(*id).unwrap()].3 += 1;
        }
    }

    fn span<'a>(&'a self, subscription: i64, held: &Subscription) -> PlanSpan<'a> {
        let plan = &self.plans[held.plan];
        PlanSpan {
            subscription,
            plan: i64::try_from(held.plan).unwrap(),
            name: &plan.name,
            monthly_fee: plan.fee,
            terms: &plan.terms,
            from: held.from,
            to: held.to,
        }
    }
}

/// A line as the table has it: kind, words, amount, tax, then its days and calls if it has any.
fn said(line: &InvoiceLine) -> String {
    let kind = match line.kind {
        LineKind::Fee => "fee",
        LineKind::OneOff => "once",
        LineKind::Usage => "calls",
        LineKind::LateUsage => "late",
        LineKind::MinimumCommitment => "minimum",
        LineKind::Discount => "discount",
    };
    let tax = format!("{} {}", line.tax_category.code(), line.tax_rate);
    let days = line.days.map_or(String::new(), |days| format!(" | {} to {}", days.first, days.last));
    let InvoiceLine { calls, seconds, included_seconds, .. } = line;
    let calls = match calls {
        0 => String::new(),
        _ => format!(" | {calls} calls, {seconds} s, {included_seconds} included"),
    };
    format!("{kind} | {} | {} | {tax}{days}{calls}", line.description, line.net)
}

#[test]
fn bill_cases() {
    let mut case = Case::new();
    let (mut name, mut expected) = (String::new(), Vec::new());
    let (mut failures, mut bills) = (Vec::new(), 0);
    let table = include_str!("cases/bill.txt");
    for line in table.lines().chain(["case: the end"]) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(line) = line.strip_prefix("= ") {
            expected.push(line.to_owned());
            continue;
        }
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("no key: {line}"));
        let said = std::mem::take(&mut case.said);
        if said != expected {
            let [said, expected] = [&said, &expected].map(|lines| lines.join("\n  "));
            failures.push(format!("{name}: said\n  {said}\nnot\n  {expected}"));
        }
        expected.clear();
        match key {
            "case" => (case, name) = (Case::new(), value.trim().to_owned()),
            _ => case.take(key, value.trim()),
        }
        bills += usize::from(key == "bill");
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    assert!(bills >= 50, "only {bills} bills");
}
