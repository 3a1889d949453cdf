//! Which calls were there? A month of made-up calls, written line by line while they are read.

use std::io::{Read, Result, Write};

use crate::deck::{Chance, number};

const HEADER: &[u8] = b"record_id,call_id,account_ref,direction,calling_number,called_number,start_time,\
                        answer_time,end_time,duration,billsec,disposition\n";
const SECONDS_OF_OCTOBER: u64 = 31 * 86_400;
/// Numbers that are called; each call is to one of them.
const CALLED_NUMBERS: usize = 200_000;

/// The canonical CSV of so many calls of October 2026, in order of time. It is made as it is read, so that
/// an input of any length takes no memory.
pub(crate) struct Records {
    total: u64,
    made: u64,
    customers: u64,
    called: Vec<String>,
    chance: Chance,
    text: Vec<u8>,
    read: usize,
}

/// The id of a record, counted from 0.
pub(crate) fn record_id(record: u64) -> String {
    format!("1792888199.{record:08}")
}

/// The line of a customer, counted from 0.
pub(crate) fn line_of(customer: u64) -> String {
    format!("+4930{:07}", 1_000_000 + customer)
}

impl Records {
    /// Calls of customers to numbers that begin with prefixes.
    pub(crate) fn new(total: u64, customers: u64, prefixes: &[String]) -> Self {
        let mut chance = Chance(2026);
        let called = (0..CALLED_NUMBERS).map(|_| number(prefixes, &mut chance)).collect();
        Self { total, made: 0, customers, called, chance, text: HEADER.to_vec(), read: 0 }
    }

    /// Nine of ten calls are answered, after 3 to 22 seconds, and last up to 15 minutes.
    fn make(&mut self) {
        let Self { total, made, customers, chance, .. } = self;
        let started = *made * (SECONDS_OF_OCTOBER - 2_000) / *total;
        let caller = line_of(chance.below(*customers));
        let called = chance.one_of(&self.called);
        let ring = 3 + chance.below(20);
        let talk = 1 + chance.below(900);
        let answered = chance.below(10) > 0;
        let ended = started + ring + if answered { talk } else { 0 };
        let (id, milliseconds) = (record_id(*made), chance.below(1_000));
        *made += 1;
        let out = &mut self.text;
        let written = write!(out, "{id},{id},,outbound,{caller},{called},");
        written.expect("memory does not end");
        time(started, milliseconds, out);
        if answered {
            time(started + ring, milliseconds, out);
        } else {
            out.push(b',');
        }
        time(ended, milliseconds, out);
        let (duration, billsec) = (ended - started, if answered { talk } else { 0 });
        let disposition = if answered { "ANSWERED" } else { "NO ANSWER" };
        writeln!(out, "{duration},{billsec},{disposition}").expect("memory does not end");
    }
}

/// An instant and a comma.
fn time(second: u64, milliseconds: u64, out: &mut Vec<u8>) {
    let (day, hour) = (1 + second / 86_400, second / 3_600 % 24);
    let (minute, second) = (second / 60 % 60, second % 60);
    write!(out, "2026-10-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z,")
        .expect("memory does not end");
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
