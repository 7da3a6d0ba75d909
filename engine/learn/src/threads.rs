//! Threads: a thread that computes with so many threads of its own, instead of those that the whole process shares.

use std::{cell::RefCell, sync::Arc};

use orrery_domain::{Failure, FailureClass};

thread_local! {
    /// What graphs are computed with on this thread.
    static GRAPHS: RefCell<Option<Arc<rten::ThreadPool>>> = const { RefCell::new(None) };
}

/// Threads of the thread that made it, for as long as the value lives there.
pub struct OwnThreads {
    /// Its other threads end with it.
    _pool: rayon::ThreadPool,
}

impl std::fmt::Debug for OwnThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnThreads")
    }
}

impl OwnThreads {
    /// From now on everything that this thread computes is divided among `count` threads: itself and others that nobody else has.
    ///
    /// # Errors
    /// A capacity failure when they cannot be started, a bug failure when this thread has some already.
    pub fn begin(count: usize) -> Result<Self, Failure> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count.max(1)).use_current_thread().build();
        let pool = pool.map_err(|error| {
            Failure::new(FailureClass::Capacity, format!("A model's threads could not be started: {error}."))
        })?;
        GRAPHS.set(Some(Arc::new(rten::ThreadPool::with_num_threads(count.max(1)))));
        Ok(Self { _pool: pool })
    }
}

impl Drop for OwnThreads {
    fn drop(&mut self) {
        GRAPHS.set(None);
    }
}

/// Does `work` so that everything it computes, graphs too, is computed by the one thread that does it: nothing is divided, and no other
/// thread is woken. The caller waits meanwhile.
pub fn alone<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let pool = Arc::new(rten::ThreadPool::with_num_threads(1));
    // Whatever a pool's own thread asks of that pool, it does itself and at once.
    pool.run(|| {
        GRAPHS.set(Some(Arc::clone(&pool)));
        let _given = Given;
        work()
    })
}

/// A pool that a thread computes graphs with until the value is dropped, also by a panic.
struct Given;

impl Drop for Given {
    fn drop(&mut self) {
        GRAPHS.set(None);
    }
}

/// What this thread computes graphs with; none: what the process shares.
pub(crate) fn of_graphs() -> Option<Arc<rten::ThreadPool>> {
    GRAPHS.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rayon::prelude::*;

    use super::*;

    /// Threads that a piece of divided work ran on.
    fn used() -> BTreeSet<String> {
        let ids: Vec<String> = (0..64)
            .into_par_iter()
            .with_max_len(1)
            .map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(1));
                format!("{:?}", std::thread::current().id())
            })
            .collect();
        ids.into_iter().collect()
    }

    #[test]
    fn a_thread_computes_with_as_many_as_it_was_given_and_others_are_not_touched() {
        let worker = |count: usize| {
            std::thread::spawn(move || {
                let own = OwnThreads::begin(count).expect("threads");
                let found = (rayon::current_num_threads(), used(), of_graphs().is_some());
                drop(own);
                (found, of_graphs().is_none())
            })
        };
        let workers = [1, 3].map(|count| (count, worker(count)));
        let mut seen = BTreeSet::new();
        for (count, worker) in workers {
            let ((threads, used, graphs), gone) = worker.join().expect("it ends");
            assert_eq!((threads, graphs, gone), (count, true, true));
            assert_eq!(used.len(), count);
            assert!(seen.is_disjoint(&used));
            seen.extend(used);
        }
        assert!(of_graphs().is_none());
    }

    #[test]
    fn what_is_done_alone_is_done_by_one_thread() {
        let (here, used, graphs) = alone(|| {
            let here = format!("{:?}", std::thread::current().id());
            let pool = of_graphs().expect("a pool");
            let graphs = pool.run(|| format!("{:?}", std::thread::current().id()));
            (here, used(), graphs)
        });
        assert_eq!((used, graphs), (BTreeSet::from([here.clone()]), here));
        assert!(of_graphs().is_none());
    }

    #[test]
    fn a_panic_takes_its_pool_with_it() {
        let given = std::panic::catch_unwind(|| {
            let _given = Given;
            GRAPHS.set(Some(Arc::new(rten::ThreadPool::with_num_threads(1))));
            assert!(of_graphs().is_none(), "on purpose");
        });
        assert!(given.is_err() && of_graphs().is_none());
    }
}
