//! How do the days of a simulation go by? Deeds, faults and rounds, and after each the proof.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tollbook::clock::Stopwatch;

use crate::attempt::{SeenThrough, see_through};
use crate::calendar::later;
use crate::chance::Chance;
use crate::choose::Choice;
use crate::deeds::Deed;
use crate::judge::{Done, Verdict};
use crate::model::{Call, Model};
use crate::peers::Peers;
use crate::plan::{Counts, Keep, Planned};
use crate::programs::{Place, Program};
use crate::proof;
use crate::stores::{Engine, Store};
use crate::world::{beginning, create_world};

/// A day has at most so many steps.
const STEPS: u64 = 16;
/// So many deeds are told when something fails.
const RECENT: usize = 12;
/// At the end so many rounds may pass until everything was sent.
const LAST_ROUNDS: u64 = 14;

/// What is simulated.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) engine: Engine,
    pub(crate) days: u64,
    /// It ends earlier when so much time is over.
    pub(crate) time: Duration,
    pub(crate) keep: Keep,
}

/// What failed, and where.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) day: u64,
    /// The steps that were taken, and those that met a fault.
    pub(crate) steps: Vec<u64>,
    pub(crate) faulty: Vec<u64>,
    pub(crate) recent: Vec<String>,
}

struct Run {
    story: Story,
    peers: Peers,
    programs: Vec<Program>,
    model: Model,
    since: Timestamp,
    now: Timestamp,
    day: u64,
    counts: Counts,
    steps: Vec<u64>,
    faulty: Vec<u64>,
    recent: VecDeque<String>,
    watch: Stopwatch,
}

/// Simulates until the end, or the first failure.
pub(crate) async fn simulate(story: Story) -> (Counts, Option<Failure>) {
    let store = Store::create(story.engine).await;
    let peers = Peers::start(story.seed).await;
    peers.be_calm(story.keep.calm);
    let since = beginning(story.seed);
    let mut run = Run {
        peers,
        programs: Vec::new(),
        model: Model::default(),
        since,
        now: since,
        day: 0,
        counts: Counts::default(),
        steps: Vec::new(),
        faulty: Vec::new(),
        recent: VecDeque::new(),
        watch: Stopwatch::start(),
        story,
    };
    let ended = Box::pin(run.live(&store.url)).await;
    for (fault, times) in run.peers.faults() {
        run.counts.met(&fault, times);
    }
    run.counts.days = run.day;
    run.counts.invoices = run.model.customers.iter().map(|customer| customer.invoices.len() as u64).sum();
    let mails = run.peers.mails();
    run.counts.mails = mails.len() as u64;
    run.counts.copies = mails.values().map(|mail| mail.copies.saturating_sub(1)).sum();
    let Run { counts, day, steps, faulty, recent, programs, .. } = run;
    for program in &programs {
        program.faults().kill();
    }
    let failure = ended.err().map(|message| Failure {
        message,
        day,
        steps,
        faulty,
        recent: recent.into_iter().collect(),
    });
    (counts, failure)
}

impl Run {
    async fn live(&mut self, url: &str) -> Verdict {
        let place = Place::new(url.to_owned(), self.peers.clone());
        let first = place.start(self.now).await?;
        self.model = create_world(&first, self.story.seed, self.peers.hooks).await?;
        self.programs.push(first);
        let programs = 2 + Chance::new(self.story.seed, 0xB0B).below(2);
        while (self.programs.len() as u64) < programs {
            self.programs.push(place.start(self.now).await?);
        }
        while self.day < self.story.days && self.watch.elapsed() < self.story.time {
            self.live_a_day().await.map_err(|why| format!("day {}: {why}", self.day))?;
            self.day += 1;
        }
        self.end().await
    }

    async fn live_a_day(&mut self) -> Verdict {
        let mut chance = Chance::new(self.story.seed, (self.day << 8) | 0xDA);
        // Now and then nobody works for some days.
        let rest = if chance.percent(3) { chance.within(1, 40) } else { 0 };
        let dawn = later(self.since, (i64::try_from(self.day).unwrap_or_default()) * 86_400);
        self.now = self.now.max(dawn);
        if rest > 20 {
            self.since = later(self.since, rest * 86_400);
            self.now = later(self.now, rest * 86_400);
        }
        let steps = 1 + chance.below(6);
        for step in 0..=steps {
            // Often soon enough that a call goes on meanwhile.
            let most = if chance.percent(40) { 240 } else { 14_000 };
            let pace = chance.within(20, most);
            self.now = later(self.now, pace);
            let place = self.day * STEPS + step;
            if self.story.keep.has_step(place) {
                let is_last = step == steps;
                self.step(place, is_last).await.map_err(|why| format!("step {place}: {why}"))?;
            }
        }
        self.prove().await
    }

    async fn step(&mut self, place: u64, is_last: bool) -> Verdict {
        let mut chance = Chance::new(self.story.seed, (place << 8) | 0x57);
        let deeds = self.choose(&mut chance, is_last);
        if deeds.is_empty() {
            return Ok(());
        }
        self.steps.push(place);
        let has_faults = self.story.keep.has_faults(place);
        let planned = deeds.iter().map(|deed| {
            let planned = Planned::by(&mut chance, deed, deeds.len() == 1);
            if has_faults { planned } else { Planned::default() }
        });
        let planned: Vec<_> = planned.collect();
        for (deed, planned) in deeds.iter().zip(&planned) {
            if self.recent.len() >= RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(format!("{place} at {}: {deed:?}, {planned:?}", self.now));
        }
        if deeds.len() > 1 {
            *self.counts.at_once.entry(deeds.len()).or_default() += 1;
        }
        let done = self.act(deeds, planned).await?;
        self.judge(place, done).await
    }

    /// What is asked for at once, by a program each.
    fn choose(&mut self, chance: &mut Chance, is_last: bool) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let is_round = is_last || chance.percent(12);
        if is_round {
            deeds.push(Deed::Round);
        }
        let most = if chance.percent(40) { self.programs.len() } else { 1 };
        let twice = chance.percent(30);
        while deeds.len() < most {
            if let Some(again) = deeds.first().filter(|_| twice).cloned() {
                deeds.push(again);
                continue;
            }
            let busy = deeds.iter().flat_map(Deed::customers).collect();
            let (model, now, since) = (&mut self.model, self.now, beginning(self.story.seed));
            let mut choice = Choice { model, chance, now, since, busy, beside_round: is_round };
            let Some(deed) = choice.deed() else { break };
            // A price list is one at a time.
            if !deeds.iter().any(|other| matches!((other, &deed), (Deed::Prices { .. }, Deed::Prices { .. })))
            {
                deeds.push(deed);
            }
        }
        deeds
    }

    /// Each deed is seen through by a program of its own, all at once.
    async fn act(&mut self, deeds: Vec<Deed>, planned: Vec<Planned>) -> Result<Vec<SeenThrough>, String> {
        let model = Arc::new(std::mem::take(&mut self.model));
        let mut acting = JoinSet::new();
        for (place, (deed, planned)) in deeds.into_iter().zip(planned).enumerate() {
            let program = self.programs.remove(0);
            let (model, now) = (model.clone(), self.now);
            acting.spawn(async move { (place, see_through(program, deed, model, planned, now).await) });
        }
        let mut done = Vec::new();
        let mut failed = None;
        while let Some(ended) = acting.join_next().await {
            match ended {
                Ok((place, Ok(seen))) => done.push((place, seen)),
                Ok((_, Err(why))) => failed = Some(why),
                Err(panic) => failed = Some(format!("a program panicked: {panic}")),
            }
        }
        self.model = Arc::try_unwrap(model).unwrap_or_else(|shared| (*shared).clone());
        done.sort_by_key(|(place, _)| *place);
        match failed {
            Some(why) => Err(why),
            None => Ok(done.into_iter().map(|(_, seen)| seen).collect()),
        }
    }

    async fn judge(&mut self, place: u64, done: Vec<SeenThrough>) -> Verdict {
        let (mut told, mut round_at, mut met) = (Vec::<Call>::new(), None, 0);
        let texts: Vec<_> = done.iter().map(|seen| format!("{:?}", seen.deed)).collect();
        let began = self.now;
        for (number, seen) in done.into_iter().enumerate() {
            let SeenThrough { program, deed, came, attempts, met: faults, latest, now } = seen;
            self.programs.push(program);
            *self.counts.deeds.entry(deed.kind()).or_default() += 1;
            met += faults.len();
            for fault in faults {
                self.counts.met(fault, 1);
            }
            self.now = self.now.max(now);
            if matches!(deed, Deed::Round) {
                round_at = round_at.max(Some(latest));
                continue;
            }
            // The same deed of another program was judged with the first.
            if texts[..number].contains(&texts[number]) {
                continue;
            }
            let repeated = attempts > 1 || texts[number + 1..].contains(&texts[number]);
            let judged = Done { deed: &deed, came: &came, now: began, repeated };
            told.extend(judged.judge(&mut self.model).map_err(|why| format!("{deed:?}: {why}"))?);
        }
        for program in &self.programs {
            program.set(self.now);
        }
        let program = self.programs.first().ok_or("no program is left")?;
        if let Some(at) = round_at {
            proof::after_round(program, &mut self.model, at, &told).await?;
        }
        if met > 0 {
            self.faulty.push(place);
            self.check().await?;
        }
        self.compare().await
    }

    async fn check(&mut self) -> Verdict {
        self.counts.checks += 1;
        proof::check(self.programs.first().ok_or("no program is left")?).await
    }

    async fn compare(&mut self) -> Verdict {
        let program = self.programs.first().ok_or("no program is left")?;
        self.counts.comparisons += proof::compare(program, &mut self.model, &self.peers).await?;
        Ok(())
    }

    async fn prove(&mut self) -> Verdict {
        self.check().await?;
        self.compare().await
    }

    /// Everybody is well at the end, and all that is to be sent is sent.
    async fn end(&mut self) -> Verdict {
        self.peers.be_calm(true);
        let mut sent = Ok(());
        for _ in 0..LAST_ROUNDS {
            self.now = later(self.now, 9 * 3_600);
            let program = self.programs.remove(0);
            let model = Arc::new(Model::default());
            let seen = see_through(program, Deed::Round, model, Planned::default(), self.now).await?;
            self.now = self.now.max(seen.now);
            proof::after_round(&seen.program, &mut self.model, seen.latest, &[]).await?;
            self.programs.push(seen.program);
            self.prove().await?;
            sent = proof::everything_was_sent(&self.model, &self.peers);
            if sent.is_ok() {
                break;
            }
        }
        sent
    }
}
