//! What several properties of bills start from.

use std::collections::BTreeMap;

use calculation::bill::{Bill, Charged, Known, Remembered, Tax};
use calculation::invoice::Language;
use calculation::period::{Calendar, Period};
use calculation::tax::{TaxCategory, TaxClass, TaxRate};
use jiff::civil::Date;

pub(crate) type ChargedBefore = BTreeMap<(i64, Date), Vec<Charged>>;

pub(crate) fn known<'a>(calendar: &'a Calendar, period: Period, tax: &'a Rates<'a>) -> Known<'a> {
    static NOTHING: ChargedBefore = BTreeMap::new();
    Known {
        calendar,
        period,
        currency: "EUR".parse().unwrap(),
        language: Language::En,
        tax,
        billed: &[],
        plans: &[],
        charged: &NOTHING,
        usage: &[],
        reopened: &[],
        one_offs: &[],
        discounts: &[],
        zero: true,
    }
}

pub(crate) type Rates<'a> = dyn Fn(TaxClass, Date) -> Option<Tax> + 'a;

pub(crate) const RATES: &Rates<'static> = &|class, _| {
    let rate = TaxRate::from_units(if class == TaxClass::Reduced { 70_000 } else { 190_000 });
    Some((TaxCategory::Standard, rate))
};

pub(crate) fn remember(charged: &mut ChargedBefore, bill: &Bill) {
    for kept in &bill.remembered {
        let Remembered { subscription, month, tax, discounts_of, amount, discounted, credited, .. } = *kept;
        let entry = Charged { tax, amount, discounted, credited, discounts_of: Some(discounts_of) };
        charged.entry((subscription, month)).or_default().push(entry);
    }
}
