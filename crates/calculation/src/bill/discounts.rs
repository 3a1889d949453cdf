//! What do discounts take off a bill, and of which fees?

use crate::discount::{self, DiscountTerms};
use crate::invoice::{InvoiceLine, LineKind};
use crate::money::{Amount, Currency};

use super::{Bill, BillError, Discount, Known, Row, Tax, negative};

/// The month's own discounts, off what it charges itself: what earlier months charge late had theirs.
pub(super) fn own(known: &Known<'_>, rows: &mut Vec<Row>, bill: &mut Bill) -> Result<(), BillError> {
    for discount in known.discounts {
        let Discount { terms, begins, uses, .. } = *discount;
        // One that an earlier month has taken just now is used.
        let used_now =
            bill.discounts.iter().any(|(id, amount)| *id == discount.discount && *amount > Amount::ZERO);
        let uses = uses.saturating_add(used_now.into());
        if !terms.duration.in_force(begins, known.period.first_day, uses) {
            continue;
        }
        let lines: Vec<_> =
            rows.iter().filter(|row| row.earlier.is_none()).map(|row| row.line.clone()).collect();
        let taken = discount::reduction(terms, &lines, known.currency).ok_or(BillError::TooLarge)?;
        for (category, rate, amount) in taken {
            share(rows, None, terms, ((category, rate), amount), known.currency)?;
            rows.push(Row::new(line(discount, (category, rate), amount)?));
            count(bill, discount.discount, amount)?;
        }
    }
    Ok(())
}

/// The line that takes an amount off.
pub(super) fn line(
    discount: &Discount<'_>,
    (tax_category, tax_rate): Tax,
    amount: Amount,
) -> Result<InvoiceLine, BillError> {
    Ok(InvoiceLine {
        kind: LineKind::Discount,
        description: discount.description.to_owned(),
        calls: 0,
        seconds: 0,
        included_seconds: 0,
        net: negative(amount)?,
        tax_category,
        tax_rate,
        days: None,
    })
}

/// Remembers what a discount took off.
pub(super) fn count(bill: &mut Bill, discount: i64, amount: Amount) -> Result<(), BillError> {
    match bill.discounts.iter_mut().find(|(known, _)| *known == discount) {
        Some((_, sum)) => *sum = sum.checked_add(amount).ok_or(BillError::TooLarge)?,
        None => bill.discounts.push((discount, amount)),
    }
    Ok(())
}

/// Remembers how much of what a discount took off a tax group was of which fee of one month's rows: parts that come to exactly
/// that amount.
pub(super) fn share(
    rows: &mut [Row],
    earlier: Option<jiff::civil::Date>,
    terms: &DiscountTerms,
    (tax, amount): (Tax, Amount),
    currency: Currency,
) -> Result<(), BillError> {
    let in_scope = |row: &&mut Row| {
        let line = &row.line;
        let reduced = line.kind != LineKind::Discount && terms.applies_to.holds(line.kind);
        row.earlier == earlier && reduced && line.net > Amount::ZERO && line.tax() == tax
    };
    let mut reduced: Vec<_> = rows.iter_mut().filter(in_scope).collect();
    let nets: Vec<_> = reduced.iter().map(|row| row.line.net).collect();
    let parts = discount::spread(amount, &nets, currency).ok_or(BillError::TooLarge)?;
    for (row, part) in reduced.iter_mut().zip(parts) {
        if let Some(remembered) = &mut row.remembered {
            let sum = remembered.discounted.checked_add(part);
            remembered.discounted = sum.ok_or(BillError::TooLarge)?;
        }
    }
    Ok(())
}
