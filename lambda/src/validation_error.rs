//! Why something is no reading.

use thiserror::Error;

use crate::other_data::OtherData;
use crate::reading::{MAX_DEPTH, MAX_ITEM_BYTES, MAX_JSON_BYTES, MAX_NAME_BYTES, MAX_SENSOR_ID_BYTES};

/// Why something is no reading: names the key and the limit, never the content.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadingError {
    /// The bytes are no JSON, or no UTF-8.
    #[error("not JSON (at byte {at})")]
    NotJson {
        /// Bytes before the place where it stopped being JSON.
        at: usize,
    },
    /// Data of another form that is recognized.
    #[error("{0}")]
    OtherData(OtherData),
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A key that every reading has.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The missing key.
        key: &'static str,
    },
    /// A key with a value of another type.
    #[error("`{key}` is not a {wanted}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// The type that it must have.
        wanted: &'static str,
    },
    /// A number that the table cannot hold.
    #[error("`{key}` is a number with a magnitude outside 1E-130 to 9.99E+125")]
    NumberOutOfRange {
        /// The key, of the outermost object.
        key: String,
    },
    /// A number that the table would have to round.
    #[error("`{key}` is a number of more than 38 significant digits")]
    TooManyDigits {
        /// The key, of the outermost object.
        key: String,
    },
    /// An empty sensor id.
    #[error("`sensor_id` is empty")]
    IdEmpty,
    /// A sensor id that is no partition key.
    #[error("`sensor_id` has {bytes} bytes, more than {MAX_SENSOR_ID_BYTES}")]
    IdTooLong {
        /// Its length in UTF-8.
        bytes: usize,
    },
    /// A key with the name of one of the table's own attributes.
    #[error("`{key}` is the name of an attribute of the table's own")]
    ReservedName {
        /// The key.
        key: String,
    },
    /// A key that cannot be an attribute's name.
    #[error("a key is empty")]
    NameEmpty,
    /// A key that cannot be an attribute's name.
    #[error("a key has {bytes} bytes, more than {MAX_NAME_BYTES}")]
    NameTooLong {
        /// Its length in UTF-8.
        bytes: usize,
    },
    /// The same key twice in one object.
    #[error("`{key}` occurs twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Larger than an item can be.
    #[error("as an item it would have {bytes} bytes, more than {MAX_ITEM_BYTES}")]
    TooLarge {
        /// Names and values, by the rules of the table's service.
        bytes: usize,
    },
    /// More JSON than an item can need.
    #[error("{bytes} bytes of JSON, more than {MAX_JSON_BYTES}")]
    TooMuchJson {
        /// Its length.
        bytes: usize,
    },
    /// More values than an item can hold.
    #[error("more values than an item of {MAX_ITEM_BYTES} bytes can hold")]
    TooManyValues,
    /// Nested deeper than an item can be.
    #[error("`{key}` is nested deeper than {MAX_DEPTH} levels")]
    TooDeep {
        /// The key, of the outermost object.
        key: String,
    },
}

impl ReadingError {
    /// Says of data that is not JSON from byte `at` on what it is instead, if that shows.
    #[must_use]
    pub fn not_json(data: &[u8], at: usize) -> Self {
        OtherData::recognize(data, at).map_or(ReadingError::NotJson { at }, ReadingError::OtherData)
    }

    /// A short name that stays the same, for programs.
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

/// A key as it is named in a message: whole if short, else its beginning, with control characters escaped.
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
