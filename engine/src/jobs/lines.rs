//! Append-only files of JSON lines: written whole, read on from where one stopped.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use orrery_domain::Failure;
use serde::{Serialize, de::DeserializeOwned};

use crate::files;

/// Most bytes taken in one reading; the rest comes with the next.
const READ_BYTES: u64 = 16 << 20;

/// Writes JSON lines at the end of a file.
#[derive(Debug)]
pub struct Appender {
    file: File,
    path: PathBuf,
}

impl Appender {
    /// Opens (or creates) a file for appending. A line that a crash left unfinished is ended, so that the next one is whole.
    ///
    /// # Errors
    /// When the disk or its permissions refuse.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| files::failure("A log could not be opened", &error, path);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).map_err(failed)?;
            file.read_exact(&mut last).map_err(failed)?;
            if last != *b"\n" {
                file.write_all(b"\n").map_err(failed)?;
            }
        }
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// Appends one line, synced to the disk if `durable`.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&mut self, line: &impl Serialize, durable: bool) -> Result<(), Failure> {
        let failed = |error: io::Error| files::failure("A line could not be logged", &error, &self.path);
        let mut bytes = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        // One write, so that two processes' lines never mix.
        self.file.write_all(&bytes).map_err(failed)?;
        if durable {
            self.file.sync_data().map_err(failed)?;
        }
        Ok(())
    }
}

/// Reads a growing file of JSON lines, each line once.
#[derive(Clone, Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
}

impl Tail {
    /// A reader that begins at `offset` bytes.
    pub fn new(path: impl Into<PathBuf>, offset: u64) -> Self {
        Self { path: path.into(), offset }
    }

    /// Bytes of the file now; 0 where there is none.
    pub fn length(path: &Path) -> u64 {
        path.metadata().map_or(0, |data| data.len())
    }

    /// The whole lines that came since the last call. Lines that are no `T` are left out.
    pub fn read<T: DeserializeOwned>(&mut self) -> Vec<T> {
        let mut lines = Vec::new();
        // A file that is not there yet is an empty one; a read error is tried again with the next call.
        if let Ok(consumed) = self.read_into(&mut lines) {
            self.offset += consumed;
        }
        lines
    }

    /// Everything up to now, however long.
    pub fn read_all<T: DeserializeOwned>(&mut self) -> Vec<T> {
        let mut lines = Vec::new();
        loop {
            let before = self.offset;
            lines.extend(self.read());
            if self.offset == before {
                return lines;
            }
        }
    }

    fn read_into<T: DeserializeOwned>(&self, lines: &mut Vec<T>) -> io::Result<u64> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut reader = BufReader::new(file.take(READ_BYTES));
        let (mut consumed, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 || line.last() != Some(&b'\n') {
                return Ok(consumed);
            }
            consumed += length as u64;
            if let Ok(value) = serde_json::from_slice(&line) {
                lines.push(value);
            } else if !line.trim_ascii().is_empty() {
                log::debug!("a line cannot be read and is left out ({})", self.path.display());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_once_and_torn_ones_are_healed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut tail = Tail::new(&path, 0);
        assert!(tail.read::<u32>().is_empty());
        Appender::open(&path).expect("opened").append(&1, true).expect("written");
        OpenOptions::new().append(true).open(&path).expect("opened").write_all(b"{\"torn").expect("written");
        assert_eq!(tail.read::<u32>(), [1]);
        assert!(tail.read::<u32>().is_empty(), "a torn line is not consumed");
        Appender::open(&path).expect("opened").append(&2, false).expect("written");
        assert_eq!(tail.read::<u32>(), [2]);
        assert_eq!(Tail::new(&path, 0).read_all::<u32>(), [1, 2]);
    }
}
