//! Tests of the compiled function behind a Runtime API: stored rows, responses and failures.

#![allow(unreachable_pub, reason = "files are shared with other test binaries")]
#![expect(clippy::unwrap_used, reason = "a failing test says where")]

mod faults;
mod large;
mod readings;
mod rows;
mod service;
mod signature;
mod support;
mod tls;
mod windows;
