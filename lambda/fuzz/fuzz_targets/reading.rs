//! See `bodies/reading.rs`. `tests/fuzz.rs` runs it, too.

#![no_main]

#[path = "../bodies/reading.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
