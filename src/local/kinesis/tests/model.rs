//! Model-based test: after any operations, a stream is a list for each shard.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Local, STREAM};
use crate::identity::Identity;
use crate::kinesis::{StartAt, StreamOptions, hash_range};

/// One operation on a stream.
#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>),
    Read { shard: prop::sample::Index, from: prop::sample::Index, limit: usize },
    Split(prop::sample::Index),
    Merge(prop::sample::Index),
    Scale(prop::sample::Index),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 1..12).prop_map(Step::Put),
        6 => (index(), index(), 1..30_usize).prop_map(|(shard, from, limit)| Step::Read { shard, from, limit }),
        1 => index().prop_map(Step::Split),
        1 => index().prop_map(Step::Merge),
        1 => index().prop_map(Step::Scale),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

/// Returns the open shards by hash range, as the service lists them.
async fn open_shards(local: &Local) -> Vec<(String, u128, u128)> {
    let listed = local.ok("ListShards", json!({ "StreamName": STREAM, "ShardFilter": { "Type": "AT_LATEST" } })).await;
    let number = |value: &Value| value.as_str().unwrap().parse::<u128>().unwrap();
    let mut open: Vec<_> = listed["Shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shard| {
            let range = &shard["HashKeyRange"];
            let id = shard["ShardId"].as_str().unwrap().to_owned();
            (id, number(&range["StartingHashKey"]), number(&range["EndingHashKey"]))
        })
        .collect();
    open.sort_by_key(|(_, start, _)| *start);
    assert_eq!((open[0].1, open[open.len() - 1].2), (0, u128::MAX));
    assert!(open.windows(2).all(|pair| pair[0].2 + 1 == pair[1].1), "a hash key has no shard, or two");
    open
}

async fn do_step(local: &Local, model: &mut BTreeMap<String, Vec<String>>, step: &Step) {
    let arn = Identity::new("us-east-1").stream_arn(STREAM);
    let open = open_shards(local).await;
    match step {
        Step::Put(keys) => {
            let entry = |(at, key): (usize, &u8)| json!({ "PartitionKey": key.to_string(), "Data": BASE64.encode(format!("{at} {key}")) });
            let records: Vec<Value> = keys.iter().enumerate().map(entry).collect();
            let answer = local.ok("PutRecords", json!({ "StreamName": STREAM, "Records": records })).await;
            for (record, outcome) in records.iter().zip(answer["Records"].as_array().unwrap()) {
                let key = hash_range::hash_key(record["PartitionKey"].as_str().unwrap());
                let (id, ..) = open.iter().find(|(_, start, end)| (*start..=*end).contains(&key)).unwrap();
                assert_eq!(outcome["ShardId"], **id);
                model.entry(id.clone()).or_default().push(record["Data"].as_str().unwrap().to_owned());
            }
        }
        Step::Read { shard, from, limit } => {
            let shards = local.shards(&arn).await.unwrap();
            let shard = &shards[shard.index(shards.len())];
            let wanted = model.get(&shard.id).cloned().unwrap_or_default();
            let start = local.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap();
            let all = local.records(&start, 10_000).await.unwrap();
            assert_eq!(all.records.iter().map(|record| record.data.clone()).collect::<Vec<_>>(), wanted);
            let is_open = open.iter().any(|(id, ..)| *id == shard.id);
            assert_eq!(all.next.is_none(), !is_open);
            let from = from.index(wanted.len() + 1);
            let place = match from.checked_sub(1) {
                Some(last) => StartAt::AfterSequence(all.records[last].sequence_number.clone()),
                None => StartAt::TrimHorizon,
            };
            let start = local.iterator(&arn, &shard.id, &place).await.unwrap();
            let page = local.records(&start, *limit).await.unwrap();
            let end = wanted.len().min(from + limit);
            assert_eq!(page.records, all.records[from..end]);
            assert_eq!(page.next.is_none(), !is_open && end == wanted.len());
            assert_eq!(page.millis_behind == 0, end == wanted.len());
        }
        Step::Split(at) => {
            let (id, start, end) = &open[at.index(open.len())];
            if open.len() < 8 {
                let middle = (start + (end - start) / 2).to_string();
                let input = json!({ "StreamName": STREAM, "ShardToSplit": id, "NewStartingHashKey": middle });
                local.ok("SplitShard", input).await;
            }
        }
        Step::Merge(at) => {
            if open.len() > 1 {
                let at = at.index(open.len() - 1);
                let (one, other) = (&open[at].0, &open[at + 1].0);
                let input = json!({ "StreamName": STREAM, "ShardToMerge": one, "AdjacentShardToMerge": other });
                local.ok("MergeShards", input).await;
            }
        }
        Step::Scale(to) => {
            let (least, most) = (open.len().div_ceil(2), (open.len() * 2).min(8));
            let count = least + to.index(most - least + 1);
            let input = json!({ "StreamName": STREAM, "TargetShardCount": count, "ScalingType": "UNIFORM_SCALING" });
            local.ok("UpdateShardCount", input).await;
            let now = open_shards(local).await;
            let wanted = hash_range::HashRange::even(u32::try_from(count).unwrap());
            assert!(
                now.iter()
                    .map(|(_, start, end)| (*start, *end))
                    .eq(wanted.iter().map(|range| (range.start, range.end)))
            );
        }
        Step::Reopen => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn stream_model_is_a_list_per_shard_across_splits_merges_and_reopening(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut local = Local::new(StreamOptions { segment_bytes: 1000, ..StreamOptions::default() });
            local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 2 })).await;
            let mut model = BTreeMap::new();
            for step in steps {
                if matches!(step, Step::Reopen) {
                    local = local.reopened();
                }
                do_step(&local, &mut model, &step).await;
            }
        });
    }
}
