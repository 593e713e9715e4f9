//! Reads stored rows from the table: queries, pages and the decoding of items.

pub(crate) mod batch_get;
mod concurrency;
pub(crate) mod condition;
mod dynamodb_json;
mod expression;
pub(crate) mod item_decode;
pub(crate) mod key_condition;
pub(crate) mod latest_rows;
mod page_request;
pub(crate) mod query;
pub(crate) mod row_field;
pub(crate) mod row_kind;
pub(crate) mod row_sorter;
pub(crate) mod row_wait;
mod segments;
pub(crate) mod stored_reading;
pub(crate) mod table_reader;
mod top_entries;
pub(crate) mod usage;
