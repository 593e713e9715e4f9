//! The one integration binary: `sensorctl` as its users run it, each test in a home and a local cloud of its own.

#![allow(clippy::unwrap_used, clippy::format_collect, reason = "a test ends where something is not as it must be")]

mod crash;
mod demo;
mod failures;
mod faults;
mod help;
mod layering;
mod lifecycle;
mod local_cloud;
mod permissions;
mod readings;
mod support;
mod timing;
