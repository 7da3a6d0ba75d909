//! Damages: what a disk, a cut or a mix-up may leave in the place of a family's newest checkpoint, and that the one before is used.

use std::{fmt::Debug, path::Path};

use serde::de::DeserializeOwned;

use super::{files, list, step};

/// Damages tried.
const DAMAGES: usize = 200;

/// Ways to damage a file.
const WAYS: usize = 7;

/// The bytes of a checkpoint with one thing wrong, by turns: a flipped bit, a cut, nothing at all, a sector of zeros, more bytes
/// behind it, a whole file of another kind.
fn damage(turn: usize, sound: &[u8], other: &[u8]) -> Vec<u8> {
    // Spread over the file, its first and its last byte among them.
    let last = sound.len() - 1;
    let place = (turn * last / (DAMAGES - WAYS)).min(last);
    let mut bytes = sound.to_vec();
    match turn % WAYS {
        0 | 1 => bytes[place] ^= 1 << (turn / WAYS % 8),
        2 => bytes.truncate(place),
        3 => bytes.clear(),
        4 => bytes[place..].iter_mut().take(512).for_each(|byte| *byte = 0),
        5 => bytes.extend(other),
        _ => bytes = other.to_vec(),
    }
    bytes
}

fn put(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("written");
}

/// Damages the newest of a folder's two checkpoints in 200 ways: each time `latest` finds the one before and says so once,
/// without naming the folder. Files that changed places are whole, and the older state is gone on with.
///
/// # Panics
/// When it is not so.
pub(crate) fn assert_passed_over<T: DeserializeOwned + PartialEq + Debug>(
    folder: &Path,
    prefix: &str,
    latest: impl Fn() -> (Option<T>, Vec<String>),
) {
    let found = list(folder, prefix);
    let [(last, newest), (before, older)] = &found[..] else { panic!("two are kept: {found:?}") };
    let read = |path: &Path| files::read_sealed::<T>(path).expect("sound");
    assert_ne!(read(newest), read(older));
    assert_eq!(latest(), (Some(read(newest)), Vec::new()));
    let [sound, sound_before] = [newest, older].map(|path| std::fs::read(path).expect("readable"));
    let other = files::seal(newest, &["of another kind"]).expect("JSON");
    for turn in 0..DAMAGES {
        put(newest, &damage(turn, &sound, &other));
        let (state, warnings) = latest();
        assert_eq!(state, Some(read(older)), "damage {turn}");
        assert_eq!(warnings.len(), 1, "damage {turn} is said once: {warnings:?}");
        let named = warnings[0].contains(&*folder.to_string_lossy());
        assert!(warnings[0].contains("damaged") && !named, "damage {turn}: {warnings:?}");
        assert_eq!(step::<T>(folder, prefix), *before, "damage {turn}");
    }
    put(newest, &sound_before);
    put(older, &sound);
    assert_eq!(latest().0, Some(read(newest)), "the files changed places");
    // Both gone: nothing is found, and both are named.
    put(newest, &sound[..sound.len() / 2]);
    put(older, &[]);
    let (state, warnings) = latest();
    assert_eq!((state, warnings.len()), (None, 2), "{warnings:?}");
    assert_eq!(step::<T>(folder, prefix), 0);
    put(newest, &sound);
    put(older, &sound_before);
    assert_eq!((latest().0, step::<T>(folder, prefix)), (Some(read(newest)), *last));
}
