//! The commands of looking at invoices before they go out.

use std::collections::BTreeMap;

use calculation::money::{Amount, Money};
use calculation::period::Period;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::json;

use super::http::{LONGEST_REASON, already};
use super::{
    Ahead, Approval, Approved, Draft, DraftState, Held, HeldCustomer, Hold, Look, Release, last_month,
};
use crate::app::App;
use crate::cli::{Output, say};
use crate::customers;
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::many::Many;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let months go out that wait: of all customers, or of some
    Approve(ApproveArgs),
    /// Issue no invoice of a customer until they are released
    Hold(HoldArgs),
    /// Issue a customer's invoices again
    Release(ReleaseArgs),
    /// List the customers whose invoices are held, and why
    Held,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tollbook bill approve                    what waits, of everybody who is not held\n  \
                        tollbook bill approve --month 2026-10    the same up to October\n  \
                        tollbook bill approve C-1001 C-1002      of two customers"
)]
pub struct ApproveArgs {
    /// Months up to this one, such as 2026-10, instead of up to the last that is over
    #[arg(long)]
    month: Option<String>,
    /// Of the customers with these references, instead of all who are not held
    #[arg(value_name = "CUSTOMER")]
    customer: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tollbook bill hold C-1001 --reason \"the calls of October are disputed: case 4711\""
)]
pub struct HoldArgs {
    /// The customer's reference
    customer: String,
    /// The reason, shown to anyone who finds the customer held
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The customer's reference
    customer: String,
}

pub async fn run(app: &App, command: Command, output: Output) -> Result<bool> {
    match command {
        Command::Approve(args) => approve(app, args, output).await,
        Command::Hold(args) => hold(app, args, output).await,
        Command::Release(args) => release(app, args, output).await,
        Command::Held => held(app, output).await,
    }
}

async fn approve(app: &App, args: ApproveArgs, output: Output) -> Result<bool> {
    let ApproveArgs { month, customer: references } = args;
    let mut tx = app.db.begin().await?;
    let mut ids = Vec::with_capacity(references.len());
    for reference in &references {
        ids.push(customers::cli::named(&mut tx, reference).await?.id);
    }
    let of = (!ids.is_empty()).then_some(ids.as_slice());
    let approval = Approval { month: month.as_deref(), of };
    let now = app.clock.now();
    let reference = |place: usize| references.get(place).map_or("", String::as_str);
    let (month, customers, over_everywhere_at) = match super::approve(&mut tx, &app.config, approval, now)
        .await?
    {
        Approved::Approved { month, customers, over_everywhere_at } => (month, customers, over_everywhere_at),
        Approved::NotAMonth(why) => return Err(Error::Other(format!("--month: {why}"))),
        Approved::NotOver(end) => {
            let what =
                format!("--month: it is over nowhere before {end}: approve it then, or an earlier month now");
            return Err(Error::Other(what));
        }
        Approved::Unknown(place) => {
            return Err(Error::Other(format!(
                "customer {} has no billing: run `tollbook check`",
                reference(place)
            )));
        }
        Approved::Held(place, held) => {
            return Err(Error::Other(format!("{}: {}", reference(place), held.refusal())));
        }
    };
    let standing = super::standing(&mut tx, &app.config, now).await?;
    tx.commit().await?;
    let words = if customers == 0 {
        format!("nothing waited up to {month}; {standing}")
    } else {
        let grace = Many(app.config.invoices.grace_hours, "hour");
        format!(
            "{} approved: their invoices up to {month} go out with the next round of `tollbook work` or `serve`, {grace} after \
             a month ended at the earliest; {standing}",
            Many(customers, "customer")
        )
    };
    let not_over = |at| {
        format!("\n{month} is not over everywhere before {at}: where it is not yet, approve it again then")
    };
    let words = words + &over_everywhere_at.map_or(String::new(), not_over);
    let answer = json!({"month": month, "customers": customers, "over_everywhere_at": over_everywhere_at, "standing": standing});
    output.answer(&answer, words)?;
    Ok(true)
}

async fn hold(app: &App, args: HoldArgs, output: Output) -> Result<bool> {
    let HoldArgs { customer, reason } = args;
    let unfit = |char: char| char.is_control();
    if reason.trim().is_empty() || reason.contains(unfit) || reason.chars().count() > LONGEST_REASON {
        let what = format!("--reason: say why in 1 to {LONGEST_REASON} characters on one line");
        return Err(Error::Other(what));
    }
    let mut tx = app.db.begin().await?;
    let id = customers::cli::named(&mut tx, &customer).await?.id;
    match super::hold(&mut tx, id, &reason, app.clock.now()).await? {
        Hold::Held(held) => {
            tx.commit().await?;
            let words =
                format!("{customer} is held: no invoice is issued until `tollbook bill release {customer}`");
            output.answer(&held, words)?;
            Ok(true)
        }
        Hold::Already(held) => Err(Error::Other(format!("{customer}: {}", already(&held)))),
        Hold::UnknownCustomer => Err(no_billing(&customer)),
    }
}

async fn release(app: &App, args: ReleaseArgs, output: Output) -> Result<bool> {
    let customer = args.customer;
    let mut tx = app.db.begin().await?;
    let id = customers::cli::named(&mut tx, &customer).await?.id;
    match super::release(&mut tx, id).await? {
        Release::Released(held) => {
            let ahead = super::ahead(&mut tx, &app.config, id, app.clock.now()).await?;
            tx.commit().await?;
            let Held { held_at, reason } = &held;
            let words = format!(
                "{customer} is released; it was held since {held_at}: {reason}\n{}",
                ahead.words(&customer)
            );
            output.answer(&held, words)?;
            Ok(true)
        }
        Release::NotHeld => {
            Err(Error::Other(format!("{customer} is not held: `tollbook bill held` lists who is")))
        }
        Release::UnknownCustomer => Err(no_billing(&customer)),
    }
}

impl Ahead {
    fn words(self, customer: &str) -> String {
        let Self { billed, waiting } = self;
        let mut said = Vec::new();
        if billed > 0 {
            let invoices = Many(billed, "invoice");
            said.push(format!(
                "the next round of `tollbook work` or `serve` issues up to {invoices}, one for each month"
            ));
        }
        if waiting > 0 {
            let (months, wait) = (Many(waiting, "month"), if waiting == 1 { "waits" } else { "wait" });
            said.push(format!("{months} {wait} for `tollbook bill approve {customer}`"));
        }
        if said.is_empty() { "no month that is over is to be billed".to_owned() } else { said.join("; ") }
    }
}

fn no_billing(customer: &str) -> Error {
    Error::Other(format!("customer {customer} has no billing: run `tollbook check`"))
}

/// How many held customers are read at once.
const PAGE: usize = 500;

async fn held(app: &App, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let (mut after, mut count) = (None, 0_usize);
    loop {
        let page = super::held(&mut tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        (after, count) = (Some(last.customer_id), count + page.len());
        for customer in &page {
            let HeldCustomer { customer_reference, hold, .. } = customer;
            let words = || format!("{customer_reference:<16} since {}: {}", hold.held_at, hold.reason);
            say(if output.is_json() { json_line(customer)? } else { words() })?;
        }
    }
    if count == 0 && !output.is_json() {
        say("nobody is held")?;
    }
    Ok(true)
}

fn json_line(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Other(error.to_string()))
}

/// Shows what a month's invoices would come to, a line a customer as they are found.
pub async fn preview(app: &App, month: Option<String>, flagged: bool, output: Output) -> Result<bool> {
    let now = app.clock.now();
    let month = match month {
        Some(month) => month,
        None => last_month(&app.config, now)?,
    };
    Period::of_month(&month, &TimeZone::UTC).map_err(|error| Error::Other(format!("--month: {error}")))?;
    let mut tx = app.db.read().await?;
    let all = customers::count(&mut tx).await?;
    let look = Look::begin(&mut tx, month, flagged).await?;
    drop(tx);
    let bar = output.bar(Some(all), "{bar:30} {pos}/{len} customers {elapsed} {eta}");
    if !output.is_json() {
        say(Draft::heading())?;
    }
    let (mut sums, mut after) = (Sums::default(), None::<CustomerId>);
    loop {
        // Each page has a transaction of its own: none stays open for as long as all of them take.
        let looked = super::look(&mut app.db.read().await?, &app.config, &look, after, now).await?;
        let Some(last) = looked.last else { break };
        after = Some(last);
        for draft in &looked.drafts {
            sums.add(draft);
            let line = if output.is_json() { json_line(draft)? } else { draft.row() };
            bar.suspend(|| say(line))?;
        }
        bar.inc(looked.customers.try_into().unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
    if !output.is_json() {
        say(sums.words(&look.month))?;
    }
    Ok(true)
}

impl Draft {
    /// Whether it would go out if the month ended now, or wait.
    fn is_early(&self) -> bool {
        !self.is_over && matches!(self.state, DraftState::GoesOut | DraftState::Waits)
    }

    fn state_words(&self) -> &'static str {
        if self.is_early() { "not over" } else { self.state.words() }
    }

    fn heading() -> String {
        format!(
            "{:<16} {:>14} {:>14} {:>14}     {:<9} flags",
            "customer", "last month", "this month", "change", "state"
        )
    }

    fn row(&self) -> String {
        let amount = |money: Option<Money>| {
            money.map_or("-".to_owned(), |money| money.amount.to_text(money.currency.minor_digits()))
        };
        let currency = self.this_month.or(self.last_month).map_or("", |money| money.currency.code());
        let more = if self.change.is_some_and(|change| change.amount > Amount::ZERO) { "+" } else { "" };
        let change = format!("{more}{}", amount(self.change));
        let flags: Vec<_> = self.flags.iter().map(|flag| flag.words()).collect();
        let why = self.hold.as_ref().map(|hold| format!("held: {}", hold.reason));
        let said: Vec<_> =
            flags.into_iter().map(str::to_owned).chain(why).chain(self.number.clone()).collect();
        let row = format!(
            "{:<16} {:>14} {:>14} {change:>14} {currency:<3} {:<9} {}",
            self.customer_reference,
            amount(self.last_month),
            amount(self.this_month),
            self.state_words(),
            said.join(", ")
        );
        row.trim_end().to_owned()
    }
}

/// What a preview comes to.
#[derive(Debug, Default)]
struct Sums {
    drafts: u64,
    issued: u64,
    flagged: u64,
    /// Of months that are not over.
    early: u64,
    waiting: u64,
    held: u64,
    /// By currency, in millionths.
    micros: BTreeMap<&'static str, (i128, u8)>,
}

impl Sums {
    fn add(&mut self, draft: &Draft) {
        let is_issued = draft.state == DraftState::Issued;
        self.issued += u64::from(is_issued);
        self.drafts += u64::from(!is_issued);
        self.early += u64::from(draft.is_early());
        self.waiting += u64::from(draft.is_over && draft.state == DraftState::Waits);
        self.held += u64::from(draft.state == DraftState::Held);
        self.flagged += u64::from(!draft.flags.is_empty());
        if let Some(Money { amount, currency }) = draft.this_month {
            let (sum, _) = self.micros.entry(currency.code()).or_insert((0, currency.minor_digits()));
            *sum += i128::from(amount.micros());
        }
    }

    fn words(&self, month: &str) -> String {
        let Self { drafts, issued, flagged, early, waiting, held, micros } = self;
        let sum = |(code, (sum, digits)): (&&str, &(i128, u8))| {
            let sum = i64::try_from(*sum).map(|micros| Amount::from_micros(micros).to_text(*digits));
            format!("{} {code}", sum.unwrap_or_else(|_| "too much to add up".to_owned()))
        };
        let sums: Vec<_> = micros.iter().map(sum).collect();
        let sums = if sums.is_empty() { "nothing".to_owned() } else { sums.join(" and ") };
        let approve = if *waiting > 0 {
            format!("\nto let them go out: `tollbook bill approve --month {month}`")
        } else {
            String::new()
        };
        let early = match early {
            0 => String::new(),
            early => format!(
                "\n{month} is not over for {early} of them: the drafts are what would go out if it ended now"
            ),
        };
        let (drafts, issued) = (Many(*drafts, "draft"), Many(*issued, "issued invoice"));
        format!(
            "{month}: {drafts} ({flagged} with a flag, {waiting} wait for approval, {held} are held) and {issued}, in all \
             {sums}{early}{approve}"
        )
    }
}
