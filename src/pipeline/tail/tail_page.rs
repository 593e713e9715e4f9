//! A page of one shard, and the user records in it.

use std::sync::Arc;

use sensor_model::aggregation::{self, AggregatedUserRecords, BrokenAggregate, RecordContents};
use tokio::sync::OwnedSemaphorePermit;

use super::stream_reader::{ListedShard, StreamRecord};
use crate::pipeline::put::shard_map::hash_key;

/// Records of one shard that follow those of the page before.
#[derive(Debug)]
pub(crate) struct TailPage {
    /// The shard.
    pub shard: Arc<ListedShard>,
    /// The records, in order.
    pub records: Vec<StreamRecord>,
    /// When they were received by the service's clock, in milliseconds since 1970.
    pub received_ms: i64,
    /// Released with the page: it limits the pages that are in memory.
    #[expect(dead_code, reason = "held until the page is dropped")]
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// A user record: a plain record, or one inside an aggregated record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserRecord<'a> {
    /// Its index in an aggregated record.
    pub index: Option<usize>,
    /// Its own partition key.
    pub partition_key: &'a str,
    /// Its data.
    pub data: &'a [u8],
    /// The reason why it is an aggregated record as a whole.
    pub broken: Option<BrokenAggregate>,
    /// True if its hash key is outside of the shard: the stream was resharded while the aggregate was on its way. A KCL
    /// application drops the whole aggregate (docs/facts/kinesis.md, Aggregation). The function stores it.
    pub is_outside: bool,
}

impl TailPage {
    /// Returns the user records of a record, in their order.
    pub(crate) fn user_records<'a>(&'a self, record: &'a StreamRecord) -> impl Iterator<Item = UserRecord<'a>> {
        let whole = |broken| UserRecord {
            index: None,
            partition_key: &record.partition_key,
            data: &record.data,
            broken,
            is_outside: false,
        };
        let (whole, parts) = match aggregation::contents(&record.data) {
            RecordContents::Plain => (Some(whole(None)), AggregatedUserRecords::default()),
            RecordContents::Broken(reason) => (Some(whole(Some(reason))), AggregatedUserRecords::default()),
            RecordContents::Aggregated(parts) => (None, parts),
        };
        // Most user records of an aggregate have the same explicit hash key.
        let mut last: Option<(&str, bool)> = None;
        let parts = parts.enumerate().map(move |(index, part)| {
            let is_outside = match part.explicit_hash_key {
                Some(key) => match last {
                    Some((same, is_outside)) if same == key => is_outside,
                    _ => {
                        let is_outside = self.is_outside(key.parse().ok());
                        last = Some((key, is_outside));
                        is_outside
                    }
                },
                None => self.is_outside(Some(hash_key(part.partition_key))),
            };
            let (partition_key, data) = (part.partition_key, part.data);
            UserRecord { index: Some(index), partition_key, data, broken: None, is_outside }
        });
        whole.into_iter().chain(parts)
    }

    fn is_outside(&self, hash_key: Option<u128>) -> bool {
        self.shard.range.is_some_and(|(start, end)| hash_key.is_none_or(|key| !(start..=end).contains(&key)))
    }
}

#[cfg(test)]
mod tests {
    use sensor_model::aggregation::{AggregatedUserRecord, encode};

    use super::*;

    fn page(range: Option<(u128, u128)>, data: Vec<u8>) -> TailPage {
        let shard = ListedShard {
            id: "shardId-000000000000".into(),
            parents: Vec::new(),
            range,
            first_sequence_number: "1".into(),
            is_closed: false,
        };
        let record =
            StreamRecord { sequence_number: "1".into(), partition_key: "outer".into(), arrived_ms: Some(1), data };
        TailPage { shard: Arc::new(shard), records: vec![record], received_ms: 2, room: None }
    }

    fn user_records(page: &TailPage) -> Vec<UserRecord<'_>> {
        page.user_records(&page.records[0]).collect()
    }

    #[test]
    fn plain_record_is_one_user_record_whatever_its_key() {
        let page = page(Some((0, 1)), b"data".to_vec());
        let [record] = user_records(&page)[..] else { panic!("one record") };
        assert_eq!((record.index, record.partition_key, record.data), (None, "outer", &b"data"[..]));
        assert!(!record.is_outside, "the service put it there");
    }

    #[test]
    fn aggregate_gives_user_records_and_tells_those_outside_of_the_shard() {
        let part =
            |partition_key, explicit_hash_key| AggregatedUserRecord { partition_key, explicit_hash_key, data: b"x" };
        // The hash key of `a` is 0x0cc1…, that of `b` 0x92eb….
        let data = encode([
            part("a", None),
            part("b", None),
            part("b", Some("7")),
            part("b", Some("7")),
            part("a", Some("-")),
        ]);
        let half = page(Some((0, u128::MAX / 2)), data.clone());
        let found: Vec<_> =
            user_records(&half).iter().map(|it| (it.index.unwrap(), it.partition_key, it.is_outside)).collect();
        assert_eq!(found, [(0, "a", false), (1, "b", true), (2, "b", false), (3, "b", false), (4, "a", true)]);
        let unknown = page(None, data);
        assert!(user_records(&unknown).iter().all(|it| !it.is_outside));
    }

    #[test]
    fn broken_aggregate_stays_whole_with_its_reason() {
        let mut data = encode([AggregatedUserRecord { partition_key: "a", explicit_hash_key: None, data: b"x" }]);
        data.push(0);
        let page = page(None, data.clone());
        let [record] = user_records(&page)[..] else { panic!("one record") };
        assert_eq!((record.broken, record.data), (Some(BrokenAggregate::Unreadable), &data[..]));
    }
}
