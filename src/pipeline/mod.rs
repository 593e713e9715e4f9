//! The data path: readings from files into the stream, and stored readings out of the table.
//!
//! Nothing here prints. What happens is told to an [`Observer`]; what came of it is a [`Summary`].
//!
//! ```text
//! source (lines → readings) → record → batch → lane (PutRecords, resends) → ledger
//! question → history (Scan, Query) → item (attributes → stored reading)
//! ```

mod batch;
mod bulk_put;
mod canary;
mod csv_columns;
mod csv_row;
mod csv_value;
mod dispatcher;
mod event;
mod input;
mod invocation;
mod item_decode;
mod line_reader;
mod put_worker;
mod query;
mod reader_thread;
mod record;
mod rejected_line;
mod retry;
mod sender;
mod source;
mod stored_reading;
mod table_reader;
mod time;
mod unread;

pub use bulk_put::{Outcome, Plan, check_only, produce};
pub use canary::{Consumed, Left, NotConsumed, Trail, Way};
pub use csv_columns::Mapping;
pub use csv_value::value_of;
pub use event::{Event, Observer, Summary};
pub use input::InputForm;
pub use invocation::{Invocation, invoke};
pub use query::Question;
pub use reader_thread::Chunks;
pub use record::Record;
pub use rejected_line::{Rejection, RejectsFile};
pub use sender::{Receipt, put_one, put_records};
pub use source::{Inputs, Origin, Reader};
pub use stored_reading::{Stored, value_json};
pub use table_reader::{Page, Patience, read, wait_until_stored};
pub use time::{now, parse_length, parse_time, parse_time_or_age, readable};
pub use unread::Unread;
