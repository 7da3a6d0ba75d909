//! Access: keys to a node or gateway, and what each may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::units::UnixSecs;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Ask models.
    Infer,
    /// Read states, metadata, statistics and metrics.
    Read,
    /// Load, unload, upload, drain.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Infer, Self::Read, Self::Admin];

    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no scope: use infer, read or admin")]
pub struct NoScope(pub String);

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| NoScope(text.to_owned()))
    }
}

/// What is kept of a key. The key itself is shown once and not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Id: names the key in lists and logs, and is no secret.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What it may do, in order, each once.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: UnixSecs,
    /// From when on it is refused; `None`: never.
    pub expires_at: Option<UnixSecs>,
    /// When it was revoked; `None`: it was not.
    pub revoked_at: Option<UnixSecs>,
}
