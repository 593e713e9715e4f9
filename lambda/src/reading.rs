//! A reading: a measured value of a sensor at a time, from JSON and to JSON.

mod field;
mod item_size;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use self::field::{Field, Name};
use crate::decimal::{Decimal, DecimalError};
use crate::json_escape;
use crate::limits::{
    MAX_DEPTH, MAX_ITEM_BYTES, MAX_JSON_BYTES, MAX_NAME_BYTES, MAX_SENSOR_ID_BYTES, ORIGIN_KEYS, TABLE_ATTRIBUTES,
};
use crate::other_data::OtherData;
use crate::validation_error::{ReadingError, truncate_for_log};
use crate::value::Value;

const SENSOR_ID: &str = "sensor_id";
const TEMPERATURE: &str = "temperature";
const CURRENT_TIME: &str = "current_time";

/// A measured value of a sensor at a time. Sensor and time together are the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// 1 to 2048 bytes.
    pub sensor_id: String,
    /// The temperature, in the sensor's unit.
    pub temperature: Decimal,
    /// Seconds since 1970, with or without a fraction.
    pub current_time: Decimal,
    /// All other attributes, by name.
    pub fields: BTreeMap<String, Value>,
}

impl Reading {
    /// Parses one JSON object.
    ///
    /// # Errors
    /// If it is not a reading, or if the table cannot hold it.
    pub fn from_json(json: &[u8]) -> Result<Self, ReadingError> {
        Self::from_json_with_origin(json).map(|(reading, _)| reading)
    }

    /// Reads one JSON object, and whether it names shard and sequence number, as rows of the table do.
    ///
    /// # Errors
    /// When it is not a reading, or one that the table cannot hold.
    pub fn from_json_with_origin(json: &[u8]) -> Result<(Self, bool), ReadingError> {
        Self::read(json).map_err(|error| {
            let at = match &error {
                ReadingError::NotJson { at } => *at,
                ReadingError::NotAnObject => 0,
                _ => return error,
            };
            OtherData::recognize(json, at).map_or(error, ReadingError::OtherData)
        })
    }

    fn read(json: &[u8]) -> Result<(Self, bool), ReadingError> {
        let text = std::str::from_utf8(json).map_err(|error| ReadingError::NotJson { at: error.valid_up_to() })?;
        if text.len() > MAX_JSON_BYTES {
            return Err(ReadingError::TooMuchJson { bytes: text.len() });
        }
        if !text.trim_ascii_start().starts_with('{') {
            read::<&RawValue>(text, text)?;
            return Err(ReadingError::NotAnObject);
        }
        let mut draft = Draft::new(text);
        let mut json = serde_json::Deserializer::from_str(text);
        json.deserialize_map(&mut draft).and_then(|()| json.end()).map_err(|error| not_json(text, text, &error))?;
        let has_origin = draft.origin == [true; ORIGIN_KEYS.len()];
        draft.finish().map(|reading| (reading, has_origin))
    }

    /// Reads the value of a further field.
    ///
    /// # Errors
    /// When the table cannot hold it, or no field may have this name.
    pub fn field_from_json(name: &str, value: &RawValue) -> Result<Value, ReadingError> {
        check_name(name)?;
        check_field_name(name)?;
        let room = Cell::new(MAX_ITEM_BYTES);
        Field { key: name, text: value.get(), room: &room }.value(value, 0)
    }

    /// Returns the reading as one line of JSON: its own three keys first, then the others sorted by name.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(96 + self.sensor_id.len());
        out.push_str("{\"sensor_id\":");
        json_escape::push_string(&mut out, &self.sensor_id);
        out.push_str(",\"temperature\":");
        out.push_str(self.temperature.as_str());
        out.push_str(",\"current_time\":");
        out.push_str(self.current_time.as_str());
        for (name, value) in &self.fields {
            out.push(',');
            json_escape::push_string(&mut out, name);
            out.push(':');
            value.push_json(&mut out);
        }
        out.push('}');
        out
    }

    /// Checks the rules that span several fields, for a reading that was not parsed from JSON.
    ///
    /// # Errors
    /// If the table cannot hold it.
    pub fn check(&self) -> Result<(), ReadingError> {
        check_sensor_id(&self.sensor_id)?;
        for (name, value) in &self.fields {
            check_name(name)?;
            check_field_name(name)?;
            check_depth(value, 0).map_err(|()| ReadingError::TooDeep { key: truncate_for_log(name) })?;
        }
        self.check_size()
    }

    /// Returns whether the time is between 1970 and 2100 in seconds. Other times are mostly in another unit.
    #[must_use]
    pub fn has_plausible_time(&self) -> bool {
        /// 2100-01-01T00:00:00Z.
        const END: &str = "4102444800";
        let text = self.current_time.as_str();
        let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
        let is_plain = whole.bytes().all(|byte| byte.is_ascii_digit());
        is_plain && !text.contains('E') && (whole.len() < END.len() || whole.len() == END.len() && whole < END)
    }

    fn check_size(&self) -> Result<(), ReadingError> {
        let bytes = item_size::item_bytes(self);
        if bytes > MAX_ITEM_BYTES { Err(ReadingError::TooLarge { bytes }) } else { Ok(()) }
    }
}

/// Serializes in the form of [`Reading::to_json`].
impl Serialize for Reading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3 + self.fields.len()))?;
        map.serialize_entry(SENSOR_ID, &self.sensor_id)?;
        map.serialize_entry(TEMPERATURE, &self.temperature)?;
        map.serialize_entry(CURRENT_TIME, &self.current_time)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A partially parsed reading.
struct Draft<'a> {
    text: &'a str,
    sensor_id: Option<String>,
    temperature: Option<Decimal>,
    current_time: Option<Decimal>,
    fields: BTreeMap<String, Value>,
    origin: [bool; ORIGIN_KEYS.len()],
    /// Remaining values that an item can hold, each of at least one byte.
    room: Cell<usize>,
    /// The first error, unless the text turns out to be invalid JSON.
    refusal: Option<ReadingError>,
}

/// Visits all members to the end, including duplicate keys.
impl<'de> Visitor<'de> for &mut Draft<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Name(name), raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            if self.refusal.is_none() {
                self.refusal = self.take(&name, raw).err();
            }
        }
        Ok(())
    }
}

impl<'a> Draft<'a> {
    fn new(text: &'a str) -> Self {
        Draft {
            text,
            sensor_id: None,
            temperature: None,
            current_time: None,
            fields: BTreeMap::new(),
            origin: [false; ORIGIN_KEYS.len()],
            room: Cell::new(MAX_ITEM_BYTES),
            refusal: None,
        }
    }

    fn take(&mut self, name: &str, raw: &RawValue) -> Result<(), ReadingError> {
        let seen_before = match name {
            SENSOR_ID => self.sensor_id.replace(sensor_id(raw, self.text)?).is_some(),
            TEMPERATURE => self.temperature.replace(own_number(TEMPERATURE, raw)?).is_some(),
            CURRENT_TIME => self.current_time.replace(own_number(CURRENT_TIME, raw)?).is_some(),
            _ => {
                if let Some(index) = ORIGIN_KEYS.iter().position(|&key| key == name) {
                    std::mem::replace(&mut self.origin[index], true)
                } else {
                    check_name(name)?;
                    check_field_name(name)?;
                    let value = Field { key: name, text: self.text, room: &self.room }.value(raw, 0)?;
                    self.fields.insert(name.to_owned(), value).is_some()
                }
            }
        };
        if seen_before { Err(ReadingError::DuplicateKey { key: truncate_for_log(name) }) } else { Ok(()) }
    }

    fn finish(self) -> Result<Reading, ReadingError> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let missing = |key| move || ReadingError::MissingKey { key };
        let reading = Reading {
            sensor_id: self.sensor_id.ok_or_else(missing(SENSOR_ID))?,
            temperature: self.temperature.ok_or_else(missing(TEMPERATURE))?,
            current_time: self.current_time.ok_or_else(missing(CURRENT_TIME))?,
            fields: self.fields,
        };
        if !item_size::is_small(self.text.len()) {
            reading.check_size()?;
        }
        Ok(reading)
    }
}

/// Parses a part of `whole`.
fn read<'a, T: Deserialize<'a>>(part: &'a str, whole: &str) -> Result<T, ReadingError> {
    serde_json::from_str(part).map_err(|error| not_json(part, whole, &error))
}

/// Returns the error for a part of `whole` that is not JSON, with its byte position in `whole`.
fn not_json(part: &str, whole: &str, error: &serde_json::Error) -> ReadingError {
    let begin = (part.as_ptr().addr()).saturating_sub(whole.as_ptr().addr());
    // serde_json counts lines. A reading is one line, but blanks around it may have line breaks.
    let within = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    ReadingError::NotJson { at: begin + within + error.column().saturating_sub(1) }
}

/// Returns the content of a JSON string.
fn text(raw: &RawValue, whole: &str) -> Result<String, ReadingError> {
    match raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        // Without escapes the text is the content.
        Some(plain) if !plain.contains('\\') => Ok(plain.to_owned()),
        _ => read(raw.get(), whole),
    }
}

fn sensor_id(raw: &RawValue, whole: &str) -> Result<String, ReadingError> {
    if !raw.get().starts_with('"') {
        return Err(ReadingError::WrongType { key: SENSOR_ID, wanted: "string" });
    }
    let id = text(raw, whole)?;
    check_sensor_id(&id)?;
    Ok(id)
}

fn check_sensor_id(id: &str) -> Result<(), ReadingError> {
    match id.len() {
        0 => Err(ReadingError::IdEmpty),
        1..=MAX_SENSOR_ID_BYTES => Ok(()),
        bytes => Err(ReadingError::IdTooLong { bytes }),
    }
}

fn own_number(key: &'static str, raw: &RawValue) -> Result<Decimal, ReadingError> {
    number(key, raw.get()).map_err(|refusal| refusal.unwrap_or(ReadingError::WrongType { key, wanted: "number" }))
}

/// Parses a number. Returns the error `None` if the value is not a number.
fn number(key: &str, text: &str) -> Result<Decimal, Option<ReadingError>> {
    Decimal::parse(text).map_err(|error| match error {
        DecimalError::NotANumber => None,
        DecimalError::TooManyDigits => Some(ReadingError::TooManyDigits { key: truncate_for_log(key) }),
        DecimalError::OutOfRange => Some(ReadingError::NumberOutOfRange { key: truncate_for_log(key) }),
    })
}

fn check_name(name: &str) -> Result<(), ReadingError> {
    match name.len() {
        0 => Err(ReadingError::NameEmpty),
        1..=MAX_NAME_BYTES => Ok(()),
        bytes => Err(ReadingError::NameTooLong { bytes }),
    }
}

fn check_field_name(name: &str) -> Result<(), ReadingError> {
    let reserved = TABLE_ATTRIBUTES.contains(&name)
        || ORIGIN_KEYS.contains(&name)
        || [SENSOR_ID, TEMPERATURE, CURRENT_TIME].contains(&name);
    if reserved { Err(ReadingError::ReservedName { key: name.to_owned() }) } else { Ok(()) }
}

fn check_depth(value: &Value, around: usize) -> Result<(), ()> {
    if around >= MAX_DEPTH {
        return Err(());
    }
    match value {
        Value::List(elements) => elements.iter().try_for_each(|element| check_depth(element, around + 1)),
        Value::Map(members) => members.values().try_for_each(|member| check_depth(member, around + 1)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
