//! Upstream: one server, called over kept connections. A cut region answers nothing, as behind a broken network.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header, uri::Scheme},
};
use http_body_util::Limited;
use orrery_policy::traffic::{kept::Lost, retry::TryFailure};
use tokio::sync::watch;

use super::{
    connection::{Connection, Connector, NoConnection, connector},
    content::{self, Content, Outgoing},
    patient::Patient,
    streamed::{End, streamed},
};

/// Idle connections kept.
const IDLE: usize = 256;
/// Longest that a connection is kept idle (hyper-util's default; Envoy has an hour).
const IDLE_FOR: Duration = Duration::from_secs(90);

/// A server and the connections to it.
pub struct Server {
    address: Uri,
    host: HeaderValue,
    connector: Connector,
    /// Authorities that its certificate is checked against, PEM; none: the public ones.
    authorities: Option<Vec<u8>>,
    /// Those last used at the end.
    idle: Mutex<Vec<(Connection, Instant)>>,
    stale: AtomicU64,
    untrusted: AtomicU64,
}

/// A request to a server, and what its call must keep to.
pub struct Call {
    /// Method, path with query, and headers.
    pub head: Request<()>,
    /// Body.
    pub body: Outgoing,
    /// Whether doing it twice is as good as doing it once.
    pub idempotent: bool,
    /// Longest until the whole answer is there; for a streamed one until its first part is, and again for each next one.
    pub patience: Duration,
    /// Largest answer, bytes; a larger one is a failure, or breaks off.
    pub answer_bytes: usize,
}

/// An answer.
pub struct Answered {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Content,
}

/// How a call failed.
pub struct Unanswered {
    /// As the decisions see it.
    pub failure: TryFailure,
    /// Why its certificate was refused, where it was.
    pub untrusted: Option<String>,
    /// What is known of the connection that lost the request; nothing where there was none, or where an answer had begun.
    lost: Option<Lost>,
}

impl From<TryFailure> for Unanswered {
    fn from(failure: TryFailure) -> Self {
        Self { failure, untrusted: None, lost: None }
    }
}

impl Server {
    /// A server whose certificate, where it has one, `authorities` must have signed (PEM); none: the public ones. No connection
    /// is made yet.
    ///
    /// # Errors
    /// What is wrong with the authorities, in words.
    pub fn new(url: &str, authorities: Option<Vec<u8>>) -> Result<Self, String> {
        let address: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let host = host(&address).ok_or("it names no host")?;
        Ok(Self {
            address,
            host,
            connector: connector(authorities.as_deref())?,
            authorities,
            idle: Mutex::default(),
            stale: AtomicU64::new(0),
            untrusted: AtomicU64::new(0),
        })
    }

    /// Whether its certificate is checked against these authorities.
    pub fn trusts(&self, authorities: Option<&[u8]>) -> bool {
        self.authorities.as_deref() == authorities
    }

    /// Requests that were asked again because the server had closed the kept connection, since the start.
    pub fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// Connections that were not made because its certificate was refused, since the start.
    pub fn untrusted(&self) -> u64 {
        self.untrusted.load(Ordering::Relaxed)
    }

    /// Sends a request and takes its answer. One that a kept connection lost is asked again at once on a new one.
    ///
    /// # Errors
    /// How the try failed.
    pub async fn call(
        self: &Arc<Self>,
        call: Call,
        region: &str,
        cuts: watch::Receiver<BTreeSet<String>>,
    ) -> Result<Answered, Unanswered> {
        let mut later = cuts.clone();
        let cut = async {
            // Ends when the region is cut; an error means that the gateway is ending.
            let is_cut = later.wait_for(|cut| cut.contains(region)).await.is_ok();
            if !is_cut {
                std::future::pending::<()>().await;
            }
        };
        let answered = tokio::time::timeout(call.patience, async {
            tokio::select! {
                biased;
                // What is sent into a cut region comes back never: the time runs out.
                () = cut => std::future::pending().await,
                answered = self.ask(&call) => answered,
            }
        });
        let answered = answered.await.unwrap_or(Err(TryFailure::TimedOut.into()))?;
        let Answered { status, headers, body: Content::Stream(body) } = answered else { return Ok(answered) };
        let region = region.to_owned();
        let body = Patient::new(body, call.patience, move || cuts.borrow().contains(&region));
        let body = Body::new(body);
        Ok(Answered { status, headers, body: Content::Stream(body) })
    }

    async fn ask(self: &Arc<Self>, call: &Call) -> Result<Answered, Unanswered> {
        // A stream cannot be sent twice, so that no connection may be stale.
        let kept = if call.body.is_whole() { self.kept() } else { None };
        let Some(kept) = kept else { return self.exchange(self.open().await?, call).await };
        match self.exchange(kept, call).await {
            Err(Unanswered { lost: Some(lost), .. }) if lost.again_at_once() => {
                self.stale.fetch_add(1, Ordering::Relaxed);
                self.exchange(self.open().await?, call).await
            }
            answered => answered,
        }
    }

    async fn open(&self) -> Result<Connection, Unanswered> {
        Connection::open(&self.connector, &self.address).await.map_err(|why| {
            log::debug!("{}: {why}", self.address);
            let untrusted = matches!(why, NoConnection::Untrusted(_)).then(|| why.to_string());
            self.untrusted.fetch_add(untrusted.is_some().into(), Ordering::Relaxed);
            Unanswered { untrusted, ..TryFailure::ConnectFailure.into() }
        })
    }

    async fn exchange(
        self: &Arc<Self>,
        mut connection: Connection,
        call: &Call,
    ) -> Result<Answered, Unanswered> {
        // Only a stream that was sent before is no more: whoever lost it does not ask again.
        let body = call.body.body().ok_or(TryFailure::Reset)?;
        let mut request = call.head.clone().map(|()| body);
        request.headers_mut().insert(header::HOST, self.host.clone());
        let answer = match connection.send(request).await {
            Ok(answer) => answer,
            Err(mut error) => {
                let bytes_sent = error.take_message().is_none();
                let lost = Lost {
                    reused: connection.is_reused(),
                    // What could not even be sent met a connection that had ended before.
                    closed_by_peer: !bytes_sent || connection.is_closed_by_peer(),
                    answer_started: connection.is_answering(),
                    bytes_sent,
                    idempotent: call.idempotent,
                    replayable: call.body.is_at_hand(),
                };
                return Err(Unanswered { lost: Some(lost), ..TryFailure::Reset.into() });
            }
        };
        let (head, body) = answer.into_parts();
        if body.size_hint().lower() > call.answer_bytes as u64 {
            return Err(TryFailure::Reset.into());
        }
        let body = content::take(Limited::new(body, call.answer_bytes));
        let body = match body.await.map_err(|_broken| TryFailure::Reset)? {
            Content::Stream(body) => {
                let server = Arc::clone(self);
                Content::Stream(streamed(body, move |end, _bytes| {
                    if end == End::Whole {
                        server.keep(connection);
                    }
                }))
            }
            whole @ Content::Whole(_) => {
                self.keep(connection);
                whole
            }
        };
        Ok(Answered { status: head.status, headers: head.headers, body })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kept connection that was used last, if any is still open.
    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle();
        while let Some((connection, since)) = idle.pop() {
            if !connection.is_closed() && since.elapsed() < IDLE_FOR {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for later, as soon as it is free.
    fn keep(self: &Arc<Self>, mut connection: Connection) {
        let server = Arc::downgrade(self);
        tokio::spawn(async move {
            if !connection.is_free().await {
                return;
            }
            let Some(server) = server.upgrade() else { return };
            let mut idle = server.idle();
            let old = idle.iter().take_while(|(_, since)| since.elapsed() >= IDLE_FOR).count();
            idle.drain(..old);
            if idle.len() >= IDLE {
                idle.retain(|(kept, _)| !kept.is_closed());
            }
            if idle.len() < IDLE {
                idle.push((connection, Instant::now()));
            }
        });
    }
}

/// What `Host` says of an address: its port only where it is not the scheme's own.
fn host(address: &Uri) -> Option<HeaderValue> {
    let (name, scheme) = (address.host()?, address.scheme()?);
    let own = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let text = match address.port_u16().filter(|port| *port != own) {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_has_a_port_only_where_it_must() {
        for (url, expected) in [
            ("http://a:8000", Some("a:8000")),
            ("http://a:80", Some("a")),
            ("https://a:80/", Some("a:80")),
            ("https://a:443", Some("a")),
            ("http://[::1]:8000", Some("[::1]:8000")),
            ("/path", None),
        ] {
            let address = url.parse().expect("an address");
            assert_eq!(
                host(&address).as_ref().map(HeaderValue::as_bytes),
                expected.map(str::as_bytes),
                "{url}"
            );
        }
    }
}
