//! Reads stored rows from the table: queries, pages and the decoding of items.

pub(crate) mod condition;
mod expression;
pub(crate) mod item_decode;
pub(crate) mod key_condition;
pub(crate) mod query;
pub(crate) mod stored_reading;
pub(crate) mod table_reader;
