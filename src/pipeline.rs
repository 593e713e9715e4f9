//! The data path: readings from files into the stream, and stored readings out of the table.
//!
//! Nothing here prints. Events go to a [`PutObserver`]; the result is a [`PutSummary`].
//!
//! ```text
//! input (lines → readings) → record → key group → request (PutRecords, resends) → summary
//! query → table reader (Scan, Query) → item (attributes → stored reading)
//! shards → pages (GetRecords) → user records → readings
//! ```

mod canary;
mod delivery;
mod input;
pub(crate) mod prices;
mod put;
mod read;
mod simulate;
mod tail;
mod time;
mod value_codec;

pub(crate) use canary::{ProbeError, ProbeRegistry, ProbeRoute, ProbesConsumed, RemainingProbe};
pub(crate) use delivery::{DeadLetterReason, DeliveryRoute, Invocation, MappingState};
pub(crate) use input::csv_value::value_of;
pub(crate) use input::decompression::Compression;
pub(crate) use input::external_sort::ExternalSorter;
pub(crate) use input::input_origin::InputOrigin;
pub(crate) use input::inspection::{Inspection, inspect};
pub(crate) use input::layout::{Confidence, FileHead, Layout, Layouts, OwnLayoutText};
pub(crate) use input::mapping::ColumnMapping;
pub(crate) use input::name_list::{ListedName, listed_names};
pub(crate) use input::option_values::ConstantField;
pub(crate) use input::options::{InputFormat, InputOptions};
pub(crate) use input::reader_thread::ParsedChunks;
pub(crate) use input::rejected_line::{RejectedLine, RejectsFile};
pub(crate) use input::single_document::read_document;
pub(crate) use input::source::Inputs;
pub(crate) use input::time_format::time_zone::parse as parse_time_zone;
pub(crate) use input::unread::Unread;
pub(crate) use put::aggregation::AGGREGATE_BYTES;
pub(crate) use put::aggregation_mode::{AggregationChoice, PipelineMarks};
pub(crate) use put::bulk_put::{PutOutcome, put_all, validate_only};
pub(crate) use put::checkpoint::PutCheckpoint;
pub(crate) use put::checkpoint::checkpoint_file::{CheckpointFile, CheckpointedPut, restart_hint};
pub(crate) use put::checkpoint::identity::{FileIdentity, PutTarget};
pub(crate) use put::estimate::{Estimator, PutEstimate, RecordEstimate};
pub(crate) use put::event::{InputSummary, PutEvent, PutObserver, PutSummary};
pub(crate) use put::group_layout::groups_at_most;
pub(crate) use put::parcel::PutEntry;
pub(crate) use put::put_options::{PutOptions, SendPlan};
pub(crate) use put::rate_limit::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
pub(crate) use put::reading_sizes::{MeasuredSample, ReadingSizes, measure};
pub(crate) use put::record::{MAX_RECORD_BYTES, Record, partition_key};
pub(crate) use put::request::{MAX_BYTES as MAX_REQUEST_BYTES, MAX_RECORDS as MAX_REQUEST_RECORDS};
pub(crate) use put::sender::{KinesisStream, PutReceipt, put_one};
pub(crate) use put::stream_lookup::{FoundStream, look_up_plan};
pub(crate) use read::batch_get::{RowState, batch_get, rows_at};
#[cfg(test)]
pub(crate) use read::condition::{AttributePath, Comparison, Literal, Operand, PathPart};
pub(crate) use read::condition::{Condition, parse_condition};
pub(crate) use read::item_decode::{HiddenAttributes, SENSOR, SEQUENCE, TIME};
pub(crate) use read::key_condition::{Bound, KeyConditions};
pub(crate) use read::latest_rows::newest_rows;
pub(crate) use read::query::ReadQuery;
pub(crate) use read::row_field::RowField;
pub(crate) use read::row_kind::RawItem;
pub(crate) use read::row_sorter::{RowOrder, RowSorter, SortableRow};
pub(crate) use read::row_wait::{compare_sequence_numbers, wait_until_stored};
pub(crate) use read::stored_reading::{StoredReading, value_json};
pub(crate) use read::table_reader::{PageRetry, RowPage, TableReader};
pub(crate) use read::usage::ReadUsage;
pub(crate) use simulate::deletion::{RowCounts, SimulatedRows};
pub(crate) use simulate::feeder::{SimulationSize, simulated_chunks};
pub(crate) use simulate::outcome::{ShardVerification, Verification};
#[cfg(test)]
pub(crate) use simulate::plan::plan_of;
pub(crate) use simulate::plan::{END_MS, MAX_SENSORS, Share, SimulationPlan, whole_milliseconds};
pub(crate) use simulate::reconciliation::{BYTES_PER_READING, Ledger, SharedLedger};
pub(crate) use simulate::verification::Verifier;
pub(crate) use tail::coordinator::{TailEnd, TailOptions, TailStart, TailStream};
pub(crate) use tail::event::TailEvent;
pub(crate) use tail::fan_out_reader::FanOutReader;
pub(crate) use tail::polling_reader::PollingReader;
pub(crate) use tail::read_pace::ReadPace;
pub(crate) use tail::stream_consumer::StreamConsumer;
pub(crate) use tail::stream_reader::StreamRecord;
pub(crate) use tail::tail_page::{TailPage, UserRecord};
pub(crate) use time::{
    check_seconds, format_rfc3339, now, parse_duration, parse_time, parse_time_or_age, timestamp_of,
};
