//! Sends the mail that a job asks for.

use calculation::invoice::{Invoice, Language, Party};
use calculation::money::Amount;
use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;

use super::address::address;
use super::documents::{self, Document};
use super::facts::{
    Addressee, DocumentFacts, Facts, LinkFacts, LowBalanceFacts, Matter, ReminderFacts, SpendingFacts,
};
use super::letter::{Attached, Head, formatted};
use super::words::{date, money};
use super::{day, message_id};
use crate::app::App;
use crate::calls;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};
use crate::invoices;
use crate::jobs::{Job, StoredJob, Tried};
use crate::payments;
use crate::prepaid;

/// What a mail is made of, or why there is none.
enum Gathered {
    Parcel(Box<Parcel>),
    None(Tried),
}

/// A mail to be written.
struct Parcel {
    customer: Customer,
    operator: Party,
    language: Language,
    matter: Matter,
    attached: Option<Invoice>,
}

/// Sends the mail of a job. The database is let go of before the mail server is spoken to.
pub(crate) async fn send(app: &App, stored: &StoredJob) -> Result<Tried> {
    let now = app.clock.now();
    if let Some(why) = app.mailer.resting(now) {
        return Ok(Tried::Again(why));
    }
    let mut tx = app.db.read().await?;
    let gathered = gather(&mut tx, app, &stored.job).await?;
    drop(tx);
    let parcel = match gathered {
        Gathered::Parcel(parcel) => *parcel,
        Gathered::None(tried) => return Ok(tried),
    };
    let to = match recipient(&parcel.customer) {
        Ok(to) => to,
        Err(why) => return Ok(Tried::Failed(why)),
    };
    let Customer { id: customer_id, party, reference, .. } = parcel.customer;
    let customer = Addressee { name: party.name, reference };
    let facts = Facts { operator: parcel.operator, customer, matter: parcel.matter };
    let message = match app.mailer.messages.write(parcel.language, &facts) {
        Ok(message) => message,
        Err(why) => return Ok(Tried::Failed(format!("mail.templates: {why}"))),
    };
    let attached = match &parcel.attached {
        None => None,
        Some(invoice) => {
            let name = format!("{}.pdf", invoice.number.as_deref().unwrap_or_default());
            Some(Attached { name, content: invoices::file::of(app, customer_id, invoice).await? })
        }
    };
    let from = &app.mailer.from;
    let head = Head { from, to: &to, id: message_id(stored.id, from), at: now };
    match formatted(head, message, attached) {
        Ok(mail) => Ok(app.mailer.deliver(stored, &to, &mail, now).await),
        Err(why) => Ok(Tried::Failed(why)),
    }
}

/// Where a customer is written to today: the address on an old invoice may have been mended since.
fn recipient(customer: &Customer) -> std::result::Result<Mailbox, String> {
    let Customer { reference, party, .. } = customer;
    let email = party.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
    let email = email
        .ok_or_else(|| format!("customer {reference} has no e-mail address: set one, then retry the job"))?;
    let address = address(email).map_err(|error| {
        format!(
            "`{email}` of customer {reference} is no e-mail address ({error}): mend it, then retry the job"
        )
    })?;
    let name = Some(party.name.clone()).filter(|name| !name.trim().is_empty());
    Ok(Mailbox::new(name, address))
}

async fn gather(tx: &mut Tx, app: &App, job: &Job) -> Result<Gathered> {
    match *job {
        Job::SendInvoice { customer_id, invoice_id } => {
            let matter = |document, _: &Invoice| Matter::Invoice(document);
            with_document(tx, app, customer_id, Document::Invoice(invoice_id), matter).await
        }
        Job::SendCreditNote { customer_id, credit_note_id } => {
            let matter = |document, _: &Invoice| Matter::CreditNote(document);
            with_document(tx, app, customer_id, Document::CreditNote(credit_note_id), matter).await
        }
        Job::SendReminder { customer_id, invoice_id, step } => {
            reminder(tx, app, customer_id, invoice_id, step).await
        }
        Job::SendSpendingNotice { customer_id, period_start, percent } => {
            spending_notice(tx, app, customer_id, period_start, percent).await
        }
        Job::SendLowBalance { customer_id, number } | Job::RequestTopUp { customer_id, number } => {
            low_balance(tx, app, customer_id, number).await
        }
        Job::MendEndpoint { .. } => Ok(Gathered::None(Tried::Failed("there is no mail for this".to_owned()))),
    }
}

async fn customer(tx: &mut Tx, id: CustomerId) -> Result<Customer> {
    let found = customers::by_id(tx, id).await?;
    found.ok_or_else(|| Error::Contradiction(format!("a job is for customer {id}, who is not there")))
}

/// A mail about a document, which it carries or links to; in the document's language.
async fn with_document(
    tx: &mut Tx,
    app: &App,
    customer_id: CustomerId,
    document: Document,
    matter: impl FnOnce(DocumentFacts, &Invoice) -> Matter,
) -> Result<Gathered> {
    let customer = customer(tx, customer_id).await?;
    let Some(invoice) = documents::read(tx, customer_id, document).await? else {
        return Ok(Gathered::None(Tried::Failed(format!(
            "customer {} has no {document}",
            customer.reference
        ))));
    };
    let Some(number) = invoice.number.clone() else {
        return Ok(Gathered::None(Tried::Again(format!("{document} has no number yet"))));
    };
    let language = invoice.language;
    let link = app.mailer.linking().map(|links| {
        let (url, expires) = links.to(customer_id, document, app.clock.now());
        let last = expires.checked_sub(SignedDuration::from_hours(24)).unwrap_or(expires);
        LinkFacts { url, last_day: date(language, day(last, &customer.zone)) }
    });
    let linked = link.is_some();
    let facts = DocumentFacts::of(&invoice, &number, link, language);
    let matter = matter(facts, &invoice);
    let operator = invoice.seller.clone();
    let attached = (!linked).then_some(invoice);
    Ok(Gathered::Parcel(Box::new(Parcel { customer, operator, language, matter, attached })))
}

/// A reminder, unless the invoice was paid since it was asked for.
async fn reminder(
    tx: &mut Tx,
    app: &App,
    customer: CustomerId,
    id: InvoiceId,
    step: u32,
) -> Result<Gathered> {
    let standing = payments::standing(tx, customer, &[id], app.clock.now()).await?;
    let Some(open) = standing.get(&id).map(|standing| standing.open.amount) else {
        return Ok(Gathered::None(Tried::Failed(format!("nothing is known about what is open of {id}"))));
    };
    if open <= Amount::ZERO {
        return Ok(Gathered::None(Tried::Done));
    }
    let now = app.clock.now();
    let matter = |document, invoice: &Invoice| {
        let today = day(now, &invoice.period.zone);
        let days_overdue = today.since(invoice.due_on).map_or(0, |span| span.get_days());
        let open = money(invoice.language, open, invoice.currency);
        Matter::Reminder(ReminderFacts { document, step, open, days_overdue })
    };
    with_document(tx, app, customer, Document::Invoice(id), matter).await
}

/// A notice about the month's spending, unless the cap was lifted since.
async fn spending_notice(
    tx: &mut Tx,
    app: &App,
    id: CustomerId,
    start: Timestamp,
    percent: u32,
) -> Result<Gathered> {
    let customer = customer(tx, id).await?;
    let spending = calls::spending(tx, &customer, start).await?;
    let Some(cap) = spending.cap else { return Ok(Gathered::None(Tried::Done)) };
    let language = customer.billing.language;
    let calendar = customers::calendar(tx, &customer).await?;
    let period = calendar.holding(start).map_err(|error| Error::Contradiction(error.to_string()))?;
    let matter = Matter::SpendingNotice(SpendingFacts {
        percent,
        used: money(language, spending.used.amount, customer.currency),
        cap: money(language, cap.amount, customer.currency),
        first_day: date(language, period.first_day),
        last_day: date(language, period.last_day()),
    });
    let operator = app.config.operator.clone();
    Ok(Gathered::Parcel(Box::new(Parcel { customer, operator, language, matter, attached: None })))
}

/// A notice that prepaid money is low, unless it is not any more.
async fn low_balance(tx: &mut Tx, app: &App, id: CustomerId, number: i64) -> Result<Gathered> {
    let customer = customer(tx, id).await?;
    let now = app.clock.now();
    let low = prepaid::low(tx, id, number, now).await?.filter(|_| !customer.is_closed(now));
    let Some(low) = low else { return Ok(Gathered::None(Tried::Done)) };
    let language = customer.billing.language;
    let matter = Matter::LowBalance(LowBalanceFacts {
        available: money(language, low.available, customer.currency),
        below: money(language, low.below, customer.currency),
    });
    let operator = app.config.operator.clone();
    Ok(Gathered::Parcel(Box::new(Parcel { customer, operator, language, matter, attached: None })))
}
