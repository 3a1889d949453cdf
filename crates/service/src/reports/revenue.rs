//! What was sold in a month, by tax rate, plan or destination? The sums of its invoices, to the cent, and apart from them
//! those of the credit notes that correct them.

use std::collections::{BTreeMap, BTreeSet};

use calculation::invoice::{InvoiceLine, LineKind};
use calculation::money::Currency;
use calculation::tax::{TaxCategory, TaxRate};
use calculation::total::{Total, TotalMoney};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store::{self, Document, Of};
use super::{Month, cell};
use crate::calls::MoneySchema;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::id::{CustomerId, PlanId};
use crate::{customers, plans};

/// What it is added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The country, category and rate of the tax.
    Tax,
    /// The plan that the customer was on last in the month.
    Plan,
    /// The destination of calls; whatever else is on an invoice by its kind.
    Destination,
}

/// What was sold in a month.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revenue {
    #[schema(example = "2026-10")]
    pub month: String,
    pub by: By,
    /// Of the invoices of the month.
    pub invoiced: Vec<RevenueRow>,
    /// Of the credit notes for them, whenever they were issued. Above zero is given back.
    pub credited: Vec<RevenueRow>,
}

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevenueRow {
    /// The country, tax category and rate; the plan; or the kind of line and, of calls, the destination. `not kept` is what is
    /// left of documents whose content was kept long enough.
    #[schema(example = json!(["DE", "standard", "19"]))]
    pub key: Vec<String>,
    pub calls: u64,
    pub seconds: u64,
    #[schema(value_type = MoneySchema)]
    pub net: TotalMoney,
    /// Where it is added up by tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub tax: Option<TotalMoney>,
}

const PAGE: usize = 500;
/// What is left of documents without content.
const NOT_KEPT: &str = "not kept";

/// Adds up a month. It reads page by page, and holds no more than the sums.
pub async fn revenue(tx: &mut Tx, text: &str, month: Month, by: By) -> Result<Revenue> {
    let names = plan_names(tx, by).await?;
    let invoiced = sums(tx, Of::Invoices, month, by, &names).await?;
    let credited = sums(tx, Of::CreditNotes, month, by, &names).await?;
    Ok(Revenue { month: text.to_owned(), by, invoiced, credited })
}

async fn plan_names(tx: &mut Tx, by: By) -> Result<BTreeMap<PlanId, String>> {
    if by != By::Plan {
        return Ok(BTreeMap::new());
    }
    Ok(plans::all(tx).await?.into_iter().map(|plan| (plan.id, plan.name)).collect())
}

async fn sums(
    tx: &mut Tx,
    of: Of,
    month: Month,
    by: By,
    names: &BTreeMap<PlanId, String>,
) -> Result<Vec<RevenueRow>> {
    let (mut sums, mut after) = (Sums::default(), None);
    loop {
        let page = store::documents(tx, of, month, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.starts_at, last.customer, last.id));
        let plans = plans_of(tx, &page, by, names).await?;
        for document in &page {
            sums.add(document, by, &plans)?;
        }
    }
    sums.rows(by)
}

/// The plan that each customer of some documents was on last in their month.
async fn plans_of(
    tx: &mut Tx,
    page: &[Document],
    by: By,
    names: &BTreeMap<PlanId, String>,
) -> Result<BTreeMap<(CustomerId, Timestamp), String>> {
    if by != By::Plan {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<_> =
        page.iter().map(|document| document.customer).collect::<BTreeSet<_>>().into_iter().collect();
    let subscriptions = customers::subscriptions_of(tx, &ids).await?;
    let mut found = BTreeMap::new();
    for Document { customer, starts_at, content, .. } in page {
        let ends_at = content.period.ends_at;
        let held = subscriptions.get(customer).into_iter().flatten().filter(|one| {
            one.valid_from < ends_at && one.valid_to.is_none_or(|to| to > *starts_at && to > one.valid_from)
        });
        let name = held.max_by_key(|one| one.valid_from).and_then(|one| names.get(&one.plan_id));
        found.insert((*customer, *starts_at), name.cloned().unwrap_or_default());
    }
    Ok(found)
}

/// A sum on its way.
#[derive(Debug, Default)]
struct Sum {
    calls: u64,
    seconds: u64,
    net: i128,
    tax: i128,
}

#[derive(Debug, Default)]
struct Sums(BTreeMap<(Vec<String>, &'static str), Sum>);

impl Sums {
    fn at(&mut self, key: Vec<String>, currency: Currency) -> &mut Sum {
        self.0.entry((key, currency.code())).or_default()
    }

    fn add(
        &mut self,
        document: &Document,
        by: By,
        plans: &BTreeMap<(CustomerId, Timestamp), String>,
    ) -> Result<()> {
        let content = &document.content;
        let (mut net, mut tax) = (i128::from(document.net.micros()), i128::from(document.tax.micros()));
        match by {
            By::Tax => {
                for line in &content.taxes {
                    let key = vec![content.buyer.country.clone(), category(line.category)?, rate(line.rate)];
                    let sum = self.at(key, content.currency);
                    sum.net += i128::from(line.taxable.micros());
                    sum.tax += i128::from(line.tax.micros());
                    net -= i128::from(line.taxable.micros());
                    tax -= i128::from(line.tax.micros());
                }
                let of_rate = |line: &InvoiceLine| (category(line.tax_category), rate(line.tax_rate));
                for line in &content.lines {
                    let (category, rate) = of_rate(line);
                    let sum = self.at(vec![content.buyer.country.clone(), category?, rate], content.currency);
                    (sum.calls, sum.seconds) = (sum.calls + line.calls, sum.seconds + line.seconds);
                }
            }
            By::Plan | By::Destination => {
                for line in &content.lines {
                    let plan =
                        || plans.get(&(document.customer, document.starts_at)).cloned().unwrap_or_default();
                    let key =
                        if by == By::Plan { vec![plan()] } else { of_line(line.kind, &line.description)? };
                    let sum = self.at(key, content.currency);
                    sum.net += i128::from(line.net.micros());
                    (sum.calls, sum.seconds) = (sum.calls + line.calls, sum.seconds + line.seconds);
                    net -= i128::from(line.net.micros());
                }
                tax = 0;
            }
        }
        if net != 0 || tax != 0 {
            let sum = self.at(vec![NOT_KEPT.to_owned()], content.currency);
            (sum.net, sum.tax) = (sum.net + net, sum.tax + tax);
        }
        Ok(())
    }

    fn rows(self, by: By) -> Result<Vec<RevenueRow>> {
        let mut rows = Vec::with_capacity(self.0.len());
        for ((key, code), sum) in self.0 {
            let currency: Currency =
                code.parse().map_err(|_| Error::Contradiction(format!("{code} is no currency")))?;
            let money = |sum: i128| TotalMoney { amount: Total::from_micros(sum), currency };
            let tax = (by == By::Tax).then(|| money(sum.tax));
            rows.push(RevenueRow { key, calls: sum.calls, seconds: sum.seconds, net: money(sum.net), tax });
        }
        Ok(rows)
    }
}

fn category(category: TaxCategory) -> Result<String> {
    Ok(db::word(&category)?)
}

fn rate(rate: TaxRate) -> String {
    rate.to_string()
}

/// A line by its kind; calls by their destination as well. Calls of earlier months are calls.
fn of_line(kind: LineKind, description: &str) -> Result<Vec<String>> {
    Ok(match kind {
        LineKind::Usage | LineKind::LateUsage => {
            vec!["usage".to_owned(), destination(description).to_owned()]
        }
        kind => vec![db::word(&kind)?],
    })
}

/// The destination of a line of calls: that of a credited call says its number and when it was as well.
fn destination(description: &str) -> &str {
    let mut parts = description.rsplitn(3, ", ");
    let (at, _number, destination) = (parts.next(), parts.next(), parts.next());
    let is_a_call = at.is_some_and(|at| DateTime::strptime("%Y-%m-%d %H:%M", at).is_ok());
    destination.filter(|_| is_a_call).unwrap_or(description)
}

impl Revenue {
    /// The names of a row's cells.
    pub fn header(&self) -> Vec<&'static str> {
        let keys: &[&str] = match self.by {
            By::Tax => &["country", "category", "rate"],
            By::Plan => &["plan"],
            By::Destination => &["kind", "destination"],
        };
        let amounts: &[&str] = if self.by == By::Tax {
            &["calls", "seconds", "currency", "net", "tax"]
        } else {
            &["calls", "seconds", "currency", "net"]
        };
        [&["documents"], keys, amounts].concat()
    }

    /// The cells of each row, invoices first.
    pub fn cells(&self) -> Vec<Vec<String>> {
        let width = self.header().len();
        let rows = |rows: &[RevenueRow], name: &str| -> Vec<Vec<String>> {
            let row = |row: &RevenueRow| {
                let amount = |money: TotalMoney| cell(money.amount, money.currency);
                let mut amounts = vec![
                    row.calls.to_string(),
                    row.seconds.to_string(),
                    row.net.currency.code().to_owned(),
                    amount(row.net),
                ];
                amounts.extend(row.tax.map(amount));
                let mut cells = vec![name.to_owned()];
                cells.extend(row.key.iter().cloned());
                cells.resize(width.saturating_sub(amounts.len()), String::new());
                [cells, amounts].concat()
            };
            rows.iter().map(row).collect()
        };
        [rows(&self.invoiced, "invoices"), rows(&self.credited, "credit notes")].concat()
    }
}
