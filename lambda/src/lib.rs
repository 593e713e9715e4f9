//! The reading model that both ends of the stream share: what a reading is, and how readings are aggregated.
//!
//! - [`reading`]: a reading, from JSON and to JSON, and why something is none.
//! - [`value`]: what an attribute of a reading can hold.
//! - [`decimal`]: numbers in the exact decimal form that `DynamoDB` keeps.
//! - [`aggregation`]: many readings in one Kinesis record, in the format of the Kinesis Producer Library.
//! - [`json_text`]: JSON written piece by piece.

pub mod aggregation;
pub mod decimal;
pub mod json_text;
pub mod reading;
mod refusal;
mod size;
pub mod value;

pub use crate::decimal::{Decimal, DecimalError};
pub use crate::reading::{MAX_SENSOR_ID_BYTES, Reading};
pub use crate::refusal::{Refusal, shown};
pub use crate::value::Value;
