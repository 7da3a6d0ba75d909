//! Whether a request that a kept connection lost is asked again at once, on a new connection to the same endpoint.

/// How a request was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one request")]
pub struct Lost {
    /// Whether the connection had carried an answer before.
    pub reused: bool,
    /// Whether the server ended the connection (its end, or a reset), rather than time, a cut or an answer that is none.
    pub closed_by_peer: bool,
    /// Whether any byte of an answer came.
    pub answer_started: bool,
    /// Whether any byte of the request may have reached the server.
    pub bytes_sent: bool,
    /// Whether doing it twice is as good as doing it once.
    pub idempotent: bool,
    /// Whether the whole request is still at hand to be sent again.
    pub replayable: bool,
}

impl Lost {
    /// Whether it is asked again at once. A server may close an idle connection at any time, and a request that crosses with that
    /// says nothing about the server: it costs no retry and is no failure (RFC 9112, section 9.3.1; Envoy and nginx do the
    /// same). One that was sent and is not idempotent stays lost (RFC 9110, section 9.2.2).
    pub fn again_at_once(&self) -> bool {
        let stale = self.reused && self.closed_by_peer && !self.answer_started;
        stale && self.replayable && (self.idempotent || !self.bytes_sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE: Lost = Lost {
        reused: true,
        closed_by_peer: true,
        answer_started: false,
        bytes_sent: true,
        idempotent: true,
        replayable: true,
    };

    #[test]
    fn only_a_stale_connection_is_forgiven_and_only_where_it_does_no_harm() {
        assert!(STALE.again_at_once());
        assert!(Lost { idempotent: false, bytes_sent: false, ..STALE }.again_at_once());
        for no in [
            Lost { reused: false, ..STALE },
            Lost { closed_by_peer: false, ..STALE },
            Lost { answer_started: true, ..STALE },
            Lost { idempotent: false, ..STALE },
            Lost { replayable: false, ..STALE },
        ] {
            assert!(!no.again_at_once(), "{no:?}");
        }
    }
}
