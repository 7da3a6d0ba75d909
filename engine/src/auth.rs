//! Auth: who may ask what, by the workspace's keys. They are looked at again every second, so that a revoked key is refused
//! while the node runs.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure,
    access::{KeyRecord, Scope},
};
use orrery_policy::access::{Decision, decide};

use crate::{Workspace, jobs::now, keys, store::Store};

/// How long keys are believed before they are looked at again.
const FRESH: Duration = Duration::from_secs(1);

struct Known {
    keys: HashMap<String, KeyRecord>,
    read_at: Instant,
    /// Stays open until the next reading: who opens the store first makes files beside it, for which a full disk has no room.
    _store: Store,
}

/// The keys of a workspace.
pub struct Auth {
    workspace: Workspace,
    known: Mutex<Known>,
}

impl Auth {
    /// Reads the keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(workspace: Workspace) -> Result<Self, Failure> {
        let known = Mutex::new(read(&workspace)?);
        Ok(Self { workspace, known })
    }

    /// Whether there is any key that is taken now. Where there is none, whoever reaches the node may ask: it must listen on
    /// loopback only.
    pub fn any_key(&self) -> bool {
        self.with_keys(|keys| {
            let usable = |key: &KeyRecord| {
                key.scopes.iter().any(|scope| decide(Some(key), *scope, now()) == Decision::Allowed)
            };
            keys.is_some_and(|keys| keys.values().any(usable))
        })
    }

    /// Whether a request with this `Authorization` header may do what needs `scope`.
    pub fn decide(&self, header: Option<&str>, scope: Scope) -> Decision {
        self.with_keys(|keys| {
            let Some(keys) = keys else {
                return Decision::Unauthenticated("the keys cannot be read");
            };
            if keys.is_empty() {
                return Decision::Allowed;
            }
            let secret = header.and_then(|header| {
                let (scheme, secret) = header.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
            });
            match secret {
                None => Decision::Unauthenticated("there is no key in the Authorization header (Bearer)"),
                Some(secret) => decide(keys.get(&keys::hash(secret)), scope, now()),
            }
        })
    }

    /// Hands out the keys; `None` when they cannot be read, which refuses everything.
    fn with_keys<T>(&self, work: impl FnOnce(Option<&HashMap<String, KeyRecord>>) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.read_at.elapsed() > FRESH {
            match read(&self.workspace) {
                Ok(read) => *known = read,
                Err(failure) => {
                    log::error!("the keys cannot be read: {failure}");
                    return work(None);
                }
            }
        }
        work(Some(&known.keys))
    }
}

fn read(workspace: &Workspace) -> Result<Known, Failure> {
    let store = Store::open(workspace)?;
    let keys = store.keys()?.into_iter().map(|(key, hash)| (hash, key)).collect();
    Ok(Known { keys, read_at: Instant::now(), _store: store })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_keys_everything_is_open_and_with_one_nothing_is_without_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(dir.path()).expect("a workspace");
        let open = Auth::new(workspace.clone()).expect("readable");
        assert!(!open.any_key());
        assert_eq!(open.decide(None, Scope::Admin), Decision::Allowed);
        let beside = workspace.database().with_extension("db-shm");
        assert!(beside.exists(), "whoever opens the store next needs no room on the disk");

        let mut store = Store::open(&workspace).expect("a store");
        let (record, secret) =
            keys::create(&mut store, "a", &[Scope::Infer], None, now()).expect("a key is made");
        let (_, others) = keys::create(&mut store, "b", &[Scope::Admin], None, now()).expect("a key is made");
        let auth = Auth::new(workspace).expect("readable");
        assert!(auth.any_key());
        let with = |secret: &str| Some(format!("Bearer {secret}"));
        assert_eq!(auth.decide(with(&secret).as_deref(), Scope::Infer), Decision::Allowed);
        assert_eq!(auth.decide(with(&secret).as_deref(), Scope::Read), Decision::Forbidden(Scope::Read));
        assert_eq!(auth.decide(with(&others).as_deref(), Scope::Read), Decision::Allowed);
        for wrong in [None, Some("Bearer"), Some("Bearer orr_0"), Some("Basic eDp5"), Some(secret.as_str())] {
            assert!(matches!(auth.decide(wrong, Scope::Infer), Decision::Unauthenticated(_)), "{wrong:?}");
        }
        // The secret is nowhere in the workspace, and a revoked key is refused within a second or so.
        keys::revoke(&mut store, &record.id, now()).expect("revoked");
        auth.known.lock().expect("free").read_at =
            Instant::now().checked_sub(2 * FRESH).expect("the machine runs longer than that");
        assert!(matches!(auth.decide(with(&secret).as_deref(), Scope::Infer), Decision::Unauthenticated(_)));
        for file in std::fs::read_dir(dir.path()).expect("readable").flatten() {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "the secret is in {}", file.path().display());
        }
    }
}
