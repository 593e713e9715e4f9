//! Puts the readings of dead letters into the stream once more.

mod edit;
mod item;
mod members;
mod pipeline_target;
mod replayer;
mod target;

pub(crate) use edit::ReplayEdit;
pub(crate) use item::{ReplayFate, ReplayItem, ReplayReason};
pub(crate) use pipeline_target::PipelineTarget;
pub(crate) use replayer::{NOT_STORED, ReplayOptions, Replayer};
pub(crate) use target::ReplayTarget;
