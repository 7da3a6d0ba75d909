//! Content: a body, held whole where it is small, passed on as it comes where it is not.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
};
use http_body_util::{BodyExt, LengthLimitError};
use hyper::body::{Frame, SizeHint};

/// Bytes up to which a body is held whole: 1 MiB.
pub const HELD: usize = 1 << 20;

/// A body.
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// More than [`HELD`] bytes, of which the first have come.
    Stream(Body),
}

/// Takes in a body until it is whole or larger than [`HELD`].
///
/// # Errors
/// What broke it off.
pub async fn take<B>(mut body: B) -> Result<Content, BoxError>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (mut begun, mut bytes) = (VecDeque::new(), 0);
    while bytes <= HELD {
        let Some(frame) = body.frame().await else { return Ok(Content::Whole(joined(begun, bytes))) };
        if let Ok(data) = frame.map_err(Into::into)?.into_data() {
            bytes += data.len();
            begun.push_back(data);
        }
    }
    Ok(Content::Stream(Body::new(Begun { begun, rest: body })))
}

fn joined(mut parts: VecDeque<Bytes>, bytes: usize) -> Bytes {
    if parts.len() < 2 {
        return parts.pop_front().unwrap_or_default();
    }
    let mut all = Vec::with_capacity(bytes);
    for part in &parts {
        all.extend_from_slice(part);
    }
    all.into()
}

/// Whether a body broke because it was larger than its limit.
pub fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_large)
}

/// A body of which a part has come.
struct Begun<B> {
    begun: VecDeque<Bytes>,
    rest: B,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Begun<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.begun.pop_front() {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (begun, rest) =
            (self.begun.iter().map(|part| part.len() as u64).sum::<u64>(), self.rest.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + begun);
        if let Some(most) = rest.upper() {
            hint.set_upper(most + begun);
        }
        hint
    }
}

/// A request's body as its tries send it.
#[derive(Clone)]
pub enum Outgoing {
    /// All of it, as often as wanted.
    Whole(Bytes),
    /// A stream, once.
    Once(Arc<Once>),
}

/// A stream that can be sent once, and what became of it.
pub struct Once {
    body: Mutex<Option<Body>>,
    bytes: AtomicU64,
    finished: AtomicBool,
    broken: OnceLock<Broken>,
}

/// How a caller's body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It was larger than is allowed.
    TooLarge,
    /// The caller sent no more.
    BrokeOff,
}

impl Outgoing {
    /// The body to send; `None` where it is a stream that was sent before.
    pub fn body(&self) -> Option<Body> {
        match self {
            Self::Whole(bytes) => Some(Body::from(bytes.clone())),
            Self::Once(once) => {
                let body = once.body.lock().unwrap_or_else(PoisonError::into_inner).take()?;
                Some(Body::new(Sending { body, once: Arc::clone(once) }))
            }
        }
    }

    /// Whether it can be sent more than once.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// Whether it can be sent: always where it is whole, else until any of it was.
    pub fn is_at_hand(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Once(once) => once.body.lock().unwrap_or_else(PoisonError::into_inner).is_some(),
        }
    }

    /// How the caller broke it off, where it did.
    pub fn broken(&self) -> Option<Broken> {
        match self {
            Self::Whole(_) => None,
            Self::Once(once) => once.broken.get().copied(),
        }
    }

    /// Whether the caller has sent all of it.
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Once(once) => once.finished.load(Ordering::Acquire),
        }
    }

    /// Bytes of it that have come.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Once(once) => once.bytes.load(Ordering::Acquire) as usize,
        }
    }
}

impl From<Content> for Outgoing {
    fn from(content: Content) -> Self {
        match content {
            Content::Whole(bytes) => Self::Whole(bytes),
            Content::Stream(body) => Self::Once(Arc::new(Once {
                body: Mutex::new(Some(body)),
                bytes: AtomicU64::new(0),
                finished: AtomicBool::new(false),
                broken: OnceLock::new(),
            })),
        }
    }
}

/// A stream under way to a server.
struct Sending {
    body: Body,
    once: Arc<Once>,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.once.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
                // Who knows the length asks for no end.
                self.once.finished.store(self.body.is_end_stream(), Ordering::Release);
            }
            Some(Err(error)) => {
                let broken = if is_too_large(error) { Broken::TooLarge } else { Broken::BrokeOff };
                self.once.broken.get_or_init(|| broken);
            }
            None => self.once.finished.store(true, Ordering::Release),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, Limited};

    use super::*;

    fn body(bytes: usize) -> Full<Bytes> {
        Full::new(vec![7; bytes].into())
    }

    async fn all(body: Body) -> Result<usize, axum::Error> {
        body.collect().await.map(|body| body.to_bytes().len())
    }

    #[tokio::test]
    async fn small_bodies_are_whole_and_large_ones_come_in_order_and_once() {
        for (bytes, whole) in [(0, true), (HELD, true), (HELD + 1, false), (3 * HELD, false)] {
            let content = take(body(bytes)).await.expect("it comes");
            assert_eq!(matches!(content, Content::Whole(_)), whole, "{bytes}");
            let sent = Outgoing::from(content);
            let first = sent.body().expect("at hand");
            assert_eq!(first.size_hint().exact(), Some(bytes as u64), "its length is told");
            assert_eq!(all(first).await.expect("it comes"), bytes);
            assert_eq!((sent.bytes(), sent.is_finished(), sent.broken()), (bytes, true, None));
            assert_eq!((sent.is_whole(), sent.is_at_hand(), sent.body().is_some()), (whole, whole, whole));
        }
    }

    #[tokio::test]
    async fn a_stream_over_its_limit_is_too_large_and_says_so() {
        let content = take(Limited::new(body(HELD / 2), HELD / 4)).await;
        assert!(content.is_err_and(|error| is_too_large(&*error)));
        // In parts, the limit is met on the way.
        let parts = Begun { begun: vec![Bytes::from(vec![1; HELD]); 4].into(), rest: body(0) };
        let sent = Outgoing::from(take(Limited::new(parts, 3 * HELD)).await.expect("it begins"));
        let broken = all(sent.body().expect("at hand")).await;
        assert!(broken.is_err());
        assert_eq!((sent.broken(), sent.is_finished()), (Some(Broken::TooLarge), false));
    }
}
