//! One-off charges and discounts in the database.

use std::collections::{BTreeMap, BTreeSet};

use calculation::money::{Amount, Money};
use calculation::total::Total;
use jiff::Timestamp;

use super::{Discount, OneOffCharge, TakenUp};
use crate::db::{self, Cell, Halves, IN_LIST, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::{ChargeId, CustomerId, DiscountId, InvoiceId};

const ONE_OFF_CHARGES: Place = Place::new("one_off_charges", &["customer_id", "charge_id"]);
const DISCOUNTS: Place = Place::new("discounts", &["customer_id", "discount_id"]);

const CHARGES: &str =
    "select o.customer_id, charge_id, description, amount, tax_class, charged_at, invoice_id,
    c.currency from one_off_charges o join customers c on c.customer_id = o.customer_id";

pub(super) async fn insert_charge(
    tx: &mut Tx,
    customer: CustomerId,
    charge: &OneOffCharge,
    now: Timestamp,
) -> Result<()> {
    let sql =
        "insert into one_off_charges (customer_id, charge_id, description, amount, tax_class, charged_at,
                                            created_at)
               values ($1, $2, $3, $4, $5, $6, $7)";
    let OneOffCharge { id, description, amount, tax_class, charged_at, .. } = charge;
    let (micros, class) = (amount.amount.micros(), tax_class.code());
    tx.execute(sql, &[&customer.0, &id.0, description, &micros, &class, &Ts(*charged_at), &Ts(now)]).await?;
    Ok(())
}

pub(super) async fn charges(tx: &mut Tx, customer: CustomerId) -> Result<Vec<OneOffCharge>> {
    let sql = format!("{CHARGES} where o.customer_id = $1 order by charged_at, charge_id");
    Ok(ONE_OFF_CHARGES.all(&tx.rows(&sql, &[&customer.0]).await?, charge)?)
}

pub(super) async fn open_charges(
    tx: &mut Tx,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<OneOffCharge>>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for some in customers.chunks(IN_LIST) {
        let list = in_list(1);
        let sql = format!(
            "{CHARGES} where o.customer_id in ({list}) and invoice_id is null order by charged_at, charge_id"
        );
        let ids: Vec<_> = some.iter().map(|customer| customer.0).collect();
        for row in tx.rows_in(&sql, &[], &ids).await? {
            found
                .entry(CustomerId(row.get("customer_id")?))
                .or_default()
                .push(ONE_OFF_CHARGES.read(&row, charge)?);
        }
    }
    Ok(found)
}

fn charge(row: &Row) -> db::Result<OneOffCharge> {
    Ok(OneOffCharge {
        id: ChargeId(row.get("charge_id")?),
        description: row.get("description")?,
        amount: Money { amount: row.amount("amount")?, currency: row.parse("currency")? },
        tax_class: row.word("tax_class")?,
        charged_at: row.time("charged_at")?,
        invoice_id: row.get::<Option<i64>>("invoice_id")?.map(InvoiceId),
    })
}

pub(super) async fn insert_discount(
    tx: &mut Tx,
    customer: CustomerId,
    discount: &Discount,
    now: Timestamp,
) -> Result<()> {
    let sql = "insert into discounts (customer_id, discount_id, description, terms, valid_from, created_at)
               values ($1, $2, $3, $4, $5, $6)";
    let Discount { id, description, terms, valid_from, .. } = discount;
    let terms = db::json_text(terms)?;
    tx.execute(sql, &[&customer.0, &id.0, description, &terms, &Ts(*valid_from), &Ts(now)]).await?;
    Ok(())
}

pub(super) async fn end_discount(
    tx: &mut Tx,
    customer: CustomerId,
    id: DiscountId,
    at: Timestamp,
) -> Result<()> {
    let sql = "update discounts set valid_to = $3 where customer_id = $1 and discount_id = $2";
    tx.execute(sql, &[&customer.0, &id.0, &Ts(at)]).await?;
    Ok(())
}

pub(super) async fn discounts(
    tx: &mut Tx,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<Discount>>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for some in customers.chunks(IN_LIST) {
        let sql = format!(
            "select customer_id, discount_id, description, terms, valid_from, valid_to,
               (select count(*) from discount_uses u
                where u.customer_id = d.customer_id and u.discount_id = d.discount_id) as uses
             from discounts d where customer_id in ({}) order by discount_id",
            in_list(1)
        );
        let ids: Vec<_> = some.iter().map(|customer| customer.0).collect();
        for row in tx.rows_in(&sql, &[], &ids).await? {
            let (customer, discount) = DISCOUNTS.read(&row, discount)?;
            found.entry(customer).or_default().push(discount);
        }
    }
    Ok(found)
}

fn discount(row: &Row) -> db::Result<(CustomerId, Discount)> {
    let discount = Discount {
        id: DiscountId(row.get("discount_id")?),
        description: row.get("description")?,
        terms: row.json("terms")?,
        valid_from: row.time("valid_from")?,
        valid_to: row.optional_time("valid_to")?,
        uses: row.count("uses")?,
    };
    Ok((CustomerId(row.get("customer_id")?), discount))
}

pub(super) async fn take_up(tx: &mut Tx, taken: &[TakenUp]) -> Result<()> {
    let mut uses = Vec::new();
    for TakenUp { customer, invoice, charges, discounts } in taken {
        for charge in charges {
            let sql = "update one_off_charges set invoice_id = $3
                       where customer_id = $1 and charge_id = $2 and invoice_id is null";
            tx.execute(sql, &[&customer.0, &charge.0, &invoice.0]).await?;
        }
        uses.extend(discounts.iter().map(|(discount, amount)| {
            [Cell::Int(customer.0), Cell::Int(discount.0), Cell::Int(invoice.0), Cell::Int(amount.micros())]
        }));
    }
    if uses.is_empty() {
        return Ok(());
    }
    let columns = ["customer_id", "discount_id", "invoice_id", "amount"];
    Ok(tx.insert_rows("discount_uses", &columns, &uses).await?)
}

/// What a customer's charges that wait for an invoice come to.
pub(super) async fn waiting_charges(tx: &mut Tx, customer: CustomerId) -> Result<Amount> {
    let sql = format!(
        "select {} from one_off_charges where customer_id = $1 and invoice_id is null",
        Halves::sum("amount").columns("waiting")
    );
    let row = tx.row(&sql, &[&customer.0]).await?;
    Ok(row.map_or(Ok(Amount::ZERO), |row| ONE_OFF_CHARGES.read(&row, |row| row.sum_amount("waiting")))?)
}

/// What an invoice charged once, and what discounts took off it.
pub(super) async fn of_invoice(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
) -> Result<(Total, Total)> {
    let mut sums = [Total::default(); 2];
    for (sum, table) in sums.iter_mut().zip(["one_off_charges", "discount_uses"]) {
        let amount = Halves::sum("amount").columns("amount");
        let sql = format!("select {amount} from {table} where customer_id = $1 and invoice_id = $2");
        let row = tx.row(&sql, &[&customer.0, &invoice.0]).await?;
        *sum = row.map_or(Ok(Total::default()), |row| row.total("amount"))?;
    }
    let [charged, discounted] = sums;
    Ok((charged, discounted))
}

/// The discounts that an invoice used.
pub(super) async fn used_on(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
) -> Result<BTreeSet<DiscountId>> {
    let sql = "select discount_id from discount_uses where customer_id = $1 and invoice_id = $2";
    let rows = tx.rows(sql, &[&customer.0, &invoice.0]).await?;
    Ok(rows.iter().map(|row| row.get("discount_id").map(DiscountId)).collect::<db::Result<_>>()?)
}

/// Lets go of the one-off charges of an invoice, and of its uses of discounts.
pub(super) async fn release(tx: &mut Tx, customer: CustomerId, invoice: InvoiceId) -> Result<()> {
    let charges = "update one_off_charges set invoice_id = null where customer_id = $1 and invoice_id = $2";
    tx.execute(charges, &[&customer.0, &invoice.0]).await?;
    let uses = "delete from discount_uses where customer_id = $1 and invoice_id = $2";
    tx.execute(uses, &[&customer.0, &invoice.0]).await?;
    Ok(())
}
