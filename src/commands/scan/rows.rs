//! The form of the rows.

use super::args::ScanArgs;
use crate::error::Error;
use crate::output::{Format, Output, Rows};

/// Creates the writer of the rows.
///
/// # Errors
/// If a flag is about another form than the one that was asked for.
pub(super) fn rows(output: &Output, args: &ScanArgs) -> Result<Rows, Error> {
    let format = if args.raw && output.chosen_format() == Format::Auto { Format::Ndjson } else { output.row_format() };
    if args.raw && matches!(format, Format::Table | Format::Csv) {
        return Err(Error::usage("`--raw` is JSON").hint(
            "add `-o json` or `-o ndjson`, or leave out what asks for another form: `-o`, or the ending of `--to`",
        ));
    }
    if args.csv_safe && format != Format::Csv {
        return Err(Error::usage("`--csv-safe` is about CSV").hint("add `-o csv`"));
    }
    let mut rows = output.rows_in(format);
    if args.csv_safe {
        rows = rows.csv_safe();
    }
    if let Some(times) = args.times() {
        if format != Format::Table {
            return Err(Error::usage("`--time-format` and `--time-zone` are about tables").hint("add `-o table`"));
        }
        if !args.fields.is_empty() {
            return Err(Error::usage(
                "`--time-format` and `--time-zone` are about the column TIME, which `--fields` leaves out",
            )
            .hint("leave `--fields` out, or the flags of the time"));
        }
        rows = rows.with_times(times);
    }
    Ok(rows)
}
