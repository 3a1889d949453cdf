//! Was the answer right, and what follows from it for the model?

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::calendar::month_of;
use crate::deeds::{Came, Deed, micros, money};
use crate::model::{CENT, Call, Customer, Model, Payment, tax, to_cents};
use crate::purse::{Purse, State};

pub(crate) type Verdict = Result<(), String>;

/// What was asked and answered.
pub(crate) struct Done<'d> {
    pub(crate) deed: &'d Deed,
    pub(crate) came: &'d Came,
    pub(crate) now: Timestamp,
    /// Whether it was asked for before, without an answer.
    pub(crate) repeated: bool,
}

/// Compares with what the answer says, by its pointer.
fn same(answer: &Value, pointer: &str, expected: &Value) -> Verdict {
    match answer.pointer(pointer) {
        Some(found) if found == expected => Ok(()),
        found => Err(format!("{pointer} should be {expected} and is {found:?}: {answer}")),
    }
}

fn amount(answer: &Value, pointer: &str, expected: i128) -> Verdict {
    let found = answer.pointer(pointer).and_then(micros);
    if found == Some(expected) {
        return Ok(());
    }
    Err(format!("{pointer} should be {} and is {found:?}: {answer}", money(expected)))
}

fn status(found: u16, expected: &[u16], answer: &Value) -> Verdict {
    if expected.contains(&found) { Ok(()) } else { Err(format!("{found} instead of {expected:?}: {answer}")) }
}

impl Done<'_> {
    /// Compares the answer with the model, and goes on in the model. Answers the calls that count since.
    pub(crate) fn judge(&self, model: &mut Model) -> Result<Vec<Call>, String> {
        let told = self.told(model);
        let Came::Answer(code, answer) = self.came else {
            return self.judge_import(told);
        };
        let (code, now) = (*code, self.now);
        match self.deed {
            Deed::Post { call, .. } => {
                let expected: &[u16] = match (told.is_empty(), model.suspended.contains(&call.id)) {
                    (_, true) => &[200, 202],
                    (true, _) => &[200],
                    (false, _) if self.repeated => &[200, 201],
                    (false, _) => &[201],
                };
                status(code, expected, answer)?;
                if code == 201 {
                    amount(answer, "/amount/amount", model.cost(call))?;
                }
            }
            Deed::Batch { calls, .. } => {
                status(code, &[200], answer)?;
                same(answer, "/control/records", &json!(calls.len()))?;
                same(answer, "/control/charged", &json!(told.len()))?;
            }
            Deed::Prices { list, .. } => {
                status(code, &[201], answer)?;
                model.prices.push(list.clone());
            }
            Deed::Import { .. } | Deed::Round => return Err(format!("refused: {answer}")),
            _ => self.judge_customer(model, (code, answer), now)?,
        }
        Ok(told)
    }

    /// The calls that are told by it.
    fn told(&self, model: &mut Model) -> Vec<Call> {
        let calls = match self.deed {
            Deed::Import { calls, .. } | Deed::Batch { calls, .. } => calls.as_slice(),
            Deed::Post { call, .. } => std::slice::from_ref(call),
            _ => &[],
        };
        calls.iter().filter(|call| model.tell(call)).cloned().collect()
    }

    fn judge_import(&self, told: Vec<Call>) -> Result<Vec<Call>, String> {
        if let (Came::Imported(control), Deed::Import { calls, .. }) = (self.came, self.deed) {
            let new = told.len() as u64;
            let is_right = if self.repeated { control.charged <= new } else { control.charged == new };
            if !control.balances() || control.records != calls.len() as u64 || !is_right {
                return Err(format!("{control} of {} records, {new} of them new", calls.len()));
            }
        }
        Ok(told)
    }

    fn judge_customer(&self, model: &mut Model, answer: (u16, &Value), now: Timestamp) -> Verdict {
        let place = *self.deed.customers().first().ok_or("a deed about nobody")?;
        if matches!(self.deed, Deed::Record { .. }) && answer.0 < 300 {
            model.records += 1;
        }
        let cost = if let Deed::CreditCall { call, .. } = self.deed { model.cost(call) } else { 0 };
        let customer = &mut model.customers[place];
        if let Some(purse) = &mut customer.purse {
            return self.judge_prepaid(purse, answer, now);
        }
        let (code, answer) = answer;
        let id = || answer["id"].as_str().unwrap_or_default().to_owned();
        match self.deed {
            Deed::Pay { amount, .. } => {
                status(code, if self.repeated { &[200, 201] } else { &[201] }, answer)?;
                customer.payments.push(Payment { id: id(), amount: *amount, is_reversed: false });
            }
            Deed::Reverse { payment, .. } => {
                status(code, &[200], answer)?;
                for known in customer.payments.iter_mut().filter(|known| known.id == *payment) {
                    known.is_reversed = true;
                }
            }
            Deed::ChangePlan { plan, from, .. } => {
                status(code, &[201], answer)?;
                customer.plans.push((*from, *plan));
            }
            Deed::Contest { number, .. } => {
                status(code, &[201], answer)?;
                let place = customer.invoices.iter().position(|invoice| invoice.number == *number);
                let place = place.ok_or("no such invoice")?;
                customer.invoices[place].disputed = true;
                customer.disputes.push((id(), place));
            }
            Deed::Settle { dispute, .. } => {
                status(code, &[200], answer)?;
                if let Some(known) = customer.disputes.iter().position(|(id, _)| id == dispute) {
                    let (_, place) = customer.disputes.remove(known);
                    customer.invoices[place].disputed = false;
                }
            }
            Deed::CreditFee { invoice, .. } => {
                // Of a fee that was credited with its month nothing may be left.
                status(code, &[201], answer)?;
                let given = 100 * CENT;
                amount(answer, "/gross/amount", given + tax(given))?;
                customer.credited += given + tax(given);
                for known in customer.invoices.iter_mut().filter(|known| known.id == *invoice) {
                    known.fee_credited = true;
                }
            }
            Deed::CreditCall { call, .. } => return credit_call(customer, call, cost, (code, answer)),
            _ => return Err(format!("{} is not for who pays later", self.deed.kind())),
        }
        Ok(())
    }

    fn judge_prepaid(&self, purse: &mut Purse, (code, answer): (u16, &Value), now: Timestamp) -> Verdict {
        match self.deed {
            Deed::TopUp { reference, amount, .. } => {
                let is_known = purse.top_ups.iter().any(|(known, _)| known == reference);
                let expected: &[u16] = match (is_known, self.repeated) {
                    (true, _) => &[200],
                    (false, true) => &[200, 201],
                    (false, false) => &[201],
                };
                status(code, expected, answer)?;
                if !is_known {
                    purse.money += amount;
                    purse.top_ups.push((reference.clone(), *amount));
                }
            }
            Deed::Authorise { call_id, to, wanted, .. } => {
                let granted = purse.authorise((call_id, *to, *wanted), now);
                if granted == 0 {
                    return status(code, &[402], answer);
                }
                status(code, &[201], answer)?;
                same(answer, "/granted_seconds", &json!(granted))?;
                amount(answer, "/reserved/amount", purse.held())?;
                let session = purse.session.as_mut().ok_or("no call")?;
                session.path =
                    format!("/v1/charging/sessions/{}", answer["session_id"].as_str().unwrap_or_default());
            }
            Deed::Extend { used, wanted, .. } => {
                status(code, &[200], answer)?;
                let granted = purse.extend(*used, *wanted, now);
                same(answer, "/granted_seconds", &json!(granted))?;
                amount(answer, "/reserved/amount", purse.held())?;
            }
            Deed::Release { used, .. } => {
                status(code, &[200], answer)?;
                purse.settle(*used, State::Released);
                let session = purse.session.as_mut().ok_or("no call")?;
                session.sequence += 1;
                amount(answer, "/charged/amount", session.taken)?;
                amount(answer, "/loss/amount", session.lost)?;
            }
            Deed::Record { seconds, .. } => {
                status(code, if self.repeated { &[200, 201] } else { &[201] }, answer)?;
                purse.settle(*seconds, State::Released);
                purse.session.as_mut().ok_or("no call")?.has_record = true;
            }
            _ => return Err(format!("{} is not for who pays before", self.deed.kind())),
        }
        Ok(())
    }
}

/// A call is given back: what the month costs less without it.
fn credit_call(customer: &mut Customer, call: &Call, cost: i128, (code, answer): (u16, &Value)) -> Verdict {
    let detail = answer["detail"].as_str().unwrap_or_default();
    if code >= 400 && detail.contains("not on this invoice") {
        return Ok(());
    }
    status(code, &[200, 201], answer)?;
    customer.credited_calls.insert(call.id.clone());
    let usage = customer.usage.entry((month_of(call.at, &customer.zone), call.to)).or_default();
    let before = [usage.invoiced, usage.cost].map(to_cents);
    usage.cost -= cost;
    usage.invoiced -= cost;
    if code == 201 {
        // While more is known of the month than was billed, the next bill puts that right, and the credit leaves it aside. A round
        // beside this may have billed it.
        let left = [usage.invoiced, usage.cost].map(to_cents);
        let may_be =
            [usage.billed - left[0], before[0] - left[0], usage.billed - left[1], before[1] - left[1]];
        let may_be = may_be.map(|given| (given, given + tax(given)));
        let gross = micros(&answer["gross"]["amount"]);
        let given = may_be.iter().find(|(_, with_tax)| Some(*with_tax) == gross);
        let (given, _) =
            *given.ok_or_else(|| format!("the credit comes to {gross:?}, right is {may_be:?}: {answer}"))?;
        usage.billed -= given;
        customer.credited += given + tax(given);
    }
    Ok(())
}
