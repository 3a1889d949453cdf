//! Which invoices are there, of all customers? By month, how they stand, whose they are and how large.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use calculation::money::{Amount, Money};
use calculation::total::{Total as Sum, TotalMoney};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ListedInvoice, Month, cell, store};
use crate::calls::MoneySchema;
use crate::cursor;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::payments::Status;

/// Which invoices are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    pub month: Option<Month>,
    pub status: Option<Status>,
    pub customer: Option<CustomerId>,
    /// Of no less, with tax.
    pub min: Option<Amount>,
    /// Of no more, with tax.
    pub max: Option<Amount>,
}

/// The place of an invoice on the list: after its month's beginning, its customer, its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(super) Timestamp, pub(super) CustomerId, pub(super) InvoiceId);

impl Cursor {
    /// The place of an invoice.
    pub fn of(listed: &ListedInvoice) -> Self {
        Self(listed.starts_at, listed.customer_id, listed.id)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(starts_at, customer, invoice) = self;
        out.write_str(&cursor::encode(&[&starts_at.to_string(), &customer.to_string(), &invoice.to_string()]))
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts: Option<[String; 3]> = cursor::decode(text);
        let [starts_at, customer, invoice] = parts.ok_or("no cursor")?;
        let starts_at = starts_at.parse::<Timestamp>().map_err(|error| error.to_string())?;
        let customer = customer.parse::<CustomerId>().map_err(|error| error.to_string())?;
        let invoice = invoice.parse::<InvoiceId>().map_err(|error| error.to_string())?;
        Ok(Self(starts_at, customer, invoice))
    }
}

/// Invoices of all customers after a cursor: by month, then by customer.
pub async fn invoices(
    tx: &mut Tx,
    asked: &Asked,
    after: Option<Cursor>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<ListedInvoice>> {
    store::invoices(tx, asked, after, limit, now).await
}

/// What invoices of a list come to, in a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Total {
    pub invoices: u64,
    #[schema(value_type = MoneySchema)]
    pub net: TotalMoney,
    #[schema(value_type = MoneySchema)]
    pub tax: TotalMoney,
    #[schema(value_type = MoneySchema)]
    pub gross: TotalMoney,
    #[schema(value_type = MoneySchema)]
    pub open: TotalMoney,
    /// How many of them are void, and what those came to.
    pub void: u64,
    #[schema(value_type = MoneySchema)]
    pub void_gross: TotalMoney,
}

/// What invoices of a list come to, by currency.
#[derive(Debug, Default)]
pub struct Totals(BTreeMap<&'static str, Total>);

impl Totals {
    /// Adds an invoice.
    pub fn add(&mut self, listed: &ListedInvoice) {
        let currency = listed.gross.currency;
        let nothing = TotalMoney { amount: Sum::default(), currency };
        let total = self.0.entry(currency.code()).or_insert(Total {
            invoices: 0,
            net: nothing,
            tax: nothing,
            gross: nothing,
            open: nothing,
            void: 0,
            void_gross: nothing,
        });
        total.invoices += 1;
        if listed.status == Status::Void {
            total.void += 1;
            total.void_gross.amount.add(listed.gross.amount);
        }
        for (sum, part) in [
            (&mut total.net, listed.net),
            (&mut total.tax, listed.tax),
            (&mut total.gross, listed.gross),
            (&mut total.open, listed.open),
        ] {
            sum.amount.add(part.amount);
        }
    }

    /// Each currency's.
    pub fn all(&self) -> Vec<Total> {
        self.0.values().copied().collect()
    }
}

impl ListedInvoice {
    /// The names of its cells.
    pub const HEADER: [&'static str; 13] = [
        "number",
        "month",
        "issued_on",
        "due_on",
        "customer",
        "name",
        "status",
        "currency",
        "net",
        "tax",
        "gross",
        "open",
        "invoice_id",
    ];

    /// Its cells.
    pub fn cells(&self) -> [String; 13] {
        let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let amount = |money: Money| cell(money.amount, money.currency);
        [
            self.number.clone().unwrap_or_default(),
            self.month.clone(),
            day(self.issued_on),
            day(self.due_on),
            self.customer_reference.clone(),
            self.customer_name.clone(),
            self.status.code().to_owned(),
            self.gross.currency.code().to_owned(),
            amount(self.net),
            amount(self.tax),
            amount(self.gross),
            amount(self.open),
            self.id.to_string(),
        ]
    }
}
