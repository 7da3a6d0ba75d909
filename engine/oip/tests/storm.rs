//! The entry point that fuzzing feeds, over its seeds: as they are, cut at each byte, and each bit turned.

#[path = "../../../packaging/fuzz/src/oip.rs"]
mod entry;

use std::{fs, path::Path};

#[test]
fn damaged_seeds_break_no_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/fuzz/seeds/oip");
    let mut count = 0;
    for file in fs::read_dir(folder).expect("seeds") {
        let seed = fs::read(file.expect("an entry").path()).expect("readable");
        entry::oip(&seed);
        for at in 0..seed.len() {
            entry::oip(&seed[..at]);
            for bit in 0..8 {
                let mut turned = seed.clone();
                turned[at] ^= 1 << bit;
                entry::oip(&turned);
            }
            for snag in ["\"", "[", "]", "}", ",", "\\", "9", "-", "null,"] {
                let mut longer = seed.clone();
                longer.splice(at..at, snag.bytes());
                entry::oip(&longer);
            }
        }
        count += 1;
    }
    assert!(count > 15, "{count} seeds");
}
