//! What is known of customers' months before their invoices are composed? Read for many at once.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use calculation::bill::{Charged, LateUsage, MonthCharged, Tax, Usage};
use calculation::invoice::{Days, InvoiceLine, LineKind};
use calculation::period::{Calendar, Period, PeriodError};
use calculation::tax::{TaxClass, TaxRate, TaxTreatment};
use jiff::Timestamp;
use jiff::civil::Date;

use super::documents::{self, OfMonth};
use super::{store, tax};
use crate::adjustments::{self, Discount, OneOffCharge};
use crate::calls::{self, Invoiced, MonthUse};
use crate::customers::{self, Customer, Seat, Subscription};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId, PlanId};
use crate::plans::{self, Plan};

/// A customer's month that is to be composed.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) customer: Customer,
    pub(super) calendar: Calendar,
    pub(super) period: Period,
    pub(super) bill: AskedBill,
}

/// Which bill of a month is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) enum AskedBill {
    /// The first.
    New,
    /// One in the place of an invoice that was credited in full.
    InsteadOf(InvoiceId),
    /// One that was issued then, to be checked: only what it has of its own month is asked about.
    Issued { at: Timestamp, anew: bool },
}

/// What is known of a customer's month.
pub(super) struct Facts {
    pub(super) customer: Customer,
    pub(super) calendar: Calendar,
    pub(super) period: Period,
    /// The plans the customer is or was on, oldest first.
    pub(super) plans: Vec<(Subscription, Arc<Plan>)>,
    pub(super) usage: Vec<Usage>,
    /// Earlier months that were billed and whose fees may be corrected.
    pub(super) billed: Vec<Period>,
    pub(super) charged: ChargedBefore,
    pub(super) charges: Vec<OneOffCharge>,
    pub(super) discounts: Vec<Discount>,
    /// Where the customer was taxed, and how.
    pub(super) seats: Vec<Seat>,
    /// Earlier months of which more is known now.
    pub(super) reopened: Vec<Reopened>,
}

/// What fees were charged before, by the subscription and the first day of the month.
pub(super) type ChargedBefore = BTreeMap<(i64, Date), Vec<Charged>>;

/// A month that was billed before, and of which more is known now.
pub(super) struct Reopened {
    pub(super) period: Period,
    pub(super) one_offs: Vec<InvoiceLine>,
    pub(super) before: Vec<Usage>,
    pub(super) late: Vec<LateUsage>,
    /// With the uses that count for this month.
    pub(super) discounts: Vec<Discount>,
    /// What its documents charged by its calls.
    pub(super) charged: MonthCharged,
    pub(super) is_billed: bool,
}

/// The tax rates of every country, by class and the day they hold from.
pub(super) struct TaxRates(BTreeMap<(String, TaxClass, Date), TaxRate>);

impl TaxRates {
    pub(super) async fn load(tx: &mut Tx) -> Result<Self> {
        let rates = tax::tax_rates(tx).await?.into_iter();
        Ok(Self(rates.map(|entry| ((entry.country, entry.class, entry.valid_from), entry.rate)).collect()))
    }

    /// The rate of a country on a day: the one that came into force last.
    pub(super) fn on(&self, country: &str, class: TaxClass, day: Date) -> Option<TaxRate> {
        let key = |day| (country.to_owned(), class, day);
        self.0.range(key(Date::MIN)..=key(day)).next_back().map(|(_, rate)| *rate)
    }
}

/// Where and how a customer was taxed on a day.
pub(super) fn seat_on(seats: &[Seat], day: Date) -> Option<&Seat> {
    seats.iter().rev().find(|seat| seat.from <= day).or(seats.first())
}

impl TaxRates {
    /// The tax of a class on a day, by where and how the customer was taxed then.
    pub(super) fn tax(&self, seats: &[Seat], class: TaxClass, day: Date) -> Option<Tax> {
        let seat = seat_on(seats, day)?;
        let rate = match seat.treatment {
            TaxTreatment::Standard => self.on(&seat.country, class, day)?,
            TaxTreatment::Exempt | TaxTreatment::ReverseCharge => TaxRate::ZERO,
        };
        Some(seat.treatment.apply(rate))
    }
}

/// So far back fees are corrected; farther where a customer's plans changed.
const CORRECTED_DAYS: i64 = 400;
pub(super) const MONTH_DAYS: i64 = 32;

pub(super) fn days_before(at: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() - days * 86_400).unwrap_or(at)
}

/// Reads what is known of some months, one a customer.
pub(super) async fn load(tx: &mut Tx, asked: Vec<Asked>) -> Result<Vec<Facts>> {
    let ids: Vec<CustomerId> = asked.iter().map(|asked| asked.customer.id).collect();
    let mut subscriptions = customers::subscriptions_of(tx, &ids).await?;
    let mut plans_known: BTreeMap<PlanId, Arc<Plan>> = BTreeMap::new();
    for subscription in subscriptions.values().flatten() {
        if let Entry::Vacant(new) = plans_known.entry(subscription.plan_id) {
            let plan = plans::by_id(tx, subscription.plan_id).await?;
            let missing = || Error::Contradiction(format!("no plan {}", subscription.plan_id));
            new.insert(Arc::new(plan.ok_or_else(missing)?));
        }
    }
    let months: Vec<_> = asked.iter().map(|asked| (asked.customer.id, asked.period)).collect();
    let mut uses = calls::usage(tx, &months).await?;
    let changed = store::changed_from(tx, &ids).await?;
    let since = months.iter().map(|(_, period)| period.starts_at).min().unwrap_or_default();
    let late = uses.values().flatten().filter_map(|used| used.late_for);
    let changed_since = changed.values().copied().chain(late).map(|at| days_before(at, MONTH_DAYS));
    let since = changed_since.chain([days_before(since, CORRECTED_DAYS)]).min().unwrap_or(since);
    let mut closed = store::billed_months(tx, &ids, since).await?;
    let mut charged = store::charged(tx, &ids, since).await?;
    let mut charges = adjustments::open_charges(tx, &ids).await?;
    let mut discounts = adjustments::discounts_of(tx, &ids).await?;
    let known: Vec<_> = asked.iter().map(|asked| asked.customer.clone()).collect();
    let mut seats = customers::seats(tx, &known).await?;
    let mut facts = Vec::with_capacity(asked.len());
    for Asked { customer, calendar, period, bill } in asked {
        let id = customer.id;
        let plans = subscriptions.remove(&id).unwrap_or_default().into_iter().filter_map(|subscription| {
            let plan = plans_known.get(&subscription.plan_id)?.clone();
            Some((subscription, plan))
        });
        let plans = plans.collect();
        let closed = closed.remove(&id).unwrap_or_default();
        let mut billed = Vec::new();
        for starts_at in closed.into_iter().filter(|starts_at| *starts_at < period.starts_at) {
            billed.push(calendar.holding(starts_at).map_err(|error| contradiction(&error))?);
        }
        let (mut usage, mut late) = (Vec::new(), BTreeMap::<Timestamp, Vec<LateUsage>>::new());
        let used = match bill {
            AskedBill::InsteadOf(_) => calls::usage_left(tx, id, period, None).await?,
            AskedBill::Issued { at, anew: true } => calls::usage_left(tx, id, period, Some(at)).await?,
            AskedBill::New | AskedBill::Issued { anew: false, .. } => {
                uses.remove(&(id, period.starts_at)).unwrap_or_default()
            }
        };
        for used in used {
            match used.late_for {
                Some(late_for) => late.entry(late_for).or_default().push(late_usage(used, &calendar)?),
                None => usage.push(usage_of(used)),
            }
        }
        let mut discounts = discounts.remove(&id).unwrap_or_default();
        // A fee in advance was invoiced with the month before.
        let changed = changed.get(&id).copied();
        let ends_after = |month: &&Period| {
            let next = calendar.next(**month).map_or(month.ends_at, |next| next.ends_at);
            changed.is_some_and(|from| next > from)
        };
        let changed = billed.iter().filter(ends_after);
        let mut again: BTreeSet<_> =
            late.keys().copied().chain(changed.map(|month| month.starts_at)).collect();
        match bill {
            AskedBill::New => {}
            AskedBill::InsteadOf(void) => {
                again.extend([period.starts_at]);
                again.extend(months_on(tx, (id, void), &calendar, &billed).await?);
            }
            AskedBill::Issued { .. } => again.clear(),
        }
        // Of a month whose calls are gone it cannot be told what they came to.
        let kept_from = customer.calls_kept_from.unwrap_or_default();
        again.retain(|starts_at| *starts_at >= kept_from || late.contains_key(starts_at));
        let mut reopened = Vec::new();
        for starts_at in again {
            let month = calendar.holding(starts_at).map_err(|error| contradiction(&error))?;
            let late = late.remove(&starts_at).unwrap_or_default();
            let is_billed = month == period || billed.contains(&month);
            let of = Again { calendar: &calendar, month, is_billed, now: period, bill };
            reopened.extend(reopen(tx, id, of, (&usage, late), &discounts).await?);
        }
        let mut charges = charges.remove(&id).unwrap_or_default();
        charges.retain(|charge| charge.charged_at < period.ends_at);
        discounts.retain(|discount| overlaps(discount, period));
        let charged = charged.remove(&id).unwrap_or_default();
        let seats = seats.remove(&id).unwrap_or_default();
        facts.push(Facts {
            customer,
            calendar,
            period,
            plans,
            usage,
            billed,
            charged,
            charges,
            discounts,
            seats,
            reopened,
        });
    }
    Ok(facts)
}

pub(super) fn contradiction(error: &PeriodError) -> Error {
    Error::Contradiction(error.to_string())
}

pub(super) fn overlaps(discount: &Discount, month: Period) -> bool {
    discount.valid_from < month.ends_at && discount.valid_to.is_none_or(|to| to > month.starts_at)
}

/// A month that is reckoned again, and from which bill.
struct Again<'a> {
    calendar: &'a Calendar,
    month: Period,
    is_billed: bool,
    now: Period,
    bill: AskedBill,
}

/// What a billed month was made of; nothing of one whose documents were purged, and of which nothing came late.
async fn reopen(
    tx: &mut Tx,
    customer: CustomerId,
    Again { calendar, month, is_billed, now, bill }: Again<'_>,
    (usage, mut late): (&[Usage], Vec<LateUsage>),
    discounts: &[Discount],
) -> Result<Option<Reopened>> {
    let but = if let AskedBill::InsteadOf(id) = bill { Some(id) } else { None };
    let of = documents::of_month(tx, customer, month, but).await?;
    if of.is_purged && late.is_empty() {
        return Ok(None);
    }
    let charged =
        of.charged().ok_or_else(|| Error::Contradiction(format!("{customer}: a month does not fit")))?;
    let invoiced = Invoiced { customer, calendar, month, but: Some(now.starts_at) };
    let used = calls::invoiced_usage(tx, &invoiced).await?;
    let mut before: Vec<_> = used.invoiced.into_iter().map(usage_of).collect();
    match used.now {
        Some(own) if month == now => before.extend(own.into_iter().map(usage_of)),
        Some(own) => late = own.into_iter().map(|used| late_usage(used, calendar)).collect::<Result<_>>()?,
        None if month == now => before.extend_from_slice(usage),
        None => {}
    }
    let (one_offs, discounts) = made_of(tx, customer, month, &of, discounts).await?;
    Ok(Some(Reopened { period: month, one_offs, before, late, discounts, charged, is_billed }))
}

/// The billed months for which a void invoice has lines.
async fn months_on(
    tx: &mut Tx,
    (customer, void): (CustomerId, InvoiceId),
    calendar: &Calendar,
    billed: &[Period],
) -> Result<Vec<Timestamp>> {
    let Some(stored) = store::by_id(tx, customer, void).await? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for days in stored.invoice.lines.iter().filter_map(|line| line.days) {
        let month = calendar.month_of(days.last);
        let month = month.map_err(|error| contradiction(&error))?;
        // The fee of a month may have been invoiced in advance with the one before.
        let touched =
            |billed: &&Period| billed.starts_at == month.starts_at || billed.ends_at == month.starts_at;
        found.extend(billed.iter().filter(touched).map(|billed| billed.starts_at));
    }
    Ok(found)
}

/// The one-off charges on a month's invoice, and the discounts that it had.
pub(super) async fn made_of(
    tx: &mut Tx,
    customer: CustomerId,
    month: Period,
    documents: &OfMonth,
    discounts: &[Discount],
) -> Result<(Vec<InvoiceLine>, Vec<Discount>)> {
    let invoice = match store::of_period(tx, customer, month.starts_at).await? {
        Some(id) => store::by_id(tx, customer, id).await?,
        None => None,
    };
    // What was used for the month itself was not used before it.
    let mut own = BTreeSet::new();
    for (id, name) in documents.with_discounts() {
        let used = adjustments::used_on(tx, customer, id).await?;
        own.extend(used.into_iter().map(|discount| (discount, name)));
    }
    let is_own = |discount: &Discount| own.contains(&(discount.id, discount.description.as_str()));
    let uses = |discount: &Discount| if is_own(discount) { 0 } else { discount.uses };
    let discounts = discounts.iter().filter(|discount| overlaps(discount, month) || is_own(discount));
    let discounts = discounts.map(|discount| Discount { uses: uses(discount), ..discount.clone() }).collect();
    let once = |line: &InvoiceLine| {
        line.kind == LineKind::OneOff && line.days.is_none_or(|days| days.last >= month.first_day)
    };
    let lines = invoice.map(|stored| stored.invoice.lines).unwrap_or_default();
    Ok((lines.into_iter().filter(once).collect(), discounts))
}

fn late_usage(used: MonthUse, calendar: &Calendar) -> Result<LateUsage> {
    let day = |at| day_of(calendar, at).map_err(|error| contradiction(&error));
    let days = Days { first: day(used.first_at)?, last: day(used.last_at)? };
    Ok(LateUsage { used: usage_of(used), days })
}

pub(super) fn usage_of(used: MonthUse) -> Usage {
    Usage {
        plan: used.plan_id.0,
        destination: used.destination,
        month_pricing: used.month_pricing,
        calls: used.calls,
        seconds: used.seconds,
        included_seconds: used.included_seconds,
        amount: used.amount,
    }
}

/// The customer's local day of an instant.
pub(super) fn day_of(calendar: &Calendar, at: Timestamp) -> std::result::Result<Date, PeriodError> {
    let month = calendar.holding(at)?;
    Ok(month.local_day(at, calendar.zone_of(month.first_day)))
}
