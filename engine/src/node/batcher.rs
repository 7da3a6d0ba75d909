//! Batcher: requests of one model version wait a little for each other, and are computed together.
//!
//! ```text
//! ask ─┬─bounded queue──► instance threads: oldest first, join what fits, run once, split ──► each asker
//!      └─ alone, and the model is quick: at once, where it was asked
//! ```
//!
//! Two changes of threads take longer than a small model does, so a request that nothing waits with is computed by the thread that
//! brings it, as long as the model has lately answered within `QUICK`. No request waits longer for others than the delay; one whose client has left or whose time is over is not computed; a full
//! queue refuses at once.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use orrery_domain::serving::ServingSettings;
use tokio::sync::oneshot;

/// A model that answers in less is asked on the spot: the thread that brings a request has others to serve.
const QUICK: Duration = Duration::from_micros(300);
/// Most rows of a request that is asked on the spot: how long a model lately took says nothing of a larger one.
const QUICK_ROWS: usize = 16;

/// What a version computes with. Requests are joined and answers split along the first axis.
pub trait Runtime: Send + Sync + 'static {
    /// A request's inputs.
    type Input: Send + 'static;
    /// Its outputs.
    type Output: Send + 'static;
    /// Why it could not be computed.
    type Error: Clone + Send + 'static;

    /// Rows of a request.
    fn rows(&self, input: &Self::Input) -> usize;

    /// Whether two requests may be computed in one.
    fn fits(&self, a: &Self::Input, b: &Self::Input) -> bool;

    /// The rows of several requests that fit, one after the other.
    fn join(&self, inputs: &[&Self::Input]) -> Self::Input;

    /// Computes.
    ///
    /// # Errors
    /// What the caller is told.
    fn run(&self, input: &Self::Input) -> Result<Self::Output, Self::Error>;

    /// What an instance's thread holds as long as it lives: `threads` threads of its own to compute with, where that can be had.
    fn begin(&self, _threads: usize) -> Box<dyn Any> {
        Box::new(())
    }

    /// Whether a request of few rows is computed by the thread that asks for it, and by no other.
    fn few_rows_stay_here(&self) -> bool {
        true
    }

    /// The error for a computation that panicked with these words.
    fn broken(&self, said: &str) -> Self::Error;

    /// An output's parts of so many rows each.
    fn split(&self, output: Self::Output, rows: &[usize]) -> Vec<Self::Output>;
}

/// How requests wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// Most rows that are computed together; a request of more rows goes alone.
    pub max_rows: usize,
    /// Longest that a request waits for others.
    pub max_delay: Duration,
    /// Most requests that wait; more are refused.
    pub queue: usize,
    /// Batches that are computed side by side.
    pub instances: usize,
    /// Threads that each of them computes with; 0: those of the whole process.
    pub threads: usize,
}

impl BatchSettings {
    /// With what was chosen for one version.
    #[must_use]
    pub fn tuned(self, serving: ServingSettings) -> Self {
        Self {
            max_rows: serving.batch_rows as usize,
            max_delay: Duration::from_micros(serving.delay_micros),
            instances: serving.instances as usize,
            threads: serving.threads as usize,
            ..self
        }
    }

    /// As a choice for one version.
    pub fn serving(self) -> ServingSettings {
        ServingSettings {
            batch_rows: self.max_rows.try_into().unwrap_or(u32::MAX),
            threads: self.threads.try_into().unwrap_or(u32::MAX),
            instances: self.instances.try_into().unwrap_or(u32::MAX),
            delay_micros: self.max_delay.as_micros().try_into().unwrap_or(u64::MAX),
        }
    }
}

impl Default for BatchSettings {
    /// No delay (as Triton): what has come while the last batch was computed is the next one.
    fn default() -> Self {
        Self { max_rows: 1024, max_delay: Duration::ZERO, queue: 1024, instances: 1, threads: 0 }
    }
}

/// Why a request got no answer of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal<E> {
    /// Too many wait.
    Full,
    /// Its time was over before it was computed.
    TimedOut,
    /// The version is going.
    Closed,
    /// The model's own words.
    Model(E),
}

/// How a request went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From arrival to the start of computing.
    pub queued: Duration,
    /// Computing, of the whole batch.
    pub computed: Duration,
    /// Rows of the whole batch.
    pub batch_rows: usize,
}

/// An answer or a refusal, and how long it took.
pub type Reply<R> = (Result<<R as Runtime>::Output, Refusal<<R as Runtime>::Error>>, Timing);

struct Waiting<R: Runtime> {
    input: R::Input,
    rows: usize,
    came: Instant,
    until: Instant,
    answer: oneshot::Sender<Reply<R>>,
}

struct Queue<R: Runtime> {
    waiting: VecDeque<Waiting<R>>,
    /// Batches that are being computed, of as many as there are instances.
    running: usize,
    open: bool,
}

struct Shared<R: Runtime> {
    runtime: R,
    settings: BatchSettings,
    queue: Mutex<Queue<R>>,
    /// Something came, an instance is free, or it closes.
    came: Condvar,
    /// How long the model lately took, nanoseconds; none yet: for ever.
    lately: AtomicU64,
}

/// The queue and the instance threads of one version. Closing it lets what waits finish.
pub struct Batcher<R: Runtime> {
    shared: Arc<Shared<R>>,
}

impl<R: Runtime> Batcher<R> {
    /// Starts the instances.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(runtime: R, settings: BatchSettings) -> std::io::Result<Self> {
        let queue = Mutex::new(Queue { waiting: VecDeque::new(), running: 0, open: true });
        let lately = AtomicU64::new(u64::MAX);
        let shared = Arc::new(Shared { runtime, settings, queue, came: Condvar::new(), lately });
        let batcher = Self { shared };
        for number in 0..settings.instances.max(1) {
            let shared = Arc::clone(&batcher.shared);
            std::thread::Builder::new().name(format!("model-{number}")).spawn(move || shared.work())?;
        }
        Ok(batcher)
    }

    /// How its requests wait for each other.
    pub fn settings(&self) -> BatchSettings {
        self.shared.settings
    }

    /// What it computes with.
    pub fn runtime(&self) -> &R {
        &self.shared.runtime
    }

    /// Computes a request now or puts it into the queue; the receiver gets its reply. Dropping the receiver withdraws it.
    ///
    /// # Errors
    /// A refusal when the queue is full or closed.
    pub fn ask(
        &self,
        input: R::Input,
        timeout: Duration,
    ) -> Result<oneshot::Receiver<Reply<R>>, Refusal<R::Error>> {
        let (answer, reply) = oneshot::channel();
        let came = Instant::now();
        let shared = &self.shared;
        let rows = shared.runtime.rows(&input);
        let waiting = Waiting { input, rows, came, until: came + timeout, answer };
        let now = {
            let mut queue = shared.lock();
            if !queue.open {
                return Err(Refusal::Closed);
            }
            if queue.waiting.len() >= shared.settings.queue {
                return Err(Refusal::Full);
            }
            if shared.is_quick(&queue, rows) {
                queue.running += 1;
                Some(waiting)
            } else {
                queue.waiting.push_back(waiting);
                None
            }
        };
        match now {
            Some(waiting) => {
                shared.alone(waiting);
                shared.free();
            }
            None => shared.came.notify_one(),
        }
        Ok(reply)
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.shared.lock().waiting.len()
    }

    /// Takes no more; what waits is still answered, then the threads end.
    pub fn close(&self) {
        self.shared.lock().open = false;
        self.shared.came.notify_all();
    }
}

impl<R: Runtime> Drop for Batcher<R> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<R: Runtime> Shared<R> {
    /// A panic in a model must not take the queue with it.
    fn lock(&self) -> MutexGuard<'_, Queue<R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let threads = self.settings.threads;
        let _own = (threads > 0).then(|| self.runtime.begin(threads));
        while let Some(batch) = self.next() {
            self.answer(batch);
            self.free();
        }
    }

    /// Whether a request of so many rows that comes now is best computed at once.
    fn is_quick(&self, queue: &Queue<R>, rows: usize) -> bool {
        rows <= QUICK_ROWS
            && queue.waiting.is_empty()
            && queue.running < self.settings.instances.max(1)
            && self.settings.max_delay.is_zero()
            && (self.settings.threads == 0 || self.runtime.few_rows_stay_here())
            && u128::from(self.lately.load(Ordering::Relaxed)) < QUICK.as_nanos()
    }

    /// An instance has computed its batch.
    fn free(&self) {
        let mut queue = self.lock();
        queue.running -= 1;
        if !queue.waiting.is_empty() {
            self.came.notify_one();
        }
    }

    /// The next requests to compute together, oldest first; `None` when there will be no more. One instance is taken with them.
    fn next(&self) -> Option<Vec<Waiting<R>>> {
        let mut queue = self.lock();
        loop {
            let now = Instant::now();
            queue.waiting.retain(|waiting| !waiting.answer.is_closed());
            let free = queue.running < self.settings.instances.max(1);
            if let (Some(oldest), true) = (queue.waiting.front(), free) {
                let full =
                    queue.waiting.iter().map(|waiting| waiting.rows).sum::<usize>() >= self.settings.max_rows;
                let due = oldest.came + self.settings.max_delay;
                if full || due <= now || !queue.open {
                    queue.running += 1;
                    return Some(self.take(&mut queue, now));
                }
                let waited = self.came.wait_timeout(queue, due - now);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else if queue.open || !queue.waiting.is_empty() {
                queue = self.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else {
                return None;
            }
        }
    }

    /// Takes the oldest requests as long as their rows fit; those whose time is over are refused.
    fn take(&self, queue: &mut Queue<R>, now: Instant) -> Vec<Waiting<R>> {
        let (mut batch, mut rows) = (Vec::new(), 0);
        while let Some(next) = queue.waiting.front() {
            if !batch.is_empty() && rows + next.rows > self.settings.max_rows {
                break;
            }
            let Some(next) = queue.waiting.pop_front() else { break };
            if next.until <= now {
                let timing = Timing { queued: now - next.came, ..Timing::default() };
                tell::<R>(next.answer, (Err(Refusal::TimedOut), timing));
                continue;
            }
            rows += next.rows;
            batch.push(next);
        }
        batch
    }

    /// Computes a batch: in one piece as far as its requests fit each other.
    fn answer(&self, batch: Vec<Waiting<R>>) {
        let mut rest = VecDeque::from(batch);
        while let Some(first) = rest.pop_front() {
            let mut group = vec![first];
            while rest.front().is_some_and(|next| self.runtime.fits(&group[0].input, &next.input)) {
                group.extend(rest.pop_front());
            }
            if group.len() == 1 || !self.together(&mut group) {
                for waiting in group {
                    self.alone(waiting);
                }
            }
        }
    }

    /// Computes requests in one. False where that failed: then each is computed alone, so that one with values the model does
    /// not take spoils no other's answer.
    fn together(&self, group: &mut Vec<Waiting<R>>) -> bool {
        let began = Instant::now();
        let inputs: Vec<&R::Input> = group.iter().map(|waiting| &waiting.input).collect();
        let rows: Vec<usize> = group.iter().map(|waiting| waiting.rows).collect();
        let Ok(output) = self.run(&self.runtime.join(&inputs)) else { return false };
        let (computed, batch_rows) = (began.elapsed(), rows.iter().sum());
        for (waiting, part) in group.drain(..).zip(self.runtime.split(output, &rows)) {
            let timing = Timing { queued: began - waiting.came, computed, batch_rows };
            tell::<R>(waiting.answer, (Ok(part), timing));
        }
        true
    }

    fn alone(&self, waiting: Waiting<R>) {
        let began = Instant::now();
        let result = self.run(&waiting.input).map_err(Refusal::Model);
        let queued = began - waiting.came;
        let timing = Timing { queued, computed: began.elapsed(), batch_rows: waiting.rows };
        tell::<R>(waiting.answer, (result, timing));
    }

    /// Runs the model. A panic is its failure: the queue and other requests go on.
    fn run(&self, input: &R::Input) -> Result<R::Output, R::Error> {
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.runtime.run(input))).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(self.runtime.broken(said))
        });
        // Slower counts at once; quicker by and by.
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let before = self.lately.load(Ordering::Relaxed);
        let mean = if before == u64::MAX { took } else { before / 8 * 7 + took / 8 };
        self.lately.store(mean.max(took), Ordering::Relaxed);
        result
    }
}

/// Sends a reply; a client that has left meanwhile gets none.
fn tell<R: Runtime>(answer: oneshot::Sender<Reply<R>>, reply: Reply<R>) {
    if answer.send(reply).is_err() {
        log::debug!("a client left before its answer was ready");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Doubles numbers; a negative one is refused, 99 panics. Requests of another width do not fit.
    #[derive(Default)]
    struct Doubler {
        runs: AtomicUsize,
        slow: Duration,
    }

    impl Runtime for Doubler {
        type Input = (u8, Vec<i64>);
        type Output = Vec<i64>;
        type Error = String;

        fn rows(&self, input: &Self::Input) -> usize {
            input.1.len()
        }

        fn fits(&self, a: &Self::Input, b: &Self::Input) -> bool {
            a.0 == b.0
        }

        fn join(&self, inputs: &[&Self::Input]) -> Self::Input {
            (inputs[0].0, inputs.iter().flat_map(|input| input.1.clone()).collect())
        }

        fn run(&self, input: &Self::Input) -> Result<Self::Output, Self::Error> {
            self.runs.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(self.slow);
            assert!(!input.1.contains(&99), "ninety-nine");
            match input.1.iter().find(|value| **value < 0) {
                Some(value) => Err(format!("{value} is negative")),
                None => Ok(input.1.iter().map(|value| value * 2).collect()),
            }
        }

        fn broken(&self, said: &str) -> String {
            format!("broken: {said}")
        }

        fn split(&self, output: Self::Output, rows: &[usize]) -> Vec<Self::Output> {
            let mut rest = output.into_iter();
            rows.iter().map(|rows| rest.by_ref().take(*rows).collect()).collect()
        }
    }

    const LONG: Duration = Duration::from_secs(30);

    fn start(max_rows: usize, delay_ms: u64, queue: usize, slow_ms: u64) -> Batcher<Doubler> {
        let settings = BatchSettings {
            max_rows,
            max_delay: Duration::from_millis(delay_ms),
            queue,
            ..BatchSettings::default()
        };
        let doubler = Doubler { slow: Duration::from_millis(slow_ms), ..Doubler::default() };
        Batcher::start(doubler, settings).expect("threads start")
    }

    fn ask(batcher: &Batcher<Doubler>, width: u8, values: &[i64]) -> oneshot::Receiver<Reply<Doubler>> {
        batcher.ask((width, values.to_vec()), LONG).expect("there is room")
    }

    #[test]
    fn requests_that_wait_for_each_other_are_one_batch_and_each_gets_its_own_rows() {
        let batcher = start(4, 10_000, 100, 0);
        let replies: Vec<_> = [[1, 2], [3, 4]].iter().map(|values| ask(&batcher, 0, values)).collect();
        let got: Vec<_> = replies.into_iter().map(|reply| reply.blocking_recv().expect("a reply")).collect();
        assert_eq!(got[0].0, Ok(vec![2, 4]));
        assert_eq!((&got[1].0, got[1].1.batch_rows), (&Ok(vec![6, 8]), 4));
        assert_eq!(batcher.runtime().runs.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn nobody_waits_longer_than_the_delay() {
        let batcher = start(1000, 30, 100, 0);
        let (result, timing) = ask(&batcher, 0, &[5]).blocking_recv().expect("a reply");
        assert_eq!(result, Ok(vec![10]));
        assert!(timing.queued >= Duration::from_millis(30), "{timing:?}");
    }

    #[test]
    fn a_bad_request_and_a_panic_spoil_no_others_answer() {
        let batcher = start(3, 10_000, 100, 0);
        let replies: Vec<_> = [1, -1, 99].iter().map(|value| ask(&batcher, 0, &[*value])).collect();
        let got: Vec<_> =
            replies.into_iter().map(|reply| reply.blocking_recv().expect("a reply").0).collect();
        assert_eq!(got[0], Ok(vec![2]));
        assert_eq!(got[1], Err(Refusal::Model("-1 is negative".to_owned())));
        assert_eq!(got[2], Err(Refusal::Model("broken: ninety-nine".to_owned())));
        assert_eq!(ask(&batcher, 0, &[1, 2, 3]).blocking_recv().expect("a reply").0, Ok(vec![2, 4, 6]));
    }

    #[test]
    fn requests_that_do_not_fit_each_other_are_computed_apart() {
        let batcher = start(4, 10_000, 100, 0);
        let replies: Vec<_> = (0..4).map(|at| ask(&batcher, at / 2, &[i64::from(at)])).collect();
        for (at, reply) in replies.into_iter().enumerate() {
            let (result, timing) = reply.blocking_recv().expect("a reply");
            assert_eq!((result, timing.batch_rows), (Ok(vec![2 * at as i64]), 2));
        }
    }

    #[test]
    fn a_quick_model_is_asked_on_the_spot_and_a_slow_one_is_not() {
        let batcher = start(4, 0, 100, 0);
        // Unknown at first; then it is known to be quick, but for a moment when the machine was busy.
        let mut at_once = 0;
        for value in 100..300 {
            let mut reply = ask(&batcher, 0, &[value]);
            let found = reply.try_recv();
            at_once += usize::from(found.is_ok());
            let (result, _) = found.unwrap_or_else(|_| reply.blocking_recv().expect("a reply"));
            assert_eq!(result, Ok(vec![2 * value]));
        }
        assert!(at_once > 50, "{at_once}");
        let slow = start(4, 0, 100, 5);
        for value in 0..5 {
            let mut reply = ask(&slow, 0, &[value]);
            assert!(reply.try_recv().is_err());
            assert_eq!(reply.blocking_recv().expect("a reply").0, Ok(vec![2 * value]));
        }
    }

    #[test]
    fn a_full_queue_refuses_and_one_that_closes_answers_what_waits() {
        let batcher = start(1, 0, 2, 50);
        let mut replies = vec![ask(&batcher, 0, &[1])];
        // The first is being computed, two wait, the next is too many.
        while batcher.waiting() > 0 {
            std::thread::yield_now();
        }
        replies.extend([ask(&batcher, 0, &[2]), ask(&batcher, 0, &[3])]);
        assert_eq!(batcher.ask((0, vec![4]), LONG).err(), Some(Refusal::Full));
        batcher.close();
        assert_eq!(batcher.ask((0, vec![5]), LONG).err(), Some(Refusal::Closed));
        for (at, reply) in replies.into_iter().enumerate() {
            assert_eq!(reply.blocking_recv().expect("a reply").0, Ok(vec![2 * (at as i64 + 1)]));
        }
    }

    #[test]
    fn who_has_left_or_is_too_late_is_not_computed() {
        let batcher = start(1, 0, 10, 40);
        let first = ask(&batcher, 0, &[1]);
        while batcher.waiting() > 0 {
            std::thread::yield_now();
        }
        drop(ask(&batcher, 0, &[2]));
        let late = batcher.ask((0, vec![3]), Duration::from_millis(1)).expect("there is room");
        assert_eq!(late.blocking_recv().expect("a reply").0, Err(Refusal::TimedOut));
        assert_eq!(first.blocking_recv().expect("a reply").0, Ok(vec![2]));
        assert_eq!(batcher.runtime().runs.load(Ordering::Relaxed), 1);
    }
}
