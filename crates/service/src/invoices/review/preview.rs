//! What would a month's invoices come to, beside the month before? Composed as they are for issuing, and stored nowhere.

use std::collections::{BTreeMap, BTreeSet};

use calculation::money::{Amount, Money};
use calculation::period::{Calendar, Period};
use calculation::phone_number::Region;
use jiff::{SignedDuration, Timestamp};

use super::flags::Sight;
use super::{Draft, DraftState, Flag};
use crate::calls::{self, Notable};
use crate::config::Config;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::invoices::compose::{Composed, compose_facts};
use crate::invoices::facts::{self, Asked, AskedBill, TaxRates};
use crate::invoices::store::{self, Came, Cycle};

/// How many customers are looked at together.
const CHUNK: usize = 256;
/// Twelve months, and some days because zones differ.
const A_YEAR: SignedDuration = SignedDuration::from_hours(370 * 24);

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Look {
    /// A month, such as 2026-10: each customer's own.
    pub month: String,
    /// Whether only drafts with a flag are wanted.
    pub flagged: bool,
    /// Whose records wait in suspense, and of calls since when.
    waiting: BTreeMap<CustomerId, Timestamp>,
}

impl Look {
    /// Begins to look at a month, which must be one.
    pub async fn begin(tx: &mut Tx, month: String, flagged: bool) -> Result<Self> {
        Ok(Self { month, flagged, waiting: calls::waiting_since(tx).await? })
    }
}

/// The drafts of some customers.
#[derive(Debug, Default)]
pub struct Looked {
    pub drafts: Vec<Draft>,
    /// How many customers were looked at.
    pub customers: usize,
    /// The last of them; none when there are no more.
    pub last: Option<CustomerId>,
}

/// The last month that is over where the operator is.
pub fn last_month(config: &Config, now: Timestamp) -> Result<String> {
    let zone = config.seller_zone();
    let wrong = |error: calculation::period::PeriodError| Error::Other(error.to_string());
    let running = Period::holding(now, &zone).map_err(wrong)?;
    let before = before(running.starts_at);
    Ok(Period::holding(before, &zone).map_err(wrong)?.month())
}

/// An instant of the month that ends then.
fn before(starts_at: Timestamp) -> Timestamp {
    starts_at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(starts_at)
}

/// A customer's month that is looked at.
struct Month {
    customer: Customer,
    calendar: Calendar,
    period: Period,
    cycle: Option<Cycle>,
    /// Whether it was billed: it has its invoice, or came to nothing.
    is_closed: bool,
    /// Invoices of the last twelve months, and of this one.
    invoices: Vec<Came>,
}

/// What a month that is not billed yet comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    To(Amount),
    /// There is nothing to invoice.
    ToNothing,
    /// No invoice can be made, and why.
    Not(Flag),
}

/// Looks at the next customers after a cursor. Of a month that was issued its invoice is shown; nobody is shown who gets none, but
/// for those who had one last month.
pub async fn look(
    tx: &mut Tx,
    config: &Config,
    look: &Look,
    after: Option<CustomerId>,
    now: Timestamp,
) -> Result<Looked> {
    let page = customers::page(tx, after, CHUNK).await?;
    let (customers, last) = (page.len(), page.last().map(|customer| customer.id));
    let months = months(tx, &look.month, page).await?;
    let mut comes = compose(tx, config, &months, now).await?;
    comes.retain(|month, come| *come != Comes::ToNothing || months[*month].last_month().is_some());
    let shown: Vec<_> = comes.keys().map(|month| &months[*month]).collect();
    let sights = see(tx, &look.waiting, &shown).await?;
    let mut drafts = Vec::new();
    for (place, month) in months.iter().enumerate() {
        let draft = match comes.get(&place) {
            Some(come) => sights.get(&month.customer.id).map(|sight| month.draft(config, *come, sight, now)),
            None => month.issued(),
        };
        drafts.extend(draft.filter(|draft| !look.flagged || !draft.flags.is_empty()));
    }
    Ok(Looked { drafts, customers, last })
}

async fn months(tx: &mut Tx, month: &str, page: Vec<Customer>) -> Result<Vec<Month>> {
    let ids: Vec<_> = page.iter().map(|customer| customer.id).collect();
    let mut calendars = customers::calendars(tx, &page).await?;
    let mut cycles = store::cycles(tx, &ids).await?;
    let mut months = Vec::with_capacity(page.len());
    for customer in page.into_iter().filter(|customer| customer.erased_at.is_none()) {
        let Some(calendar) = calendars.remove(&customer.id) else { continue };
        let period = calendar.month(month).map_err(|error| Error::Other(error.to_string()))?;
        let cycle = cycles.remove(&customer.id);
        months.push(Month { customer, calendar, period, cycle, is_closed: false, invoices: Vec::new() });
    }
    let starts: Vec<_> = months.iter().map(|month| (month.customer.id, month.period.starts_at)).collect();
    let instants = || starts.iter().map(|(_, starts_at)| *starts_at);
    let (Some(first), Some(last)) = (instants().min(), instants().max()) else { return Ok(months) };
    let closed = store::closed(tx, &starts).await?;
    let mut invoices = store::came_to(tx, &ids, (a_year_before(first), last)).await?;
    for (month, start) in months.iter_mut().zip(&starts) {
        month.is_closed = closed.contains(start);
        month.invoices = invoices.remove(&month.customer.id).unwrap_or_default();
    }
    Ok(months)
}

fn a_year_before(instant: Timestamp) -> Timestamp {
    instant.checked_sub(A_YEAR).unwrap_or(instant)
}

/// What each month that is not billed comes to, by its place; without those of customers who pay before or while calling.
async fn compose(
    tx: &mut Tx,
    config: &Config,
    months: &[Month],
    now: Timestamp,
) -> Result<BTreeMap<usize, Comes>> {
    let open = months.iter().enumerate().filter(|(_, month)| !month.is_closed);
    let asked = |month: &Month| Asked {
        customer: month.customer.clone(),
        calendar: month.calendar.clone(),
        period: month.period,
        bill: AskedBill::New,
    };
    let (places, asked): (Vec<_>, Vec<_>) = open.map(|(place, month)| (place, asked(month))).unzip();
    let rates = TaxRates::load(tx).await?;
    let mut comes = BTreeMap::new();
    for (place, facts) in places.into_iter().zip(facts::load(tx, asked).await?) {
        let come = match compose_facts(config, &rates, &facts, now) {
            Composed::Invoice(composition) => Comes::To(composition.invoice.gross),
            Composed::Nothing => Comes::ToNothing,
            Composed::Prepaid => continue,
            Composed::TooLarge => Comes::Not(Flag::TooLarge),
            Composed::NoTaxRate { .. } => Comes::Not(Flag::NoTaxRate),
        };
        comes.insert(place, come);
    }
    Ok(comes)
}

/// What is to be told of some drafts, by customer.
async fn see(
    tx: &mut Tx,
    waiting: &BTreeMap<CustomerId, Timestamp>,
    shown: &[&Month],
) -> Result<BTreeMap<CustomerId, Sight>> {
    let Some(first) = shown.iter().map(|month| month.period.starts_at).min() else {
        return Ok(BTreeMap::new());
    };
    let new: Vec<_> = shown.iter().filter(|month| month.before().next().is_none()).collect();
    let new: Vec<_> = new.iter().map(|month| month.customer.id).collect();
    let billed = store::billed_before(tx, &new, a_year_before(first)).await?;
    let periods: Vec<_> = shown.iter().map(|month| (month.customer.id, month.period)).collect();
    let notable = calls::notable(tx, &periods).await?;
    let mut abroad = BTreeMap::new();
    for month in shown {
        let countries = notable.get(&month.customer.id).map(|notable| abroad_of(notable, &month.customer));
        if let Some(countries) = countries.filter(|countries| !countries.is_empty()) {
            abroad.insert(month.customer.id, countries);
        }
    }
    let callers: Vec<_> = abroad.keys().copied().collect();
    let known = calls::countries_before(tx, &callers, a_year_before(first), first).await?;
    let sight = |month: &&Month| {
        let id = month.customer.id;
        let is_new = |country: &Region| known.get(&id).is_none_or(|known| !known.contains(country));
        let sight = Sight {
            before: month.before().map(|came| came.gross).collect(),
            billed_long_ago: billed.contains(&id),
            longest_seconds: notable.get(&id).map_or(0, |notable| notable.longest_seconds),
            new_country: abroad.get(&id).is_some_and(|countries| countries.iter().any(is_new)),
            in_suspense: waiting.get(&id).is_some_and(|since| *since < month.period.ends_at),
        };
        (id, sight)
    };
    Ok(shown.iter().map(sight).collect())
}

/// The countries that were called but the customer's own.
fn abroad_of(notable: &Notable, customer: &Customer) -> BTreeSet<Region> {
    let own = |country: &&Region| country.as_str() == customer.party.country;
    notable.countries.iter().filter(|country| !own(country)).copied().collect()
}

impl Month {
    /// The invoices of the months before.
    fn before(&self) -> impl Iterator<Item = &Came> {
        self.invoices.iter().filter(|came| came.starts_at < self.period.starts_at)
    }

    fn last_month(&self) -> Option<Amount> {
        let last = self.calendar.holding(before(self.period.starts_at)).ok()?;
        self.before().filter(|came| came.starts_at == last.starts_at).last().map(|came| came.gross)
    }

    /// The invoice of a month that was issued; nothing of one that came to nothing.
    fn issued(&self) -> Option<Draft> {
        let issued = self.invoices.iter().rfind(|came| came.starts_at == self.period.starts_at)?;
        let drafted = self.drafted(Some(issued.gross));
        Some(Draft { state: DraftState::Issued, number: issued.number.clone(), ..drafted })
    }

    fn draft(&self, config: &Config, comes: Comes, sight: &Sight, now: Timestamp) -> Draft {
        let comes_to = match comes {
            Comes::To(gross) => Ok(gross),
            Comes::ToNothing => Ok(Amount::ZERO),
            Comes::Not(why) => Err(why),
        };
        let flags = sight.flags(comes_to, &self.customer);
        let goes_out = |cycle: &Cycle| cycle.goes_out(self.period, config.invoices.mode);
        let hold = self.cycle.as_ref().and_then(|cycle| cycle.held.clone());
        let state = match (&hold, &self.cycle) {
            (Some(_), _) => DraftState::Held,
            (None, Some(cycle)) if goes_out(cycle) => DraftState::GoesOut,
            (None, _) => DraftState::Waits,
        };
        let is_over = self.period.ends_at <= now;
        Draft { state, is_over, hold, flags, ..self.drafted(comes_to.ok()) }
    }

    /// What is the same of a draft and of an invoice.
    fn drafted(&self, gross: Option<Amount>) -> Draft {
        let money = |amount| Money { amount, currency: self.customer.currency };
        let last = self.last_month();
        Draft {
            customer_id: self.customer.id,
            customer_reference: self.customer.reference.clone(),
            customer_name: self.customer.party.name.clone(),
            month: self.period.month(),
            state: DraftState::Waits,
            is_over: true,
            number: None,
            hold: None,
            last_month: last.map(money),
            this_month: gross.map(money),
            change: gross.zip(last).and_then(|(gross, last)| less(gross, last)).map(money),
            flags: Vec::new(),
        }
    }
}

fn less(amount: Amount, other: Amount) -> Option<Amount> {
    amount.micros().checked_sub(other.micros()).map(Amount::from_micros)
}
