//! What is imported meanwhile? Calls of the last days, made line by line while they are read; one in ten is a
//! prepaid customer's.

use std::io::{Read, Result, Write};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::deck::Chance;
use crate::operator::line_of;

const HEADER: &[u8] = b"record_id,call_id,account_ref,direction,calling_number,called_number,start_time,\
                        answer_time,end_time,duration,billsec,disposition\n";
/// The calls lie in so many seconds, the last ones two hours ago.
const SPAN_SECONDS: u64 = 10 * 86_400;

pub(crate) struct Records {
    total: u64,
    made: u64,
    /// Of each kind: the prepaid ones stand first.
    customers: u64,
    called: Arc<[String]>,
    begin: Timestamp,
    chance: Chance,
    text: Vec<u8>,
    read: usize,
}

impl Records {
    pub(crate) fn new(total: u64, customers: u64, called: Arc<[String]>, now: Timestamp) -> Self {
        let span = SignedDuration::from_secs(i64::try_from(SPAN_SECONDS).expect("it is few") + 7_200);
        let begin = now.checked_sub(span).expect("time goes on");
        let (chance, text) = (Chance(2026), HEADER.to_vec());
        Self { total, made: 0, customers, called, begin, chance, text, read: 0 }
    }

    fn make(&mut self) {
        let after = |seconds: u64| {
            let seconds = i64::try_from(seconds).expect("it is few");
            self.begin.checked_add(SignedDuration::from_secs(seconds)).expect("time goes on")
        };
        let Self { total, made, customers, chance, .. } = self;
        let started = *made * SPAN_SECONDS / *total;
        let prepaid = chance.below(10) == 0;
        let caller = line_of(chance.below(*customers) + if prepaid { 0 } else { *customers });
        let called = chance.one_of(&self.called);
        let talk = 1 + chance.below(900);
        let (start, end) = (after(started), after(started + talk));
        let id = *made;
        *made += 1;
        writeln!(
            self.text,
            "{id:012},{id:012},,outbound,{caller},{called},{start},{start},{end},{talk},{talk},ANSWERED"
        )
        .expect("memory does not end");
    }
}

impl Read for Records {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        if self.read == self.text.len() {
            self.text.clear();
            self.read = 0;
        }
        while self.text.len() < into.len() && self.made < self.total {
            self.make();
        }
        let count = (&self.text[self.read..]).read(into)?;
        self.read += count;
        Ok(count)
    }
}
