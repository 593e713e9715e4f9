//! Whole commands against a local cloud, both inside the test. They run by the thousand where a process each would cost
//! most of the time; `tests/it` runs samples of them as processes.

#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::needless_pass_by_value,
    clippy::similar_names,
    clippy::manual_is_multiple_of,
    reason = "a failed unwrap fails the test, and its speed does not matter"
)]

mod adoption;
mod in_process_runner;
mod orphans;
mod permissions;
mod reports;
mod scan_filter;
mod scan_rows;
mod screens;
mod slow;
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the integration tests use the rest")]
#[path = "../../tests/support/mod.rs"]
mod support;
mod unmanaged;
mod why;
