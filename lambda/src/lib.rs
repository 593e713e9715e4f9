//! The reading model that both ends of the stream share: what a reading is, and how readings are aggregated.
//!
//! - [`reading`]: a reading, from JSON and to JSON, and why something is none.
//! - [`value`]: what an attribute of a reading can hold.
//! - [`decimal`]: numbers in the exact decimal form that `DynamoDB` keeps.
//! - [`aggregation`]: many readings in one Kinesis record, in the format of the Kinesis Producer Library.
//! - [`limits`]: limits of readings, and names that they may not use.
//! - [`json_escape`]: JSON written piece by piece.

pub mod aggregation;
pub mod decimal;
pub mod json_escape;
pub mod limits;
pub mod reading;
mod validation_error;
pub mod value;

pub use crate::decimal::{Decimal, DecimalError};
pub use crate::limits::MAX_SENSOR_ID_BYTES;
pub use crate::reading::Reading;
pub use crate::validation_error::{ReadingError, truncate_for_log};
pub use crate::value::Value;
