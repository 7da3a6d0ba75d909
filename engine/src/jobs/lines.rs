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

/// Bytes of lines that a full disk did not take and that are kept to be written later, at most. What comes after is refused.
const OWED_BYTES: usize = 1 << 20;

/// Writes JSON lines at the end of a file. What the disk does not take stays owed and is written before the next line: no line
/// is lost or left half written while the value lives.
#[derive(Debug)]
pub struct Appender {
    file: File,
    path: PathBuf,
    owed: Owed,
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
        Ok(Self { file, path: path.to_path_buf(), owed: Owed::default() })
    }

    /// Appends one line, synced to the disk if `durable`.
    ///
    /// # Errors
    /// When the disk does not take it now; it is then written before the next one.
    pub fn append(&mut self, line: &impl Serialize, durable: bool) -> Result<(), Failure> {
        let Self { file, path, owed } = self;
        let failed = |error: io::Error| files::failure("A line could not be logged", &error, path);
        let mut bytes = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        owed.add(&bytes, durable).map_err(failed)?;
        owed.write(file).map_err(failed)?;
        if owed.durable {
            file.sync_data().map_err(failed)?;
            owed.durable = false;
        }
        Ok(())
    }
}

/// Lines on their way to a file.
#[derive(Debug, Default)]
struct Owed {
    bytes: Vec<u8>,
    /// Whether one of the lines since the last sync must be on the disk to count.
    durable: bool,
}

impl Owed {
    /// Takes up a line.
    ///
    /// # Errors
    /// When too much is owed already: the line is refused as a whole.
    fn add(&mut self, line: &[u8], durable: bool) -> io::Result<()> {
        if !self.bytes.is_empty() && self.bytes.len() + line.len() > OWED_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(line);
        self.durable |= durable;
        Ok(())
    }

    /// Writes what is owed, in one piece where the disk takes it, so that two processes' lines never mix. What it does not
    /// take stays owed, from the very byte on where it stopped.
    fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        while !self.bytes.is_empty() {
            let taken = match out.write(&self.bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
            };
            self.bytes.drain(..taken);
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

    /// A disk with so much room.
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= taken;
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_neither_loses_nor_spoils_a_line() {
        for room in 0..40 {
            let mut disk = Disk { written: Vec::new(), room };
            let mut owed = Owed::default();
            for line in ["{\"line\":1}\n", "{\"line\":2}\n", "{\"line\":3}\n"] {
                owed.add(line.as_bytes(), true).expect("little is owed");
                let written = owed.write(&mut disk);
                assert_eq!(written.is_ok(), owed.bytes.is_empty(), "what is acknowledged is written");
            }
            // Some room again, in bits.
            for _ in 0..33 {
                disk.room += 1;
                if owed.write(&mut disk).is_ok() {
                    break;
                }
            }
            assert_eq!(disk.written, b"{\"line\":1}\n{\"line\":2}\n{\"line\":3}\n", "{room} bytes of room");
        }
        let mut owed = Owed::default();
        let (long, short) = (vec![b'x'; OWED_BYTES], b"short\n");
        owed.add(&long, false).expect("the first is always taken up");
        assert!(owed.add(short, true).is_err() && !owed.durable, "refused as a whole");
    }

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
