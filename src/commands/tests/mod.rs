//! Whole commands against a local cloud, both inside the test. They run by the thousand where a process each would cost
//! most of the time; `tests/it` runs samples of them as processes.

mod adoption;
mod drift;
mod foreign;
mod in_process_runner;
mod leftovers;
mod slow;
#[allow(dead_code, unused_imports, reason = "the integration tests use the rest")]
#[path = "../../../tests/support/mod.rs"]
mod support;
