//! Fuzzes a model's `card.json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orrery_fuzz::card(bytes));
