//! Puts the readings of dead letters into the stream once more.

mod comparison;
mod edit;
mod item;
mod left_out;
mod members;
mod options;
mod pipeline_target;
mod put_readings;
mod reading_origin;
mod replayer;
mod slots;
mod target;

pub(crate) use edit::ReplayEdit;
pub(crate) use item::{ReplayFate, ReplayItem, ReplayReason};
pub(crate) use options::ReplayOptions;
pub(crate) use pipeline_target::PipelineTarget;
pub(crate) use replayer::{NOT_STORED, Replayer};
pub(crate) use target::ReplayTarget;
