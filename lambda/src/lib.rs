//! The reading model that both ends of the stream share: readings and their aggregation.
//!
//! - [`reading`]: a reading, from JSON and to JSON, and its validation errors.
//! - [`value`]: the values of a reading's attributes.
//! - [`decimal`]: numbers in the exact decimal form that `DynamoDB` keeps.
//! - [`aggregation`]: many readings in one Kinesis record, in the format of the Kinesis Producer Library.
//! - [`backoff`]: exponential backoff.
//! - [`limits`]: limits of readings, and names that they may not use.
//! - [`json_escape`]: JSON written piece by piece.

pub mod aggregation;
pub mod backoff;
pub mod decimal;
pub mod json_escape;
pub mod limits;
mod other_data;
pub mod reading;
mod validation_error;
pub mod value;

pub use crate::decimal::{Decimal, DecimalError, NumberPrefix};
pub use crate::limits::MAX_SENSOR_ID_BYTES;
pub use crate::other_data::OtherData;
pub use crate::reading::Reading;
pub use crate::validation_error::{ReadingError, truncate_for_log};
pub use crate::value::Value;
