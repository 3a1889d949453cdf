//! Who pays? Customers, the lines they hold and the plans they are on, each for a span of time.

mod assign_line;
mod change;
mod check;
pub mod cli;
mod close;
mod create;
pub mod delivery;
mod described;
mod end_line;
mod first_month;
pub mod http;
mod references;
mod seat;
mod store;
mod subscribe;
mod suspend;
mod undo;

use std::collections::{BTreeMap, BTreeSet};

use calculation::invoice::{Itemisation, Language, Party};
use calculation::money::{Amount, Currency};
use calculation::period::Calendar;
use calculation::phone_number::E164;
use calculation::tax::TaxTreatment;
use calculation::zone::ZoneStep;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use assign_line::{Assigned, assign_line};
pub use change::{Changed, change};
pub(crate) use check::{all_faults, fault_of_peppol};
pub use close::{Closed, close};
pub use create::{Created, CreatedCustomer, create};
pub use described::{
    ChangeBillingSchema, ChangePartySchema, ItemisationSchema, LanguageSchema, PartySchema,
    PeppolAddressSchema, TaxTreatmentSchema, ZoneStepSchema,
};
pub use end_line::{Ended, end_line};
pub use references::look_at_references;
pub use seat::{Seat, seats};
pub use store::{FormerZone, LineSpan, ReferenceEntry, SubscriptionSpan};
pub use subscribe::{Subscribed, subscribe};
pub use suspend::{
    Restored, Suspended, SuspendedFor, Suspension, restore, restore_overdue, suspend, suspend_overdue,
    suspension,
};
pub use undo::{Undone, cancel_line, cancel_subscription, reopen};

use crate::db::{Hold, Tx};
use crate::error::{Error, Result};
use crate::id::{CustomerId, LineId, PlanId, SubscriptionId};
use crate::names;

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Customer {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub id: CustomerId,
    /// The operator's own name for the customer; a switch may send it as the account.
    #[schema(example = "C-1001")]
    pub reference: String,
    #[schema(value_type = PartySchema)]
    pub party: Party,
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The IANA zone of the customer's month and wall clock.
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// What decided the zone.
    #[schema(value_type = ZoneStepSchema)]
    pub zone_step: ZoneStep,
    pub billing: Billing,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From then on the customer has no line and no plan.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// Service is suspended since then, and why.
    pub suspension: Option<Suspension>,
    /// The detail of calls of before then is not kept any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_kept_from: Option<Timestamp>,
    /// Who they are is not known any more since then.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
}

impl Customer {
    /// How documents reach the customer: by letter if that is said, or if there is no address to write to.
    pub fn delivery(&self) -> Delivery {
        let by_address = if self.party.email.is_some() { Delivery::Email } else { Delivery::Letter };
        self.billing.delivery.unwrap_or(by_address)
    }

    /// Whether documents that go by letter have an address to go to, and others one of e-mail.
    pub fn can_be_reached(&self) -> bool {
        let Party { street, city, email, .. } = &self.party;
        let missing = |text: &str| text.trim().is_empty();
        match self.delivery() {
            Delivery::Email => email.as_deref().is_some_and(|address| !missing(address)),
            Delivery::Letter => !missing(street) && !missing(city),
        }
    }

    /// Whether the customer is closed by an instant.
    pub fn is_closed(&self, at: Timestamp) -> bool {
        self.closed_at.is_some_and(|closed_at| closed_at <= at)
    }
}

/// How a customer is billed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Billing {
    /// The language of invoices and mails: `en` or `de`.
    #[schema(value_type = LanguageSchema)]
    pub language: Language,
    /// Whether invoices list the calls one by one.
    #[schema(value_type = ItemisationSchema)]
    pub itemisation: Itemisation,
    #[schema(value_type = TaxTreatmentSchema)]
    pub tax_treatment: TaxTreatment,
    /// Why no tax is due, as the invoice shows it.
    #[schema(example = "Exempt under article 151 of 2006/112/EC")]
    pub tax_note: Option<String>,
    /// The customer is told when 60, 80 and 100 percent of this net amount are used in a month.
    #[schema(value_type = Option<String>, example = "50.00")]
    pub spending_cap: Option<Amount>,
    /// How documents reach the customer: by e-mail where there is an address, when nothing is said.
    pub delivery: Option<Delivery>,
}

/// How documents reach a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DocumentDelivery)]
pub enum Delivery {
    Email,
    /// Printed and sent by post.
    Letter,
}

impl Delivery {
    fn code(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Letter => "letter",
        }
    }
}

impl std::str::FromStr for Delivery {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let all = [Self::Email, Self::Letter];
        let known = all.into_iter().find(|delivery| delivery.code() == text);
        known.ok_or_else(|| format!("`{text}` is no way in which documents reach somebody"))
    }
}

/// What is to be changed of a customer, as a merge patch (RFC 7396): what is absent stays as it is, null takes
/// away.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeCustomer {
    #[schema(value_type = Option<ChangePartySchema>)]
    pub party: Option<serde_json::Value>,
    /// Another IANA zone, from the customer's next month on.
    #[schema(example = "Europe/Lisbon")]
    pub zone: Option<String>,
    #[schema(value_type = Option<ChangeBillingSchema>)]
    pub billing: Option<serde_json::Value>,
    /// The local day from which a changed party and tax treatment hold, not after today; today when absent. What is billed for
    /// days before has the tax of then.
    #[schema(value_type = Option<String>, format = Date, example = "2026-10-15")]
    pub valid_from: Option<Date>,
}

/// A customer to be, with a first line and plan if they are known.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    #[schema(example = "C-1001")]
    pub reference: String,
    #[schema(value_type = PartySchema)]
    pub party: Party,
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The IANA zone; found from the first line's number when absent.
    #[schema(example = "Europe/Berlin")]
    pub zone: Option<String>,
    /// Lines the customer holds from the start.
    #[serde(default)]
    pub lines: Vec<NewLine>,
    /// The plan the customer is on from the start.
    pub subscription: Option<NewSubscription>,
    #[serde(default)]
    pub billing: Billing,
    /// The first month that is billed by itself is the one that holds this instant; now when absent.
    /// Earlier months are billed by name only. Months that are over already wait for approval.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub bill_from: Option<Timestamp>,
}

/// A phone number that a customer holds for a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    #[schema(value_type = String, example = "lin_01h2x3y4z5a6b")]
    pub id: LineId,
    #[schema(value_type = String, example = "+493023125001", pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub number: E164,
    /// Held from this instant.
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    /// Held until before this instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<Timestamp>,
}

/// A line to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// E.164 (ITU-T), with `+`.
    #[schema(value_type = String, example = "+493023125001", pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub number: E164,
    /// Held from this instant.
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    /// Held until before this instant; for ever when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<Timestamp>,
}

/// A customer on a plan for a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Subscription {
    #[schema(value_type = String, example = "sub_01h2x3y4z5a6b")]
    pub id: SubscriptionId,
    #[schema(value_type = String, example = "pln_01h2x3y4z5a6b")]
    pub plan_id: PlanId,
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<Timestamp>,
}

impl Subscription {
    /// Whether it was cancelled before it began.
    pub fn is_cancelled(&self) -> bool {
        self.valid_to == Some(self.valid_from)
    }
}

/// A subscription to be. It ends the one before, if that has no end yet.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// The plan's name.
    #[schema(example = "Berlin 100")]
    pub plan: String,
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
}

/// A customer by its id.
pub async fn by_id(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    store::by_id(tx, id).await
}

/// The customer, whose row nobody else may hold until the transaction ends: their month is closed, their plan
/// changed or their allowance counted by one at a time.
pub async fn hold(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    store::hold(tx, id).await
}

/// The customer with a reference.
pub async fn by_reference(tx: &mut Tx, reference: &str) -> Result<Option<Customer>> {
    match references::named(tx, reference).await? {
        Some(entry) => store::by_id(tx, entry.customer_id).await,
        None => Ok(None),
    }
}

/// Customers by id, after a cursor.
pub async fn page(tx: &mut Tx, after: Option<CustomerId>, limit: usize) -> Result<Vec<Customer>> {
    store::page(tx, after.unwrap_or(crate::id::NOBODY), limit).await
}

/// Makes known that the detail of a customer's calls is kept only from an instant on. It never moves back.
pub async fn keep_calls_from(tx: &mut Tx, id: CustomerId, from: Timestamp) -> Result<()> {
    store::keep_calls_from(tx, id, from).await
}

/// Stores a customer of whom nobody can tell any more who they are, without their lines.
pub async fn erase(tx: &mut Tx, erased: &Customer, at: Timestamp) -> Result<()> {
    store::keep_calls_from(tx, erased.id, at).await?;
    store::erase(tx, erased, at).await
}

/// How many customers there are.
pub async fn count(tx: &mut Tx) -> Result<u64> {
    store::count(tx).await
}

/// A customer's lines, oldest first.
pub async fn lines(tx: &mut Tx, id: CustomerId) -> Result<Vec<Line>> {
    store::lines(tx, id).await
}

/// A customer's subscriptions, oldest first; those that were cancelled before they began have no day.
pub async fn subscriptions(tx: &mut Tx, id: CustomerId) -> Result<Vec<Subscription>> {
    store::subscriptions(tx, id).await
}

/// The months of a customer, who may have moved between zones.
pub async fn calendar(tx: &mut Tx, customer: &Customer) -> Result<Calendar> {
    let former = store::former_zones(tx, &[customer.id]).await?;
    calendar_of(customer, former.into_iter().map(|zone| (zone.until, zone.zone)).collect())
}

/// Remembers that what is known of a customer's months from an instant on is not what was billed: the next bill puts it right.
pub async fn note_change(tx: &mut Tx, customer: CustomerId, from: Timestamp) -> Result<()> {
    store::note_change(tx, customer, from).await
}

/// The months of some customers, by id.
pub async fn calendars(tx: &mut Tx, customers: &[Customer]) -> Result<BTreeMap<CustomerId, Calendar>> {
    let ids: Vec<_> = customers.iter().map(|customer| customer.id).collect();
    let mut former: BTreeMap<CustomerId, Vec<_>> = BTreeMap::new();
    for zone in store::former_zones(tx, &ids).await? {
        former.entry(zone.customer_id).or_default().push((zone.until, zone.zone));
    }
    let calendar = |customer: &Customer| {
        let former = former.remove(&customer.id).unwrap_or_default();
        Ok((customer.id, calendar_of(customer, former)?))
    };
    customers.iter().map(calendar).collect()
}

/// A customer's months from their zone and those before it, by the day until which each held.
pub fn calendar_of(customer: &Customer, former: Vec<(Date, String)>) -> Result<Calendar> {
    let zone = |name: &str| {
        TimeZone::get(name).map_err(|_| Error::Contradiction(format!("`{name}` is no time zone")))
    };
    let former = former.into_iter().map(|(until, name)| Ok((until, zone(&name)?))).collect::<Result<_>>()?;
    Ok(Calendar::with_former(former, zone(&customer.zone)?))
}

/// Some customers, held as [`hold`] holds one, in the order of their ids.
pub async fn hold_some(tx: &mut Tx, ids: &[CustomerId]) -> Result<Vec<Customer>> {
    store::by_ids(tx, ids, Some(Hold::Exclusive)).await
}

/// Some customers, in the order of their ids.
pub async fn by_ids(tx: &mut Tx, ids: &[CustomerId]) -> Result<Vec<Customer>> {
    store::by_ids(tx, ids, None).await
}

/// The subscriptions of some customers, oldest first.
pub async fn subscriptions_of(
    tx: &mut Tx,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<Subscription>>> {
    store::subscriptions_of(tx, ids).await
}

/// Who holds some numbers, and when.
pub async fn holders(tx: &mut Tx, numbers: &[E164]) -> Result<Vec<LineSpan>> {
    store::spans_of_numbers(tx, numbers).await
}

/// Whom some references name, as they are given and folded.
pub async fn named_by(tx: &mut Tx, references: &[String]) -> Result<Vec<ReferenceEntry>> {
    let folded = references.iter().map(|reference| names::folded(reference));
    let forms: BTreeSet<_> = references.iter().cloned().chain(folded).collect();
    store::entries_of_references(tx, &forms.into_iter().collect::<Vec<_>>()).await
}

/// Who is who, for a charging run: all customers, or those that some numbers and references lead to.
pub struct Everybody {
    pub customers: Vec<Customer>,
    pub references: Vec<ReferenceEntry>,
    pub lines: Vec<LineSpan>,
    pub subscriptions: Vec<SubscriptionSpan>,
    pub former_zones: Vec<FormerZone>,
}

/// All customers, their references, lines and subscriptions.
pub async fn everybody(tx: &mut Tx) -> Result<Everybody> {
    Ok(Everybody {
        customers: store::all(tx).await?,
        references: store::references(tx).await?,
        lines: store::line_spans(tx).await?,
        subscriptions: store::subscription_spans(tx).await?,
        former_zones: store::all_former_zones(tx).await?,
    })
}

/// The customers that some numbers and references lead to, and some by their ids.
pub async fn some(
    tx: &mut Tx,
    numbers: &[E164],
    references: &[String],
    ids: &[CustomerId],
) -> Result<Everybody> {
    let references = named_by(tx, references).await?;
    let mut lines = store::spans_of_numbers(tx, numbers).await?;
    let by_reference = references.iter().map(|entry| entry.customer_id);
    let by_number = lines.iter().map(|span| span.customer_id);
    let ids: BTreeSet<_> = ids.iter().copied().chain(by_reference).chain(by_number).collect();
    let known: BTreeSet<_> = lines.iter().map(|span| span.customer_id).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    // The region of the first line is that of the customer's short codes.
    let without: Vec<_> = ids.iter().copied().filter(|id| !known.contains(id)).collect();
    lines.append(&mut store::spans_of_customers(tx, &without).await?);
    let spans = store::subscriptions_of(tx, &ids).await?;
    let span = |(customer_id, subscription): (CustomerId, Subscription)| {
        let Subscription { plan_id, valid_from, valid_to, .. } = subscription;
        SubscriptionSpan { customer_id, plan_id, valid_from, valid_to }
    };
    let spans = spans.into_iter().flat_map(|(id, spans)| spans.into_iter().map(move |span| (id, span)));
    Ok(Everybody {
        customers: store::by_ids(tx, &ids, None).await?,
        references,
        lines,
        subscriptions: spans.map(span).collect(),
        former_zones: store::former_zones(tx, &ids).await?,
    })
}
