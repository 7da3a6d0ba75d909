//! Access: whether a key may do what it is used for. Denied by default.

use orrery_domain::access::{KeyRecord, Scope};

/// What is decided, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// There is no such key, or it is no longer one.
    Unauthenticated(&'static str),
    /// It is a key, but not for this.
    Forbidden(Scope),
}

/// Whether the key that was found for a request may do what needs `scope` at `now` (seconds since 1970). `admin` includes
/// `read`; nothing includes `infer` but itself, so that who runs a node need not be able to ask its models.
pub fn decide(key: Option<&KeyRecord>, scope: Scope, now: f64) -> Decision {
    let Some(key) = key else { return Decision::Unauthenticated("the key is not known") };
    if key.revoked_at.is_some() {
        return Decision::Unauthenticated("the key was revoked");
    }
    // A time that is no number fails closed.
    if key.expires_at.is_some_and(|expires| now.is_nan() || expires.is_nan() || now >= expires) {
        return Decision::Unauthenticated("the key has expired");
    }
    let has = |scope| key.scopes.contains(&scope);
    if has(scope) || (scope == Scope::Read && has(Scope::Admin)) {
        Decision::Allowed
    } else {
        Decision::Forbidden(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scopes: &[Scope]) -> KeyRecord {
        KeyRecord {
            id: "k".to_owned(),
            name: "test".to_owned(),
            scopes: scopes.to_vec(),
            created_at: 0.0,
            expires_at: Some(100.0),
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_does_what_its_scopes_say_until_it_expires_or_is_revoked() {
        let table = [
            (Scope::Infer, [true, false, false]),
            (Scope::Read, [false, true, false]),
            (Scope::Admin, [false, true, true]),
        ];
        for (scope, may) in table {
            for (asked, may) in Scope::ALL.into_iter().zip(may) {
                let expected = if may { Decision::Allowed } else { Decision::Forbidden(asked) };
                assert_eq!(decide(Some(&key(&[scope])), asked, 50.0), expected, "{scope} asked for {asked}");
            }
        }
        let all = key(&Scope::ALL);
        for now in [100.0, 1e9, f64::NAN] {
            assert_eq!(
                decide(Some(&all), Scope::Infer, now),
                Decision::Unauthenticated("the key has expired")
            );
        }
        let revoked = KeyRecord { revoked_at: Some(1.0), ..all };
        assert_eq!(
            decide(Some(&revoked), Scope::Read, 2.0),
            Decision::Unauthenticated("the key was revoked")
        );
        assert_eq!(decide(None, Scope::Read, 2.0), Decision::Unauthenticated("the key is not known"));
        assert_eq!(decide(Some(&key(&[])), Scope::Read, 2.0), Decision::Forbidden(Scope::Read));
    }
}
