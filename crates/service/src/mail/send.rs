//! Sends the mail that a job asks for.

use ::documents::Drawing;
use calculation::invoice::{Language, Party};
use calculation::money::Amount;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;

use super::documents::{self, Document};
use super::facts::{
    Addressee, DocumentFacts, Facts, LinkFacts, LowBalanceFacts, Matter, OverdueFacts, ReminderFacts,
    SpendingFacts,
};
use super::letter::{Attached, Head, formatted};
use super::link::{Links, NewLink};
use super::links;
use super::words::{date, money};
use super::{day, message_id};
use crate::app::App;
use crate::calls;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::email::address;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId, LinkId};
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
    attached: Vec<Drawing>,
    /// The links in it.
    links: Vec<NewLink>,
    /// Whether the customer gets letters.
    by_letter: bool,
}

/// Sends the mail of a job. The database is let go of before the mail server is spoken to.
pub(crate) async fn send(app: &App, stored: &StoredJob) -> Result<Tried> {
    let now = app.clock.now();
    if let Some(why) = app.mailer.resting(now) {
        return Ok(Tried::Again(why));
    }
    let mut tx = app.db.read().await?;
    let gathered = gather(&mut tx, app, app.mailer.linking(), &stored.job).await?;
    drop(tx);
    let parcel = match gathered {
        Gathered::Parcel(parcel) => *parcel,
        Gathered::None(tried) => return Ok(tried),
    };
    if stored.job.to().is_none() && parcel.by_letter {
        return Ok(become_letter(app, parcel));
    }
    let to = match recipient(&parcel.customer, stored.job.to()) {
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
    let mut attached = Vec::with_capacity(parcel.attached.len());
    for drawing in &parcel.attached {
        let name = format!("{}.pdf", drawing.invoice.number.as_deref().unwrap_or_default());
        match invoices::file::of(app, customer_id, drawing).await {
            Ok(file) => attached.push(Attached { name, content: file.to_vec() }),
            // Trying again is of no use before somebody gives it a font.
            Err(Error::Letters(why)) => return Ok(Tried::Failed(format!("{why}, then retry the job"))),
            Err(error) => return Err(error),
        }
    }
    let from = &app.mailer.from;
    let head = Head { from, to: &to, id: message_id(stored.id, from), at: now };
    let mail = match formatted(head, message, attached) {
        Ok(mail) => mail,
        Err(why) => return Ok(Tried::Failed(why)),
    };
    // A link works before anybody has it.
    if !parcel.links.is_empty() {
        let mut tx = app.db.begin().await?;
        links::add(&mut tx, &parcel.links).await?;
        tx.commit().await?;
    }
    Ok(app.mailer.deliver(app, stored, &to, &mail, now).await)
}

/// A mail of a customer who gets letters: it is to be printed.
fn become_letter(app: &App, parcel: Parcel) -> Tried {
    let (customer, language) = (parcel.customer.id, parcel.language);
    match app.mailer.messages.write(language, &facts_of(parcel).0) {
        Ok(message) => Tried::Letter { customer, title: message.subject },
        Err(why) => Tried::Failed(format!("mail.templates: {why}")),
    }
}

fn facts_of(parcel: Parcel) -> (Facts, Party, Vec<Drawing>) {
    let Customer { party, reference, .. } = parcel.customer;
    let customer = Addressee { name: party.name.clone(), reference };
    (Facts { operator: parcel.operator, customer, matter: parcel.matter }, party, parcel.attached)
}

/// What is printed for a customer instead of a mail.
pub(crate) struct Written {
    pub(crate) operator: Party,
    pub(crate) recipient: Party,
    /// What a reminder or a notice says; documents speak for themselves.
    pub(crate) text: Option<String>,
    pub(crate) documents: Vec<Drawing>,
}

/// What a job would mail now, to be printed; nothing when it would not any more.
pub(crate) async fn letter_of(tx: &mut Tx, app: &App, job: &Job) -> Result<Option<Written>> {
    // What is printed has no links.
    let Gathered::Parcel(parcel) = gather(tx, app, None, job).await? else { return Ok(None) };
    let (language, operator) = (parcel.language, parcel.operator.clone());
    let speaks = !matches!(parcel.matter, Matter::Invoice(_) | Matter::CreditNote(_));
    let (facts, recipient, documents) = facts_of(*parcel);
    let message = app.mailer.messages.write(language, &facts).map_err(Error::Other)?;
    let text = speaks.then(|| format!("{}\n\n{}", message.subject, message.text));
    Ok(Some(Written { operator, recipient, text, documents }))
}

/// Where a customer is written to today: the address on an old invoice may have been mended since.
fn recipient(customer: &Customer, named: Option<&str>) -> std::result::Result<Mailbox, String> {
    let Customer { reference, party, .. } = customer;
    if let Some(named) = named {
        let address = address(named).map_err(|error| format!("`{named}` is no e-mail address ({error})"))?;
        return Ok(Mailbox::new(None, address));
    }
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

/// What the mail of a job is made of, and whether it is to be printed.
async fn gather(tx: &mut Tx, app: &App, links: Option<&Links>, job: &Job) -> Result<Gathered> {
    let mut gathered = gather_mail(tx, app, links, job).await?;
    if let Gathered::Parcel(parcel) = &mut gathered {
        parcel.by_letter = customers::delivery::gets_letters(tx, &parcel.customer).await?;
    }
    Ok(gathered)
}

async fn gather_mail(tx: &mut Tx, app: &App, links: Option<&Links>, job: &Job) -> Result<Gathered> {
    match *job {
        Job::SendInvoice { customer_id, invoice_id, .. } => {
            with_document(tx, app, links, (customer_id, Document::Invoice(invoice_id)), Matter::Invoice).await
        }
        Job::SendCreditNote { customer_id, credit_note_id, .. } => {
            let document = Document::CreditNote(credit_note_id);
            with_document(tx, app, links, (customer_id, document), Matter::CreditNote).await
        }
        Job::SendReminder { customer_id, invoice_id, step } => {
            let last = step >= app.config.reminders.last_step();
            reminder(tx, app, links, customer_id, &[invoice_id], Asking { step, last, on: None }).await
        }
        Job::SendReminders { customer_id, on, step, last } => {
            let overdue = payments::reminded_of(tx, customer_id, app.clock.now()).await?;
            reminder(tx, app, links, customer_id, &overdue, Asking { step, last, on: Some(on) }).await
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

/// A document as it stands, and what a mail tells of it.
struct Told {
    drawing: Drawing,
    facts: DocumentFacts,
    link: Option<NewLink>,
}

/// Reads a document for a mail, which carries it or links to it; in the document's language.
async fn tell(
    tx: &mut Tx,
    app: &App,
    links: Option<&Links>,
    customer: &Customer,
    document: Document,
) -> Result<std::result::Result<Told, Tried>> {
    let Some(drawing) = documents::read(tx, customer.id, document).await? else {
        return Ok(Err(Tried::Failed(format!("customer {} has no {document}", customer.reference))));
    };
    let Some(number) = drawing.invoice.number.clone() else {
        return Ok(Err(Tried::Again(format!("{document} has no number yet"))));
    };
    let language = drawing.invoice.language;
    let by_letter = customers::delivery::gets_letters(tx, customer).await?;
    let link = links.filter(|_| !by_letter);
    let link = link.map(|links| links.to(customer.id, document, LinkId(app.clock.id()), app.clock.now()));
    let link_facts = link.as_ref().map(|NewLink { url, expires_at, .. }| {
        let last = expires_at.checked_sub(SignedDuration::from_hours(24)).unwrap_or(*expires_at);
        LinkFacts { url: url.clone(), last_day: date(language, day(last, &customer.zone)) }
    });
    let facts = DocumentFacts::of(&drawing, &number, link_facts);
    Ok(Ok(Told { drawing, facts, link }))
}

/// A mail about a document.
async fn with_document(
    tx: &mut Tx,
    app: &App,
    links: Option<&Links>,
    (customer_id, document): (CustomerId, Document),
    matter: impl FnOnce(DocumentFacts) -> Matter,
) -> Result<Gathered> {
    let customer = customer(tx, customer_id).await?;
    let Told { drawing, facts, link } = match tell(tx, app, links, &customer, document).await? {
        Ok(told) => told,
        Err(tried) => return Ok(Gathered::None(tried)),
    };
    let (language, operator) = (drawing.invoice.language, drawing.invoice.seller.clone());
    let attached = if facts.link.is_some() { Vec::new() } else { vec![drawing] };
    Ok(Gathered::Parcel(Box::new(Parcel {
        customer,
        operator,
        language,
        matter: matter(facts),
        attached,
        links: link.into_iter().collect(),
        by_letter: false,
    })))
}

/// How a reminder asks: as which step, whether none follows, and for which day it was asked for.
#[derive(Clone, Copy)]
struct Asking {
    step: u32,
    last: bool,
    on: Option<Date>,
}

/// A reminder of some invoices as they stand; those that were paid since it was asked for are left out.
async fn reminder(
    tx: &mut Tx,
    app: &App,
    links: Option<&Links>,
    customer_id: CustomerId,
    ids: &[InvoiceId],
    asking: Asking,
) -> Result<Gathered> {
    let customer = customer(tx, customer_id).await?;
    let now = app.clock.now();
    let (mut overdue, mut attached, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let mut made = Vec::new();
    let mut said = None;
    for id in ids {
        let Told { mut drawing, facts, link } =
            match tell(tx, app, links, &customer, Document::Invoice(*id)).await? {
                Ok(told) => told,
                Err(tried) => return Ok(Gathered::None(tried)),
            };
        if !facts.to_pay {
            continue;
        }
        let invoice = &drawing.invoice;
        let today = day(now, &invoice.period.zone);
        let days_overdue = today.since(invoice.due_on).map_or(0, |span| span.get_days());
        drawing.settlement.overdue = days_overdue > 0;
        open.push(drawing.settlement.open);
        made.extend(link);
        said = Some((invoice.language, invoice.seller.clone()));
        if facts.link.is_none() {
            attached.push(drawing);
        }
        overdue.push(OverdueFacts { document: facts, days_overdue });
    }
    let Some((language, operator)) = said else { return Ok(Gathered::None(Tried::Done)) };
    let too_large = || Error::Contradiction(format!("what is open of {customer_id} does not fit an amount"));
    let open = money(language, Amount::sum(open).ok_or_else(too_large)?, customer.currency);
    let Asking { step, last, on } = asking;
    let suspends_at = payments::announced(tx, customer_id, &app.config.reminders, on, now).await?;
    let suspends_on = suspends_at.map(|at| date(language, day(at, &customer.zone)));
    let suspended = customer.suspension.is_some();
    let matter =
        Matter::Reminder(ReminderFacts { step, last, open, suspends_on, suspended, invoices: overdue });
    Ok(Gathered::Parcel(Box::new(Parcel {
        customer,
        operator,
        language,
        matter,
        attached,
        links: made,
        by_letter: false,
    })))
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
    let operator = app.config.operator.party.clone();
    Ok(Gathered::Parcel(Box::new(Parcel {
        customer,
        operator,
        language,
        matter,
        attached: Vec::new(),
        links: Vec::new(),
        by_letter: false,
    })))
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
    let operator = app.config.operator.party.clone();
    Ok(Gathered::Parcel(Box::new(Parcel {
        customer,
        operator,
        language,
        matter,
        attached: Vec::new(),
        links: Vec::new(),
        by_letter: false,
    })))
}
