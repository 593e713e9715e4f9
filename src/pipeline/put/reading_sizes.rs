//! Measures the readings of an input as the stream and the table will bill them. Nothing is sent.

use compact_str::CompactString;
use rustc_hash::FxHashSet;
use tokio_util::sync::CancellationToken;

use super::aggregate_count::RecordSize;
use super::estimate::ITEM_OVERHEAD;
use crate::error::Error;
use crate::pipeline::input::parsed_line::ParsedLine;
use crate::pipeline::prices::{PUT_UNIT_BYTES, ROUNDED_BYTES};
use crate::pipeline::{ParsedChunks, Record};

/// Sums over some readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadingSizes {
    /// The readings.
    pub readings: u64,
    /// Bytes of their JSON.
    pub data_bytes: u64,
    /// Bytes of their partition keys.
    pub key_bytes: u64,
    /// PUT payload units of a record for each reading.
    pub put_units: u64,
    /// Bytes of a record for each reading, each rounded up to 1 KB.
    pub rounded_bytes: u64,
    /// Write units of their items.
    pub write_units: u64,
    /// Bytes of their items.
    pub item_bytes: u64,
}

/// The contents of a sample.
#[derive(Debug)]
pub(crate) struct MeasuredSample {
    /// The sizes of its readings.
    pub sizes: ReadingSizes,
    /// Its different sensors.
    pub sensors: u64,
    /// Its lines that are not readings.
    pub rejected: u64,
}

impl ReadingSizes {
    /// Returns the sizes of one reading with so many bytes of JSON and of its key.
    pub(crate) fn of_one(data: u64, key: u64) -> Self {
        let (record, item) = (data + key, data + ITEM_OVERHEAD);
        ReadingSizes {
            readings: 1,
            data_bytes: data,
            key_bytes: key,
            put_units: record.div_ceil(PUT_UNIT_BYTES),
            rounded_bytes: record.next_multiple_of(ROUNDED_BYTES),
            write_units: item.div_ceil(ROUNDED_BYTES),
            item_bytes: item,
        }
    }

    fn add(&mut self, record: &Record) {
        let RecordSize { data, partition_key } = RecordSize::of(record);
        let one = ReadingSizes::of_one(data as u64, partition_key as u64);
        self.readings += one.readings;
        self.data_bytes += one.data_bytes;
        self.key_bytes += one.key_bytes;
        self.put_units += one.put_units;
        self.rounded_bytes += one.rounded_bytes;
        self.write_units += one.write_units;
        self.item_bytes += one.item_bytes;
    }
}

/// Measures all readings of an input.
///
/// # Errors
/// The input cannot be read, or the interrupt came.
pub(crate) async fn measure(mut chunks: ParsedChunks, interrupt: &CancellationToken) -> Result<MeasuredSample, Error> {
    let (mut sizes, mut rejected) = (ReadingSizes::default(), 0);
    let mut sensors: FxHashSet<CompactString> = FxHashSet::default();
    loop {
        let chunk = tokio::select! {
            biased;
            () = interrupt.cancelled() => return Err(Error::interrupted("interrupted")),
            chunk = chunks.next() => chunk,
        };
        let Some(chunk) = chunk else { break };
        for item in chunk?.items {
            match item {
                ParsedLine::Ready(record) => {
                    sizes.add(&record);
                    if !sensors.contains(&record.partition_key) {
                        sensors.insert(record.partition_key);
                    }
                }
                ParsedLine::Rejected(_) => rejected += 1,
            }
        }
    }
    Ok(MeasuredSample { sizes, sensors: sensors.len() as u64, rejected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{InputOptions, Inputs};

    #[tokio::test]
    async fn sample_is_measured_as_it_would_be_sent() {
        let line = |sensor: &str, time: u64| {
            format!("{{\"sensor_id\":\"{sensor}\",\"temperature\":1,\"current_time\":{time}}}\n")
        };
        let text = format!("{}{}nothing\n{}", line("a", 1), line("a", 2), line("bb", 3));
        let source = Box::new(std::io::Cursor::new(text.into_bytes()));
        let chunks = ParsedChunks::of(Inputs::of("-", source, &InputOptions::default()).unwrap());
        let sample = measure(chunks, &CancellationToken::new()).await.unwrap();
        assert_eq!((sample.sensors, sample.rejected), (2, 1));
        let data = line("a", 1).len() as u64 * 3 - 3 + 1;
        let expected = ReadingSizes {
            readings: 3,
            data_bytes: data,
            key_bytes: 4,
            put_units: 3,
            rounded_bytes: 3 * 1024,
            write_units: 3,
            item_bytes: data + 3 * ITEM_OVERHEAD,
        };
        assert_eq!(sample.sizes, expected);
    }

    #[tokio::test]
    async fn measuring_ends_with_the_interrupt() {
        let source = Box::new(std::io::Cursor::new(Vec::new()));
        let chunks = ParsedChunks::of(Inputs::of("-", source, &InputOptions::default()).unwrap());
        let interrupt = CancellationToken::new();
        interrupt.cancel();
        assert!(measure(chunks, &interrupt).await.is_err());
    }
}
