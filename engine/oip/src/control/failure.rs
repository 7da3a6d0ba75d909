//! Errors as servers send them: the protocol's shape, and what else comes in its place.

use serde::{Deserialize, Serialize};

use crate::{Limits, OipError};

/// `{"error": "..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: String,
}

/// Characters of an error that are kept of a body which is no JSON.
const KEPT: usize = 500;

impl ErrorBody {
    /// An error with that message.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into() }
    }

    /// What a server said of a failed call: its `error`, `FastAPI`'s `detail`, else the text itself (`MLServer` sends
    /// "Internal Server Error" as plain text). `None` for an empty body.
    pub fn heard(body: &[u8], limits: &Limits) -> Option<Self> {
        #[derive(Deserialize)]
        struct Detail {
            detail: String,
        }
        let body = body.get(..limits.control_bytes).unwrap_or(body);
        if let Ok(error) = serde_json::from_slice::<Self>(body) {
            return Some(error);
        }
        if let Ok(Detail { detail }) = serde_json::from_slice(body) {
            return Some(Self::new(detail));
        }
        let start = body.get(..KEPT * 4).unwrap_or(body);
        let text: String = String::from_utf8_lossy(start).trim().chars().take(KEPT).collect();
        (!text.is_empty()).then_some(Self { error: text })
    }
}

impl From<&OipError> for ErrorBody {
    fn from(error: &OipError) -> Self {
        Self::new(error.to_string())
    }
}
