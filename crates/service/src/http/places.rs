//! Which connection gets a place? Places are limited in all and per address; the longest silent connection makes room.
//!
//! A connection is silent while it has no request under way: it has sent nothing yet, a part of a head, or waits for its
//! next request. One with a request under way is never closed to make room. Switches have places of their own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{Notify, Semaphore};

use super::rate::group;
use super::seat::Seat;
use crate::config::Http;
use crate::metrics::{HTTP_EVICTED, HTTP_REFUSED, Metrics};

/// At most so many connections wait for a place.
const MAX_WAITING: usize = 256;
/// Places of the listener for probes, and how many of them one address may have.
const PROBES: usize = 64;
const PROBES_OF_ONE_ADDRESS: usize = 16;

/// How many connections there may be, and whose.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) all: usize,
    pub(super) of_one_address: usize,
    pub(super) switches: usize,
    /// How long a connection may wait for a place.
    pub(super) patience: Duration,
    pub(super) proxies: Vec<IpNet>,
    pub(super) switch_networks: Vec<IpNet>,
}

impl Limits {
    pub(super) fn of(settings: &Http) -> Self {
        Self {
            all: settings.connections.max(1),
            of_one_address: match settings.connections_per_address {
                0 => usize::MAX,
                limit => limit,
            },
            switches: settings.switch_connections,
            patience: Duration::from_secs(settings.header_timeout_seconds),
            proxies: settings.proxies.clone(),
            switch_networks: settings.switches.clone(),
        }
    }

    pub(super) fn of_probes(settings: &Http) -> Self {
        Self {
            all: PROBES,
            of_one_address: PROBES_OF_ONE_ADDRESS,
            switches: 0,
            switch_networks: Vec::new(),
            ..Self::of(settings)
        }
    }
}

/// What a connection is to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Stranger,
    /// It carries the requests of many: no limit per address.
    Proxy,
    Switch,
}

/// Why a connection gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Its address has requests under way on all the connections it may have.
    Address,
    /// Requests are under way on all connections.
    All,
}

/// The places; cheap to clone.
#[derive(Clone)]
pub(super) struct Places(Arc<Room>);

struct Room {
    limits: Limits,
    seats: Mutex<Seats>,
    /// Counts what happens, so that of two silent connections it is known which is silent for longer.
    turn: AtomicU64,
    freed: Notify,
    line: Semaphore,
    metrics: Metrics,
}

#[derive(Default)]
struct Seats {
    last: u64,
    taken: HashMap<u64, Taken>,
    strangers: HashMap<IpAddr, usize>,
    switches: usize,
}

struct Taken {
    seat: Arc<Seat>,
    address: IpAddr,
    rank: Rank,
}

/// A place, given back when it is dropped.
pub(super) struct Place(Standing);

/// How a connection stands; each of its requests carries it.
#[derive(Clone)]
pub struct Standing {
    room: Arc<Room>,
    seat: Arc<Seat>,
    number: u64,
    /// No stranger, or no longer.
    is_known: Arc<AtomicBool>,
}

/// A request is under way until this is dropped.
pub(super) struct Busy(Standing);

impl Places {
    pub(super) fn new(limits: Limits, metrics: &Metrics) -> Self {
        Self(Arc::new(Room {
            limits,
            seats: Mutex::default(),
            turn: AtomicU64::new(1),
            freed: Notify::new(),
            line: Semaphore::new(MAX_WAITING),
            metrics: metrics.clone(),
        }))
    }

    /// A place for a connection from an address. When requests are under way on all connections it waits a while.
    pub(super) async fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let taken = match self.0.take(address) {
            Err(Full::All) => self.wait(address).await,
            taken => taken,
        };
        if let Err(full) = &taken {
            let what = if *full == Full::Address { "address" } else { "all" };
            self.0.metrics.count(HTTP_REFUSED, &[("full", what)], 1);
        }
        taken
    }

    async fn wait(&self, address: IpAddr) -> Result<Place, Full> {
        let room = &self.0;
        let Ok(_turn) = room.line.try_acquire() else { return Err(Full::All) };
        let waiting = async {
            loop {
                room.freed.notified().await;
                match room.take(address) {
                    Err(Full::All) => {}
                    Err(Full::Address) => {
                        // The next one in the line may have what this one may not.
                        room.freed.notify_one();
                        return Err(Full::Address);
                    }
                    Ok(place) => return Ok(place),
                }
            }
        };
        tokio::time::timeout(room.limits.patience, waiting).await.unwrap_or(Err(Full::All))
    }

    /// Closes the longest silent connection of a stranger, for what it holds besides a place.
    pub(super) fn make_room(&self) -> bool {
        self.0.evict(&mut self.0.seats(), |taken| taken.rank == Rank::Stranger)
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.0.seats().taken.len()
    }
}

impl Room {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let limits = &self.limits;
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        let mut seats = self.seats();
        let rank = if within(&limits.switch_networks) && self.seats_switch(&mut seats) {
            Rank::Switch
        } else if within(&limits.proxies) || within(&limits.switch_networks) {
            Rank::Proxy
        } else {
            Rank::Stranger
        };
        let address = group(address);
        if rank == Rank::Stranger {
            let theirs = seats.strangers.get(&address).copied().unwrap_or_default();
            let is_theirs = |taken: &Taken| taken.rank == Rank::Stranger && taken.address == address;
            if theirs >= limits.of_one_address && !self.evict(&mut seats, is_theirs) {
                return Err(Full::Address);
            }
        }
        if rank != Rank::Switch
            && seats.taken.len() - seats.switches >= limits.all
            && !self.evict(&mut seats, |taken| taken.rank == Rank::Stranger)
            && !self.evict(&mut seats, |taken| taken.rank == Rank::Proxy)
        {
            return Err(Full::All);
        }
        let seat = Arc::new(Seat::since(self.next_turn()));
        let number = seats.seat(Taken { seat: seat.clone(), address, rank });
        let is_known = Arc::new(AtomicBool::new(rank != Rank::Stranger));
        Ok(Place(Standing { room: self.clone(), seat, number, is_known }))
    }

    /// Whether one more switch has a place of its own.
    fn seats_switch(&self, seats: &mut Seats) -> bool {
        let limit = self.limits.switches;
        seats.switches < limit || (limit > 0 && self.evict(seats, |taken| taken.rank == Rank::Switch))
    }

    /// Closes the longest silent connection of some; answers whether there was one.
    fn evict(&self, seats: &mut Seats, among: impl Fn(&Taken) -> bool) -> bool {
        loop {
            let candidates = seats.taken.iter().filter(|(_, taken)| among(taken));
            let silent = candidates.filter_map(|(number, taken)| Some((taken.seat.silent_since()?, *number)));
            let Some((since, number)) = silent.min() else { return false };
            let leaves = seats.taken.get(&number).is_some_and(|taken| taken.seat.send_away(since));
            // Else a request began at this very moment.
            if leaves {
                seats.remove(number);
                self.metrics.count(HTTP_EVICTED, &[("why", "room")], 1);
                return true;
            }
        }
    }
}

impl Seats {
    fn seat(&mut self, taken: Taken) -> u64 {
        self.last += 1;
        self.count(&taken, true);
        self.taken.insert(self.last, taken);
        self.last
    }

    fn remove(&mut self, number: u64) -> bool {
        let Some(taken) = self.taken.remove(&number) else { return false };
        self.count(&taken, false);
        true
    }

    fn count(&mut self, taken: &Taken, more: bool) {
        let step = |count: usize| if more { count + 1 } else { count.saturating_sub(1) };
        match taken.rank {
            Rank::Proxy => {}
            Rank::Switch => self.switches = step(self.switches),
            Rank::Stranger => {
                let theirs = self.strangers.entry(taken.address).or_default();
                *theirs = step(*theirs);
                if *theirs == 0 {
                    self.strangers.remove(&taken.address);
                }
            }
        }
    }
}

impl Place {
    pub(super) fn standing(&self) -> &Standing {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Standing { room, number, .. } = &self.0;
        if room.seats().remove(*number) {
            room.freed.notify_one();
        }
    }
}

impl Standing {
    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Begins a request, unless the connection was told to leave.
    pub(super) fn begin(&self) -> Option<Busy> {
        self.seat.begin().then(|| Busy(self.clone()))
    }

    /// Waits until a stranger has sent nothing for so long.
    pub(super) async fn sends_nothing_for(&self, limit: Duration) {
        tokio::time::sleep(limit).await;
        if self.is_known.load(Ordering::Relaxed) || self.seat.was_heard() {
            return std::future::pending().await;
        }
        self.room.metrics.count(HTTP_EVICTED, &[("why", "silence")], 1);
    }

    /// Notes that a switch has proven itself here: from now on the connection has a place of switches, if there is one.
    /// A proxy's connection carries others as well.
    pub fn prove_switch(&self) {
        if self.is_known.load(Ordering::Relaxed) {
            return;
        }
        let mut seats = self.room.seats();
        if !self.room.seats_switch(&mut seats) {
            return;
        }
        let Some(mut taken) = seats.taken.remove(&self.number) else { return };
        seats.count(&taken, false);
        taken.rank = Rank::Switch;
        seats.count(&taken, true);
        seats.taken.insert(self.number, taken);
        self.is_known.store(true, Ordering::Relaxed);
        self.room.freed.notify_one();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Standing { room, seat, .. } = &self.0;
        seat.fall_silent(room.next_turn());
        room.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all: usize, of_one_address: usize, switches: usize) -> Places {
        let patience = Duration::ZERO;
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let switch_networks = vec!["192.0.2.64/26".parse().unwrap()];
        let limits = Limits { all, of_one_address, switches, patience, proxies, switch_networks };
        Places::new(limits, &Metrics::new().unwrap())
    }

    async fn take(places: &Places, address: &str) -> Result<Place, Full> {
        places.take(address.parse().unwrap()).await
    }

    fn was_sent_away(place: &Place) -> bool {
        place.standing().begin().is_none()
    }

    #[tokio::test]
    async fn one_address_does_not_take_all_places() {
        let places = places(10, 2, 0);
        let one = take(&places, "192.0.2.1").await.unwrap();
        let two = take(&places, "192.0.2.1").await.unwrap();
        let busy = one.standing().begin().unwrap();
        // The silent one of the same address makes room, and another address is left alone.
        let other = take(&places, "192.0.2.2").await.unwrap();
        let three = take(&places, "192.0.2.1").await.unwrap();
        assert!(was_sent_away(&two) && places.taken() == 3);
        let _busy = (busy, three.standing().begin().unwrap());
        assert_eq!(take(&places, "192.0.2.1").await.err(), Some(Full::Address));
        assert!(!was_sent_away(&other));
        // A network of IPv6 is one address; a proxy is many.
        let kept = [take(&places, "2001:db8::1").await.unwrap(), take(&places, "2001:db8::2").await.unwrap()];
        let _busy = kept.each_ref().map(|place| place.standing().begin());
        assert_eq!(take(&places, "2001:db8::3").await.err(), Some(Full::Address));
        let mut many = Vec::new();
        for _ in 0..4 {
            many.push(take(&places, "10.0.0.1").await.unwrap());
        }
        assert!(!many.iter().any(was_sent_away));
    }

    #[tokio::test]
    async fn the_longest_silent_one_goes_first_and_a_busy_one_never() {
        let places = places(3, 3, 0);
        let mut open = Vec::new();
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            open.push(take(&places, address).await.unwrap());
        }
        // The first asked since, so the second is silent for longest.
        assert!(!was_sent_away(&open[0]));
        let fourth = take(&places, "192.0.2.4").await.unwrap();
        assert!(was_sent_away(&open[1]) && places.taken() == 3);
        open[2].standing().seat().set_writing(true);
        let _busy = (open[0].standing().begin().unwrap(), fourth.standing().begin().unwrap());
        assert_eq!(take(&places, "192.0.2.5").await.err(), Some(Full::All));
        open[2].standing().seat().set_writing(false);
        let fifth = take(&places, "192.0.2.5").await.unwrap();
        assert!(was_sent_away(&open[2]));
        // What was sent away gives nothing back a second time.
        open.clear();
        assert_eq!(places.taken(), 2);
        drop((fourth, fifth));
        assert_eq!((places.taken(), places.0.seats().strangers.len()), (0, 0));
    }

    #[tokio::test]
    async fn switches_have_places_of_their_own() {
        let places = places(1, 1, 1);
        let switch = take(&places, "192.0.2.1").await.unwrap();
        switch.standing().prove_switch();
        switch.standing().prove_switch();
        // Its place among strangers is free again, and no stranger makes it leave.
        let stranger = take(&places, "192.0.2.1").await.unwrap();
        let _busy = stranger.standing().begin().unwrap();
        assert_eq!(take(&places, "192.0.2.1").await.err(), Some(Full::Address));
        assert_eq!(take(&places, "192.0.2.2").await.err(), Some(Full::All));
        let begun = switch.standing().begin().unwrap();
        // A second switch finds no place while the first is busy, and takes it when it is silent.
        assert_eq!(take(&places, "192.0.2.65").await.err(), Some(Full::All));
        drop(begun);
        let second = take(&places, "192.0.2.65").await.unwrap();
        assert!(was_sent_away(&switch) && !was_sent_away(&second));
    }
}
