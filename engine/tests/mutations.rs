//! A fixed storm of damaged bytes over the entry points that fuzzing feeds: the same bytes in every run.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

#[path = "../../packaging/fuzz/src/lib.rs"]
mod entries;

/// Bytes and words that readers trip over.
const SNAGS: [&[u8]; 24] = [
    b"\0",
    b"\"",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\t",
    b"'",
    b"{",
    b"[",
    b"}",
    b":",
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\x1f\x8b",
    b"1e400",
    b"-9223372036854775809",
    b"99999999999999999999",
    b"null",
    b"NaN",
    b"9999-12-31T24:00:00",
    b"\\ud800",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
];

/// A number generator of 64 bits (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }
}

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/fuzz/seeds").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("seeds").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

/// One change: a bit, a snag, a cut, a repetition, a length or a piece of another seed.
fn damage(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let end = (at + 1 + dice.below(40)).min(bytes.len());
    match dice.below(8) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        2 => {
            let snag = SNAGS[dice.below(SNAGS.len())];
            bytes.splice(at..at, snag.iter().copied());
        }
        3 => {
            let snag = SNAGS[dice.below(SNAGS.len())];
            let end = (at + snag.len()).min(bytes.len());
            bytes.splice(at..end, snag.iter().copied());
        }
        4 => drop(bytes.drain(at..end)),
        5 => {
            let again = bytes[at..end].repeat(1 + dice.below(60));
            bytes.splice(at..at, again);
        }
        6 => {
            let from = dice.below(other.len());
            bytes.splice(at..end, other[from..].iter().copied().take(60));
        }
        _ if dice.below(4) == 0 => bytes.truncate(at),
        _ => {
            let number = (dice.roll() >> dice.below(64)).to_le_bytes();
            let end = (at + 4 + 4 * dice.below(2)).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
    }
}

/// Feeds `entry` each seed as it is and `rounds` damaged ones.
fn storm(target: &str, rounds: usize, entry: fn(&[u8])) {
    let seeds = seeds(target);
    let mut dice = Dice(rounds as u64);
    for seed in &seeds {
        entry(seed);
    }
    for round in 0..rounds {
        let mut bytes = seeds[round % seeds.len()].clone();
        let other = &seeds[dice.below(seeds.len())];
        for _ in 0..=dice.below(4) {
            damage(&mut bytes, other, &mut dice);
        }
        let kept = catch_unwind(AssertUnwindSafe(|| entry(&bytes)));
        assert!(kept.is_ok(), "round {round} of {target} broke a promise: {}", bytes.escape_ascii());
    }
}

#[test]
fn damaged_texts_break_no_promise() {
    storm("csv", 700, entries::csv);
}

#[test]
fn damaged_columns_break_no_promise() {
    storm("columnar", 900, entries::columnar);
}

#[test]
fn damaged_preprocessing_breaks_no_promise() {
    storm("preprocess", 1500, entries::preprocess);
}

#[test]
fn damaged_cards_break_no_promise() {
    storm("card", 2000, entries::card);
}

#[test]
fn damaged_orders_break_no_promise() {
    storm("steering", 3000, entries::steering);
}

#[test]
fn damaged_inference_bodies_break_no_promise() {
    storm("oip", 4000, entries::oip);
}
