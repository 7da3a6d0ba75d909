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
/// Most bytes that the pieces of an explanation take.
const MOST_BYTES: u64 = 1 << 30;
/// Begins the names of the files.
const PREFIX: &str = "piece-";
/// Raised when a figure of an item is computed in another way: pieces of before are then not used.
const FORMAT: u32 = 1;

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
    /// Bytes that pieces may still take.
    room: u64,
    /// Whether pieces are kept: there is a folder, the disk takes them, and they do not take too much of it.
    keeps: bool,
}

impl<'a> Place<'a> {
    /// The items of an explanation, from the first one.
    pub fn pieces<T: Clone + PartialEq + Serialize + DeserializeOwned>(self) -> Pieces<'a, T> {
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
            room: MOST_BYTES,
            keeps: self.folder.is_some(),
        }
    }

    /// Removes the pieces.
    pub fn clear(self) {
        for entry in
            self.folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten()
        {
            if entry.file_name().to_string_lossy().starts_with(PREFIX)
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                log::debug!("a piece stays: {error} ({})", entry.path().display());
            }
        }
    }

    fn warn(&self, message: String) {
        self.control.emit(JobEvent::Warning { message });
    }
}

impl<T: Clone + PartialEq + Serialize + DeserializeOwned> Pieces<'_, T> {
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
                if !self.keeps {
                    return;
                }
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
                let bytes = std::fs::metadata(&path).map_or(0, |data| data.len());
                self.room = self.room.saturating_sub(bytes);
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
        let fresh = std::mem::take(&mut self.fresh);
        let Some(path) = self.path(self.first).filter(|_| self.keeps && !fresh.is_empty()) else { return };
        if let Err(why) = self.try_write(&path, &fresh) {
            self.keeps = false;
            self.place
                .warn(format!("What is computed from here on is not kept, so a stop would cost it: {why}"));
        }
    }

    /// Writes items, but for those that would not be read as they are: JSON has no word for what is not finite.
    fn try_write(&mut self, path: &Path, items: &[T]) -> Result<(), String> {
        let json = serde_json::to_vec(items).map_err(|error| format!("They have no JSON form: {error}."))?;
        if !serde_json::from_slice::<Vec<T>>(&json).is_ok_and(|read| read == *items) {
            log::info!("Figures that are not finite are not kept. ({})", path.display());
            return Ok(());
        }
        let bytes = files::seal(path, &(self.place.fingerprint, items)).map_err(|failure| failure.message)?;
        self.room = self.room.checked_sub(bytes.len() as u64).ok_or_else(|| {
            format!("The explanation's pieces would take more than {} MiB.", MOST_BYTES >> 20)
        })?;
        files::write_checkpoint(path, &bytes).map_err(|error| files::unwritten(&error, path).message)
    }

    fn path(&self, at: usize) -> Option<PathBuf> {
        self.place.folder.map(|folder| folder.join(format!("{PREFIX}{at:09}.checkpoint")))
    }
}

/// Hash of everything that the items depend on.
pub(super) struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// Of this version of the program.
    pub fn new() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes()).update(&FORMAT.to_le_bytes());
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
            self.bytes(&(nulls.offset() as u64).to_le_bytes());
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
        thirds_within(folder, fingerprint, most, MOST_BYTES)
    }

    fn thirds_within(
        folder: &Path,
        fingerprint: &str,
        most: usize,
        room: u64,
    ) -> (Vec<u32>, Vec<String>, Option<Vec<f64>>) {
        let control = Watched { most, ..Watched::default() };
        let mut pieces = Place { folder: Some(folder), fingerprint, control: &control }.pieces();
        pieces.room = room;
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
    fn pieces_that_were_read_and_written_count_and_too_many_are_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        assert_eq!(thirds(folder, "a", 4).0.len(), 4);
        let bytes =
            std::fs::metadata(folder.join("piece-000000000.checkpoint")).expect("the first piece").len();
        // There is room for what is read, and for half as much.
        let (made, said, _) = thirds_within(folder, "a", 4, bytes * 3 / 2);
        assert_eq!(made, [4, 5, 6, 7]);
        assert!(said.len() == 1 && said[0].contains("more than 1024 MiB"), "{said:?}");
        let (made, said, _) = thirds_within(folder, "a", 4, bytes * 3);
        assert_eq!((made, said), (vec![4, 5, 6, 7], Vec::new()));
        assert_eq!(thirds(folder, "a", 100).0, [8, 9]);
        let control = Watched::default();
        Place { folder: Some(folder), fingerprint: "a", control: &control }.clear();
        assert_eq!(std::fs::read_dir(folder).expect("there").count(), 0);
    }

    #[test]
    fn figures_that_are_not_finite_are_computed_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = |values: [Option<f64>; 3]| {
            let control = Watched { most: 2, ..Watched::default() };
            let place = Place { folder: Some(folder.path()), fingerprint: "a", control: &control };
            let mut pieces = place.pieces::<Option<f64>>();
            for (at, value) in (0..).zip(values) {
                let item = pieces.next(|| {
                    control.made.lock().expect("not poisoned").push(at);
                    Ok(value)
                });
                match item {
                    Ok(item) => assert_eq!(item.map(f64::to_bits), value.map(f64::to_bits)),
                    Err(interrupt) => assert!(matches!(interrupt, Interrupt::Stopped)),
                }
            }
            drop(pieces);
            assert!(control.said.into_inner().expect("not poisoned").is_empty());
            control.made.into_inner().expect("not poisoned")
        };
        for wrong in [f64::NAN, f64::INFINITY] {
            assert_eq!(made([Some(0.1), Some(wrong), None]), [0, 1]);
            assert_eq!(made([Some(0.1), Some(wrong), None]), [0, 1], "nothing was kept");
        }
        assert_eq!(made([Some(0.1), None, None]), [0, 1]);
        assert_eq!(made([Some(0.1), None, None]), [2]);
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

    /// Rows that share their bytes with others, and begin at another bit of the same.
    #[test]
    fn the_fingerprint_tells_gaps_apart_that_begin_elsewhere() {
        let flags: arrow::array::BooleanArray =
            [Some(true), None, Some(true), Some(true)].into_iter().collect();
        let of = |from: usize| {
            let mut found = Fingerprint::new();
            let values = arrow::buffer::BooleanBuffer::new_set(2);
            let gaps = flags.nulls().expect("gaps").slice(from, 2);
            found.array(&arrow::array::BooleanArray::new(values, Some(gaps)).to_data());
            found.text()
        };
        assert_ne!(of(0), of(1));
    }
}
