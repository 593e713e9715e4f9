//! The data path: readings from files into the stream, and stored readings out of the table.
//!
//! Nothing here prints. What happens is told to an [`PutObserver`]; what came of it is a [`PutSummary`].
//!
//! ```text
//! source (lines → readings) → record → batch → lane (PutRecords, resends) → ledger
//! question → history (Scan, Query) → item (attributes → stored reading)
//! ```

mod canary;
mod input;
mod invocation;
mod put;
mod read;
mod time;

pub use canary::{ProbeError, ProbeRegistry, ProbeRoute, ProbesConsumed, RemainingProbe};
pub use input::csv_value::value_of;
pub use input::decompression::Compression;
pub use input::input_origin::InputOrigin;
pub use input::inspection::{Inspection, inspect};
pub use input::layout::{Confidence, FileHead, Layout, Layouts, OwnLayoutText};
pub use input::mapping::ColumnMapping;
pub use input::option_values::ConstantField;
pub use input::options::InputOptions;
pub use input::reader_thread::ParsedChunks;
pub use input::rejected_line::{RejectedLine, RejectsFile};
pub use input::source::Inputs;
pub use input::unread::Unread;
pub use invocation::{FunctionInvocation, invoke};
pub use put::bulk_put::{PutOutcome, put_all, validate_only};
pub use put::event::{InputSummary, PutEvent, PutObserver, PutSummary};
pub use put::put_options::PutOptions;
pub use put::record::Record;
pub use put::sender::{PutReceipt, put_one, put_records};
pub use read::query::ReadQuery;
pub use read::stored_reading::{StoredReading, value_json};
pub use read::table_reader::{Patience, RowPage, read_pages, wait_until_stored};
pub use time::{format_rfc3339, now, parse_duration, parse_time, parse_time_or_age};
