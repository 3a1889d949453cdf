//! A prepaid call's record comes: it corrects its session, or is charged by itself.
//!
//! The record is the truth. What its session took is given back and what the record says is taken; mostly that is
//! the same and nothing moves. A record without a session is charged from the balances at once (hot billing).

use calculation::call::{Billable, Free};
use calculation::cdr::{Flaw, Reason};
use calculation::phone_number::{self, Dialled};

use super::pay::{self, Cost};
use super::release::close;
use super::till::{Till, Wanted};
use super::{Origin, Session, State};
use crate::calls::{self, Account, Bill, Fate, Record};
use crate::clock::{Clock, after};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::SessionId;

/// The prepaid customers of a batch of records, held: charged in memory, then saved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reconciling {
    till: Till,
}

impl Reconciling {
    /// Holds the customers of records until the transaction ends, and reads the sessions of their calls.
    pub(crate) async fn hold(tx: &mut Tx, records: &[&Record], clock: &Clock) -> Result<Self> {
        if records.is_empty() {
            return Ok(Self::default());
        }
        let calls = records.iter().map(|record| (record.customer, record.call_id().to_owned()));
        let customers = records.iter().map(|record| record.customer).collect();
        let wanted = Wanted { customers, calls: calls.collect(), ..Wanted::default() };
        let bills = records.iter().filter_map(|record| match &record.fate {
            Fate::Bill(bill) => Some(&*bill.account),
            Fate::Free(_) => None,
        });
        let accounts: Vec<&Account> = bills.collect();
        Ok(Self { till: Till::hold(tx, &wanted, &accounts, clock.now()).await? })
    }

    /// Charges a record, or says why it waits in suspense.
    pub(crate) fn charge(
        &mut self,
        (source, record_id): (&str, &str),
        record: &Record,
        bill: &Bill,
        clock: &Clock,
    ) -> Result<std::result::Result<Cost, Flaw>> {
        let Some(dialled) = record.dialled else {
            return Err(Error::Contradiction("a call to be billed without a number".to_owned()));
        };
        let key = (source.to_owned(), record_id.to_owned());
        let Billable { answered_at, talk_seconds } = bill.billable;
        // Another party of the call, who forwarded it, pays apart from who was granted it.
        let apart = |session: &&Session| record.other_party().is_none() || session.line == record.line;
        let mut session = match self.of_call(record).filter(apart) {
            Some(session) if session.dialled != record.dialled => {
                return Ok(Err(other_number(session, record)));
            }
            Some(session) if session.record.is_some() && is_talked(session, bill.billable) => {
                return Ok(Err(second(session)));
            }
            Some(session) if session.record.is_none() => session.clone(),
            Some(_) | None => by_record(record, bill, dialled, clock),
        };
        session.answered_at = Some(answered_at);
        session.record = Some(key);
        let closed =
            close(&mut self.till, clock, &mut session, &bill.account, talk_seconds, State::Released)?;
        let cost = closed.ok().flatten();
        let cost = cost.ok_or_else(|| Error::Contradiction(format!("{} has no price", session.id)))?;
        self.till.put(session);
        Ok(Ok(cost))
    }

    /// A record that is charged on an invoice: what balances paid for the call is given back.
    pub(crate) fn bill(
        &mut self,
        (source, record_id): (&str, &str),
        record: &Record,
        clock: &Clock,
    ) -> Result<()> {
        let same_number = |session: &&Session| session.dialled == record.dialled;
        let paid = self.of_call(record).filter(same_number);
        let paid = paid.filter(|session| session.prepaid && session.record.is_none());
        let Some(mut session) = paid.cloned() else { return Ok(()) };
        session.record = Some((source.to_owned(), record_id.to_owned()));
        session.prepaid = false;
        (session.used_seconds, session.answered_at) = (record.talk_seconds, record.answered_at);
        self.give_back(session, clock)
    }

    /// A record of a call that nobody talked in: nothing moves. Where the switch has said that it was talked, and the
    /// record is not one of an attempt before that, the two deny each other and the record waits.
    pub(crate) fn free(&self, record: &Record, free: Free) -> Option<Flaw> {
        let untalked = matches!(free, Free::NotAnswered | Free::ZeroSeconds);
        let session = self.of_call(record).filter(|session| session.dialled == record.dialled);
        let denied = session.filter(|session| {
            let before = session.answered_at.is_some_and(|answered_at| record.ended_at <= answered_at);
            untalked && session.prepaid && session.record.is_none() && session.used_seconds > 0 && !before
        });
        denied.map(untalked_record)
    }

    fn give_back(&mut self, mut session: Session, clock: &Clock) -> Result<()> {
        pay::give_back(self.till.purse(session.id.customer)?, &mut session, clock)?;
        if session.state == State::Open {
            session.state = State::Released;
            session.closed_at = Some(after(clock.now(), session.opened_at));
        }
        self.till.put(session);
        Ok(())
    }

    /// The session that was granted for a record's call.
    fn of_call(&self, record: &Record) -> Option<&Session> {
        let known = self.till.of_call(record.customer, record.call_id());
        known.filter(|known| known.state != State::Refused)
    }

    /// Stores what was charged.
    pub(crate) async fn save(&mut self, tx: &mut Tx, clock: &Clock) -> Result<()> {
        self.till.save(tx, clock).await
    }
}

/// Whether a talk was at the time of that which a session was charged for by another record.
fn is_talked(session: &Session, talk: Billable) -> bool {
    let of_session = (session.priced_at(), i64::from(session.used_seconds));
    calls::overlap(Some(of_session), Some((talk.answered_at, talk.talk_seconds.into())))
}

fn second(session: &Session) -> Flaw {
    let message = format!(
        "call {} was charged by another record for the same time: legs of one call are charged once. If this is another call, \
         send it under a `call_id` of its own",
        session.call_id
    );
    Flaw::new(Reason::AnotherLeg, "call_id", message)
}

/// The call was granted and is charged, or will be, for the number that the switch asked for.
fn other_number(session: &Session, record: &Record) -> Flaw {
    let granted = session.dialled.map_or_else(|| session.called.clone(), |dialled| dialled.to_string());
    let message = format!(
        "{} granted call {} to {granted}, and this record of it names {}: have the switch record the number that it asks for, \
         or send another call under a `call_id` of its own",
        session.id,
        session.call_id,
        record.number().unwrap_or_else(|| record.called())
    );
    Flaw::new(Reason::Contradiction, "called_number", message)
}

fn untalked_record(session: &Session) -> Flaw {
    let message = format!(
        "the record says that nobody talked in call {}, of which the switch reported {} s while it lasted ({}): find out which \
         is true; nothing was given back",
        session.call_id, session.used_seconds, session.id
    );
    Flaw::new(Reason::Contradiction, "disposition", message)
}

/// The session of a record that nobody had asked for.
fn by_record(record: &Record, bill: &Bill, dialled: Dialled, clock: &Clock) -> Session {
    let id = SessionId { customer: record.customer, number: clock.id() };
    // A feed may write numbers in its own way; what is kept must be read alike without it.
    let is_plain = phone_number::dialled(record.called(), record.region).ok() == Some(dialled);
    let called = record.number().filter(|_| !is_plain).unwrap_or(record.called());
    Session {
        // The call's own id may be that of a session for another number, or of one that was refused; and what
        // stands here must be what no caller can choose.
        call_id: id.to_string(),
        origin: Origin::Record,
        line: record.line,
        called: called.to_owned(),
        region: record.region,
        prepaid: true,
        started_at: record.started_at,
        ..Session::new(id, dialled, bill.account.currency, clock.now())
    }
}
