//! Sources: a file's bytes, hashed while they are read, and what they are by their content.

use std::{
    fs::{File, Metadata},
    io::Read,
    path::Path,
};

use orrery_domain::{
    Failure, FailureClass,
    dataset::{FileFormat, ImportBudget},
};

use super::{pictures::idx, progress::Meter};
use crate::control::{Interrupt, JobControl};

/// Bytes that are read at a time.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// A file as it is.
pub(super) struct Source {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Their hash; more can be fed to it.
    pub(super) hasher: blake3::Hasher,
    /// The file of labels that belongs to a file of pictures; its bytes are hashed, too.
    pub(super) labels: Option<Beside>,
}

/// A file that is read with another.
#[derive(Debug)]
pub(super) struct Beside {
    /// Where it is.
    pub(super) path: std::path::PathBuf,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// Reads a regular file.
///
/// # Errors
/// A data failure when it is no regular file or cannot be read; a capacity failure when it holds more than the budget's memory;
/// an interruption.
pub(super) fn read(
    path: &Path,
    budget: &ImportBudget,
    control: &dyn JobControl,
) -> Result<Source, Interrupt> {
    let mut source = read_one(path, budget, control)?;
    if let Some(beside) = idx::labels_beside(path) {
        let Source { bytes, .. } = read_one(&beside, budget, control)?;
        source.hasher.update(&bytes);
        source.labels = Some(Beside { path: beside, bytes });
    }
    Ok(source)
}

fn read_one(path: &Path, budget: &ImportBudget, control: &dyn JobControl) -> Result<Source, Interrupt> {
    let (mut file, metadata) = open(path)?;
    let size = metadata.len();
    if size > budget.memory_bytes {
        return Err(too_large(size, budget, path).into());
    }
    let meter = Meter::new(control, "Reading the file", size);
    let mut hasher = blake3::Hasher::new();
    // One byte more than the file has, so that its end is seen without growing.
    let mut bytes = Vec::with_capacity(size as usize + 1);
    loop {
        let before = bytes.len();
        // A file that grows as fast as it is read would never end.
        let most = (size + 1 - before as u64).min(BLOCK_BYTES as u64);
        let got = (&mut file).take(most).read_to_end(&mut bytes).map_err(|error| unread(&error, path))?;
        if got == 0 {
            break;
        }
        hasher.update(&bytes[before..]);
        meter.advance(got as u64, 0)?;
    }
    // Half a row at the end would be read as a whole one.
    let now = file.metadata().map_err(|error| unread(&error, path))?;
    if bytes.len() as u64 != size || now.len() != size || now.modified().ok() != metadata.modified().ok() {
        return Err(changed(path).into());
    }
    Ok(Source { bytes, hasher, labels: None })
}

fn changed(path: &Path) -> Failure {
    Failure::new(
        FailureClass::Data,
        format!(
            "The file was written to while it was read. Nothing was imported; try again when its writer is done, or copy it \
             first. ({})",
            path.display()
        ),
    )
}

fn open(path: &Path) -> Result<(File, Metadata), Failure> {
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(|error| unread(&error, path))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a device or pipe" };
        return Err(Failure::new(
            FailureClass::Data,
            format!("This is {what}, not a file. Choose a file. ({})", path.display()),
        ));
    }
    let file = File::open(path).map_err(|error| unread(&error, path))?;
    Ok((file, metadata))
}

fn unread(error: &std::io::Error, path: &Path) -> Failure {
    let next = match error.kind() {
        std::io::ErrorKind::NotFound => "Check the path",
        std::io::ErrorKind::PermissionDenied => "Ask for the right to read it",
        _ => "Check the disk and try again",
    };
    Failure::new(
        FailureClass::Data,
        format!("The file cannot be read: {error}. {next}. ({})", path.display()),
    )
}

pub(super) fn too_large(bytes: u64, budget: &ImportBudget, path: &Path) -> Failure {
    Failure::new(
        FailureClass::Capacity,
        format!(
            "The file holds at least {} MB, and an import may use {} MB of memory. Allow it more memory or cut the file into \
             parts. ({})",
            bytes >> 20,
            budget.memory_bytes >> 20,
            path.display()
        ),
    )
}

/// What the bytes are.
///
/// # Errors
/// A data failure when they are of a format that is not read, with the way out.
pub(super) fn format_of(bytes: &[u8], path: &Path) -> Result<FileFormat, Failure> {
    let other = |what: &str, next: &str| {
        Err(Failure::new(
            FailureClass::Data,
            format!(
                "The file is {what}, which is not read. {next} CSV, JSON lines, Parquet and Arrow are. ({})",
                path.display()
            ),
        ))
    };
    match bytes {
        [] => Err(Failure::new(
            FailureClass::Data,
            format!("The file is empty. Choose another. ({})", path.display()),
        )),
        [b'P', b'A', b'R', b'1', ..] => Ok(FileFormat::Parquet),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Ok(FileFormat::Arrow),
        start if idx::is_idx(start) => Ok(FileFormat::Idx),
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] => {
            other("one picture", "Choose the folder of pictures, which holds one sub-folder a class.")
        }
        [b'F', b'E', b'A', b'1', ..] => other("Feather version 1", "Write it as version 2."),
        [b'P', b'A', b'R', b'E', ..] => other("an encrypted Parquet file", "Decrypt it."),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => {
            other("a ZIP archive or an Excel workbook", "Unpack it, or save the sheet as CSV.")
        }
        [0xd0, 0xcf, 0x11, 0xe0, ..] => other("an old Excel workbook", "Save the sheet as CSV."),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', ..] => {
            other("packed with zstd, bzip2 or xz", "Unpack it, or pack it with gzip.")
        }
        [0x1f, 0x8b, ..] => other("packed twice with gzip", "Unpack it once."),
        [b'%', b'P', b'D', b'F', b'-', ..] => other("a PDF document", "Export the table as CSV."),
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => other("an SQLite database", "Export the table as CSV."),
        [0x89, b'H', b'D', b'F', ..] => other("an HDF5 file", "Export the table as Parquet."),
        _ => {
            let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
            if start.starts_with(b"{") {
                let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let begins = line.get(1..).unwrap_or_default().trim_ascii_start();
                if begins.is_empty() || begins.starts_with(b"\"") || begins.starts_with(b"}") {
                    return Ok(FileFormat::JsonLines);
                }
            }
            if start.starts_with(b"[")
                && start.get(1..).unwrap_or_default().trim_ascii_start().starts_with(b"{")
            {
                return other("one JSON array", "Write one object a line (JSON lines).");
            }
            if let Some((what, next)) = markup(start) {
                return other(what, next);
            }
            Ok(FileFormat::Csv)
        }
    }
}

/// Texts that hold no table though every line could be a row of one.
fn markup(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let begins =
        |with: &str| start.get(..with.len()).is_some_and(|own| own.eq_ignore_ascii_case(with.as_bytes()));
    if begins("<!doctype html") || begins("<html") {
        Some(("a web page", "It may be an error page that was saved for the file: get the file again."))
    } else if begins("<?xml") {
        Some(("an XML document", "Export the table as CSV."))
    } else if begins("version https://git-lfs.github.com/spec/") {
        Some(("a Git LFS pointer", "Get the file itself with `git lfs pull`."))
    } else {
        None
    }
}
