//! Sources: a file's bytes, hashed while they are read, and what they are by their content.

use std::{
    fs::{File, Metadata},
    io::Read,
    path::Path,
};

use flate2::read::MultiGzDecoder;
use orrery_domain::{
    Failure, FailureClass,
    dataset::{FileFormat, ImportBudget},
};

use super::progress::Meter;
use crate::control::{Interrupt, JobControl};

const BLOCK_BYTES: usize = 1 << 20;

/// A file as it is.
pub(super) struct Source {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Their hash; more can be fed to it.
    pub(super) hasher: blake3::Hasher,
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
        let got = (&mut file)
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| unread(&error, path))?;
        if got == 0 {
            break;
        }
        hasher.update(&bytes[before..]);
        if bytes.len() as u64 > budget.memory_bytes {
            return Err(too_large(bytes.len() as u64, budget, path).into());
        }
        meter.advance(got as u64, 0)?;
    }
    Ok(Source { bytes, hasher })
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

fn too_large(bytes: u64, budget: &ImportBudget, path: &Path) -> Failure {
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

/// The content of gzip, of one member or several; other bytes are content already.
///
/// # Errors
/// A data failure when the packing is damaged, a capacity failure when the content is larger than the budget's memory, an
/// interruption.
pub(super) fn unpacked(
    packed: Vec<u8>,
    budget: &ImportBudget,
    control: &dyn JobControl,
    path: &Path,
) -> Result<Vec<u8>, Interrupt> {
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(packed);
    }
    let meter = Meter::new(control, "Unpacking the file", packed.len() as u64);
    let mut decoder = MultiGzDecoder::new(packed.as_slice());
    // The last four bytes say how much it was, modulo 4 GiB: a hint only, so that a lie costs nothing.
    let tail: [u8; 4] = packed.last_chunk().copied().unwrap_or_default();
    let hint = (u32::from_le_bytes(tail) as usize).min(packed.len().saturating_mul(8));
    let mut bytes = Vec::with_capacity(hint + BLOCK_BYTES);
    let mut left = packed.len();
    loop {
        let got = (&mut decoder).take(BLOCK_BYTES as u64).read_to_end(&mut bytes).map_err(|error| {
            Failure::new(
                FailureClass::Data,
                format!(
                    "The gzip file is damaged or cut off: {error}, after {} bytes of content. Get the file again. ({})",
                    bytes.len(),
                    path.display()
                ),
            )
        })?;
        if got == 0 {
            return Ok(bytes);
        }
        if bytes.len() as u64 > budget.memory_bytes {
            return Err(too_large(bytes.len() as u64, budget, path).into());
        }
        let now_left = decoder.get_ref().len();
        meter.advance((left - now_left) as u64, 0)?;
        left = now_left;
    }
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
            Ok(FileFormat::Csv)
        }
    }
}
