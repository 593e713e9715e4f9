//! Tests of the compiled function behind a Runtime API: stored rows, responses and failures.

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
