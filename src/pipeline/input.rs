//! Input files and standard input: bytes to lines, lines to readings or rejected lines.

pub(crate) mod csv_columns;
pub(crate) mod csv_row;
pub(crate) mod csv_value;
pub(crate) mod line_reader;
pub(crate) mod parser;
pub(crate) mod reader_thread;
pub(crate) mod rejected_line;
pub(crate) mod source;
pub(crate) mod unread;
