//! The compiled function behind a Runtime API: what it stores, what it answers, and what it does about failures.

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
