//! Errors about files that cannot be read.

use std::io;

use super::super::csv_parser::NotCsv;
use super::super::decompression::NotText;
use crate::error::Error;
use crate::hint_flags::shell_word;

/// Returns the name of a file without its folder and endings such as `.csv.gz`.
pub(in super::super) fn stem(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let file = [".gz", ".zst"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => file.to_owned(),
    }
}

pub(super) fn not_csv(name: &str, NotCsv { reason, hints, is_csv }: NotCsv) -> Error {
    let error = Error::usage(if is_csv {
        format!("{name}: {reason}")
    } else {
        format!("{name} is neither NDJSON nor CSV with the columns of a reading: {reason}")
    });
    let error = if hints.is_empty() && !is_csv {
        error.hint(
            "name the columns with `--map temperature=COLUMN`, `--map current_time=COLUMN`, and the sensor with \
             `--map sensor_id=COLUMN` or `--sensor ID`",
        )
    } else {
        hints.into_iter().fold(error, |error, hint| error.hint(hint.replace("FILE", &shell_word(name))))
    };
    error.hint(format!("`sensorctl inspect {}` shows what it is and how to put it", shell_word(name)))
}

pub(in super::super) fn not_text(name: &str, NotText { what, hint }: &NotText) -> Error {
    Error::usage(format!("{name} is {what}, not text")).hint(hint.replace("FILE", name))
}

pub(crate) fn unreadable(name: &str, error: io::Error) -> Error {
    Error::failed(format!("could not read {name}")).with_source(error)
}
