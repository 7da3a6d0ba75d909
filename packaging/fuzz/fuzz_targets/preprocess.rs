//! Fuzzes a model's `preprocess.json` and the transforms it describes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orrery_fuzz::preprocess(bytes));
