//! Fuzzes Open Inference Protocol v2: a header length (4 bytes, little-endian; all ones for none), then a body.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orrery_fuzz::oip(bytes));
