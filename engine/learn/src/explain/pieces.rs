//! Pieces: what an explanation has computed, kept in files, so that the same one goes on from there after its end.
//!
//! An explanation is a list of items that are computed one after the other: some rows, a shuffle of a column, a column's curve. A file
//! holds the items from the place in its name on. What is asked again takes them from there and computes the others, so that it ends
//! with the same bits.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use arrow::array::{Array as _, ArrayData};
use orrery_domain::{Failure, FailureClass, job::JobEvent};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    control::{Interrupt, JobControl, check},
    faults,
    table::Table,
    train::files,
};

/// Seconds of work that a kill costs, about.
const EVERY_SECS: f64 = 5.0;

/// Where one explanation keeps its pieces.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// A folder that is the request's own; none: nothing is kept.
    pub folder: Option<&'a Path>,
    /// What the items are computed from: pieces of something else are not used.
    pub fingerprint: &'a str,
    /// Who may end the work.
    pub control: &'a dyn JobControl,
}

/// Items of one kind, in their order.
pub(super) struct Pieces<'a, T> {
    place: Place<'a>,
    /// Read and not yet handed out.
    known: std::vec::IntoIter<T>,
    /// Computed and not yet written.
    fresh: Vec<T>,
    /// Place of the first of these.
    first: usize,
    /// Place of the next item.
    at: usize,
    /// Items that were handed out without computing them.
    again: usize,
    written: Instant,
    /// Whether the disk takes pieces.
    keeps: bool,
}

impl<'a> Place<'a> {
    /// The items of an explanation, from the first one.
    pub fn pieces<T: Clone + Serialize + DeserializeOwned>(self) -> Pieces<'a, T> {
        if let Some(folder) = self.folder {
            files::clear_unfinished(folder);
        }
        Pieces {
            place: self,
            known: Vec::new().into_iter(),
            fresh: Vec::new(),
            first: 0,
            at: 0,
            again: 0,
            written: Instant::now(),
            keeps: self.folder.is_some(),
        }
    }

    fn warn(&self, message: String) {
        self.control.emit(JobEvent::Warning { message });
    }
}

impl<T: Clone + Serialize + DeserializeOwned> Pieces<'_, T> {
    /// The next item: one that was kept, else what `make` gives, which is kept. Looks whether the work is to end.
    ///
    /// # Errors
    /// Those of `make`, or an interruption, before which everything is written.
    pub fn next(&mut self, make: impl FnOnce() -> Result<T, Interrupt>) -> Result<T, Interrupt> {
        let control = self.place.control;
        let found = check(control).and_then(|()| match self.kept() {
            Some(item) => {
                self.again += 1;
                Ok(item)
            }
            None => make().inspect(|item| {
                if self.fresh.is_empty() {
                    self.first = self.at;
                }
                self.fresh.push(item.clone());
            }),
        });
        match &found {
            Ok(_) => {
                self.at += 1;
                if self.written.elapsed().as_secs_f64() >= faults::checkpoint_secs(EVERY_SECS) {
                    self.write();
                }
            }
            Err(Interrupt::Cancelled | Interrupt::Stopped) => self.write(),
            Err(Interrupt::Failed(_)) => {}
        }
        found
    }

    /// Items that were kept.
    pub fn again(&self) -> usize {
        self.again
    }

    /// What is being done, and whether it goes on from what was kept.
    pub fn phase(&self, words: &str) -> String {
        if self.again == 0 { words.to_owned() } else { format!("{words}, going on from what was kept") }
    }

    fn kept(&mut self) -> Option<T> {
        if let Some(item) = self.known.next() {
            return Some(item);
        }
        let path = self.path(self.at)?;
        if !path.exists() {
            return None;
        }
        match files::read_sealed::<(String, Vec<T>)>(&path) {
            Ok((of, items)) if of == self.place.fingerprint => {
                self.write();
                self.known = items.into_iter();
                self.known.next()
            }
            Ok(_) => {
                log::info!("A piece of another explanation is not used. ({})", path.display());
                None
            }
            Err(what) => {
                self.place.warn(format!(
                    "A kept piece of the explanation is damaged ({what}): it is computed anew. ({})",
                    path.display()
                ));
                None
            }
        }
    }

    /// Writes what is fresh. A disk that does not take it ends the keeping, not the explanation.
    fn write(&mut self) {
        self.written = Instant::now();
        if self.fresh.is_empty() {
            return;
        }
        if let Some(path) = self.path(self.first).filter(|_| self.keeps) {
            let bytes = files::seal(&path, &(self.place.fingerprint, &self.fresh));
            let written = bytes.and_then(|bytes| {
                files::write_checkpoint(&path, &bytes).map_err(|error| files::unwritten(&error, &path))
            });
            if let Err(failure) = written {
                self.keeps = false;
                self.place.warn(format!(
                    "What is computed from here on is not kept, so a stop would cost it: {}",
                    failure.message
                ));
            }
        }
        self.fresh.clear();
    }

    fn path(&self, at: usize) -> Option<PathBuf> {
        self.place.folder.map(|folder| folder.join(format!("piece-{at:09}.checkpoint")))
    }
}

/// Hash of everything that the items depend on.
pub(super) struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// Of this version of the program.
    pub fn new() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        Self(hasher)
    }

    /// Adds a value by its JSON.
    ///
    /// # Errors
    /// A bug failure when it has none.
    pub fn value(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_vec(value).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("The request cannot be written: {error}."))
        })?;
        self.bytes(&json);
        Ok(())
    }

    /// Adds a table by its content.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn table(&mut self, table: &Table) -> Result<(), Failure> {
        self.value(&table.schema)?;
        for column in table.batch.columns() {
            self.array(&column.to_data());
        }
        Ok(())
    }

    fn array(&mut self, data: &ArrayData) {
        self.bytes(&(data.len() as u64).to_le_bytes());
        self.bytes(&(data.offset() as u64).to_le_bytes());
        for buffer in data.buffers() {
            self.bytes(buffer.as_slice());
        }
        if let Some(nulls) = data.nulls() {
            self.bytes(nulls.buffer().as_slice());
        }
        for child in data.child_data() {
            self.array(child);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }

    /// The hash as text.
    pub fn text(self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::control::Wish;

    /// Ends the work when so many items were made, and hears what is said.
    #[derive(Default)]
    struct Watched {
        said: Mutex<Vec<String>>,
        made: Mutex<Vec<u32>>,
        most: usize,
    }

    impl JobControl for Watched {
        fn emit(&self, event: JobEvent) {
            if let JobEvent::Warning { message } = event {
                self.said.lock().expect("not poisoned").push(message);
            }
        }

        fn wish(&self) -> Wish {
            if self.made.lock().expect("not poisoned").len() < self.most {
                Wish::Continue
            } else {
                Wish::Stop
            }
        }
    }

    /// Ten thirds; what was computed, what was said, and how it ended.
    fn thirds(folder: &Path, fingerprint: &str, most: usize) -> (Vec<u32>, Vec<String>, Option<Vec<f64>>) {
        let control = Watched { most, ..Watched::default() };
        let mut pieces = Place { folder: Some(folder), fingerprint, control: &control }.pieces();
        let all: Result<Vec<f64>, Interrupt> = (0..10)
            .map(|at| {
                pieces.next(|| {
                    control.made.lock().expect("not poisoned").push(at);
                    Ok(f64::from(at) / 3.0)
                })
            })
            .collect();
        let all = match all {
            Ok(all) => Some(all),
            Err(Interrupt::Stopped) => None,
            Err(other) => panic!("{other}"),
        };
        drop(pieces);
        let said = control.said.into_inner().expect("not poisoned");
        (control.made.into_inner().expect("not poisoned"), said, all)
    }

    fn spoil(path: &Path) {
        let mut bytes = std::fs::read(path).expect("there");
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        std::io::Write::write_all(&mut std::fs::File::create(path).expect("a file"), &bytes)
            .expect("written");
    }

    #[test]
    fn what_was_kept_is_not_computed_again_and_what_is_damaged_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let whole: Vec<f64> = (0..10).map(|at| f64::from(at) / 3.0).collect();
        assert_eq!(thirds(folder, "a", 4).0, [0, 1, 2, 3]);
        assert_eq!(thirds(folder, "a", 3).0, [4, 5, 6]);
        // The first piece is damaged, the second is not.
        spoil(&folder.join("piece-000000000.checkpoint"));
        let (made, said, all) = thirds(folder, "a", 100);
        assert_eq!((made, all), (vec![0, 1, 2, 3, 7, 8, 9], Some(whole.clone())));
        assert!(
            said.len() == 1 && said[0].contains("damaged") && said[0].contains("computed anew"),
            "{said:?}"
        );
        // It was written anew before the second was read.
        let (made, said, _) = thirds(folder, "a", 100);
        assert_eq!((made, said), (vec![7, 8, 9], Vec::new()));
        // Pieces of something else are nothing to go on from.
        let (made, said, all) = thirds(folder, "b", 100);
        assert_eq!((made.len(), said, all), (10, Vec::new(), Some(whole)));
    }

    #[test]
    fn a_disk_that_takes_nothing_costs_the_keeping_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("no folder");
        std::fs::File::create(&file).expect("a file");
        let (made, said, all) = thirds(&file, "a", 4);
        assert_eq!((made, all), (vec![0, 1, 2, 3], None));
        assert!(said.len() == 1 && said[0].contains("not kept"), "{said:?}");
    }

    #[test]
    fn the_fingerprint_tells_values_and_tables_apart() {
        let of = |rows: usize, seed: u64| {
            let mut found = Fingerprint::new();
            found.table(&crate::train::tests::table(rows)).expect("hashed");
            found.value(&seed).expect("hashed");
            found.text()
        };
        assert_eq!(of(5, 1), of(5, 1));
        assert!(of(5, 1) != of(6, 1) && of(5, 1) != of(5, 2));
    }
}
