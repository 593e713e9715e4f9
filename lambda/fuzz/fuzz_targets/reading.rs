//! See `bodies/reading.rs`, which `tests/fuzz.rs` runs, too.

#![no_main]

#[path = "../bodies/reading.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
