//! Is every sum of an electronic invoice exactly right? (EN 16931, BR-CO-10 to BR-CO-17.)
//!
//! The official rules let the tax of a category be wrong by up to 1.00. Here a cent is too much. Amounts are
//! read from the XML and counted in hundredths, in a way of their own: nothing of the program is used.

use roxmltree::{Document, Node};

/// Everything that does not add up.
pub(crate) fn faults(xml: &str, minor_digits: u32) -> Vec<String> {
    let document = Document::parse(xml).expect("the XML is well-formed");
    let root = document.root_element();
    let read = if root.tag_name().name() == "CrossIndustryInvoice" { cii(root) } else { ubl(root) };
    read.faults(minor_digits)
}

/// The amounts of a document in hundredths; rates in ten-thousandths of a percent.
struct Amounts {
    lines: Vec<Line>,
    taxes: Vec<Tax>,
    /// BT-106, -107, -108, -109, -110, -112, -113, -114, -115.
    line_total: i128,
    allowances: i128,
    charges: i128,
    net: i128,
    tax: i128,
    gross: i128,
    paid: i128,
    rounding: i128,
    due: i128,
}

struct Line {
    net: i128,
    quantity: i128,
    price: i128,
    category: (String, i128),
}

struct Tax {
    taxable: i128,
    due: i128,
    category: (String, i128),
}

impl Amounts {
    fn faults(&self, minor_digits: u32) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |rule: &str, stated: i128, computed: i128| {
            if stated != computed {
                faults.push(format!("{rule}: {stated} is stated, {computed} computed, in hundredths"));
            }
        };
        assert!(!self.lines.is_empty() && !self.taxes.is_empty(), "nothing was read");
        check("BR-CO-10", self.line_total, self.lines.iter().map(|line| line.net).sum());
        check("BR-CO-11", self.allowances, 0);
        check("BR-CO-12", self.charges, 0);
        check("BR-CO-13", self.net, self.line_total - self.allowances + self.charges);
        check("BR-CO-14", self.tax, self.taxes.iter().map(|tax| tax.due).sum());
        check("BR-CO-15", self.gross, self.net + self.tax);
        check("BR-CO-16", self.due, self.gross - self.paid + self.rounding);
        for tax in &self.taxes {
            let of_category = self.lines.iter().filter(|line| line.category == tax.category);
            check("taxable", tax.taxable, of_category.map(|line| line.net).sum());
            check("BR-CO-17", tax.due, rounded(tax.taxable * tax.category.1, minor_digits));
        }
        for line in &self.lines {
            check("quantity × price", line.net * 100, line.quantity * line.price);
            check(
                "categories",
                1,
                self.taxes.iter().filter(|tax| tax.category == line.category).count() as i128,
            );
        }
        faults
    }
}

/// A product of hundredths and ten-thousandths of a percent, half-up to a currency's digits, in hundredths.
fn rounded(product: i128, minor_digits: u32) -> i128 {
    let step = 10_i128.pow(2_u32.checked_sub(minor_digits).expect("at most two digits"));
    let divisor = 1_000_000 * step;
    (product.abs() + divisor / 2) / divisor * product.signum() * step
}

/// Decimal text as an integer with so many digits after the point; more digits are a fault.
fn scaled(text: &str, digits: usize) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= digits, "{text} has more than {digits} decimals");
    format!("{whole}{part:0<digits$}").parse().expect("a number")
}

/// The children at a path of local names.
fn at<'a, 'input>(node: Node<'a, 'input>, path: &str) -> Vec<Node<'a, 'input>> {
    path.split('/').fold(vec![node], |nodes, name| {
        let below = nodes.iter().flat_map(Node::children);
        below.filter(|child| child.tag_name().name() == name).collect()
    })
}

fn text<'a>(node: Node<'a, '_>, path: &str) -> Option<&'a str> {
    let found = at(node, path);
    assert!(found.len() <= 1, "{path} is there {} times", found.len());
    found.first().and_then(Node::text)
}

fn amount(node: Node, path: &str) -> i128 {
    text(node, path).map_or(0, |text| scaled(text, 2))
}

fn category(node: Node, code: &str, rate: &str) -> (String, i128) {
    (text(node, code).expect("a category").to_owned(), text(node, rate).map_or(0, |rate| scaled(rate, 4)))
}

fn ubl(root: Node) -> Amounts {
    let credit = root.tag_name().name() == "CreditNote";
    let (line, quantity) =
        if credit { ("CreditNoteLine", "CreditedQuantity") } else { ("InvoiceLine", "InvoicedQuantity") };
    let lines = at(root, line).into_iter().map(|line| Line {
        net: amount(line, "LineExtensionAmount"),
        quantity: amount(line, quantity),
        price: amount(line, "Price/PriceAmount"),
        category: category(line, "Item/ClassifiedTaxCategory/ID", "Item/ClassifiedTaxCategory/Percent"),
    });
    let taxes = at(root, "TaxTotal/TaxSubtotal").into_iter().map(|tax| Tax {
        taxable: amount(tax, "TaxableAmount"),
        due: amount(tax, "TaxAmount"),
        category: category(tax, "TaxCategory/ID", "TaxCategory/Percent"),
    });
    let total = |name| amount(root, &format!("LegalMonetaryTotal/{name}"));
    Amounts {
        lines: lines.collect(),
        taxes: taxes.collect(),
        line_total: total("LineExtensionAmount"),
        allowances: total("AllowanceTotalAmount"),
        charges: total("ChargeTotalAmount"),
        net: total("TaxExclusiveAmount"),
        tax: amount(root, "TaxTotal/TaxAmount"),
        gross: total("TaxInclusiveAmount"),
        paid: total("PrepaidAmount"),
        rounding: total("PayableRoundingAmount"),
        due: total("PayableAmount"),
    }
}

fn cii(root: Node) -> Amounts {
    let trade = at(root, "SupplyChainTradeTransaction")[0];
    let lines = at(trade, "IncludedSupplyChainTradeLineItem").into_iter().map(|line| {
        let settled = at(line, "SpecifiedLineTradeSettlement")[0];
        Line {
            net: amount(settled, "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"),
            quantity: amount(line, "SpecifiedLineTradeDelivery/BilledQuantity"),
            price: amount(line, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount"),
            category: category(
                settled,
                "ApplicableTradeTax/CategoryCode",
                "ApplicableTradeTax/RateApplicablePercent",
            ),
        }
    });
    let settled = at(trade, "ApplicableHeaderTradeSettlement")[0];
    let taxes = at(settled, "ApplicableTradeTax").into_iter().map(|tax| Tax {
        taxable: amount(tax, "BasisAmount"),
        due: amount(tax, "CalculatedAmount"),
        category: category(tax, "CategoryCode", "RateApplicablePercent"),
    });
    let total = |name| amount(settled, &format!("SpecifiedTradeSettlementHeaderMonetarySummation/{name}"));
    Amounts {
        lines: lines.collect(),
        taxes: taxes.collect(),
        line_total: total("LineTotalAmount"),
        allowances: total("AllowanceTotalAmount"),
        charges: total("ChargeTotalAmount"),
        net: total("TaxBasisTotalAmount"),
        tax: total("TaxTotalAmount"),
        gross: total("GrandTotalAmount"),
        paid: total("TotalPrepaidAmount"),
        rounding: total("RoundingAmount"),
        due: total("DuePayableAmount"),
    }
}
