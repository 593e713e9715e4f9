//! Tests that take many seconds each. `cargo quick` skips every module of this name.

mod bulk;
mod canaries;
mod command_permissions;
mod crash;
mod hanging;
mod inspect_commands;
mod partial_batch;
mod put_kill;
mod replay_kill;
mod sigkill;
mod sizing;
mod timing;
mod unread_input;
