//! Audit: who changed what, as JSON lines of which each holds the hash of the one before.
//!
//! What it detects: an edited, removed or inserted line, as long as a later one is left. What it does not: lines cut off the end, or
//! a whole file written anew, unless somebody kept the last hash.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use orrery_domain::{Failure, FailureClass, units::UnixSecs};
use serde::{Deserialize, Serialize};

use crate::{files, jobs::now};

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: UnixSecs,
    /// Who: a key's id, `loopback`, or `gateway` itself.
    pub who: String,
    /// What was asked.
    pub what: String,
    /// Revision of the configuration that came of it.
    pub revision: u64,
    /// BLAKE3 of the configuration that came of it, lower-case hex.
    pub config: String,
    /// BLAKE3 of the line before, lower-case hex; of nothing for the first.
    pub before: String,
}

/// A log that entries are added to.
pub struct Audit {
    path: PathBuf,
    last: Mutex<String>,
}

impl Audit {
    /// Checks what is there, and goes on from its end.
    ///
    /// # Errors
    /// A data failure that names the first line which does not follow from the one before.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        let last = verify(&path)?;
        Ok(Self { path, last: Mutex::new(last) })
    }

    /// Adds an entry; it is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses: then nothing may be changed.
    pub fn add(&self, who: &str, what: &str, revision: u64, config: &[u8]) -> Result<(), Failure> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry {
            at: now(),
            who: who.to_owned(),
            what: what.to_owned(),
            revision,
            config: hash(config),
            before: last.clone(),
        };
        let refused =
            |error: std::io::Error| files::failure("The audit log cannot be written", &error, &self.path);
        let mut line = serde_json::to_vec(&entry).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("An audit entry is no JSON: {error}."))
        })?;
        let hash = hash(&line);
        line.push(b'\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(refused)?;
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(refused)?;
        *last = hash;
        Ok(())
    }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The hash of the last line; fails at the first line that does not follow.
fn verify(path: &Path) -> Result<String, Failure> {
    let mut before = hash(b"");
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(before),
        Err(error) => return Err(files::failure("The audit log cannot be read", &error, path)),
    };
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| files::failure("The audit log cannot be read", &error, path))?;
        let entry: Option<Entry> = serde_json::from_str(&line).ok();
        if entry.is_none_or(|entry| entry.before != before) {
            return Err(Failure::new(
                FailureClass::Data,
                format!(
                    "Line {} of the audit log does not follow from the one before: it was changed or cut. Nothing was started; \
                     keep the file, find out who had it, and move it aside to begin a new one. ({})",
                    index + 1,
                    path.display()
                ),
            ));
        }
        before = hash(line.as_bytes());
    }
    Ok(before)
}

/// The log's file, beside the configuration.
pub fn file(config: &Path) -> PathBuf {
    config.with_extension("audit.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_an_earlier_line_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("g.audit.jsonl");
        let audit = Audit::open(path.clone()).expect("new");
        for revision in 1..=20 {
            audit.add("loopback", "switch the strategy", revision, &[revision as u8]).expect("written");
        }
        Audit::open(path.clone()).expect("untouched");
        let text = std::fs::read_to_string(&path).expect("readable");
        let lines: Vec<&str> = text.lines().collect();
        for index in 0..lines.len() - 1 {
            let edited: Vec<String> = lines
                .iter()
                .enumerate()
                .map(
                    |(at, line)| {
                        if at == index { line.replace("loopback", "somebody") } else { (*line).to_owned() }
                    },
                )
                .collect();
            let removed: Vec<String> = lines
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != index)
                .map(|(_, line)| (*line).to_owned())
                .collect();
            for tampered in [edited, removed] {
                files::write_atomic(&path, (tampered.join("\n") + "\n").as_bytes()).expect("writable");
                let failure = Audit::open(path.clone()).map(drop).expect_err("found");
                assert!(failure.message.contains("does not follow"), "{}", failure.message);
            }
        }
    }
}
