//! What should be left of somebody's prepaid money? One balance, and at most one call under way.

use jiff::{SignedDuration, Timestamp};

/// Seconds that a call may go on unheard of beyond what was granted.
const GRACE: i64 = 300;
/// Prices never change here: a minute, and whether whole minutes are charged.
pub(crate) const PLACES: [(&str, i128, bool); 2] =
    [("+442079460123", 20_000, true), ("+493012345678", 30_000, false)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Released,
    Expired,
    Refused,
}

/// A call that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) call_id: String,
    pub(crate) path: String,
    pub(crate) to: usize,
    pub(crate) state: State,
    pub(crate) began: Timestamp,
    pub(crate) over_at: Timestamp,
    pub(crate) used: i64,
    pub(crate) held: i128,
    pub(crate) taken: i128,
    pub(crate) lost: i128,
    pub(crate) sequence: i64,
    pub(crate) has_record: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Purse {
    pub(crate) money: i128,
    /// What was taken and lost for calls that are told no more of.
    pub(crate) before: (i128, i128),
    pub(crate) session: Option<Session>,
    /// References of top-ups and their amounts.
    pub(crate) top_ups: Vec<(String, i128)>,
}

/// What so much talk costs.
pub(crate) fn cost(to: usize, seconds: i64) -> i128 {
    crate::model::cost(PLACES[to].1, PLACES[to].2, seconds)
}

/// How much talk so much money pays.
fn payable(to: usize, money: i128) -> i64 {
    let (_, minute, whole) = PLACES[to];
    let seconds = if whole { money / minute * 60 } else { money * 60 / minute };
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

fn over(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds + GRACE)).expect("an instant of this century")
}

impl Purse {
    pub(crate) fn held(&self) -> i128 {
        self.session.as_ref().map_or(0, |session| session.held)
    }

    fn available(&self) -> i128 {
        self.money - self.held()
    }

    /// What was taken and lost for all calls.
    pub(crate) fn sums(&self) -> (i128, i128) {
        let (taken, lost) = self.session.as_ref().map_or((0, 0), |session| (session.taken, session.lost));
        (self.before.0 + taken, self.before.1 + lost)
    }

    /// Asks for a call; answers the seconds that are granted.
    pub(crate) fn authorise(&mut self, (call_id, to, wanted): (&str, usize, i64), now: Timestamp) -> i64 {
        if let Some(session) = self.session.take() {
            self.before = (self.before.0 + session.taken, self.before.1 + session.lost);
        }
        let granted = wanted.min(payable(to, self.money));
        let state = if granted > 0 { State::Open } else { State::Refused };
        self.session = Some(Session {
            call_id: call_id.to_owned(),
            path: String::new(),
            to,
            state,
            began: now,
            over_at: over(now, granted),
            used: 0,
            held: cost(to, granted),
            taken: 0,
            lost: 0,
            sequence: 0,
            has_record: false,
        });
        granted
    }

    /// Reports use and asks for more; answers the seconds that are granted in all.
    pub(crate) fn extend(&mut self, used: i64, wanted: i64, now: Timestamp) -> i64 {
        let available = self.available();
        let session = self.session.as_mut().expect("a call is under way");
        let granted = (used + wanted).min(payable(session.to, available + session.held));
        (session.used, session.held) = (used, cost(session.to, granted));
        session.sequence += 1;
        session.over_at = over(now, (granted - used).max(0));
        granted
    }

    /// The call came to so much talk.
    pub(crate) fn settle(&mut self, used: i64, state: State) {
        let available = self.available();
        let session = self.session.as_mut().expect("a call was asked for");
        let cost = cost(session.to, used);
        let taken = cost.min(available + session.held + session.taken);
        self.money -= taken - session.taken;
        (session.held, session.taken, session.lost) = (0, taken, cost - taken);
        (session.used, session.state) = (used, state);
    }

    /// Nothing was heard of the call any more.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if let Some(session) = &self.session
            && session.state == State::Open
            && session.over_at <= now
        {
            let used = session.used;
            self.settle(used, State::Expired);
        }
    }
}
