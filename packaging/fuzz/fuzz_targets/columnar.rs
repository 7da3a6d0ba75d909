//! Fuzzes the reading and profiling of Parquet, Arrow and gzip.

#![no_main]

use std::panic;

/// Where cargo keeps the decoders, which are not ours.
const DECODERS: [&str; 3] = ["/arrow-", "/parquet-", "/flatbuffers-"];

/// The reader takes a panic of a decoder as a damaged file, which is a promise of its own: only other panics end the process at once,
/// and a decoder's ends it when nobody catches it.
fn spare_decoders() {
    let abort = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let theirs = |file: &str| DECODERS.iter().any(|name| file.contains(name));
        if !info.location().is_some_and(|place| theirs(place.file())) {
            abort(info);
        }
    }));
}

libfuzzer_sys::fuzz_target!(init: spare_decoders(), |bytes: &[u8]| orrery_fuzz::columnar(bytes));
