//! The reading model that both ends of the stream share: what a reading is, and how readings are aggregated.
//!
//! - [`reading`]: a reading, from JSON and to JSON, and why something is none.
//! - [`value`]: what an attribute of a reading can hold.
//! - [`decimal`]: numbers in the exact decimal form that `DynamoDB` keeps.
//! - [`aggregation`]: many readings in one Kinesis record, in the format of the Kinesis Producer Library.
//! - [`json_escape`]: JSON written piece by piece.

pub mod aggregation;
pub mod decimal;
mod item_size;
pub mod json_escape;
mod other_data;
pub mod reading;
mod validation_error;
pub mod value;

pub use crate::decimal::{Decimal, DecimalError};
pub use crate::other_data::OtherData;
pub use crate::reading::{MAX_SENSOR_ID_BYTES, Reading};
pub use crate::validation_error::{ReadingError, truncate_for_log};
pub use crate::value::Value;
