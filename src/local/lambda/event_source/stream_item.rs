//! A stream record on its way to a function.

use tokio::time::Instant;

use crate::kinesis::StreamRecord;

/// A record, with its index in the shard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamItem {
    /// Index along the shard, counted from where reading began.
    pub index: u64,
    pub sequence_number: String,
    /// The partition key as a JSON string, with its quotes.
    pub key_json: String,
    /// The data in base64.
    pub data: String,
    /// Arrival in epoch seconds.
    pub arrival: f64,
    /// Time when it was read from the stream.
    pub read_at: Instant,
}

impl StreamItem {
    pub(crate) fn new(index: u64, record: StreamRecord) -> Self {
        StreamItem {
            index,
            key_json: serde_json::Value::String(record.partition_key).to_string(),
            sequence_number: record.sequence_number,
            data: record.data,
            arrival: record.arrival,
            read_at: Instant::now(),
        }
    }

    /// Returns the size of its own content in an event, in bytes.
    pub(crate) fn variable_length(&self) -> usize {
        // The sequence number occurs twice.
        self.key_json.len() + 2 * self.sequence_number.len() + self.data.len()
    }

    /// Returns its approximate size in memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.data.len() + self.key_json.len() + 128
    }
}

/// Returns the shard worker of a partition key.
///
/// It is always the same, so that a key's records keep their order (docs/facts/event-source-mapping.md, Parameters).
pub(crate) fn worker_of(partition_key: &str, workers: usize) -> usize {
    // FNV-1a: the same in every build, which a standard hasher does not promise.
    let hash = partition_key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    usize::try_from(hash % workers.max(1) as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_worker_many_keys_use_all_workers_and_one_key_uses_one() {
        let workers: std::collections::BTreeSet<usize> =
            (0..200).map(|n| worker_of(&format!("sensor-{n}"), 10)).collect();
        assert_eq!(workers.len(), 10);
        assert_eq!(worker_of("sensor-1", 10), worker_of("sensor-1", 10));
        assert_eq!(worker_of("anything", 1), 0);
    }
}
