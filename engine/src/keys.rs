//! Keys: made once, shown once, kept as hashes.

use std::fmt::Write;

use orrery_domain::{
    Failure, FailureClass,
    access::{KeyRecord, Scope},
    units::UnixSecs,
};

use crate::store::Store;

/// What a key begins with, so that scanners for leaked secrets know one.
const PREFIX: &str = "orr_";
/// Random bytes of a key.
const SECRET_BYTES: usize = 32;
/// Most characters of a key's name.
const LONGEST_NAME: usize = 64;

/// Makes a key. The text is its only copy.
///
/// # Errors
/// A client failure when the name, the scopes or the date will not do, or what the store says.
pub fn create(
    store: &mut Store,
    name: &str,
    scopes: &[Scope],
    expires_at: Option<UnixSecs>,
    now: UnixSecs,
) -> Result<(KeyRecord, String), Failure> {
    let client = |message: String| Err(Failure::new(FailureClass::Client, message));
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return client(format!("A key's name has 1 to {LONGEST_NAME} characters. No key was made."));
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return client("A key needs a scope: infer, read or admin. No key was made.".to_owned());
    }
    if expires_at.is_some_and(|expires| expires <= now) {
        return client("That date is over: the key could not be used. No key was made.".to_owned());
    }
    let secret = format!("{PREFIX}{}", hex(&random()?));
    let record = KeyRecord {
        // The hash's beginning: unique, and of no use to whoever reads it.
        id: hash(&secret)[..12].to_owned(),
        name: name.to_owned(),
        scopes,
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    store.put_key(&record, &hash(&secret))?;
    Ok((record, secret))
}

/// Revokes a key, once for all.
///
/// # Errors
/// A client failure when there is no such key, or what the store says.
pub fn revoke(store: &mut Store, id: &str, now: UnixSecs) -> Result<KeyRecord, Failure> {
    let found = store.keys()?.into_iter().find(|(key, _)| key.id == id);
    let Some((mut key, hash)) = found else {
        return Err(Failure::new(
            FailureClass::Client,
            format!("There is no key '{id}'. `orrery keys list` shows their ids."),
        ));
    };
    if key.revoked_at.is_none() {
        key.revoked_at = Some(now);
        store.put_key(&key, &hash)?;
    }
    Ok(key)
}

/// What a key is known by: BLAKE3 in lower-case hex. A key is 256 random bits, so that no slow hash is needed to keep it safe.
pub fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// Random bytes of the operating system.
fn random() -> Result<[u8; SECRET_BYTES], Failure> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(
            FailureClass::Capacity,
            format!("The system gave no random numbers: {error}. No key was made."),
        )
    })?;
    Ok(bytes)
}
