//! Fuzzes what a job is told: steering, rows to predict, its spec and its log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orrery_fuzz::steering(bytes));
