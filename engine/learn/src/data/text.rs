//! Text: bytes of some encoding as UTF-8, with a warning where they had to be guessed.

use std::{borrow::Cow, path::Path};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use orrery_domain::{Failure, FailureClass, dataset::FileFormat, words::count};

/// Decodes a text file: by its byte order mark, else as UTF-8, else as UTF-8 with a few damaged bytes, else as Windows-1252
/// (which covers Latin-1).
///
/// # Errors
/// A data failure when the bytes are no text.
pub(super) fn decode(bytes: Vec<u8>, warnings: &mut Vec<String>, path: &Path) -> Result<String, Failure> {
    if is_utf_32(&bytes) {
        return Err(Failure::new(
            FailureClass::Data,
            format!("The file is UTF-32, which is not read. Save it as UTF-8. ({})", path.display()),
        ));
    }
    if let Some((encoding, mark)) = Encoding::for_bom(&bytes)
        && encoding != encoding_rs::UTF_8
    {
        return Ok(decoded(encoding, &bytes[mark..], warnings));
    }
    let sample = &bytes[..bytes.len().min(4096)];
    if let Some(encoding) = wide_without_mark(sample) {
        warnings.push(format!(
            "The file is UTF-16 without a byte order mark; it was read as {}.",
            encoding.name()
        ));
        return Ok(decoded(encoding, &bytes, warnings));
    }
    check(FileFormat::Csv, &bytes, path)?;
    let text =
        String::from_utf8(bytes).or_else(|error| Ok::<_, Failure>(guessed(error.as_bytes(), warnings)))?;
    // Some writers put the mark twice.
    let content = text.trim_start_matches('\u{feff}');
    Ok(if content.len() < text.len() { content.to_owned() } else { text })
}

fn is_utf_32(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe, 0, 0]) || bytes.starts_with(&[0, 0, 0xfe, 0xff])
}

/// Checks that the first bytes of a text format are text.
///
/// # Errors
/// A data failure when they are not.
pub(super) fn check(format: FileFormat, bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let sample = &bytes[..bytes.len().min(4096)];
    let textual = matches!(format, FileFormat::Csv | FileFormat::JsonLines);
    if !textual || Encoding::for_bom(sample).is_some() || wide_without_mark(sample).is_some() {
        return Ok(());
    }
    let odd =
        sample.iter().filter(|byte| **byte < b' ' && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c)).count();
    if odd * 10 <= sample.len() {
        return Ok(());
    }
    Err(Failure::new(
        FailureClass::Data,
        format!(
            "The file is no text and of no format that is read. CSV, JSON lines, Parquet and Arrow are. ({})",
            path.display()
        ),
    ))
}

/// UTF-16 shows by every other byte being zero.
fn wide_without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let half = sample.len() / 2;
    if half >= 4 && odd * 10 > half * 7 && even * 10 < half {
        Some(UTF_16LE)
    } else if half >= 4 && even * 10 > half * 7 && odd * 10 < half {
        Some(UTF_16BE)
    } else {
        None
    }
}

fn decoded(encoding: &'static Encoding, bytes: &[u8], warnings: &mut Vec<String>) -> String {
    let (text, damaged) = encoding.decode_without_bom_handling(bytes);
    if damaged {
        warnings.push(format!(
            "Some characters are no valid {}; they were replaced by '\u{fffd}'.",
            encoding.name()
        ));
    }
    text.into_owned()
}

/// Not quite UTF-8: either it is with a few damaged bytes, or it is an older encoding.
fn guessed(bytes: &[u8], warnings: &mut Vec<String>) -> String {
    let (mut wide, mut damaged) = (0_u64, 0_u64);
    for chunk in bytes.utf8_chunks() {
        wide += chunk.valid().chars().filter(|c| !c.is_ascii()).count() as u64;
        damaged += chunk.invalid().len() as u64;
    }
    let first = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    let line = bytes[..first].split(|byte| *byte == b'\n').count();
    if wide > damaged * 4 {
        warnings.push(format!(
            "{} bytes are no valid UTF-8 (the first in line {line}); they were replaced by '\u{fffd}'.",
            count(damaged)
        ));
        return String::from_utf8_lossy(bytes).into_owned();
    }
    warnings.push(format!(
        "The file is not UTF-8 (line {line} is the first to show it); it was read as Latin-1 (Windows-1252). Check the accented \
         letters."
    ));
    WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}

/// The text with `\n` for line ends where it uses lone `\r`, as old spreadsheets write.
pub(super) fn with_newlines(text: String) -> String {
    if text.contains('\n') || !text.contains('\r') { text } else { text.replace('\r', "\n") }
}

/// The text without what only a program sees, for a message.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    let short = text.char_indices().nth(40).map_or(text, |(at, _)| &text[..at]);
    let mut clean: Cow<'_, str> = if short.chars().any(char::is_control) {
        short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
    } else {
        short.into()
    };
    if short.len() < text.len() {
        clean.to_mut().push('…');
    }
    clean
}
