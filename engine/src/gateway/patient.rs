//! Patient: a streamed answer that is waited for no longer than is allowed between two of its parts.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body with a time-out for each of its parts. How long the caller takes between them does not count.
pub struct Patient<C> {
    body: Body,
    patience: Duration,
    /// Whether the server is cut off, so that nothing comes any more.
    is_cut: C,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<C> Patient<C> {
    /// The same body.
    pub fn new(body: Body, patience: Duration, is_cut: C) -> Self {
        Self { body, patience, is_cut, waiting: None }
    }
}

impl<C: Fn() -> bool + Unpin> HttpBody for Patient<C> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !(self.is_cut)()
            && let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context)
        {
            self.waiting = None;
            return Poll::Ready(frame);
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        waiting
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
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
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn what_is_cut_off_or_comes_too_late_breaks_off() {
        let body = || Body::new(Full::new(Bytes::from_static(b"four")));
        let patience = Duration::from_millis(20);
        let whole = Patient::new(body(), patience, || false).collect().await;
        assert_eq!(whole.expect("it comes").to_bytes().len(), 4);
        assert!(Patient::new(body(), patience, || true).collect().await.is_err());
    }
}
