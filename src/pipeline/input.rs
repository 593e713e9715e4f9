//! Input files and standard input: bytes to lines, lines to readings or rejected lines.
//!
//! ```text
//! file → decompression → decoding → lines or elements → rows (CSV, paths into JSON) → reading builder → output
//!                                                             quantities of the long form → join ↗
//! ```

pub(crate) mod cell;
mod chunk_queue;
mod constant_column;
pub(crate) mod csv_columns;
pub(crate) mod csv_parser;
pub(crate) mod csv_value;
pub(crate) mod decoding;
pub(crate) mod decompression;
mod device_names;
mod end_watch;
pub(crate) mod external_sort;
pub(crate) mod facts;
pub(crate) mod flat_json;
pub(crate) mod format;
pub(crate) mod input_origin;
pub(crate) mod inspection;
pub(crate) mod item_position;
pub(crate) mod join;
mod json_beginning;
mod json_devices;
pub(crate) mod json_documents;
pub(crate) mod json_elements;
pub(crate) mod json_lines;
pub(crate) mod json_mapper;
pub(crate) mod json_paths;
mod json_scalars;
mod json_series;
mod json_zone;
pub(crate) mod kept_fields;
pub(crate) mod key_paths;
mod key_table;
pub(crate) mod keys;
mod large_value;
pub(crate) mod layout;
pub(crate) mod line_protocol;
pub(crate) mod line_reader;
pub(crate) mod mapping;
mod measured;
pub(crate) mod mqtt;
pub(crate) mod name_list;
pub(crate) mod number;
mod one_device;
pub(crate) mod option_values;
pub(crate) mod option_words;
pub(crate) mod options;
pub(crate) mod output;
pub(crate) mod parsed_chunk;
pub(crate) mod parsed_line;
pub(crate) mod parser;
mod quantity_key;
pub(crate) mod quantity_names;
pub(crate) mod reader_thread;
pub(crate) mod reading_builder;
pub(crate) mod recognized_input;
pub(crate) mod rejected_line;
pub(crate) mod replaced;
pub(crate) mod row_error;
pub(crate) mod row_splitter;
pub(crate) mod senml;
mod senml_records;
mod series_columns;
mod series_watch;
mod settled_part;
pub(crate) mod single_document;
pub(crate) mod source;
pub(crate) mod spare_texts;
#[cfg(test)]
mod test_rows;
pub(crate) mod text_lines;
pub(crate) mod time_format;
pub(crate) mod unit;
mod unit_values;
pub(crate) mod unit_watch;
pub(crate) mod unread;
pub(crate) mod value_patterns;
