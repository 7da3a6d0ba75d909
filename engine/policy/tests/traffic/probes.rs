//! CB-2: never more half-open probes in flight than permitted, under 64 threads.

use std::{
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
                        let mut breaker = breaker.lock().expect("sound");
                        *breaker = Breaker::new(config(), now);
                        let permit = breaker.try_acquire(now).expect("sound");
                        breaker.record(permit, now, Outcome::Failure, Nanos::ZERO);
                        assert_eq!(breaker.state(), BreakerState::Open);
                        assert_eq!(seen.granted.swap(0, SeqCst), if round == 0 { 0 } else { PROBES });
                    }
                    barrier.wait();
                    let later = now + Nanos::from_secs(60.0);
                    let taken = breaker.lock().expect("sound").try_acquire(later);
                    let Ok(permit) = taken else { continue };
                    seen.began();
                    thread::yield_now();
                    // Counted down before the permit is free again: what is in flight is never counted too low.
                    seen.ended();
                    let ignored = round % 2 == 1 && seen.granted.load(SeqCst) < PROBES;
                    if ignored {
                        seen.granted.fetch_sub(1, SeqCst);
                        breaker.lock().expect("sound").record(permit, later, Outcome::Ignored, Nanos::ZERO);
                        let again = breaker.lock().expect("sound").try_acquire(later);
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

/// Every interleaving of three threads that each read the count, and swap it for one more where it is still what they
/// read: the algorithm of the atomic permits, one step at a time, with a limit of two.
#[test]
fn every_interleaving_of_the_permit_counter_keeps_the_limit() {
    const LIMIT: u32 = 2;
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Read,
        Swap(u32),
        Holding,
        ReadBack,
        SwapBack(u32),
        Done,
    }
    fn explore(count: u32, threads: [At; 3], paths: &mut u64, depth: u32) {
        let holding =
            threads.iter().filter(|at| matches!(at, At::Holding | At::ReadBack | At::SwapBack(_))).count();
        assert!(holding as u32 <= LIMIT && count == holding as u32);
        if threads.iter().all(|at| *at == At::Done) {
            *paths += 1;
            return;
        }
        // A failed swap reads again; a life without end would need another thread to succeed without end.
        assert!(depth < 64);
        for thread in 0..3 {
            let (count, at) = match threads[thread] {
                At::Read if count < LIMIT => (count, At::Swap(count)),
                At::Read => (count, At::Done),
                At::Swap(read) if read == count => (count + 1, At::Holding),
                At::Swap(_) => (count, At::Read),
                At::SwapBack(read) if read == count => (count - 1, At::Done),
                At::Holding | At::SwapBack(_) => (count, At::ReadBack),
                At::ReadBack => (count, At::SwapBack(count)),
                At::Done => continue,
            };
            let mut next = threads;
            next[thread] = at;
            explore(count, next, paths, depth + 1);
        }
    }
    let mut paths = 0;
    explore(0, [At::Read; 3], &mut paths, 0);
    eprintln!("CB-2 model: {paths} interleavings of 3 threads, limit {LIMIT} kept in all");
}
