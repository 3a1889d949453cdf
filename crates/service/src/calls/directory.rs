//! Who pays for a number at a time, on which plan, by which price list? Held in memory while charging.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use calculation::fee::{DaysOfMonth, days_held};
use calculation::invoice::Days;
use calculation::money::{Amount, Currency};
use calculation::period::{Calendar, Period};
use calculation::phone_number::{E164, Region, region_of};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::customers::{Everybody, calendar_of};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, PlanId, TariffId};
use crate::names;
use crate::plans::{Payment, Plan};
use crate::tariffs::{TariffBook, Version};

/// What charging must know of one customer.
#[derive(Debug)]
pub struct Account {
    pub id: CustomerId,
    pub currency: Currency,
    /// Whether service is suspended.
    pub suspended: bool,
    /// The customer's own spending cap.
    pub spending_cap: Option<Amount>,
    /// The zone that was set when it was loaded.
    pub zone_name: String,
    pub calendar: Arc<Calendar>,
    /// The same number for the same calendar, to remember months by.
    pub calendar_index: usize,
    /// Where short codes and national numbers are read: the region of the first line, else the country.
    pub region: Option<Region>,
    plans: Vec<Span<Subscribed>>,
}

/// A plan that a customer is on, and the versions of its tariff by the instant they are in force from.
#[derive(Debug, Clone)]
pub struct Subscribed {
    pub plan: Arc<Plan>,
    versions: Arc<[Version]>,
}

/// Customers, numbers, plans and price lists, as they stood when it was loaded.
#[derive(Debug, Default)]
pub struct Directory {
    accounts: HashMap<CustomerId, Arc<Account>>,
    references: HashMap<String, CustomerId>,
    numbers: HashMap<E164, Vec<Span<CustomerId>>>,
}

/// The zone of a customer, and those before it.
type Zones = (String, Vec<(Date, String)>);

/// Something that holds for a half-open span of time.
#[derive(Debug, Clone)]
struct Span<T> {
    from: Timestamp,
    to: Option<Timestamp>,
    what: T,
}

impl<T> Span<T> {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

impl Directory {
    /// Loads what some customers need to be charged.
    pub async fn load(tx: &mut Tx, book: &TariffBook, everybody: Everybody) -> Result<Self> {
        let mut directory = Self::default();
        let mut plans: HashMap<_, Subscribed> = HashMap::new();
        let mut tariffs: HashMap<TariffId, Arc<[Version]>> = HashMap::new();
        let mut subscriptions: HashMap<CustomerId, Vec<Span<Subscribed>>> = HashMap::new();
        for span in everybody.subscriptions {
            let plan = match plans.entry(span.plan_id) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    let plan = crate::plans::by_id(tx, span.plan_id).await?;
                    let plan =
                        plan.ok_or_else(|| Error::Contradiction(format!("no plan {}", span.plan_id)))?;
                    let versions = match tariffs.entry(plan.tariff_id) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(new) => {
                            new.insert(book.published(tx, plan.tariff_id).await?.into()).clone()
                        }
                    };
                    new.insert(Subscribed { plan: Arc::new(plan), versions }).clone()
                }
            };
            let held = Span { from: span.valid_from, to: span.valid_to, what: plan };
            subscriptions.entry(span.customer_id).or_default().push(held);
        }
        let mut first_lines: HashMap<CustomerId, (Timestamp, E164)> = HashMap::new();
        for line in everybody.lines {
            let first = first_lines.entry(line.customer_id).or_insert((line.valid_from, line.number));
            *first = (*first).min((line.valid_from, line.number));
            let span = Span { from: line.valid_from, to: line.valid_to, what: line.customer_id };
            directory.numbers.entry(line.number).or_default().push(span);
        }
        for entry in everybody.references {
            directory.references.insert(entry.reference, entry.customer_id);
        }
        let mut former_zones: HashMap<CustomerId, Vec<(Date, String)>> = HashMap::new();
        for former in everybody.former_zones {
            former_zones.entry(former.customer_id).or_default().push((former.until, former.zone));
        }
        let mut calendars: HashMap<Zones, (usize, Arc<Calendar>)> = HashMap::new();
        for customer in everybody.customers {
            let next = calendars.len();
            let former = former_zones.remove(&customer.id).unwrap_or_default();
            let (calendar_index, calendar) = match calendars.entry((customer.zone.clone(), former)) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    let calendar = calendar_of(&customer, new.key().1.clone())?;
                    new.insert((next, Arc::new(calendar))).clone()
                }
            };
            let by_line = first_lines.get(&customer.id).and_then(|(_, number)| region_of(*number));
            let region = by_line.or_else(|| customer.party.country.parse().ok());
            let plans = subscriptions.remove(&customer.id).unwrap_or_default();
            let account = Account {
                id: customer.id,
                currency: customer.currency,
                suspended: customer.suspension.is_some(),
                spending_cap: customer.billing.spending_cap,
                zone_name: customer.zone,
                calendar,
                calendar_index,
                region,
                plans,
            };
            directory.accounts.insert(customer.id, Arc::new(account));
        }
        Ok(directory)
    }

    /// The customer that a reference names.
    pub fn named(&self, reference: &str) -> Option<CustomerId> {
        let named = |form: &str| self.references.get(form).copied();
        named(reference).or_else(|| named(&names::folded(reference)))
    }

    /// The customer that holds a number at an instant.
    pub fn holder(&self, number: E164, at: Timestamp) -> Option<CustomerId> {
        self.numbers.get(&number)?.iter().find(|span| span.holds(at)).map(|span| span.what)
    }

    /// Everybody in it.
    pub fn accounts(&self) -> Vec<&Account> {
        self.accounts.values().map(|account| &**account).collect()
    }

    /// What charging must know of a customer.
    pub fn account(&self, id: CustomerId) -> Option<&Arc<Account>> {
        self.accounts.get(&id)
    }
}

impl Account {
    /// The zone of the customer's wall clock at an instant.
    pub fn zone(&self, at: Timestamp) -> &TimeZone {
        self.calendar.zone_at(at).unwrap_or_else(|_| self.calendar.zone_of(Date::MAX))
    }

    /// The plan the customer is on at an instant, by its place among those the customer was on.
    pub fn place_of_plan(&self, at: Timestamp) -> Option<usize> {
        self.plans.iter().position(|span| span.holds(at))
    }

    /// Whether the customer is or was on a prepaid plan.
    pub fn was_prepaid(&self) -> bool {
        self.plans.iter().any(|span| span.what.plan.payment == Payment::Prepaid)
    }

    /// How many days of a month count for a plan.
    pub fn days_on(&self, plan: PlanId, month: Period) -> Option<DaysOfMonth> {
        let zone = self.calendar.zone_of(month.first_day);
        let spans = self.plans.iter().filter(|span| span.what.plan.id == plan);
        let days = spans.filter_map(|span| days_held(span.from, span.to, month, zone));
        let of = u32::try_from(month.first_day.days_in_month()).ok()?;
        DaysOfMonth::new(days.map(Days::count).sum(), of)
    }

    /// The plan at a place.
    pub fn plan(&self, place: usize) -> &Subscribed {
        &self.plans[place].what
    }
}

impl Subscribed {
    /// The price list at an instant, by its place: the version that came into force last.
    pub fn place_of_version(&self, at: Timestamp) -> Option<usize> {
        self.versions.iter().rposition(|version| version.valid_from <= at)
    }

    /// The price list at a place.
    pub fn version(&self, place: usize) -> &Version {
        &self.versions[place]
    }
}
