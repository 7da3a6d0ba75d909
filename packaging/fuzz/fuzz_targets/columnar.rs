//! Fuzzes the reading and profiling of Parquet, Arrow and gzip.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orrery_fuzz::columnar(bytes));
