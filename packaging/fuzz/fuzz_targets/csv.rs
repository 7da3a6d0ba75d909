//! Fuzzes the reading and profiling of CSV and JSON lines: encodings, delimiters, types.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orrery_fuzz::csv(bytes));
