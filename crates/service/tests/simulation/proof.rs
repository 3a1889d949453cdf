//! Is all that is stored what the model says, and does it add up?

use std::collections::BTreeMap;

use jiff::Timestamp;
use tollbook::check;
use tollbook::db::{Ts, Tx};
use tollbook::id::InvoiceId;

use crate::calendar::begins;
use crate::deeds::money;
use crate::judge::Verdict;
use crate::model::{Call, Customer, Late, Model};
use crate::peers::{Message, Peers};
use crate::programs::Program;

/// An invoice as it is stored.
pub(crate) struct Stored {
    id: i64,
    start: Timestamp,
    net: i128,
    gross: i128,
    number: Option<String>,
}

type Invoices = BTreeMap<i64, Vec<Stored>>;

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The program's own check finds nothing.
pub(crate) async fn check(program: &Program) -> Verdict {
    let mut tx = program.app.db.read().await.map_err(words)?;
    let report = check::verify(&mut tx, &program.app).await.map_err(words)?;
    if report.faults.is_empty() { Ok(()) } else { Err(format!("check: {:#?}", report.faults)) }
}

/// What is stored equals the model. Answers how many comparisons that took.
pub(crate) async fn compare(program: &Program, model: &mut Model, peers: &Peers) -> Result<u64, String> {
    let mut tx = program.app.db.read().await.map_err(words)?;
    let mut looked = 0;
    let invoices = invoices(&mut tx).await?;
    let balances = balances(&mut tx).await?;
    let purses = purses(&mut tx).await?;
    let spent = sums(
        &mut tx,
        "select customer_id, cast(coalesce(sum(amount), 0) as bigint) as amount from calls
                               group by customer_id",
    )
    .await?;
    for place in 0..model.customers.len() {
        let cost: i128 = {
            let customer = &model.customers[place];
            customer.calls.iter().map(|call| model.cost(call)).sum()
        };
        let customer = &mut model.customers[place];
        let of = |what: &str| format!("{} {what}", customer.reference);
        if customer.is_postpaid() {
            let (found, should) = (spent.get(&customer.id).copied().unwrap_or_default(), cost);
            equal(&of("has calls"), found, should)?;
            let found = balances.get(&customer.id).copied().unwrap_or_default();
            equal(&of("owes"), found, customer.balance())?;
        } else {
            compare_purse(customer, purses.get(&customer.id).copied().unwrap_or_default())?;
        }
        let none = Vec::new();
        compare_invoices(customer, invoices.get(&customer.id).unwrap_or(&none))?;
        looked += 4;
    }
    let counted = tx.counted("select count(*) as found from calls", &[], "found").await.map_err(words)?;
    equal("calls", counted.into(), (model.known.len() as u64 + model.records).into())?;
    let sql = "select count(distinct record_id) as found from suspense where resolved_at is null";
    let counted = tx.counted(sql, &[], "found").await.map_err(words)?;
    equal("records in suspense", counted.into(), model.suspended.len() as i128)?;
    if let Some(why) = peers.sent_too_often() {
        return Err(why);
    }
    Ok(looked + 4)
}

fn equal(what: &str, found: i128, expected: i128) -> Verdict {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {} is stored, {} is right", money(found), money(expected)))
}

fn compare_purse(customer: &Customer, found: [i128; 4]) -> Verdict {
    let Some(purse) = &customer.purse else { return Ok(()) };
    let (taken, lost) = purse.sums();
    let right = [purse.money, purse.held(), taken, lost];
    if found != right {
        let session = &purse.session;
        return Err(format!(
            "{}: money, held, charged and lost are {found:?}, right is {right:?}: {session:?}",
            customer.reference
        ));
    }
    if found[0] < found[1] || found[1] < 0 {
        return Err(format!("{} has {} and holds {}", customer.reference, money(found[0]), money(found[1])));
    }
    Ok(())
}

/// One invoice a month, with its number and its sums. The model learns their names.
fn compare_invoices(customer: &mut Customer, found: &[Stored]) -> Verdict {
    let reference = customer.reference.clone();
    if found.len() != customer.invoices.len() {
        let months: Vec<_> = found.iter().map(|stored| stored.start.to_string()).collect();
        return Err(format!(
            "{reference} has {} invoices instead of {}: {months:?}",
            found.len(),
            customer.invoices.len()
        ));
    }
    let zone = customer.zone.clone();
    for (invoice, stored) in customer.invoices.iter_mut().zip(found) {
        let of = |what: &str| format!("{reference}, {}, {what}", invoice.month);
        if stored.start != begins(invoice.month, &zone) {
            return Err(of(&format!("begins at {}", stored.start)));
        }
        equal(&of("net"), stored.net, invoice.net)?;
        equal(&of("gross"), stored.gross, invoice.gross)?;
        invoice.number = stored.number.clone().ok_or_else(|| of("has no number"))?;
        invoice.id = InvoiceId(stored.id).to_string();
    }
    Ok(())
}

async fn invoices(tx: &mut Tx) -> Result<Invoices, String> {
    let sql = "select customer_id, invoice_id, period_start, net, gross, number from invoices where kind = 'invoice'
               order by customer_id, period_start";
    let mut found = Invoices::new();
    for row in tx.rows(sql, &[]).await.map_err(words)? {
        let amount = |name: &str| row.get::<i64>(name).map(i128::from);
        let stored = Stored {
            id: row.get("invoice_id").map_err(words)?,
            start: row.get::<Ts>("period_start").map_err(words)?.0,
            net: amount("net").map_err(words)?,
            gross: amount("gross").map_err(words)?,
            number: row.get("number").map_err(words)?,
        };
        found.entry(row.get("customer_id").map_err(words)?).or_default().push(stored);
    }
    Ok(found)
}

async fn sums(tx: &mut Tx, sql: &str) -> Result<BTreeMap<i64, i128>, String> {
    let mut found = BTreeMap::new();
    for row in tx.rows(sql, &[]).await.map_err(words)? {
        let amount: i64 = row.get("amount").map_err(words)?;
        found.insert(row.get("customer_id").map_err(words)?, amount.into());
    }
    Ok(found)
}

/// What is open of each customer's invoices, less their credit.
async fn balances(tx: &mut Tx) -> Result<BTreeMap<i64, i128>, String> {
    let open =
        "select customer_id, cast(sum(open) as bigint) as amount from receivables group by customer_id";
    let credit =
        "select customer_id, cast(sum(remaining) as bigint) as amount from credits group by customer_id";
    let mut found = sums(tx, open).await?;
    for (customer, credit) in sums(tx, credit).await? {
        *found.entry(customer).or_default() -= credit;
    }
    Ok(found)
}

/// Money, what is held of it, what was charged and what was lost.
async fn purses(tx: &mut Tx) -> Result<BTreeMap<i64, [i128; 4]>, String> {
    let columns = [
        "select customer_id, cast(sum(amount) as bigint) as amount from balances group by customer_id",
        "select customer_id, cast(sum(reserved) as bigint) as amount from balances group by customer_id",
        "select customer_id, cast(sum(charged) as bigint) as amount from charging_sessions group by customer_id",
        "select customer_id, cast(sum(loss) as bigint) as amount from charging_sessions group by customer_id",
    ];
    let mut found: BTreeMap<i64, [i128; 4]> = BTreeMap::new();
    for (place, sql) in columns.into_iter().enumerate() {
        for (customer, amount) in sums(tx, sql).await? {
            found.entry(customer).or_default()[place] = amount;
        }
    }
    Ok(found)
}

/// What time has brought about by an instant. Of calls that were told at the same moment some may have come too late for an
/// invoice: whichever, its sum must be right.
pub(crate) async fn after_round(
    program: &Program,
    model: &mut Model,
    now: Timestamp,
    meanwhile: &[Call],
) -> Verdict {
    let mut tx = program.app.db.read().await.map_err(words)?;
    let stored = invoices(&mut tx).await?;
    let costs: Vec<i128> = meanwhile.iter().map(|call| model.cost(call)).collect();
    for (place, customer) in model.customers.iter_mut().enumerate() {
        if let Some(purse) = &mut customer.purse {
            purse.expire(now);
        }
        while customer.is_due(now) {
            let own = meanwhile.iter().zip(&costs).filter(|(call, _)| call.customer == place);
            let own: Vec<_> = own.map(|(call, cost)| (call, *cost)).collect();
            let start = begins(customer.next, &customer.zone);
            let found =
                stored.get(&customer.id).and_then(|all| all.iter().find(|stored| stored.start == start));
            let found = found.map(|stored| stored.net);
            let late = which_are_late(customer, &own, found);
            customer.bill(&late);
        }
    }
    Ok(())
}

/// The calls without which the next invoice comes to what was found; none when there is no such choice.
fn which_are_late(customer: &Customer, calls: &[(&Call, i128)], found: Option<i128>) -> Late {
    let all = 1_u32 << calls.len().min(12);
    for chosen in 0..all {
        let mut late = Late::new();
        for (place, (call, cost)) in calls.iter().enumerate() {
            if chosen >> place & 1 == 1 {
                let month = crate::calendar::month_of(call.at, &customer.zone);
                *late.entry((month, call.to)).or_default() += cost;
            }
        }
        if Some(customer.next_net(&late)) == found {
            return late;
        }
    }
    Late::new()
}

/// Each invoice was sent as one mail to whom has an address, and told as one webhook.
pub(crate) fn everything_was_sent(model: &Model, peers: &Peers) -> Verdict {
    let (mails, hooks) = (peers.mails(), peers.hooks());
    for customer in &model.customers {
        for invoice in &customer.invoices {
            let number = &invoice.number;
            if let Some(email) = &customer.email {
                let is_it = |mail: &&Message| {
                    mail.subject.starts_with("Invoice ")
                        && mail.subject.contains(number)
                        && mail.to.contains(email)
                };
                sent_once(&mails, is_it).map_err(|why| format!("the mail of {number} to {email} {why}"))?;
            }
            let subject = format!("invoice.issued {number}");
            sent_once(&hooks, |hook| hook.subject == subject)
                .map_err(|why| format!("the webhook of {number} {why}"))?;
        }
    }
    Ok(())
}

fn sent_once(messages: &BTreeMap<String, Message>, is_it: impl Fn(&&Message) -> bool) -> Verdict {
    let found: Vec<_> = messages.values().filter(is_it).collect();
    match found.as_slice() {
        [message] if message.copies > 0 => Ok(()),
        found => Err(format!("was not sent as one message: {found:?}")),
    }
}
