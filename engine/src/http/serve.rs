//! Serve: takes connections, answers them by a router, and at the end lets what is under way finish.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::Service;

use super::{Lanes, Tls};

/// How long nothing is accepted after accepting failed (no more file descriptors, mostly).
const PAUSE: Duration = Duration::from_millis(100);

/// What one listener allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// Most connections at once; more wait in the system's queue until one ends.
    pub connections: usize,
    /// Longest from a connection's start, or from the last answer on it, until a request's head is there; the TLS handshake has as
    /// long. A connection that says nothing is closed after it.
    pub head: Duration,
    /// Longest that requests under way are waited for at the end.
    pub drain: Duration,
    /// Whether the end of standard input asks the process to end: for children, whose parent may go.
    pub end_with_stdin: bool,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head: Duration::from_mins(1),
            drain: Duration::from_secs(30),
            end_with_stdin: false,
        }
    }
}

/// Requests were still under way when the patience at the end was over; their connections were closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// Connections closed.
    pub connections: usize,
}

/// Who asks: in each request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Answers by the router whoever connects, each on one of the lanes, until `shutdown` is ready; then takes no more connections, closes
/// idle ones, and waits for the requests under way.
///
/// # Errors
/// When requests were still under way at the end of [`ServeLimits::drain`].
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    limits: ServeLimits,
    lanes: Lanes,
    shutdown: impl Future<Output = ()>,
) -> Result<(), CutOff> {
    let room = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    if let Some(tls) = &tls {
        // It ends with this set: when serving does.
        open.spawn(tls.clone().keep_fresh());
    }
    let watching = open.len();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = tokio::select! {
            biased;
            () = &mut shutdown => break,
            next = next(&listener, &room) => next,
        };
        while open.try_join_next().is_some() {}
        let connection = Connection {
            router: router.clone(),
            peer: Peer(next.1),
            head: limits.head,
            watcher: graceful.watcher(),
            permit: next.2,
        };
        let tls = tls.clone();
        let answer = move |stream| connection.secure_and_answer(stream, tls);
        if let Err(error) = lanes.answer(next.0, &mut open, answer) {
            log::warn!("a connection could not be given to a thread: {error}");
        }
    }
    // Whoever connects from now on is refused by the system, and goes elsewhere.
    drop(listener);
    let drained = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
    while open.try_join_next().is_some() {}
    match drained {
        Ok(()) => Ok(()),
        Err(_late) => Err(CutOff { connections: open.len().saturating_sub(watching) }),
    }
}

/// The next connection, when there is room for one.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let permit = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                log::warn!("a connection could not be taken: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What answers one connection.
struct Connection {
    router: Router,
    peer: Peer,
    head: Duration,
    watcher: Watcher,
    permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    async fn secure_and_answer(self, stream: TcpStream, tls: Option<Tls>) {
        // An answer is written in one piece: nothing is gained by waiting for more.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("{}: {error}", self.peer.0);
        }
        let Some(tls) = tls else { return self.answer(stream).await };
        match tokio::time::timeout(self.head, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.answer(stream).await,
            Ok(Err(error)) => log::debug!("{}: no TLS: {error}", self.peer.0),
            Err(_late) => log::debug!("{}: no TLS in time", self.peer.0),
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { router, peer, head, watcher, permit } = self;
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            log::debug!("{}: {error}", peer.0);
        }
        drop(permit);
    }
}

#[cfg(test)]
mod tests;
