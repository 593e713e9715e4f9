//! The one integration binary: `sensorctl` as its users run it, each test in a home and a local cloud of its own.

#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::needless_pass_by_value,
    clippy::similar_names,
    reason = "a test ends where something is not as it must be, and its speed does not matter"
)]

mod adoption;
mod aws_errors;
mod broken_disk;
mod bulk;
mod colour;
mod crash;
mod demo;
mod diagnosis;
mod environment;
mod failures;
mod faults;
mod foreign;
mod found_settings;
mod help;
mod kills;
mod layering;
mod leftovers;
mod lifecycle;
mod local_cloud;
mod markers;
mod order;
mod ownership;
mod permissions;
mod readings;
mod readme;
mod settings;
mod support;
mod timing;
mod transcripts;
mod undecryptable;
mod unread_input;
mod wrong_uses;
