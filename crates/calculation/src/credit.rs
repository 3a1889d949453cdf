//! What may be credited of an invoice, and with what tax?
//!
//! A credit note gives back at most what is left of a line and of its tax rate. Its tax is that of its own
//! sum; the one that gives back the last of a rate gives back what is left of that rate's tax, so that all
//! credit notes together come to exactly what was invoiced.

use std::collections::BTreeMap;

use crate::invoice::{Invoice, InvoiceLine, TaxLine, Totals};
use crate::money::Amount;
use crate::tax::{TaxCategory, TaxRate};

/// What was credited of an invoice before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreditedBefore {
    /// Net, by the line's place on the invoice.
    pub lines: BTreeMap<usize, Amount>,
    /// The tax lines of the credit notes.
    pub taxes: Vec<TaxLine>,
}

/// What a credit note is to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All that is left.
    Whole,
    /// So much of a line, or all that is left of it, as another line says it.
    Line {
        /// The line's place on the invoice, from 0.
        place: usize,
        /// Net; all that is left when absent.
        net: Option<Amount>,
    },
    /// Parts of some lines: of a line below zero a part below zero.
    Parts(Vec<Part>),
}

/// What a credit gives back of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The place of the invoice's line that it counts to, from 0.
    pub place: usize,
    /// The line that says so, with its amount.
    pub line: InvoiceLine,
}

/// What a credit note gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// The invoice's lines with what is given back of each, by their place.
    pub lines: Vec<(usize, InvoiceLine)>,
    /// Tax by rate, and the sums.
    pub totals: Totals,
}

/// Why nothing is credited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreditError {
    /// The invoice has no such line.
    #[error("the invoice has no line {0}")]
    NoSuchLine(usize),
    /// Only a positive amount can be given back.
    #[error("a credit must be above zero")]
    NotAboveZero,
    /// Amounts are paid in whole minor units.
    #[error("a credit must not be finer than what the currency is paid in")]
    TooFine,
    /// More than is left.
    #[error("only {0} is left to be credited")]
    TooMuch(Amount),
    /// All was credited before, or nothing was charged.
    #[error("nothing is left to be credited")]
    NothingLeft,
    /// A sum does not fit an amount.
    #[error("a sum does not fit an amount")]
    TooLarge,
}

/// What is left of a line.
pub fn left_of(invoice: &Invoice, before: &CreditedBefore, place: usize) -> Result<Amount, CreditError> {
    let line = invoice.lines.get(place).ok_or(CreditError::NoSuchLine(place))?;
    minus(line.net, before.lines.get(&place).copied().unwrap_or_default())
}

/// Composes a credit.
pub fn credit(invoice: &Invoice, before: &CreditedBefore, wanted: &Wanted) -> Result<Credit, CreditError> {
    let mut lines = Vec::new();
    match wanted {
        Wanted::Parts(parts) => {
            for part in parts {
                let line = invoice.lines.get(part.place).ok_or(CreditError::NoSuchLine(part.place))?;
                let taxed = |line: &InvoiceLine| (line.tax_category, line.tax_rate);
                if taxed(line) != taxed(&part.line) {
                    return Err(CreditError::NoSuchLine(part.place));
                }
                lines.push((part.place, part.line.clone()));
            }
        }
        Wanted::Whole => {
            for (place, line) in invoice.lines.iter().enumerate() {
                let net = left_of(invoice, before, place)?;
                if net != Amount::ZERO {
                    lines.push((place, InvoiceLine { net, ..line.clone() }));
                }
            }
        }
        &Wanted::Line { place, net } => {
            let left = left_of(invoice, before, place)?;
            let net = net.unwrap_or(left);
            if left <= Amount::ZERO {
                return Err(CreditError::NothingLeft);
            }
            if net <= Amount::ZERO {
                return Err(CreditError::NotAboveZero);
            }
            if net.to_minor_unit(invoice.currency) != Some(net) {
                return Err(CreditError::TooFine);
            }
            if net > left {
                return Err(CreditError::TooMuch(left));
            }
            let line = invoice.lines.get(place).ok_or(CreditError::NoSuchLine(place))?;
            lines.push((place, InvoiceLine { net, ..line.clone() }));
        }
    }
    let totals = totals(invoice, before, &lines)?;
    if totals.gross <= Amount::ZERO {
        return Err(CreditError::NothingLeft);
    }
    Ok(Credit { lines, totals })
}

fn totals(
    invoice: &Invoice,
    before: &CreditedBefore,
    lines: &[(usize, InvoiceLine)],
) -> Result<Totals, CreditError> {
    let mut sums: BTreeMap<(TaxCategory, TaxRate), Amount> = BTreeMap::new();
    for (_, line) in lines {
        let sum = sums.entry((line.tax_category, line.tax_rate)).or_default();
        *sum = sum.checked_add(line.net).ok_or(CreditError::TooLarge)?;
    }
    let mut taxes = Vec::with_capacity(sums.len());
    for ((category, rate), taxable) in sums {
        let of_rate = |tax: &&TaxLine| (tax.category, tax.rate) == (category, rate);
        let sum = |taxes: &[TaxLine], part: fn(&TaxLine) -> Amount| {
            Amount::sum(taxes.iter().filter(of_rate).map(part)).ok_or(CreditError::TooLarge)
        };
        let left = minus(sum(&invoice.taxes, |tax| tax.taxable)?, sum(&before.taxes, |tax| tax.taxable)?)?;
        let tax_left = minus(sum(&invoice.taxes, |tax| tax.tax)?, sum(&before.taxes, |tax| tax.tax)?)?;
        // A discount may leave less of a rate than of one of its lines.
        if taxable > left {
            return Err(CreditError::TooMuch(left));
        }
        let own = rate.tax_on(taxable, invoice.currency).ok_or(CreditError::TooLarge)?;
        let tax = if taxable == left { tax_left } else { own.min(tax_left) };
        taxes.push(TaxLine { category, rate, taxable, tax });
    }
    let add = |part: fn(&TaxLine) -> Amount| Amount::sum(taxes.iter().map(part)).ok_or(CreditError::TooLarge);
    let (net, tax) = (add(|tax| tax.taxable)?, add(|tax| tax.tax)?);
    let gross = net.checked_add(tax).ok_or(CreditError::TooLarge)?;
    Ok(Totals { taxes, net, tax, gross })
}

fn minus(from: Amount, amount: Amount) -> Result<Amount, CreditError> {
    from.checked_sub(amount).ok_or(CreditError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::{self, DocumentKind, InvoicePeriod, Itemisation, Language, LineKind, Party};

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn line(kind: LineKind, net: &str, rate: &str) -> InvoiceLine {
        InvoiceLine {
            kind,
            description: net.to_owned(),
            calls: 0,
            seconds: 0,
            included_seconds: 0,
            net: amount(net),
            tax_category: TaxCategory::Standard,
            tax_rate: rate.parse().unwrap(),
            days: None,
        }
    }

    fn invoice(lines: Vec<InvoiceLine>) -> Invoice {
        let totals = invoice::totals(&lines, "EUR".parse().unwrap()).unwrap();
        let day = jiff::civil::date(2026, 11, 1);
        let at = jiff::Timestamp::UNIX_EPOCH;
        Invoice {
            kind: DocumentKind::Invoice,
            number: Some("INV-2026-000001".to_owned()),
            corrects: None,
            language: Language::En,
            itemisation: Itemisation::None,
            issued_on: day,
            due_on: day,
            period: InvoicePeriod {
                first_day: day,
                last_day: day,
                starts_at: at,
                ends_at: at,
                zone: "UTC".to_owned(),
            },
            seller: Party::default(),
            buyer: Party::default(),
            customer_reference: String::new(),
            currency: "EUR".parse().unwrap(),
            lines,
            taxes: totals.taxes,
            net: totals.net,
            tax: totals.tax,
            gross: totals.gross,
            tax_note: None,
        }
    }

    fn part(place: usize, net: &str) -> Wanted {
        Wanted::Line { place, net: Some(amount(net)) }
    }

    /// Credits one after the other; answers net and tax of each.
    fn all(invoice: &Invoice, wanted: &[Wanted]) -> Vec<(String, String)> {
        let mut before = CreditedBefore::default();
        let mut given = Vec::new();
        for wanted in wanted {
            let credit = credit(invoice, &before, wanted).unwrap();
            for (place, line) in &credit.lines {
                let sum = before.lines.entry(*place).or_default();
                *sum = sum.checked_add(line.net).unwrap();
            }
            given.push((credit.totals.net.to_text(2), credit.totals.tax.to_text(2)));
            before.taxes.extend(credit.totals.taxes);
        }
        given
    }

    #[test]
    fn a_whole_credit_is_the_invoice() {
        let lines = vec![
            line(LineKind::Fee, "9.90", "19"),
            line(LineKind::OneOff, "25.00", "7"),
            line(LineKind::Discount, "-0.99", "19"),
        ];
        let invoice = invoice(lines);
        let credit = credit(&invoice, &CreditedBefore::default(), &Wanted::Whole).unwrap();
        assert_eq!((credit.totals.taxes, credit.totals.gross), (invoice.taxes.clone(), invoice.gross));
        assert_eq!(credit.lines.len(), 3);
    }

    #[test]
    fn credits_in_parts_come_to_exactly_what_was_invoiced() {
        // 19 % of 0.09 are 0.0171: 0.02. Of 0.03 each 0.0057: 0.01.
        let invoice = invoice(vec![line(LineKind::Usage, "0.09", "19")]);
        let thirds = [part(0, "0.03"), part(0, "0.03"), part(0, "0.03")];
        let text = |net: &str, tax: &str| (net.to_owned(), tax.to_owned());
        assert_eq!(
            all(&invoice, &thirds),
            [text("0.03", "0.01"), text("0.03", "0.01"), text("0.03", "0.00")]
        );
        assert_eq!(
            all(&invoice, &[part(0, "0.08"), Wanted::Whole]),
            [text("0.08", "0.02"), text("0.01", "0.00")]
        );
        assert_eq!(
            all(&invoice, &[part(0, "0.01"), Wanted::Whole]),
            [text("0.01", "0.00"), text("0.08", "0.02")]
        );
    }

    #[test]
    fn what_cannot_be_credited_is_refused() {
        let lines = vec![line(LineKind::Fee, "9.90", "19"), line(LineKind::Discount, "-5.00", "19")];
        let invoice = invoice(lines);
        let refused = |before: &CreditedBefore, wanted| credit(&invoice, before, &wanted).unwrap_err();
        let none = CreditedBefore::default();
        assert_eq!(refused(&none, part(2, "1.00")), CreditError::NoSuchLine(2));
        assert_eq!(refused(&none, part(0, "-1.00")), CreditError::NotAboveZero);
        assert_eq!(refused(&none, part(0, "0")), CreditError::NotAboveZero);
        assert_eq!(refused(&none, part(0, "0.001")), CreditError::TooFine);
        assert_eq!(refused(&none, part(0, "9.91")), CreditError::TooMuch(amount("9.90")));
        // The discount leaves 4.90 of the rate.
        assert_eq!(refused(&none, part(0, "4.91")), CreditError::TooMuch(amount("4.90")));
        assert_eq!(refused(&none, Wanted::Line { place: 1, net: None }), CreditError::NothingLeft);
        let before = CreditedBefore {
            lines: [(0, amount("9.90")), (1, amount("-5.00"))].into(),
            taxes: invoice.taxes.clone(),
        };
        assert_eq!(refused(&before, Wanted::Whole), CreditError::NothingLeft);
        assert_eq!(refused(&before, part(0, "0.01")), CreditError::NothingLeft);
    }
}
