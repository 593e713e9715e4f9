//! The data path: readings from files into the stream, and stored readings out of the table.
//!
//! Nothing here prints. What happens is told to an [`Observer`]; what came of it is a [`Summary`].
//!
//! ```text
//! source (lines → readings) → record → batch → lane (PutRecords, resends) → ledger
//! question → history (Scan, Query) → item (attributes → stored reading)
//! ```

mod attributes;
mod batch;
mod cell;
mod chunks;
mod columns;
mod csv_row;
mod dispatcher;
mod event;
mod history;
mod input;
mod invocation;
mod lane;
mod line;
mod marker;
mod moment;
mod producer;
mod question;
mod record;
mod rejection;
mod resend;
mod sender;
mod source;
mod stored;
mod unread;

pub use cell::value_of;
pub use chunks::Chunks;
pub use columns::Mapping;
pub use event::{Event, Observer, Summary};
pub use history::{Page, Patience, read, wait_until_stored};
pub use input::InputForm;
pub use invocation::{Invocation, invoke};
pub use marker::{Consumed, Left, NotConsumed, Trail, Way};
pub use moment::{now, parse_length, parse_time, parse_time_or_age, readable};
pub use producer::{Outcome, Plan, check_only, produce};
pub use question::Question;
pub use record::Record;
pub use rejection::{Rejection, RejectsFile};
pub use sender::{Receipt, put_one, put_records};
pub use source::{Inputs, Origin, Reader};
pub use stored::{Stored, value_json};
pub use unread::Unread;
