//! What a health call means: its status decides, and its body may only take back.

use super::ErrorBody;
use crate::Limits;

/// What a health call of a server or model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it is ready. Servers lie about it: confirm it with an inference.
    pub is_ready: bool,
    /// Why not, where the server said.
    pub reason: Option<String>,
}

impl Readiness {
    /// Reads a health call. Triton and `MLServer` send no body, `KServe` `{"ready": true}`; not ready is 400 or 503.
    pub fn heard(status: u16, body: &[u8], limits: &Limits) -> Self {
        #[derive(serde::Deserialize)]
        struct Body {
            ready: Option<bool>,
            live: Option<bool>,
        }
        if !(200..300).contains(&status) {
            return Self { is_ready: false, reason: ErrorBody::heard(body, limits).map(|heard| heard.error) };
        }
        let body = body.get(..limits.control_bytes).unwrap_or(body);
        match serde_json::from_slice(body) {
            Ok(Body { ready: Some(false), .. } | Body { ready: None, live: Some(false) }) => {
                let reason = format!("The server answered {status}, but its body says that it is not ready.");
                Self { is_ready: false, reason: Some(reason) }
            }
            _ => Self { is_ready: true, reason: None },
        }
    }
}
