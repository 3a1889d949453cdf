//! A prepaid call's record comes: it corrects its session, or is charged by itself.
//!
//! The record is the truth. What its session took is given back and what the record says is taken; mostly that is
//! the same and nothing moves. A record without a session is charged from the balances at once (hot billing).

use calculation::call::Billable;
use calculation::cdr::{Flaw, Reason};
use calculation::phone_number::Dialled;

use super::pay::Cost;
use super::release::close;
use super::till::{Till, Wanted};
use super::{Origin, Session, State};
use crate::calls::{Account, Bill, Record};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::SessionId;

/// The prepaid customers of a batch of records, held: charged in memory, then saved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reconciling {
    till: Till,
}

impl Reconciling {
    /// Holds the customers of prepaid records until the transaction ends, and reads the sessions of their calls.
    pub(crate) async fn hold(tx: &mut Tx, records: &[(&Record, &Bill)], clock: &Clock) -> Result<Self> {
        if records.is_empty() {
            return Ok(Self::default());
        }
        let calls = records.iter().map(|(record, _)| (record.customer, record.call_id().to_owned()));
        let customers = records.iter().map(|(record, _)| record.customer).collect();
        let wanted = Wanted { customers, calls: calls.collect(), ..Wanted::default() };
        let accounts: Vec<&Account> = records.iter().map(|(_, bill)| &*bill.account).collect();
        Ok(Self { till: Till::hold(tx, &wanted, &accounts, clock.now()).await? })
    }

    /// Charges a record, or says why it waits in suspense.
    pub(crate) fn charge(
        &mut self,
        source: &str,
        record: &Record,
        bill: &Bill,
        clock: &Clock,
    ) -> Result<std::result::Result<Cost, Flaw>> {
        let Some(dialled) = record.dialled else {
            return Err(Error::Inconsistent("a call to be billed without a number".to_owned()));
        };
        let key = (source.to_owned(), record.record_id().to_owned());
        let known = self.till.of_call(record.customer, record.call_id());
        let asked = known
            .filter(|known| known.prepaid && known.state != State::Refused && known.dialled == Some(dialled));
        let mut session = match asked {
            Some(session) if session.record.is_some() => return Ok(Err(second(session))),
            Some(session) => session.clone(),
            None => by_record(source, record, bill, dialled, clock),
        };
        let Billable { answered_at, talk_seconds } = bill.billable;
        session.answered_at = Some(answered_at);
        session.record = Some(key);
        let closed =
            close(&mut self.till, clock, &mut session, &bill.account, talk_seconds, State::Released)?;
        let cost = closed.ok().flatten();
        let cost = cost.ok_or_else(|| Error::Inconsistent(format!("{} has no price", session.id)))?;
        self.till.put(session);
        Ok(Ok(cost))
    }

    /// Stores what was charged.
    pub(crate) async fn save(&mut self, tx: &mut Tx, clock: &Clock) -> Result<()> {
        self.till.save(tx, clock).await
    }
}

fn second(session: &Session) -> Flaw {
    let message = format!(
        "call {} was charged by another record already: if this is another call, send it under a call_id of its own",
        session.call_id
    );
    Flaw::new(Reason::Conflict, "call_id", message)
}

/// The session of a record that nobody had asked for.
fn by_record(source: &str, record: &Record, bill: &Bill, dialled: Dialled, clock: &Clock) -> Session {
    let id = SessionId { customer: record.customer, number: clock.id() };
    Session {
        // The call's own id may be that of a session for another number.
        call_id: format!("{source}/{}", record.record_id()),
        origin: Origin::Record,
        line: record.line,
        called: record.called().to_owned(),
        region: record.region,
        prepaid: true,
        started_at: record.started_at,
        ..Session::new(id, dialled, bill.account.currency, clock.now())
    }
}
