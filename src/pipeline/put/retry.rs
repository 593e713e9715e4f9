//! Decides which records to send again after a `PutRecords` response. Pure functions.
//!
//! A failed record that is sent again comes after the later records of its request. If one of those replaces the same
//! row, it is sent once more after it, so that the last reading of a row stays the last (docs/facts/kinesis.md, Partial
//! failures).

use std::collections::HashSet;

use crate::pipeline::Record;

/// The result of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryResult {
    /// The record was accepted.
    Accepted {
        /// The shard that took it.
        shard_id: String,
    },
    /// The record failed with this error code.
    Failed(String),
}

/// The records of a request that are still to be sent, by their original index.
#[derive(Debug)]
pub(crate) struct RetryQueue {
    pending: Vec<usize>,
}

/// The effect of one response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AcceptedEntries {
    /// Readings that the stream accepted and that are not sent again.
    pub readings: u64,
    /// Records of these readings.
    pub records: u64,
    /// Data bytes of these records.
    pub bytes: u64,
    /// The error code of the first record that failed.
    pub code: Option<String>,
}

impl RetryQueue {
    /// Returns a queue with all records of a request.
    #[must_use]
    pub(crate) fn all(count: usize) -> Self {
        RetryQueue { pending: (0..count).collect() }
    }

    /// Returns the content of the next request, in order.
    #[must_use]
    pub(crate) fn pending(&self) -> &[usize] {
        &self.pending
    }

    /// Applies the results of [`Self::pending`], one for each record in the same order.
    pub(crate) fn settle(&mut self, records: &[Record], answers: &[EntryResult]) -> AcceptedEntries {
        let mut settled = AcceptedEntries::default();
        let mut failed_rows = HashSet::new();
        let mut again = Vec::new();
        for (&index, answer) in self.pending.iter().zip(answers) {
            let record = &records[index];
            match answer {
                EntryResult::Failed(code) => {
                    settled.code.get_or_insert_with(|| code.clone());
                    failed_rows.insert(record.row);
                    again.push(index);
                }
                EntryResult::Accepted { .. } => {
                    if failed_rows.contains(&record.row) {
                        again.push(index);
                    } else {
                        settled.readings += 1;
                        settled.records += 1;
                        settled.bytes += record.data.len() as u64;
                    }
                }
            }
        }
        self.pending = again;
        settled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(rows: &[u8]) -> Vec<Record> {
        let record = |(line, row): (usize, &u8)| Record {
            data: "{}".into(),
            partition_key: "k".into(),
            row: u64::from(*row),
            input: 0,
            line: line as u64,
        };
        rows.iter().enumerate().map(record).collect()
    }

    fn accepted() -> EntryResult {
        EntryResult::Accepted { shard_id: "shardId-000000000000".into() }
    }

    fn failed() -> EntryResult {
        EntryResult::Failed("InternalFailure".into())
    }

    #[test]
    fn retry_queue_keeps_only_failed_records_by_original_index() {
        let records = records(&[0, 1, 2, 3]);
        let mut unsent = RetryQueue::all(4);
        let settled = unsent.settle(&records, &[accepted(), failed(), accepted(), failed()]);
        assert_eq!((settled.readings, settled.records, settled.bytes), (2, 2, 4));
        assert_eq!(settled.code.as_deref(), Some("InternalFailure"));
        assert_eq!(unsent.pending(), [1, 3]);
        unsent.settle(&records, &[failed(), accepted()]);
        assert_eq!(unsent.pending(), [1]);
    }

    #[test]
    fn retry_queue_resends_later_record_of_same_row_and_counts_it_once() {
        let records = records(&[7, 7, 8]);
        let mut unsent = RetryQueue::all(3);
        let settled = unsent.settle(&records, &[failed(), accepted(), accepted()]);
        // The second was accepted and is sent again: it counts when it is accepted for good.
        assert_eq!((settled.readings, settled.records), (1, 1));
        assert_eq!(unsent.pending(), [0, 1]);
        let settled = unsent.settle(&records, &[accepted(), accepted()]);
        assert_eq!((settled.readings, settled.records), (2, 2));
        assert!(unsent.pending().is_empty());
    }

    proptest! {
        #[test]
        fn retry_queue_counts_balance_and_last_reading_of_each_row_wins(
            rows in prop::collection::vec(0_u8..6, 1..40),
            luck in prop::collection::vec(any::<bool>(), 400),
            rounds in 1_usize..12,
        ) {
            let records = records(&rows);
            let mut luck = luck.into_iter().cycle();
            let mut unsent = RetryQueue::all(records.len());
            let mut table = std::collections::HashMap::new();
            let mut readings = 0;
            for _ in 0..rounds {
                let answers: Vec<_> = unsent.pending().iter().map(|index| {
                    if luck.next() == Some(true) {
                        table.insert(records[*index].row, *index);
                        accepted()
                    } else {
                        failed()
                    }
                }).collect();
                readings += unsent.settle(&records, &answers).readings;
            }
            prop_assert_eq!(readings + unsent.pending().len() as u64, records.len() as u64);
            // The caller has to put the pending records again, in this order. Then the last one is the last one.
            table.extend(unsent.pending().iter().map(|index| (records[*index].row, *index)));
            for (row, stored) in table {
                let last = records.iter().rposition(|record| record.row == row);
                prop_assert_eq!(Some(stored), last);
            }
        }
    }
}
