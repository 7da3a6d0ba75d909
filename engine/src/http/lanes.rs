//! Lanes: threads that answer a connection from its first byte to its last, each with a runtime of its own.
//!
//! A connection that stays on one thread wakes no other. That is worth it where answers are computed on the spot, as a node's small models
//! are: changing threads takes longer than such a model does.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use tokio::{
    net::TcpStream,
    runtime::{Builder, Handle},
    sync::oneshot,
    task::JoinSet,
};

/// What a lane's thread does for as long as it lives.
pub type Work = Box<dyn FnOnce() + Send>;

/// Threads that answer connections; none: the runtime that takes them also answers them. They end when this is dropped.
#[derive(Debug, Default)]
pub struct Lanes(Vec<Lane>);

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// Connections that it answers.
    open: Arc<AtomicUsize>,
    /// Dropped: it ends.
    _end: oneshot::Sender<()>,
}

impl Lanes {
    /// Starts `count` threads. `within` is called on each with all that it will ever do, and calls it.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be started.
    pub fn start(count: usize, within: fn(Work)) -> io::Result<Self> {
        (0..count).map(|number| Lane::start(number, within)).collect::<io::Result<_>>().map(Self)
    }

    /// Lets the thread with the fewest connections answer one more.
    ///
    /// # Errors
    /// When the system does not give the connection from one runtime to another; it is closed then.
    pub(super) fn answer<F: Future<Output = ()> + Send + 'static>(
        &self,
        stream: TcpStream,
        set: &mut JoinSet<()>,
        answer: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> io::Result<()> {
        let Some(lane) = self.0.iter().min_by_key(|lane| lane.open.load(Ordering::Relaxed)) else {
            set.spawn(answer(stream));
            return Ok(());
        };
        let stream = stream.into_std()?;
        let seat = Seat::take(&lane.open);
        let answer = async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => answer(stream).await,
                Err(error) => log::warn!("a connection could not be taken over: {error}"),
            }
            drop(seat);
        };
        set.spawn_on(answer, &lane.runtime);
        Ok(())
    }
}

impl Lane {
    fn start(number: usize, within: fn(Work)) -> io::Result<Self> {
        let (told, handle) = mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel();
        let work = Box::new(move || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                if told.send(Ok(runtime.handle().clone())).is_ok() {
                    // Ends by the sender's being dropped.
                    runtime.block_on(ended).unwrap_or_default();
                }
            }
            Err(error) => told.send(Err(error)).unwrap_or_default(),
        });
        std::thread::Builder::new().name(format!("lane-{number}")).spawn(move || within(work))?;
        let broken = |_gone| io::Error::other("the thread ended before it began");
        let runtime = handle.recv().map_err(broken)??;
        Ok(Self { runtime, open: Arc::default(), _end: end })
    }
}

/// A connection's place in a lane's count.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
