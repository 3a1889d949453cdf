//! Reads a bank's list of payments: CSV, one payment a line.

use calculation::money::{Amount, Currency};
use csv::StringRecord;
use jiff::civil::Date;
use serde::Serialize;

use super::{NewPayment, PaymentKind, Recorded, record};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::invoices;

/// What the columns may be called.
const COLUMNS: [&str; 7] = ["reference", "customer", "invoice", "amount", "currency", "date", "method"];
const NEEDED: [&str; 4] = ["reference", "amount", "currency", "date"];

/// Which column of the file is which of `COLUMNS`.
#[derive(Debug, Clone)]
pub struct Layout([Option<usize>; 7]);

/// A payment as the list has it. It names the customer, an invoice, or both.
#[derive(Debug, Clone)]
pub struct BankLine {
    customer: Option<String>,
    payment: NewPayment,
}

/// What importing a list came to: lines = recorded + duplicate + refused.
#[derive(Debug, Default, Serialize)]
pub struct ImportedPayments {
    pub lines: u64,
    pub recorded: u64,
    /// Recorded before, with the same content.
    pub duplicate: u64,
    pub refused: Vec<RefusedLine>,
}

/// A line that was not recorded.
#[derive(Debug, Serialize)]
pub struct RefusedLine {
    /// The line of the file, from 1.
    pub line: u64,
    pub message: String,
}

impl ImportedPayments {
    /// Counts a line.
    pub fn count(&mut self, line: u64, became: std::result::Result<Recorded, String>) {
        self.lines += 1;
        let refusal = match became {
            Ok(Recorded::New(_)) => return self.recorded += 1,
            Ok(Recorded::Known(_)) => return self.duplicate += 1,
            Ok(refused) => refused.refusal().unwrap_or_default(),
            Err(message) => message,
        };
        self.refused.push(RefusedLine { line, message: refusal });
    }

    /// Whether every line is accounted for.
    pub fn balances(&self) -> bool {
        self.lines == self.recorded + self.duplicate + self.refused.len() as u64
    }
}

impl Layout {
    /// From the header; what is missing or unknown is named.
    pub fn of_header(header: &StringRecord) -> std::result::Result<Self, String> {
        let mut places = [None; 7];
        for (place, name) in header.iter().enumerate() {
            let known = COLUMNS.iter().position(|column| name.eq_ignore_ascii_case(column));
            let slot = known.and_then(|column| places.get_mut(column));
            let slot = slot.ok_or_else(|| {
                format!("line 1: `{name}` is no column of a list of payments: {}", COLUMNS.join(", "))
            })?;
            if slot.replace(place).is_some() {
                return Err(format!("line 1: the column `{name}` is there twice"));
            }
        }
        let layout = Self(places);
        for name in NEEDED {
            if layout.place(name).is_none() {
                return Err(format!("line 1: the column `{name}` is missing"));
            }
        }
        if layout.place("customer").is_none() && layout.place("invoice").is_none() {
            return Err("line 1: a column `customer` or `invoice` must say who paid".to_owned());
        }
        Ok(layout)
    }

    fn place(&self, name: &str) -> Option<usize> {
        let column = COLUMNS.iter().position(|column| *column == name)?;
        self.0.get(column).copied().flatten()
    }

    /// Reads a line; what is wrong is named by its column.
    pub fn read(&self, record: &StringRecord) -> std::result::Result<BankLine, String> {
        let text = |name: &str| {
            let field = self.place(name).and_then(|place| record.get(place)).map(str::trim);
            field.filter(|field| !field.is_empty()).map(str::to_owned)
        };
        let needed = |name: &str| text(name).ok_or_else(|| format!("{name}: is empty"));
        let wrong =
            |name: &'static str| move |error: calculation::money::MoneyError| format!("{name}: {error}");
        let currency: Currency = needed("currency")?.parse().map_err(wrong("currency"))?;
        let amount = amount_of(&needed("amount")?, currency).map_err(|what| format!("amount: {what}"))?;
        let date = needed("date")?;
        let paid_on: Date =
            date.parse().map_err(|_| format!("date: `{date}` is no day: write it as 2026-11-03"))?;
        let (customer, invoice) = (text("customer"), text("invoice"));
        if customer.is_none() && invoice.is_none() {
            return Err("neither customer nor invoice says who paid".to_owned());
        }
        let (reference, method, kind) = (needed("reference")?, text("method"), PaymentKind::Payment);
        let payment = NewPayment { reference, amount, currency, paid_on, method, kind, invoice };
        Ok(BankLine { customer, payment })
    }
}

/// What parts the columns of a list: its header has it.
pub fn delimiter(text: &str) -> u8 {
    if text.lines().next().is_some_and(|header| header.contains(';')) { b';' } else { b',' }
}

/// An amount as a person or a bank writes it. `1.000` may be meant as a thousand: more digits than the currency is paid in
/// are refused, zeros too.
pub(super) fn amount_of(text: &str, currency: Currency) -> std::result::Result<Amount, String> {
    let amount: Amount = text.parse().map_err(|error: calculation::money::MoneyError| error.to_string())?;
    let (digits, most) =
        (text.split_once('.').map_or(0, |(_, digits)| digits.len()), currency.minor_digits());
    if digits > usize::from(most) {
        let code = currency.code();
        return Err(format!(
            "`{text}` has {digits} digits after the point, and {code} is paid with {most}: write {}",
            amount.to_minor_unit(currency).unwrap_or(amount).to_text(most)
        ));
    }
    Ok(amount)
}

/// Records a line of a list, or says why it cannot be; a refusal is to be rolled back.
pub async fn record_line(
    tx: &mut Tx,
    line: BankLine,
    clock: &Clock,
) -> Result<std::result::Result<Recorded, String>> {
    match find_customer(tx, &line).await? {
        Ok(customer) => record(tx, customer, line.payment, clock).await.map(Ok),
        Err(message) => Ok(Err(message)),
    }
}

async fn find_customer(tx: &mut Tx, line: &BankLine) -> Result<std::result::Result<CustomerId, String>> {
    if let Some(reference) = &line.customer {
        let found = customers::by_reference(tx, reference).await?;
        return Ok(found
            .map(|customer| customer.id)
            .ok_or_else(|| format!("customer: no customer has the reference `{reference}`")));
    }
    let number = line.payment.invoice.as_deref().unwrap_or_default();
    let found = invoices::by_number(tx, number).await?;
    Ok(found
        .map(|invoice| invoice.customer_id)
        .ok_or_else(|| format!("invoice: no invoice has the number `{number}`")))
}
