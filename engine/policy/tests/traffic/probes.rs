//! CB-2: never more half-open probes in flight than permitted, under 64 threads.

use std::{
    collections::HashSet,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};

use orrery_policy::traffic::{Breaker, BreakerConfig, BreakerState, Nanos, Outcome, permits::Permits};

const THREADS: usize = 64;
const PROBES: u32 = 10;

fn config() -> BreakerConfig {
    BreakerConfig {
        sliding_window_size: 1,
        minimum_number_of_calls: 1,
        permitted_number_of_calls_in_half_open_state: PROBES,
        ..BreakerConfig::default()
    }
}

/// What the threads did together.
#[derive(Default)]
struct Seen {
    in_flight: AtomicU32,
    most: AtomicU32,
    granted: AtomicU32,
}

impl Seen {
    fn began(&self) {
        self.granted.fetch_add(1, SeqCst);
        let now = self.in_flight.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
    }

    fn ended(&self) {
        self.in_flight.fetch_sub(1, SeqCst);
    }
}

/// Each round: an open breaker whose wait is over, 64 threads that want a probe at once. The first probe of every thread is
/// given back as nobody's failure in every second round, so permits go round.
fn breaker_rounds(rounds: u32) {
    let breaker = Mutex::new(Breaker::new(config(), Nanos::ZERO));
    let (seen, barrier) = (Seen::default(), Barrier::new(THREADS));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..rounds {
                    let now = Nanos::from_secs(f64::from(round) * 1000.0);
                    if barrier.wait().is_leader() {
                        let mut breaker = breaker.lock().unwrap();
                        *breaker = Breaker::new(config(), now);
                        let permit = breaker.try_acquire(now).unwrap();
                        breaker.record(permit, now, Outcome::Failure, Nanos::ZERO);
                        assert_eq!(breaker.state(), BreakerState::Open);
                        assert_eq!(seen.granted.swap(0, SeqCst), if round == 0 { 0 } else { PROBES });
                    }
                    barrier.wait();
                    let later = now + Nanos::from_secs(60.0);
                    let taken = breaker.lock().unwrap().try_acquire(later);
                    let Ok(permit) = taken else { continue };
                    seen.began();
                    thread::yield_now();
                    // Counted down before the permit is free again: what is in flight is never counted too low.
                    seen.ended();
                    let ignored = round % 2 == 1 && seen.granted.load(SeqCst) < PROBES;
                    if ignored {
                        seen.granted.fetch_sub(1, SeqCst);
                        breaker.lock().unwrap().record(permit, later, Outcome::Ignored, Nanos::ZERO);
                        let again = breaker.lock().unwrap().try_acquire(later);
                        if let Ok(_again) = again {
                            seen.began();
                            seen.ended();
                        }
                    }
                }
            });
        }
    });
    let most = seen.most.load(SeqCst);
    eprintln!(
        "CB-2 breaker: {rounds} rounds of {THREADS} threads, at most {most} probes in flight of {PROBES}"
    );
    assert!(most <= PROBES);
}

/// The atomic permits on their own: taken and given back as fast as 64 threads can.
fn permit_rounds(rounds: u32) {
    let (permits, seen) = (Permits::default(), Seen::default());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..rounds {
                    if permits.try_acquire(PROBES) {
                        seen.began();
                        thread::yield_now();
                        seen.ended();
                        permits.release();
                    } else {
                        thread::yield_now();
                    }
                }
            });
        }
    });
    let (most, granted) = (seen.most.load(SeqCst), seen.granted.load(SeqCst));
    eprintln!("CB-2 permits: {granted} taken by {THREADS} threads, at most {most} at once of {PROBES}");
    assert!(most <= PROBES && permits.used() == 0);
}

#[test]
fn half_open_permits_are_exact() {
    breaker_rounds(300);
}

#[test]
#[ignore = "full size: 10,000 rounds"]
fn half_open_permits_are_exact_full() {
    breaker_rounds(10_000);
}

#[test]
fn atomic_permits_are_exact() {
    permit_rounds(2000);
}

#[test]
#[ignore = "full size: 64 times 100,000 permits"]
fn atomic_permits_are_exact_full() {
    permit_rounds(100_000);
}

/// A thread's place in taking and giving back a permit: each step is one atomic access.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Read,
    Swap(u32),
    Holding,
    ReadBack,
    SwapBack(u32),
    Done,
}

/// Every state that four threads can reach together which each read the count, and swap it for one more where it is
/// still what they read: the algorithm of the atomic permits, one step at a time, with a limit of two.
#[test]
fn every_interleaving_of_the_permit_counter_keeps_the_limit() {
    const LIMIT: u32 = 2;
    let mut seen = HashSet::new();
    let mut open = vec![(0_u32, [At::Read; 4])];
    let mut ended = false;
    while let Some((count, threads)) = open.pop() {
        if !seen.insert((count, threads)) {
            continue;
        }
        let holds = |at: &&At| matches!(at, At::Holding | At::ReadBack | At::SwapBack(_));
        let holding = threads.iter().filter(holds).count() as u32;
        assert!(holding <= LIMIT && count == holding);
        ended |= threads.iter().all(|at| *at == At::Done);
        for thread in 0..threads.len() {
            let (count, at) = match threads[thread] {
                At::Read if count < LIMIT => (count, At::Swap(count)),
                At::Read => (count, At::Done),
                At::Swap(read) if read == count => (count + 1, At::Holding),
                At::Swap(_) => (count, At::Read),
                At::ReadBack => (count, At::SwapBack(count)),
                At::SwapBack(read) if read == count => (count - 1, At::Done),
                At::Holding | At::SwapBack(_) => (count, At::ReadBack),
                At::Done => continue,
            };
            let mut next = threads;
            next[thread] = at;
            open.push((count, next));
        }
    }
    eprintln!("CB-2 model: {} states of 4 threads, limit {LIMIT} kept in all", seen.len());
    assert!(ended);
}
