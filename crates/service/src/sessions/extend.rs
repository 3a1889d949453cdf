//! A call goes on: notes what was used and grants more.

use super::authorise::{again, grant};
use super::desk::Bench;
use super::pay::Way;
use super::release::check_use;
use super::till::Till;
use super::{Answer, Extend, Refusal, State};
use crate::error::Result;
use crate::hash::Hash;
use crate::id::SessionId;

/// Extends a session. What is granted counts from the answer; it may be less than was used when the money is gone.
pub(super) fn extend(
    till: &mut Till,
    bench: &Bench<'_>,
    id: SessionId,
    asked: &Extend,
    hash: Hash,
) -> Result<Answer> {
    let refused = |refusal| Ok(Answer::Refused(refusal));
    let Some(session) = till.session(id) else { return refused(Refusal::UnknownSession) };
    if asked.sequence <= session.last_sequence {
        return Ok(again(session, asked.sequence, hash));
    }
    if session.state != State::Open {
        return refused(Refusal::Closed { state: session.state });
    }
    if let Some(refusal) = check_use(bench, session, asked.used_seconds, asked.answered_at) {
        return refused(refusal);
    }
    let mut session = session.clone();
    session.used_seconds = asked.used_seconds;
    session.answered_at = asked.answered_at.or(session.answered_at);
    let (Some(account), Some(dialled)) = (bench.directory.account(id.customer), session.dialled) else {
        return refused(Refusal::UnknownLine);
    };
    let way = match Way::find(account, &dialled, session.priced_at()) {
        Ok(way) => way,
        Err(refusal) => return refused(refusal),
    };
    session.last_sequence = asked.sequence;
    let answer = Answer::Granted(grant(till, bench, &mut session, account, way, asked.requested_seconds)?);
    session.request_hash = hash;
    session.answer = Some(answer.clone());
    till.put(session);
    Ok(answer)
}
