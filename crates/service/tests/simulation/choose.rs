//! What is asked for next? Chance says, within what makes sense at that moment.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::calendar::{begins, day_of, later, month_of, next_day};
use crate::chance::Chance;
use crate::deeds::{Deed, NOBODY};
use crate::model::{CENT, Call, DESTINATIONS, Model, PLANS, PriceList};
use crate::purse::{PLACES, State};

/// What chance chooses from.
pub(crate) struct Choice<'c> {
    pub(crate) model: &'c mut Model,
    pub(crate) chance: &'c mut Chance,
    pub(crate) now: Timestamp,
    /// When everything began.
    pub(crate) since: Timestamp,
    /// Who is asked about at this moment already.
    pub(crate) busy: Vec<usize>,
    /// Whether what time brings about is done at the same moment.
    pub(crate) beside_round: bool,
}

impl Choice<'_> {
    /// A deed, if the one that chance thinks of makes sense.
    pub(crate) fn deed(&mut self) -> Option<Deed> {
        match self.chance.below(100) {
            0..=13 => self.import(),
            14..=25 => {
                let call = self.call()?;
                let key = self.chance.percent(50).then(|| self.model.name("key"));
                Some(Deed::Post { call, key })
            }
            26..=31 => {
                let calls = self.calls(5);
                Some(Deed::Batch { calls, key: self.model.name("key") })
            }
            32..=39 => self.top_up(),
            40..=50 => self.pay(),
            51..=53 => self.reverse(),
            54..=57 => self.change_plan(),
            58..=60 => self.contest(),
            61..=63 => self.settle(),
            64..=66 => self.credit_fee(),
            67..=69 => self.credit_call(),
            70..=71 => self.prices(),
            _ => self.charging(),
        }
    }

    fn free(&mut self, is_wanted: impl Fn(&Model, usize) -> bool) -> Option<usize> {
        let all = 0..self.model.customers.len();
        let free: Vec<_> =
            all.filter(|place| !self.busy.contains(place) && is_wanted(self.model, *place)).collect();
        self.chance.pick(&free).copied()
    }

    fn postpaid(&mut self) -> Option<usize> {
        self.free(|model, place| model.customers[place].is_postpaid())
    }

    fn call(&mut self) -> Option<Call> {
        if self.chance.percent(12) {
            // A switch that sends again what it sent before.
            let known: Vec<_> = self.model.known.values().cloned().collect();
            let busy = &self.busy;
            let known: Vec<_> = known.into_iter().filter(|call| !busy.contains(&call.customer)).collect();
            if let Some(call) = self.chance.pick(&known) {
                return Some(call.clone());
            }
        }
        let customer = if self.chance.percent(3) { NOBODY } else { self.postpaid()? };
        let seconds = self.chance.within(1, 900);
        let ago = if self.chance.percent(20) { 20 * 86_400 } else { 86_400 };
        let at = later(self.now, -seconds - self.chance.within(1, ago)).max(self.since);
        let seconds = seconds.min(self.now.duration_since(at).as_secs());
        if seconds < 1 {
            return None;
        }
        let to = self.chance.place(DESTINATIONS.len());
        Some(Call { id: self.model.name("call"), customer, to, at, seconds })
    }

    fn calls(&mut self, most: i64) -> Vec<Call> {
        let count = self.chance.within(1, most);
        let mut calls: Vec<_> = (0..count).filter_map(|_| self.call()).collect();
        if calls.is_empty() {
            let at = later(self.now, -120);
            calls.push(Call { id: self.model.name("call"), customer: NOBODY, to: 0, at, seconds: 60 });
        }
        calls
    }

    fn import(&mut self) -> Option<Deed> {
        let mut calls = self.calls(12);
        if self.chance.percent(25) {
            // The same line twice.
            let again = self.chance.pick(&calls)?.clone();
            calls.push(again);
        }
        Some(Deed::Import { file: self.model.name("file"), calls })
    }

    fn top_up(&mut self) -> Option<Deed> {
        let customer = self.free(|model, place| !model.customers[place].is_postpaid())?;
        let known = &self.model.customers[customer].purse.as_ref()?.top_ups;
        if self.chance.percent(25)
            && let Some((reference, amount)) = self.chance.pick(known).cloned()
        {
            return Some(Deed::TopUp { customer, reference, amount });
        }
        let amount = i128::from(self.chance.within(1, 60)) * CENT;
        Some(Deed::TopUp { customer, reference: self.model.name("top-up"), amount })
    }

    fn pay(&mut self) -> Option<Deed> {
        let customer = self.postpaid()?;
        let open = self.model.customers[customer].balance();
        let amount = match self.chance.below(4) {
            0 => i128::from(self.chance.within(1, 3_000)) * CENT,
            _ if open <= 0 => return None,
            1 => (open / 2 / CENT).max(1) * CENT,
            _ => open,
        };
        let on = day_of(later(self.now, -86_400), &TimeZone::UTC);
        Some(Deed::Pay { customer, reference: self.model.name("payment"), amount, on })
    }

    fn reverse(&mut self) -> Option<Deed> {
        let customer = self.postpaid()?;
        let kept = self.model.customers[customer].payments.iter().filter(|payment| !payment.is_reversed);
        let kept: Vec<_> = kept.map(|payment| payment.id.clone()).collect();
        let payment = self.chance.pick(&kept)?.clone();
        Some(Deed::Reverse { customer, payment, key: self.model.name("key") })
    }

    fn change_plan(&mut self) -> Option<Deed> {
        let customer = self.postpaid()?;
        let known = &self.model.customers[customer];
        let mut from = next_day(day_of(self.now, &known.zone));
        for _ in 0..self.chance.below(12) {
            from = next_day(from);
        }
        let (last, plan) = *known.plans.last()?;
        if from <= last {
            return None;
        }
        let plan = (plan + 1 + self.chance.place(PLANS.len() - 1)) % PLANS.len();
        Some(Deed::ChangePlan { customer, plan, from, key: self.model.name("key") })
    }

    /// An invoice of somebody, by its place.
    fn invoice(&mut self) -> Option<(usize, usize)> {
        let customer = self.postpaid()?;
        let invoices = &self.model.customers[customer].invoices;
        let recent = invoices.len().saturating_sub(3);
        (recent < invoices.len()).then(|| (customer, recent + self.chance.place(invoices.len() - recent)))
    }

    fn contest(&mut self) -> Option<Deed> {
        let (customer, place) = self.invoice()?;
        let invoice = &self.model.customers[customer].invoices[place];
        if invoice.disputed {
            return None;
        }
        let number = invoice.number.clone();
        Some(Deed::Contest { customer, number, key: self.model.name("key") })
    }

    fn settle(&mut self) -> Option<Deed> {
        let customer = self.free(|model, place| !model.customers[place].disputes.is_empty())?;
        let dispute = self.model.customers[customer].disputes.first()?.0.clone();
        Some(Deed::Settle { customer, dispute, key: self.model.name("key") })
    }

    fn credit_fee(&mut self) -> Option<Deed> {
        let (customer, place) = self.invoice()?;
        let invoice = &self.model.customers[customer].invoices[place];
        if invoice.fee_credited || !invoice.is_of_one_plan {
            return None;
        }
        let invoice = invoice.id.clone();
        Some(Deed::CreditFee { customer, invoice, key: self.model.name("key") })
    }

    fn credit_call(&mut self) -> Option<Deed> {
        let (customer, place) = self.invoice()?;
        let known = &self.model.customers[customer];
        let invoice = &known.invoices[place];
        let on = |call: &&Call| {
            month_of(call.at, &known.zone) == invoice.month && !known.credited_calls.contains(&call.id)
        };
        let calls: Vec<_> = known.calls.iter().filter(on).cloned().collect();
        let invoice = invoice.id.clone();
        let call = self.chance.pick(&calls)?.clone();
        Some(Deed::CreditCall { customer, invoice, call, key: self.model.name("key") })
    }

    fn prices(&mut self) -> Option<Deed> {
        let day = day_of(later(self.now, 86_400 * self.chance.within(1, 4)), &TimeZone::UTC);
        let from = begins(day, &TimeZone::UTC);
        let last = self.model.prices.iter().max_by_key(|list| list.from)?;
        if from <= last.from {
            return None;
        }
        let before = last.minute;
        let by_minute = |chance: &mut Chance| i128::from(chance.within(100, 400)) * 100;
        let by_second = i128::from(self.chance.within(2, 8)) * 6_000;
        let minute = [by_minute(self.chance), by_second, by_minute(self.chance)];
        // The very list that is there is no new one.
        let is_new = minute[0] != before[0];
        is_new.then(|| Deed::Prices { list: PriceList { from, minute }, key: self.model.name("key") })
    }

    /// Something about a prepaid call.
    fn charging(&mut self) -> Option<Deed> {
        // Whether a call is over that is heard of at this very moment would be chance.
        if self.beside_round {
            return None;
        }
        let now = self.now;
        let has_call = |model: &Model, place: usize| {
            let purse = model.customers[place].purse.as_ref();
            purse.is_some_and(|purse| purse.session.as_ref().is_some_and(|session| session.over_at > now))
        };
        let talking = if self.chance.percent(70) { self.free(has_call) } else { None };
        let customer = match talking {
            Some(talking) => talking,
            None => self.free(|model, place| !model.customers[place].is_postpaid())?,
        };
        let session = self.model.customers[customer].purse.as_ref()?.session.clone();
        let wanted = self.chance.within(1, 400);
        let state = session.as_ref().map(|session| session.state);
        let Some(session) = session.filter(|_| !(state != Some(State::Open) && self.chance.percent(60)))
        else {
            let to = self.chance.place(PLACES.len());
            return Some(Deed::Authorise { customer, call_id: self.model.name("session"), to, wanted });
        };
        let most = now.duration_since(session.began).as_secs().min(session.used + 500);
        let used = session.used + self.chance.within(0, (most - session.used).max(0));
        let sequence = session.sequence + 1;
        let has_ended = matches!(session.state, State::Open | State::Expired) && !session.has_record;
        match self.chance.below(3) {
            0 if session.state == State::Open => Some(Deed::Extend { customer, sequence, used, wanted }),
            1 if has_ended => Some(Deed::Release { customer, sequence, used }),
            _ if session.has_record => None,
            _ => {
                let seconds = used.max(1).min(now.duration_since(session.began).as_secs());
                let (call_id, to, at) = (session.call_id, session.to, session.began);
                let id = self.model.name("call");
                (seconds > 0).then_some(Deed::Record { customer, id, call_id, to, at, seconds })
            }
        }
    }
}
