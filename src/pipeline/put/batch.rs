//! Limits of one `PutRecords` request.

use crate::pipeline::Record;

/// Maximum records in a request (docs/facts/kinesis.md, Write limits: 1 to 500).
pub(crate) const MAX_RECORDS: usize = 500;
/// Maximum bytes of data and partition keys in a request (docs/facts/kinesis.md, Write limits: 10 MiB is newer and not
/// available everywhere).
pub(crate) const MAX_BYTES: usize = 5 * 1024 * 1024;

/// The records of one request, in input order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    records: Vec<Record>,
    bytes: usize,
}

impl Batch {
    /// Adds a record. If it does not fit, returns the full batch and starts a new one with the record.
    pub(crate) fn push(&mut self, record: Record) -> Option<Batch> {
        let full = self.records.len() == MAX_RECORDS || self.bytes + record.bytes() > MAX_BYTES;
        let complete = if full { self.take() } else { None };
        self.bytes += record.bytes();
        self.records.push(record);
        complete
    }

    /// Returns the records collected so far, if any, and starts an empty batch.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        (!self.records.is_empty()).then(|| std::mem::take(self))
    }

    /// Returns its records.
    #[must_use]
    pub(crate) fn into_records(self) -> Vec<Record> {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::MAX_RECORD_BYTES;
    use super::*;

    fn record(line: u64, bytes: usize) -> Record {
        Record { data: "x".repeat(bytes), partition_key: "k".into(), row: line, file: "f".into(), line }
    }

    fn batches(sizes: &[usize]) -> Vec<Vec<Record>> {
        let mut open = Batch::default();
        let mut closed = Vec::new();
        for (line, bytes) in sizes.iter().enumerate() {
            closed.extend(open.push(record(line as u64, *bytes)));
        }
        closed.extend(open.take());
        closed.into_iter().map(Batch::into_records).collect()
    }

    #[test]
    fn batch_is_limited_to_500_records_or_5_mib() {
        let sizes: Vec<_> = batches(&[1; 1001]).iter().map(Vec::len).collect();
        assert_eq!(sizes, [500, 500, 1]);
        let sizes: Vec<_> = batches(&[MAX_RECORD_BYTES - 1; 6]).iter().map(Vec::len).collect();
        assert_eq!(sizes, [5, 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn batch_push_keeps_every_record_in_order_and_within_limits(
            sizes in prop::collection::vec(prop_oneof![20 => 1_usize..200, 1 => 1_usize..MAX_RECORD_BYTES], 0..1500)
        ) {
            let batches = batches(&sizes);
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= MAX_RECORDS);
                prop_assert!(batch.iter().map(Record::bytes).sum::<usize>() <= MAX_BYTES);
            }
            let lines: Vec<_> = batches.iter().flatten().map(|record| record.line).collect();
            prop_assert_eq!(lines, (0..sizes.len() as u64).collect::<Vec<_>>());
        }
    }
}
