//! The commands of prepaid balances.

use calculation::money::{Amount, Currency};
use calculation::phone_number::E164;
use calculation::tariff::Prefix;
use clap::Args;
use jiff::Timestamp;

use super::{
    BookingDone, Made, NewTopUp, NewVouchers, PrepaidBalance, TopUpKind, ToppedUp, balances as balances_of,
    make_vouchers, top_up as put_on,
};
use crate::app::App;
use crate::cli::Output;
use crate::customers;
use crate::error::{Error, Result};
use crate::names;

/// Put prepaid money on a customer's balance, once by its reference
///
/// Money without priority and expiry goes to the main balance of the customer or of a line. Run again with the same
/// reference it does nothing, so it is safe to repeat.
#[derive(Debug, Args)]
#[command(after_help = "Example: tollbook top-up C-1001 20.00 --reference kiosk-0042")]
pub struct TopUpArgs {
    /// The customer's reference, such as C-1001
    customer: String,
    /// How much in the customer's currency, such as 20.00
    amount: Amount,
    /// What names the top-up, once for all customers
    #[arg(long)]
    reference: String,
    /// It is given away, not paid
    #[arg(long)]
    bonus: bool,
    /// For calls from this line only, such as +493023125001
    #[arg(long)]
    line: Option<E164>,
    /// How its balance is called, if it gets one of its own
    #[arg(long)]
    name: Option<String>,
    /// Its balance is used before those of a higher priority; the main balance has 0
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// It may be used until then
    #[arg(long, value_name = "2026-12-31T23:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// Show a customer's prepaid balances
#[derive(Debug, Args)]
#[command(after_help = "Example: tollbook balances C-1001")]
pub struct BalancesArgs {
    /// The customer's reference, such as C-1001
    customer: String,
    /// Those that expired or are used up, too
    #[arg(long)]
    closed: bool,
}

/// Make vouchers and print their codes as CSV: they are kept nowhere else
///
/// A voucher is worth money (--amount, --currency) or seconds of talk to some destinations (--seconds, --to).
#[derive(Debug, Args)]
#[command(
    after_help = "Example: tollbook vouchers --batch kiosk-11 --count 500 --amount 10.00 --currency EUR > codes.csv"
)]
pub struct VouchersArgs {
    /// What names the batch, once
    #[arg(long)]
    batch: String,
    /// How many, at most 10000
    #[arg(long)]
    count: u32,
    /// What each is worth, such as 10.00
    #[arg(long)]
    amount: Option<Amount>,
    /// The currency of the amount
    #[arg(long)]
    currency: Option<Currency>,
    /// The seconds of talk that each is worth
    #[arg(long)]
    seconds: Option<i64>,
    /// A prefix of numbers that the seconds are for, such as 49; several times for several
    #[arg(long = "to", value_name = "PREFIX")]
    destinations: Vec<Prefix>,
    /// How its balance is called, if it gets one of its own
    #[arg(long)]
    name: Option<String>,
    /// Its balance is used before those of a higher priority; the main balance has 0
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// Its balance expires so many days after the voucher was redeemed
    #[arg(long, value_name = "DAYS")]
    balance_days: Option<i64>,
    /// It may be redeemed until then
    #[arg(long, value_name = "2027-12-31T23:00:00Z")]
    expires_at: Option<Timestamp>,
}

pub async fn top_up(app: &App, args: TopUpArgs, output: Output) -> Result<bool> {
    let TopUpArgs { customer, amount, reference, bonus, line, name, priority, expires_at } = args;
    let kind = if bonus { TopUpKind::Bonus } else { TopUpKind::Payment };
    let mut tx = app.db.begin().await?;
    let customer = customers::cli::named(&mut tx, &customer).await?;
    let (amount, currency) = (Some(amount), Some(customer.currency));
    let (seconds, destinations) = (None, Vec::new());
    let new = NewTopUp {
        reference,
        kind,
        amount,
        currency,
        seconds,
        destinations,
        line,
        name,
        priority,
        expires_at,
    };
    let (done, how) = match put_on(&mut tx, customer.id, new, &app.clock).await? {
        ToppedUp::New(done) => (done, "done"),
        ToppedUp::Known(done) => (done, "done before"),
        refused => return Err(Error::Other(refused.refusal().unwrap_or_default())),
    };
    tx.commit().await?;
    let words = words(&done, how);
    output.answer(&done, words)?;
    Ok(true)
}

fn words(done: &BookingDone, how: &str) -> String {
    let mut lines = vec![format!("{} {how}", done.id)];
    for movement in &done.movements {
        let (name, amount, balance) = (&movement.balance_name, movement.amount, movement.balance);
        lines.push(format!("  {name}: {amount}, then {balance}"));
    }
    lines.join("\n")
}

pub async fn balances(app: &App, args: BalancesArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let customer = customers::cli::named(&mut tx, &args.customer).await?;
    let found = balances_of(&mut tx, &customer, args.closed, app.clock.now()).await?;
    let lines: Vec<_> = found.iter().map(line_of).collect();
    let words = if lines.is_empty() { "no balance".to_owned() } else { lines.join("\n") };
    output.answer(&found, words)?;
    Ok(true)
}

fn line_of(balance: &PrepaidBalance) -> String {
    let PrepaidBalance { id, name, amount, available, .. } = balance;
    let mut line = format!("{id}  {name:<20} {amount:>16}  available {available}");
    if let Some(number) = balance.line {
        line += &format!(", from {number}");
    }
    if !balance.destinations.is_empty() {
        let prefixes: Vec<_> = balance.destinations.iter().map(Prefix::as_str).collect();
        line += &format!(", to {}", prefixes.join(" "));
    }
    if let Some(at) = balance.expires_at {
        line += &format!(", until {at}");
    }
    if let Some(at) = balance.closed_at {
        line += &format!(", closed {at}");
    }
    line
}

pub async fn vouchers(app: &App, args: VouchersArgs, output: Output) -> Result<bool> {
    let VouchersArgs {
        batch,
        count,
        amount,
        currency,
        seconds,
        destinations,
        name,
        priority,
        balance_days,
        expires_at,
    } = args;
    let new = NewVouchers {
        batch,
        count,
        amount,
        currency,
        seconds,
        destinations,
        name,
        priority,
        balance_days,
        expires_at,
    };
    let mut tx = app.db.begin().await?;
    let made = match make_vouchers(&mut tx, new, &app.voucher_keys, &app.clock).await? {
        Made::Vouchers(made) => made,
        Made::Wrong(wrong) => return Err(Error::Other(wrong.to_string())),
        Made::BatchTaken => return Err(Error::Other("there is a batch of this name: choose another".into())),
    };
    let codes = made.to_csv()?;
    tx.commit().await?;
    if let Some(other) = &made.looks_like {
        output.note(format_args!("{}", names::warning(&made.batch, other)));
    }
    output.answer(&made, codes.trim_end())?;
    Ok(true)
}
