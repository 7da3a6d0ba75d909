//! Connection: one connection to a server, with what is known of it: what it has carried, and whether the server ended it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Response, Uri},
};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1},
};
use hyper_rustls::HttpsConnector;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::AbortHandle,
};
use tower::ServiceExt;

/// Longest that making a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(3);

/// What makes connections.
pub type Connector = HttpsConnector<HttpConnector>;

/// What makes connections to servers whose certificates `authorities` signed (PEM), or the public ones where none are given.
///
/// # Errors
/// What is wrong with the authorities, in words.
pub fn connector(authorities: Option<&[u8]>) -> Result<Connector, String> {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    http.enforce_http(false);
    let builder = hyper_rustls::HttpsConnectorBuilder::new();
    let no_tls = |error: &dyn std::fmt::Display| format!("TLS cannot be set up: {error}");
    let builder = match authorities {
        Some(pem) => {
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| no_tls(&error))?
                .with_root_certificates(roots(pem)?)
                .with_no_client_auth();
            builder.with_tls_config(config)
        }
        None => builder
            .with_provider_and_webpki_roots(ring::default_provider())
            .map_err(|error| no_tls(&error))?,
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("it is no PEM file: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate in it is none: {error}"))?;
    }
    if roots.is_empty() { Err("it holds no certificate: PEM is expected".to_owned()) } else { Ok(roots) }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    /// Its certificate does not prove that it is the server meant.
    #[error("Its certificate is refused: {0}.")]
    Untrusted(rustls::CertificateError),
    /// Anything else: nobody listens, nobody answers, no TLS is spoken.
    #[error("It cannot be connected to: {0}.")]
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Box<dyn std::error::Error + Send + Sync>> for NoConnection {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        // The connector wraps TLS's errors in one of the system's.
        let inner = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        let inner = inner.and_then(|inner| match inner.downcast_ref::<io::Error>() {
            Some(nested) => nested.get_ref(),
            None => Some(inner),
        });
        match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => Self::Untrusted(why.clone()),
            _ => Self::Unreachable(error),
        }
    }
}

/// An open connection. It ends, whatever is under way on it, when this value does.
pub struct Connection {
    sender: http1::SendRequest<Body>,
    marks: Arc<Marks>,
    driver: AbortHandle,
    /// Bytes read when the request under way began.
    read_before: u64,
}

/// What the stream below a connection met.
#[derive(Default)]
struct Marks {
    bytes_read: AtomicU64,
    closed_by_peer: AtomicBool,
}

impl Connection {
    /// Connects to a server, whose address has a scheme and a host.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(connector: &Connector, server: &Uri) -> Result<Self, NoConnection> {
        let unreachable = |error| NoConnection::Unreachable(Box::new(error));
        let opened = tokio::time::timeout(CONNECT, connector.clone().oneshot(server.clone())).await;
        let stream = opened.map_err(|late| NoConnection::Unreachable(late.into()))??;
        let marks = Arc::<Marks>::default();
        let watched = Watched { stream: TokioIo::new(stream), marks: Arc::clone(&marks) };
        let (sender, driver) = http1::handshake(TokioIo::new(watched)).await.map_err(unreachable)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = driver.await {
                log::debug!("a connection to a server ended: {error}");
            }
        });
        Ok(Self { sender, marks, driver: driver.abort_handle(), read_before: 0 })
    }

    /// Sends a request and waits for the answer's head.
    ///
    /// # Errors
    /// What broke, with the request where no byte of it was sent.
    pub async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        self.read_before = self.marks.bytes_read.load(Ordering::Acquire);
        self.sender.try_send_request(request).await
    }

    /// Whether it carried an answer before the request under way.
    pub fn is_reused(&self) -> bool {
        self.read_before > 0
    }

    /// Whether any byte came since the request under way began.
    pub fn is_answering(&self) -> bool {
        self.marks.bytes_read.load(Ordering::Acquire) > self.read_before
    }

    /// Whether the server ended it.
    pub fn is_closed_by_peer(&self) -> bool {
        self.marks.closed_by_peer.load(Ordering::Acquire)
    }

    /// Whether nothing can be sent on it any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until another request can be sent on it; `false` where that never comes.
    pub async fn is_free(&mut self) -> bool {
        matches!(tokio::time::timeout(CONNECT, self.sender.ready()).await, Ok(Ok(())))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A stream that notes what is read and how it ends.
struct Watched<S> {
    stream: S,
    marks: Arc<Marks>,
}

impl<S> Watched<S> {
    /// Notes an error that means that the server is gone.
    fn note<T>(&self, outcome: &io::Result<T>) {
        let Err(error) = outcome else { return };
        let gone = matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        );
        if gone {
            self.marks.closed_by_peer.store(true, Ordering::Release);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.note(&outcome);
        let bytes = buffer.filled().len() - before;
        self.marks.bytes_read.fetch_add(bytes as u64, Ordering::AcqRel);
        if outcome.is_ok() && bytes == 0 {
            self.marks.closed_by_peer.store(true, Ordering::Release);
        }
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.note(&outcome);
        Poll::Ready(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, parts));
        self.note(&outcome);
        Poll::Ready(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_flush(context));
        self.note(&outcome);
        Poll::Ready(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
