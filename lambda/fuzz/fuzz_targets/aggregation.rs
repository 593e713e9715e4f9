//! See `bodies/aggregation.rs`, which `tests/fuzz.rs` runs, too.

#![no_main]

#[path = "../bodies/aggregation.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
