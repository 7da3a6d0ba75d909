//! The window's own state: one file of two checksummed generations, so that neither a crash nor a damaged sector takes both.
//!
//! Each generation is one line, `number hash text`, the text as a JSON string (which holds no line break) and the hash over
//! number and text. Lines are read one by one: whatever happened to one, the other still stands for itself.

use std::{fs, io, path::PathBuf};

use orrery_domain::Failure;

use crate::{Workspace, files};

/// What was in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No window has saved anything yet.
    Nothing,
    /// The state as it was last saved.
    Newest(String),
    /// The newest state is damaged: the one before it.
    Older(String),
    /// Nothing in the file can be read.
    Damaged,
}

impl Found {
    /// The text to begin with, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Newest(text) | Self::Older(text) => Some(text),
            Self::Nothing | Self::Damaged => None,
        }
    }
}

/// One saved state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Generation {
    number: u64,
    text: String,
}

impl Generation {
    fn line(&self) -> String {
        let text = serde_json::Value::from(self.text.as_str()).to_string();
        format!("{} {} {text}\n", self.number, hash(self.number, &text))
    }

    /// Reads a line back; `None` where anything about it is wrong.
    fn read(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (number, rest) = line.split_once(' ')?;
        let (sum, text) = rest.split_once(' ')?;
        let number = number.parse().ok()?;
        if sum != hash(number, text) {
            return None;
        }
        Some(Self { number, text: serde_json::from_str(text).ok()? })
    }
}

fn hash(number: u64, text: &str) -> String {
    blake3::hash(format!("{number} {text}").as_bytes()).to_hex().to_string()
}

/// The file, and the generation last written to it.
#[derive(Debug)]
pub struct WindowFile {
    path: PathBuf,
    last: Option<Generation>,
}

impl WindowFile {
    /// Opens the workspace's file and reads what it holds. A file that cannot be read counts as damaged.
    pub fn open(workspace: &Workspace) -> (Self, Found) {
        let path = workspace.window_state();
        let (last, found) = match fs::read(&path) {
            Ok(bytes) => read(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, Found::Nothing),
            Err(error) => {
                log::error!("the window's state cannot be read: {error} ({})", path.display());
                (None, Found::Damaged)
            }
        };
        (Self { path, last }, found)
    }

    /// Saves a state, and beside it the one before: written beside the file, synced, renamed.
    ///
    /// # Errors
    /// When the disk or its permissions refuse; the file is then as it was.
    pub fn save(&mut self, text: &str) -> Result<(), Failure> {
        let number = self.last.as_ref().map_or(1, |last| last.number + 1);
        let next = Generation { number, text: text.to_owned() };
        let before = self.last.as_ref().map(Generation::line).unwrap_or_default();
        // An empty line between them: damage to the one line break cannot join them.
        files::write_atomic(&self.path, format!("{}\n{before}", next.line()).as_bytes())?;
        self.last = Some(next);
        Ok(())
    }
}

/// The newest sound generation, and what that says about the file.
fn read(bytes: &[u8]) -> (Option<Generation>, Found) {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let newest = lines.iter().filter_map(|line| Generation::read(line)).max_by_key(|found| found.number);
    let first = lines.first().and_then(|line| Generation::read(line));
    let found = match &newest {
        None => Found::Damaged,
        Some(newest) if first.as_ref() == Some(newest) => Found::Newest(newest.text.clone()),
        Some(newest) => Found::Older(newest.text.clone()),
    };
    (newest, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(folder.path()).expect("opened");
        (folder, workspace)
    }

    fn found(workspace: &Workspace) -> Found {
        WindowFile::open(workspace).1
    }

    #[test]
    fn the_last_state_reads_back_whatever_is_in_it() {
        let (_folder, workspace) = workspace();
        let (mut file, nothing) = WindowFile::open(&workspace);
        assert_eq!(nothing, Found::Nothing);
        for text in ["one", "", "two\nlines \"quoted\" — ü", "{\"page\":\"runs\"}"] {
            file.save(text).expect("saved");
            assert_eq!(found(&workspace), Found::Newest(text.to_owned()));
        }
    }

    #[test]
    fn any_damaged_byte_costs_one_generation_at_most() {
        let (_folder, workspace) = workspace();
        let (mut file, _) = WindowFile::open(&workspace);
        file.save("the state before").expect("saved");
        file.save("the newest state").expect("saved");
        let sound = fs::read(workspace.window_state()).expect("there");
        for (place, byte) in sound.iter().enumerate() {
            for damage in [byte ^ 1, b'\n', 0, 0xff] {
                let mut bytes = sound.clone();
                bytes[place] = damage;
                let text = read(&bytes).1.text().map(str::to_owned).expect("one of them is sound");
                assert!(["the newest state", "the state before"].contains(&text.as_str()), "{text}");
            }
        }
        // Half a file, as a disk that loses its tail leaves it.
        for length in 0..sound.len() {
            let text = read(&sound[..length]).1.text().map(str::to_owned);
            assert!(text.is_none() || text.as_deref() == Some("the newest state"), "{text:?}");
        }
    }

    #[test]
    fn after_a_damaged_generation_the_window_saves_on() {
        let (_folder, workspace) = workspace();
        let (mut file, _) = WindowFile::open(&workspace);
        file.save("before").expect("saved");
        file.save("newest").expect("saved");
        let text = fs::read_to_string(workspace.window_state()).expect("there");
        files::write_atomic(&workspace.window_state(), text.replace("newest", "NEWEST").as_bytes())
            .expect("damaged");
        let (mut again, older) = WindowFile::open(&workspace);
        assert_eq!(older, Found::Older("before".to_owned()));
        again.save("next").expect("saved");
        assert_eq!(found(&workspace), Found::Newest("next".to_owned()));
        files::write_atomic(&workspace.window_state(), b"\0\0\0\0").expect("damaged");
        assert_eq!(found(&workspace), Found::Damaged);
    }
}
