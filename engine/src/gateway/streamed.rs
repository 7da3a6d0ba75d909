//! Streamed: an answer that is passed on as it comes, and what is told of it when it ends.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// How a streamed answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of it was passed on.
    Whole,
    /// The server broke it off.
    Broken,
    /// The caller left.
    Left,
}

/// Told once, with the bytes that were passed on.
type Tell = Box<dyn FnOnce(End, u64) + Send>;

/// A body whose end is told.
struct Streamed {
    body: Body,
    bytes: u64,
    tell: Option<Tell>,
}

/// The same body; its end is told to `tell`, once.
pub fn streamed(body: Body, tell: impl FnOnce(End, u64) + Send + 'static) -> Body {
    Body::new(Streamed { body, bytes: 0, tell: Some(Box::new(tell)) })
}

impl Streamed {
    fn ended(&mut self, end: End) {
        if let Some(tell) = self.tell.take() {
            tell(end, self.bytes);
        }
    }
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => self.bytes += frame.data_ref().map_or(0, Bytes::len) as u64,
            Some(Err(_)) => self.ended(End::Broken),
            None => self.ended(End::Whole),
        }
        if self.body.is_end_stream() {
            self.ended(End::Whole);
        }
        Poll::Ready(frame)
    }

    // Never before the end was seen: who is told nothing more asks for nothing more.
    fn is_end_stream(&self) -> bool {
        self.tell.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.ended(End::Left);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use http_body_util::{BodyExt, Full, Limited};

    use super::*;

    fn watched(body: Body) -> (Body, Receiver<(End, u64)>) {
        let (tell, told) = channel();
        let tell = move |end, bytes| tell.send((end, bytes)).expect("heard");
        (streamed(body, tell), told)
    }

    #[tokio::test]
    async fn every_end_is_told_once() {
        let body = || Body::new(Full::new(Bytes::from_static(b"four")));
        let (whole, told) = watched(body());
        assert_eq!(whole.collect().await.expect("whole").to_bytes().len(), 4);
        assert_eq!(told.iter().collect::<Vec<_>>(), [(End::Whole, 4)]);
        let (broken, told) = watched(Body::new(Limited::new(body(), 3)));
        assert!(broken.collect().await.is_err());
        assert_eq!(told.iter().collect::<Vec<_>>(), [(End::Broken, 0)]);
        let (left, told) = watched(body());
        drop(left);
        assert_eq!(told.iter().collect::<Vec<_>>(), [(End::Left, 0)]);
    }
}
