//! See `bodies/aggregation.rs`. `tests/fuzz.rs` runs it, too.

#![no_main]

#[path = "../bodies/aggregation.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
