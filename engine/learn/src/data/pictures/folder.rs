//! Folders: one sub-folder a class, of PNG and JPEG files; their bytes are hashed first and decoded in a second pass.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use orrery_domain::{
    Failure, FailureClass,
    dataset::{BadRow, ImportBudget},
    image::ImageShape,
    words::{count, plural},
};
use rayon::prelude::*;

use super::{
    super::{
        MOST_LISTED,
        progress::Meter,
        read::{Content, Reading},
    },
    Pictures, decode,
    decode::{Head, Picture},
    resize::resize,
};
use crate::control::{Interrupt, JobControl};

/// Largest file that is taken for a picture, bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// Longest side that pictures of one size keep where nobody asks for a size.
const LONGEST_KEPT: u32 = 64;
/// Side that others are brought to.
const USUAL_SIDE: u32 = 32;
/// Files that are decoded at a time, between two looks at what a person wishes.
const AT_A_TIME: usize = 256;

/// One file of a folder.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    /// Relative to the folder, with `/`.
    name: String,
    split: Option<String>,
    class: Option<String>,
}

/// A file that was looked at.
#[derive(Debug)]
struct Seen {
    entry: Entry,
    hash: blake3::Hash,
    head: Head,
}

/// A folder whose files were read once.
#[derive(Debug)]
pub(in super::super) struct Listing {
    seen: Vec<Seen>,
    bad: Vec<BadRow>,
    warnings: Vec<String>,
    /// Bytes of all pictures.
    pub(in super::super) bytes: u64,
    /// Hash of the files' names and bytes; more can be fed to it.
    pub(in super::super) hasher: blake3::Hasher,
}

/// Reads every file of a folder once: its name, bytes and head.
///
/// # Errors
/// A data failure when the folder cannot be read or holds no pictures; a capacity failure when it holds more than the budget; an
/// interruption.
pub(in super::super) fn list(
    folder: &Path,
    budget: &ImportBudget,
    control: &dyn JobControl,
) -> Result<Listing, Interrupt> {
    let mut scan = Scan { entries: Vec::new(), refused: Vec::new(), warnings: Vec::new(), budget };
    scan.top(folder)?;
    let Scan { entries, refused, warnings, .. } = scan;
    let meter = Meter::new(control, "Reading the pictures", entries.len() as u64);
    let mut listing =
        Listing { seen: Vec::new(), bad: Vec::new(), warnings, bytes: 0, hasher: blake3::Hasher::new() };
    for (line, entry) in (1..).zip(entries) {
        meter.advance(1, 1)?;
        let found = read(&entry.path).and_then(|bytes| {
            if !decode::is_picture(&bytes) {
                return Err("It is neither PNG nor JPEG.".to_owned());
            }
            let hash = blake3::hash(&bytes);
            Ok((bytes.len() as u64, hash, decode::head(&bytes)?))
        });
        match found {
            Ok((bytes, hash, head)) => {
                listing.bytes += bytes;
                listing.hasher.update(&(entry.name.len() as u64).to_le_bytes());
                listing.hasher.update(entry.name.as_bytes());
                listing.hasher.update(hash.as_bytes());
                listing.seen.push(Seen { entry, hash, head });
            }
            Err(why) => listing.bad.push(BadRow { line, reason: format!("{}: {why}", entry.name) }),
        }
    }
    let line = (listing.seen.len() + listing.bad.len()) as u64;
    listing.bad.extend((line + 1..).zip(refused).map(|(line, reason)| BadRow { line, reason }));
    // What was left out is part of what the import says.
    for bad in &listing.bad {
        listing.hasher.update(bad.reason.as_bytes());
    }
    if listing.seen.is_empty() {
        let first = listing.bad.first().map(|bad| format!(" The first file that is none: {}", bad.reason));
        return Err(Failure::new(
            FailureClass::Data,
            format!(
                "The folder holds no pictures that can be read. It should hold one sub-folder a class, of PNG or JPEG files.{} ({})",
                first.unwrap_or_default(),
                folder.display()
            ),
        )
        .into());
    }
    Ok(listing)
}

/// The files of a folder.
struct Scan<'a> {
    entries: Vec<Entry>,
    /// What was left out, and why.
    refused: Vec<String>,
    warnings: Vec<String>,
    budget: &'a ImportBudget,
}

impl Scan<'_> {
    /// A folder of classes; or of parts (`train`, `test`, `valid`), each a folder of classes.
    fn top(&mut self, folder: &Path) -> Result<(), Failure> {
        let (files, folders) = self.children(folder, "")?;
        let parts: Vec<Option<&'static str>> = folders.iter().map(|(name, _)| part(name)).collect();
        let divided = parts.iter().all(Option::is_some) && parts.contains(&Some("train"));
        for (name, path) in files {
            self.add(Entry { path, name, split: None, class: None })?;
        }
        for ((name, path), part) in folders.into_iter().zip(parts) {
            if divided {
                self.classes(&path, &name, part)?;
            } else {
                self.class(&path, &name, &name, None)?;
            }
        }
        Ok(())
    }

    /// A folder of classes.
    fn classes(&mut self, folder: &Path, prefix: &str, split: Option<&str>) -> Result<(), Failure> {
        let (files, folders) = self.children(folder, prefix)?;
        for (name, path) in files {
            self.add(Entry { path, name, split: split.map(str::to_owned), class: None })?;
        }
        for (name, path) in folders {
            let class = name.rsplit('/').next().unwrap_or(&name).to_owned();
            self.class(&path, &name, &class, split)?;
        }
        Ok(())
    }

    /// The pictures of one class.
    fn class(
        &mut self,
        folder: &Path,
        prefix: &str,
        class: &str,
        split: Option<&str>,
    ) -> Result<(), Failure> {
        let (files, folders) = self.children(folder, prefix)?;
        if files.is_empty() {
            self.warnings.push(format!("The folder '{prefix}' of a class holds no files."));
        }
        for (name, path) in files {
            let (split, class) = (split.map(str::to_owned), Some(class.to_owned()));
            self.add(Entry { path, name, split, class })?;
        }
        for (name, _) in folders {
            self.refused
                .push(format!("{name}: It is a folder inside the folder of a class, which is not entered."));
        }
        Ok(())
    }

    fn add(&mut self, entry: Entry) -> Result<(), Failure> {
        self.entries.push(entry);
        if self.entries.len() as u64 <= self.budget.rows.min(self.budget.memory_bytes >> 9) {
            return Ok(());
        }
        Err(Failure::new(
            FailureClass::Capacity,
            format!(
                "The folder holds more than {} files, too many for an import. Import a part of it.",
                count(self.entries.len() as u64 - 1)
            ),
        ))
    }

    /// Files and folders in the order of their names; links, devices and what cannot be opened are refused, hidden files passed over.
    fn children(&mut self, folder: &Path, prefix: &str) -> Result<(Named, Named), Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(
                FailureClass::Data,
                format!(
                    "The folder cannot be read: {error}. Check the path and who may read it. ({})",
                    folder.display()
                ),
            )
        };
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let own = entry.file_name().to_string_lossy().into_owned();
            if own.starts_with('.') || matches!(own.to_lowercase().as_str(), "thumbs.db" | "desktop.ini") {
                continue;
            }
            let name = if prefix.is_empty() { own } else { format!("{prefix}/{own}") };
            // Of the entry itself, not of what a link leads to.
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push((name, entry.path()));
            } else if kind.is_file() {
                files.push((name, entry.path()));
            } else {
                self.refused.push(format!("{name}: It is a link or a device, which is not followed."));
            }
        }
        files.sort_unstable();
        folders.sort_unstable();
        Ok((files, folders))
    }
}

/// Names relative to the folder with their paths.
type Named = Vec<(String, PathBuf)>;

/// The part of the rows that a folder's name says.
fn part(name: &str) -> Option<&'static str> {
    match name.to_lowercase().as_str() {
        "train" | "training" => Some("train"),
        "test" | "testing" => Some("test"),
        "valid" | "val" | "validation" => Some("valid"),
        _ => None,
    }
}

/// A file's bytes; a sentence where it cannot be read or is too large.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unread = |error: std::io::Error| format!("It cannot be read: {error}.");
    let file = File::open(path).map_err(unread)?;
    let size = file.metadata().map_err(unread)?.len();
    if size > LARGEST_FILE {
        return Err(format!("It has {} MB, and at most {} are read.", size >> 20, LARGEST_FILE >> 20));
    }
    let mut bytes = Vec::with_capacity(size as usize + 1);
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

impl Listing {
    /// Decodes the pictures, all brought to one shape.
    ///
    /// # Errors
    /// A data failure when a file changed or no picture can be decoded; a capacity failure when the table takes more than the
    /// budget's memory; an interruption.
    pub(in super::super) fn decode(self, reading: &mut Reading<'_>) -> Result<Content, Interrupt> {
        let shape = self.shape(reading)?;
        let Self { seen, mut bad, warnings, .. } = self;
        reading.warnings.extend(warnings);
        reading.check_memory(seen.len() as u64 * (shape.values() as u64 + 4) * 9)?;
        let meter = Meter::new(reading.control, "Decoding the pictures", seen.len() as u64);
        let mut pictures = Pictures::default();
        let divided = seen.iter().any(|seen| seen.entry.split.is_some());
        let mut seen = seen.into_iter().peekable();
        let mut line = 0;
        while seen.peek().is_some() {
            let part: Vec<Seen> = seen.by_ref().take(AT_A_TIME).collect();
            let decoded: Vec<Result<Vec<u8>, Wrong>> =
                part.par_iter().map(|seen| pixels(seen, shape)).collect();
            meter.advance(part.len() as u64, part.len() as u64)?;
            for (Seen { entry, .. }, decoded) in part.into_iter().zip(decoded) {
                line += 1;
                match decoded {
                    Ok(values) => {
                        pictures.values.push(values);
                        pictures.files.push(entry.name);
                        pictures.classes.push(entry.class);
                        if divided {
                            pictures.splits.push(entry.split);
                        }
                    }
                    Err(Wrong::Changed) => {
                        let message = format!(
                            "The picture '{}' was written to while the folder was read. Nothing was imported; try again when its \
                             writer is done.",
                            entry.name
                        );
                        return Err(reading.failure(message).into());
                    }
                    Err(Wrong::Bad(why)) => {
                        bad.push(BadRow { line, reason: format!("{}: {why}", entry.name) });
                    }
                }
            }
        }
        let classes: std::collections::BTreeSet<&String> = pictures.classes.iter().flatten().collect();
        if classes.len() == 1 {
            reading
                .warnings
                .push("All pictures are of one class, so there is nothing to tell apart.".to_owned());
        }
        let bad_rows = bad.len() as u64;
        bad.truncate(MOST_LISTED);
        Ok(Content { table: pictures.table(shape), bad_rows, bad_row_list: bad })
    }

    /// The shape asked for; else the one size they all have, if it is small; else 32 by 32.
    fn shape(&self, reading: &mut Reading<'_>) -> Result<ImageShape, Failure> {
        if let Some(shape) = reading.options.image {
            return ImageShape::new(shape.width, shape.height, shape.channels).ok_or_else(|| {
                reading.failure(format_args!("Pictures cannot be brought to {shape}: choose a smaller size."))
            });
        }
        let channels = if self.seen.iter().any(|seen| seen.head.coloured) { 3 } else { 1 };
        let heads = || self.seen.iter().map(|seen| (seen.head.width, seen.head.height));
        let least =
            heads().fold((u32::MAX, u32::MAX), |least, head| (least.0.min(head.0), least.1.min(head.1)));
        let most = heads().fold((0, 0), |most, head| (most.0.max(head.0), most.1.max(head.1)));
        let kept = ImageShape::new(most.0, most.1, channels)
            .filter(|_| least == most && most.0.max(most.1) <= LONGEST_KEPT);
        if let Some(shape) = kept {
            return Ok(shape);
        }
        let what = if least == most {
            format!("All pictures are {}x{}", most.0, most.1)
        } else {
            format!(
                "The {} have sizes from {}x{} to {}x{}",
                plural(self.seen.len() as u64, "picture"),
                least.0,
                least.1,
                most.0,
                most.1
            )
        };
        reading.warnings.push(format!(
            "{what}; they were brought to {USUAL_SIDE}x{USUAL_SIDE}. Choose another size with --image-size."
        ));
        Ok(ImageShape { width: USUAL_SIDE, height: USUAL_SIDE, channels })
    }
}

/// Why a picture is not there.
enum Wrong {
    /// It is another than it was.
    Changed,
    /// A sentence.
    Bad(String),
}

/// A picture's pixels in the shape's order. `[channels * height * width]`
fn pixels(seen: &Seen, shape: ImageShape) -> Result<Vec<u8>, Wrong> {
    let bytes = read(&seen.entry.path).map_err(Wrong::Bad)?;
    if blake3::hash(&bytes) != seen.hash {
        return Err(Wrong::Changed);
    }
    let channels = shape.channels as usize;
    let Picture { width, height, values, .. } =
        decode::decode(&bytes).map_err(Wrong::Bad)?.with_channels(channels);
    let values = resize(&values, channels, (width, height), (shape.width as usize, shape.height as usize));
    Ok((0..channels).flat_map(|channel| values.iter().skip(channel).step_by(channels)).copied().collect())
}
