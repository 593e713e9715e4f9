//! The forms in which rows of the table are read.

use aws_sdk_dynamodb::types::AttributeValue;
use sensor_model::Decimal;

use super::dynamodb_json::item_json;
use super::item_decode::{HiddenAttributes, Item, SENSOR, TEMPERATURE, TIME, decode_item};
use super::stored_reading::StoredReading;

/// A form of a row.
pub(crate) trait RowKind: Sized + Send {
    /// Returns the row of an item, and notes what it leaves out; `None` if the item has no such form.
    fn of(item: Item, hidden: &mut HiddenAttributes) -> Option<Self>;
}

/// A row with its key.
pub(crate) trait KeyedRow: RowKind {
    /// The sensor.
    fn sensor(&self) -> &str;
    /// Seconds since 1970.
    fn time(&self) -> &Decimal;
    /// The temperature, if the row has one.
    fn temperature(&self) -> Option<&Decimal>;
}

impl RowKind for StoredReading {
    fn of(item: Item, hidden: &mut HiddenAttributes) -> Option<Self> {
        decode_item(item, hidden)
    }
}

impl KeyedRow for StoredReading {
    fn sensor(&self) -> &str {
        &self.reading.sensor_id
    }

    fn time(&self) -> &Decimal {
        &self.reading.current_time
    }

    fn temperature(&self) -> Option<&Decimal> {
        Some(&self.reading.temperature)
    }
}

/// An item as the service returned it, in `DynamoDB` JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RawItem {
    pub sensor: String,
    pub time: Decimal,
    pub temperature: Option<Decimal>,
    pub json: String,
}

impl RowKind for RawItem {
    fn of(item: Item, _: &mut HiddenAttributes) -> Option<Self> {
        let number = |name: &str| match item.get(name) {
            Some(AttributeValue::N(text)) => Decimal::parse(text).ok(),
            _ => None,
        };
        let (time, temperature) = (number(TIME), number(TEMPERATURE));
        let sensor = match item.get(SENSOR) {
            Some(AttributeValue::S(text)) => text.clone(),
            _ => String::new(),
        };
        Some(RawItem { sensor, time: time.unwrap_or_else(|| Decimal::from(0)), temperature, json: item_json(&item)? })
    }
}

impl KeyedRow for RawItem {
    fn sensor(&self) -> &str {
        &self.sensor
    }

    fn time(&self) -> &Decimal {
        &self.time
    }

    fn temperature(&self) -> Option<&Decimal> {
        self.temperature.as_ref()
    }
}
