//! Sorts rows, in temporary files where they are many and all of them are asked for.

use std::io;

use sensor_model::{Decimal, Reading};

use super::row_kind::{KeyedRow, RawItem};
use super::stored_reading::StoredReading;
use super::top_entries::TopEntries;
use crate::pipeline::ExternalSorter;
use crate::pipeline::value_codec::{Bytes, push_sortable, push_text, push_value};

/// Bytes of rows that are sorted in memory, beside the pages that are on their way.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// By time, then sensor.
    Time,
    /// By temperature, then time and sensor.
    Temperature,
    /// By sensor, then time.
    Sensor,
}

/// A row that a temporary file can hold.
pub(crate) trait SortableRow: KeyedRow {
    /// Appends the row.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads the row back.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// Takes rows in any order.
#[derive(Debug)]
pub(crate) struct RowSorter {
    sorter: ExternalSorter,
    /// The first rows, while they are few enough for the memory; the sorter has none until then.
    top: Option<TopEntries>,
    order: RowOrder,
    is_reversed: bool,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl RowSorter {
    /// Creates a sorter of which at least `limit` rows are asked for.
    pub(crate) fn new(order: RowOrder, is_reversed: bool, limit: u64) -> Self {
        let top = TopEntries::new(limit);
        RowSorter {
            sorter: ExternalSorter::with_buffer(BUFFER_BYTES),
            top,
            order,
            is_reversed,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Takes a row.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub(crate) fn push<R: SortableRow>(&mut self, row: &R) -> io::Result<()> {
        let RowSorter { sorter, top, order, is_reversed, key, value } = self;
        key.clear();
        value.clear();
        match order {
            RowOrder::Time => {
                push_sortable(key, row.time());
                push_sortable_text(key, row.sensor());
            }
            RowOrder::Temperature => {
                // An item without a temperature comes first.
                key.push(u8::from(row.temperature().is_some()));
                if let Some(temperature) = row.temperature() {
                    push_sortable(key, temperature);
                }
                push_sortable(key, row.time());
                push_sortable_text(key, row.sensor());
            }
            RowOrder::Sensor => {
                push_sortable_text(key, row.sensor());
                push_sortable(key, row.time());
            }
        }
        if *is_reversed {
            // No key is the beginning of another, so the complement has the opposite order.
            for byte in &mut *key {
                *byte = !*byte;
            }
        }
        if let Some(entries) = top {
            let written = || {
                let mut value = Vec::new();
                row.write(&mut value);
                value
            };
            if !entries.push(key, written)
                && let Some(entries) = top.take()
            {
                entries.move_to(sorter)?;
            }
            return Ok(());
        }
        row.write(value);
        sorter.push(key, value)
    }

    /// Returns the rows in their order; where a limit was given, that many and perhaps more.
    ///
    /// # Errors
    /// When a temporary file cannot be written or read.
    pub(crate) fn finish<R: SortableRow>(self) -> io::Result<impl Iterator<Item = io::Result<R>>> {
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "the temporary file was changed");
        let read = move |value: io::Result<Vec<u8>>| value.and_then(|value| R::read(&value).ok_or_else(changed));
        let first = self.top.into_iter().flat_map(TopEntries::into_values).map(Ok);
        let sorted = self.sorter.finish()?.map(|entry| entry.map(|entry| entry.value));
        Ok(first.chain(sorted).map(read))
    }
}

/// Appends a text so that the bytes compare as the texts do, also where more follows: a zero byte is two, and two others
/// end it.
fn push_sortable_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend([0, 0]);
}

fn push_optional(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        push_text(out, text);
    }
}

/// Reads a text of [`push_optional`] into its place; `None` if the bytes end.
fn read_optional(bytes: &mut Bytes<'_>, into: &mut Option<String>) -> Option<()> {
    if bytes.take(1)?[0] != 0 {
        *into = Some(bytes.text()?.to_owned());
    }
    Some(())
}

fn decimal(bytes: &mut Bytes<'_>) -> Option<Decimal> {
    Decimal::parse(bytes.text()?).ok()
}

impl SortableRow for StoredReading {
    fn write(&self, out: &mut Vec<u8>) {
        let Reading { sensor_id, temperature, current_time, fields } = &self.reading;
        push_text(out, sensor_id);
        push_text(out, temperature.as_str());
        push_text(out, current_time.as_str());
        push_optional(out, self.shard_id.as_deref());
        push_optional(out, self.sequence_number.as_deref());
        for (name, value) in fields {
            push_text(out, name);
            push_value(out, value);
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let sensor_id = bytes.text()?.to_owned();
        let (temperature, current_time) = (decimal(&mut bytes)?, decimal(&mut bytes)?);
        let (mut shard_id, mut sequence_number) = (None, None);
        read_optional(&mut bytes, &mut shard_id)?;
        read_optional(&mut bytes, &mut sequence_number)?;
        let mut fields = std::collections::BTreeMap::new();
        while !bytes.0.is_empty() {
            fields.insert(bytes.text()?.to_owned(), bytes.value()?);
        }
        let reading = Reading { sensor_id, temperature, current_time, fields };
        Some(StoredReading { reading, shard_id, sequence_number })
    }
}

impl SortableRow for RawItem {
    fn write(&self, out: &mut Vec<u8>) {
        push_text(out, &self.sensor);
        push_text(out, self.time.as_str());
        push_optional(out, self.temperature.as_ref().map(Decimal::as_str));
        push_text(out, &self.json);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let (sensor, time) = (bytes.text()?.to_owned(), decimal(&mut bytes)?);
        let mut temperature = None;
        read_optional(&mut bytes, &mut temperature)?;
        let temperature = temperature.map(|text| Decimal::parse(&text)).transpose().ok()?;
        Some(RawItem { sensor, time, temperature, json: bytes.text()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sensor_model::Value;

    use super::*;

    fn any_row() -> impl Strategy<Value = StoredReading> {
        let number = || {
            (-50_i64..50, -2_i32..3)
                .prop_map(|(digits, exponent)| Decimal::parse(&format!("{digits}e{exponent}")).unwrap())
        };
        let sensor = prop_oneof!["[a-c\0]{1,3}", ".{1,4}"];
        let fields = prop::collection::btree_map("[a-z]{1,3}", ".{0,4}".prop_map(Value::Text), 0..3);
        (sensor, number(), number(), fields, prop::option::of("s[0-9]")).prop_map(
            |(sensor_id, temperature, current_time, fields, shard_id)| StoredReading {
                reading: Reading { sensor_id, temperature, current_time, fields },
                sequence_number: shard_id.clone(),
                shard_id,
            },
        )
    }

    proptest! {
        #[test]
        fn rows_come_back_whole_and_in_order(rows in prop::collection::vec(any_row(), 0..40), is_reversed: bool, limit in prop_oneof![Just(u64::MAX), 1_u64..50]) {
            for order in [RowOrder::Time, RowOrder::Temperature, RowOrder::Sensor] {
                let key = |row: &StoredReading| {
                    let StoredReading { reading: Reading { sensor_id, temperature, current_time, .. }, .. } = row.clone();
                    match order {
                        RowOrder::Time => (None, Some(current_time), sensor_id, None),
                        RowOrder::Temperature => (Some(temperature), Some(current_time), sensor_id, None),
                        RowOrder::Sensor => (None, None, sensor_id, Some(current_time)),
                    }
                };
                let mut expected = rows.clone();
                // A stable sort in both directions: equal keys keep the order in which they came.
                if is_reversed {
                    expected.sort_by_key(|row| std::cmp::Reverse(key(row)));
                } else {
                    expected.sort_by_key(key);
                }
                let mut sorter = RowSorter::new(order, is_reversed, limit);
                for row in &rows {
                    sorter.push(row).unwrap();
                }
                expected.truncate(usize::try_from(limit).unwrap());
                let found: Vec<StoredReading> = sorter.finish().unwrap().map(Result::unwrap).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn item_without_temperature_comes_first() {
        let row = |temperature: Option<&str>| RawItem {
            sensor: "a".to_owned(),
            time: Decimal::from(1),
            temperature: temperature.map(|text| Decimal::parse(text).unwrap()),
            json: format!("{temperature:?}"),
        };
        let mut sorter = RowSorter::new(RowOrder::Temperature, false, u64::MAX);
        for temperature in [Some("1"), None, Some("-1E-5")] {
            sorter.push(&row(temperature)).unwrap();
        }
        let rows: Vec<RawItem> = sorter.finish().unwrap().map(Result::unwrap).collect();
        assert_eq!(rows, [row(None), row(Some("-1E-5")), row(Some("1"))]);
    }
}
