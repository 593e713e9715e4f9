//! Files with one quantity a row: their rows joined to readings by sensor and time.
//!
//! A temperature is a reading, alone or with the other quantities of its sensor and time. With a span (`--join-within`)
//! each other quantity is taken from the row of the same sensor that is nearest in time within the span, the earlier of
//! two as near; one row may serve several temperatures. Rows are joined after they were all read, in bounded memory: an
//! external sort brings those of a sensor together, by time. Rows of different sensors are never joined.

mod row_codec;
mod window;

use std::io;

use sensor_model::{Decimal, Value};

use super::external_sort::{ExternalSorter, Sorted};

use self::row_codec::SortedRow;
use self::window::Window;

/// The key whose rows become readings.
const TEMPERATURE: &str = "temperature";

/// One quantity, measured by one sensor at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuantityRow {
    /// The sensor.
    pub sensor_id: String,
    /// Seconds since 1970.
    pub time: Decimal,
    /// The key of the reading.
    pub key: String,
    /// The value; of a temperature a number.
    pub value: Value,
    /// The line it came from.
    pub line: u64,
    /// Which quantity of the sensor it is, where that is still to be compared with others for its key.
    pub name: Option<QuantityName>,
}

/// Which quantity of a sensor a row is, as hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuantityName {
    /// Of sensor and key.
    pub place: u64,
    /// Of the name.
    pub hash: u64,
}

/// A row of the output of a join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JoinedRow {
    /// A temperature with what was joined to it.
    Reading(JoinedReading),
    /// A row of another quantity than the sensor's first for its key.
    SecondQuantity {
        /// The key.
        key: String,
        /// Its line.
        line: u64,
    },
}

/// A temperature with what was joined to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedReading {
    /// The sensor.
    pub sensor_id: String,
    /// Seconds since 1970.
    pub time: Decimal,
    /// The temperature, as it was given.
    pub temperature: Value,
    /// The other quantities, by key, sorted.
    pub fields: Vec<(String, Value)>,
    /// The line of the temperature.
    pub line: u64,
    /// True if several quantities of the sensor are temperatures.
    pub is_ambiguous: bool,
}

/// Counts of rows that did not pair one to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JoinCounts {
    /// Rows of other quantities that no temperature took.
    pub unjoined: u64,
    /// Rows whose sensor, time and key a later row had too; the later one is taken.
    pub replaced: u64,
}

/// Takes rows in any order.
#[derive(Debug)]
pub(crate) struct Join {
    sorter: ExternalSorter,
    within: Decimal,
    key: Vec<u8>,
    value: Vec<u8>,
    /// Names that were announced lately, each at the place that its hash tells.
    announced: Vec<Option<QuantityName>>,
}

/// How many names are kept to announce a name seldom.
const ANNOUNCED: usize = 4096;

impl Join {
    /// Returns a join of equal times, or of times at most so many seconds apart.
    pub(crate) fn new(within: Option<Decimal>) -> Self {
        let within = within.unwrap_or_else(|| Decimal::from(0));
        let sorter = ExternalSorter::default();
        Join { sorter, within, key: Vec::new(), value: Vec::new(), announced: Vec::new() }
    }

    /// Takes a row.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub(crate) fn push(&mut self, row: &QuantityRow) -> io::Result<()> {
        if let Some(name) = row.name {
            self.announce(row, name)?;
        }
        row_codec::encode(row, &mut self.key, &mut self.value);
        self.sorter.push(&self.key, &self.value)
    }

    /// Puts the name before all rows of the sensor.
    fn announce(&mut self, row: &QuantityRow, name: QuantityName) -> io::Result<()> {
        self.announced.resize(ANNOUNCED, None);
        let slot = usize::try_from(name.place).unwrap_or_default() % ANNOUNCED;
        let last = &mut self.announced[slot];
        if last.replace(name) == Some(name) {
            return Ok(());
        }
        row_codec::encode_name(row, name, &mut self.key, &mut self.value);
        self.sorter.push(&self.key, &self.value)
    }

    /// Returns the readings, by sensor and time.
    ///
    /// # Errors
    /// When a temporary file cannot be written or read.
    pub(crate) fn finish(self) -> io::Result<JoinedReadings> {
        let rows = self.sorter.finish()?;
        Ok(JoinedReadings { rows: Some(rows), window: Window::new(&self.within), counts: JoinCounts::default() })
    }
}

/// The readings of a join.
#[derive(Debug)]
pub(crate) struct JoinedReadings {
    rows: Option<Sorted>,
    window: Window,
    counts: JoinCounts,
}

impl JoinedReadings {
    /// Returns the next reading, or row that belongs to none.
    ///
    /// # Errors
    /// When a temporary file cannot be read, or a span holds more temperatures of one sensor than are held in memory.
    pub(crate) fn next_row(&mut self) -> io::Result<Option<JoinedRow>> {
        loop {
            if let Some(row) = self.window.take_ready() {
                return Ok(Some(row));
            }
            let Some(rows) = &mut self.rows else { return Ok(None) };
            if let Some(entry) = rows.next() {
                match row_codec::decode(&entry?)? {
                    SortedRow::Name { sensor_id, key, hash } => {
                        self.window.push_name(sensor_id, key, hash, &mut self.counts)?;
                    }
                    SortedRow::Quantity(row) => self.window.push(row, &mut self.counts)?,
                }
            } else {
                self.rows = None;
                self.window.close(&mut self.counts);
            }
        }
    }

    /// Returns what was counted; complete behind the last reading.
    pub(crate) fn counts(&self) -> JoinCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests;
