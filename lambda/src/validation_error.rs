//! Validation errors of readings.

use thiserror::Error;

use crate::limits::{MAX_DEPTH, MAX_ITEM_BYTES, MAX_JSON_BYTES, MAX_NAME_BYTES, MAX_SENSOR_ID_BYTES};
use crate::other_data::OtherData;

/// A validation error of a reading. It names the key and the limit, never the content.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadingError {
    /// The bytes are not JSON, or not UTF-8.
    #[error("not JSON (at byte {at})")]
    NotJson {
        /// Number of valid bytes before the error.
        at: usize,
    },
    /// Data of another form that is recognized.
    #[error("{0}")]
    OtherData(OtherData),
    /// The JSON is not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A required key is missing.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The missing key.
        key: &'static str,
    },
    /// A key has a value of another type.
    #[error("`{key}` is not a {wanted}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// The required type.
        wanted: &'static str,
    },
    /// The table cannot hold the number.
    #[error("`{key}` is a number with a magnitude outside 1E-130 to 9.99E+125")]
    NumberOutOfRange {
        /// The key in the outermost object.
        key: String,
    },
    /// The table would have to round the number.
    #[error("`{key}` is a number of more than 38 significant digits")]
    TooManyDigits {
        /// The key in the outermost object.
        key: String,
    },
    /// The sensor id is empty.
    #[error("`sensor_id` is empty")]
    IdEmpty,
    /// The sensor id is too long for a partition key.
    #[error("`sensor_id` has {bytes} bytes, more than {MAX_SENSOR_ID_BYTES}")]
    IdTooLong {
        /// Its length in UTF-8.
        bytes: usize,
    },
    /// A key has the name of one of the table's own attributes.
    #[error("`{key}` is the name of an attribute of the table's own")]
    ReservedName {
        /// The key.
        key: String,
    },
    /// A key is empty and cannot be an attribute's name.
    #[error("a key is empty")]
    NameEmpty,
    /// A key is too long for an attribute's name.
    #[error("a key has {bytes} bytes, more than {MAX_NAME_BYTES}")]
    NameTooLong {
        /// Its length in UTF-8.
        bytes: usize,
    },
    /// A key occurs twice in one object.
    #[error("`{key}` occurs twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// The reading is larger than an item can be.
    #[error("as an item it would have {bytes} bytes, more than {MAX_ITEM_BYTES}")]
    TooLarge {
        /// Size of names and values, by `DynamoDB`'s rules.
        bytes: usize,
    },
    /// The JSON is longer than any item needs.
    #[error("{bytes} bytes of JSON, more than {MAX_JSON_BYTES}")]
    TooMuchJson {
        /// Its length.
        bytes: usize,
    },
    /// The reading has more values than an item can hold.
    #[error("more values than an item of {MAX_ITEM_BYTES} bytes can hold")]
    TooManyValues,
    /// The reading is nested deeper than an item can be.
    #[error("`{key}` is nested deeper than {MAX_DEPTH} levels")]
    TooDeep {
        /// The key in the outermost object.
        key: String,
    },
}

impl ReadingError {
    /// Says of data that is not JSON from byte `at` on what it is instead, if that shows.
    #[must_use]
    pub fn not_json(data: &[u8], at: usize) -> Self {
        OtherData::recognize(data, at).map_or(ReadingError::NotJson { at }, ReadingError::OtherData)
    }

    /// Returns a short, stable name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ReadingError::NotJson { .. } => "not-json",
            ReadingError::OtherData(other) => other.code(),
            ReadingError::NotAnObject => "not-an-object",
            ReadingError::MissingKey { .. } => "missing-key",
            ReadingError::WrongType { .. } => "wrong-type",
            ReadingError::NumberOutOfRange { .. } => "number-out-of-range",
            ReadingError::TooManyDigits { .. } => "too-many-digits",
            ReadingError::IdEmpty => "id-empty",
            ReadingError::IdTooLong { .. } => "id-too-long",
            ReadingError::ReservedName { .. } => "reserved-name",
            ReadingError::NameEmpty => "name-empty",
            ReadingError::NameTooLong { .. } => "name-too-long",
            ReadingError::DuplicateKey { .. } => "duplicate-key",
            ReadingError::TooLarge { .. } | ReadingError::TooMuchJson { .. } | ReadingError::TooManyValues => {
                "too-large"
            }
            ReadingError::TooDeep { .. } => "too-deep",
        }
    }
}

/// Returns a key for a message: the whole key if short, else its beginning, with control characters escaped.
#[must_use]
pub fn truncate_for_log(key: &str) -> String {
    const LONGEST: usize = 64;
    let long = key.chars().nth(LONGEST).is_some();
    let kept = key.chars().take(if long { LONGEST - 1 } else { LONGEST });
    let mut text = String::with_capacity(key.len().min(LONGEST));
    for character in kept {
        if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
    }
    if long {
        text.push('…');
    }
    text
}
