//! The dead letters of the pipeline: what the function could not store, in the table `SensorDataRejects`.

mod counts;
mod dead_letter;
mod deletion;
mod destination;
mod destination_reader;
mod failure_place;
mod filter;
mod joiner;
mod reader;
mod replay;
mod source_record;
mod stream_range;
mod table;

pub(crate) use counts::{ReasonCount, ReasonCounts};
pub(crate) use dead_letter::{DeadLetter, DeadLetterId};
pub(crate) use deletion::Deletion;
pub(crate) use destination::{FailureDocument, read_documents};
pub(crate) use destination_reader::DestinationReader;
pub(crate) use failure_place::{ParseResult, parse_result};
pub(crate) use filter::DeadLetterFilter;
pub(crate) use reader::{DeadLetterReader, DeadLetterSource};
pub(crate) use replay::{
    NOT_STORED, PipelineTarget, ReplayEdit, ReplayFate, ReplayItem, ReplayOptions, ReplayReason, ReplayTarget, Replayer,
};
pub(crate) use stream_range::retention_hours;
pub(crate) use table::DeadLetterTable;
