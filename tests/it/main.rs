//! The one integration binary: each test runs `sensorctl` in its own environment with its own local cloud.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::needless_pass_by_value,
    clippy::similar_names,
    reason = "a failed unwrap fails the test, and its speed does not matter"
)]

mod aws_errors;
mod aws_lag;
mod call_log;
mod caller_policy;
mod checkpoint;
mod color;
mod command_permissions;
mod completions;
mod confinement;
mod data_directory;
mod deletion_conflicts;
mod demo;
mod diagnosis;
mod disk_faults;
mod docs;
mod doctor;
mod environment;
mod failures;
mod faults;
mod found_settings;
mod given_up;
mod help;
mod house;
mod input_dates;
mod input_files;
mod layering;
mod layouts;
mod lifecycle;
mod local_cloud;
mod logs;
mod not_ready;
mod orphans;
mod ownership;
mod permissions;
mod put_wait;
mod readings;
mod readme;
mod rejects;
mod rejects_from_destination;
mod rejects_replay;
mod settings;
mod simulate;
mod size;
mod slow;
mod status;
mod step_order;
mod support;
mod tail;
mod transcripts;
mod undecryptable;
mod usage_errors;
mod why;
