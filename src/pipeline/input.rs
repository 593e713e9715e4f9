//! Input files and standard input: bytes to lines, lines to readings or rejected lines.

pub(crate) mod csv_columns;
pub(crate) mod csv_row;
pub(crate) mod csv_value;
#[allow(dead_code, reason = "the parser takes it up next")]
pub(crate) mod external_sort;
#[allow(dead_code, reason = "the parser takes it up next")]
pub(crate) mod join;
pub(crate) mod line_reader;
#[allow(dead_code, reason = "the parser takes it up next")]
pub(crate) mod number;
pub(crate) mod parser;
pub(crate) mod reader_thread;
pub(crate) mod rejected_line;
#[allow(dead_code, reason = "the parser takes it up next")]
pub(crate) mod replaced;
pub(crate) mod source;
#[allow(dead_code, reason = "the parser takes it up next")]
pub(crate) mod time_format;
#[allow(dead_code, reason = "the parser takes it up next")]
pub(crate) mod unit;
pub(crate) mod unread;
