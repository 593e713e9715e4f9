//! Kinesis below the wire.

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::local::wire::AMZ_JSON_1_1;

pub(super) const STREAM: &str = "readings";

pub(super) async fn call(kinesis: &Kinesis, operation: &str, input: &Value) -> (u16, Value) {
    let request = axum::http::Request::post("/")
        .header("content-type", AMZ_JSON_1_1)
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", "20261123T000000Z")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=K/1/r/kinesis/aws4_request, SignedHeaders=h, Signature=0")
        .body(input.to_string().into())
        .unwrap();
    let response = kinesis.handle(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

/// A Kinesis whose directory goes with it.
pub(super) struct Local {
    pub(super) kinesis: Kinesis,
    pub(super) directory: tempfile::TempDir,
    options: Options,
}

impl std::ops::Deref for Local {
    type Target = Kinesis;

    fn deref(&self) -> &Kinesis {
        &self.kinesis
    }
}

impl Local {
    pub(super) fn new(options: Options) -> Local {
        let directory = tempfile::tempdir().unwrap();
        let kinesis = Kinesis::open(directory.path(), Identity::new("us-east-1"), options).unwrap();
        Local { kinesis, directory, options }
    }

    /// As after the process was killed: nothing is closed or written.
    pub(super) fn reopened(self) -> Local {
        let kinesis = Kinesis::open(self.directory.path(), Identity::new("us-east-1"), self.options).unwrap();
        Local { kinesis, ..self }
    }

    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        let (status, body) = call(self, operation, &input).await;
        assert_eq!(status, 200, "{operation} {input}: {body}");
        body
    }

    /// Code and message of a refusal.
    pub(super) async fn refused(&self, operation: &str, input: Value) -> (String, String) {
        let (status, body) = call(self, operation, &input).await;
        assert_eq!(status, 400, "{operation} {input}: {body}");
        let word = |name: &str| body[name].as_str().unwrap().to_owned();
        (word("__type"), word("message"))
    }
}

pub(super) async fn with_stream(input: Value) -> (Local, String) {
    let local = Local::new(Options::default());
    local.ok("CreateStream", input).await;
    (local, Identity::new("us-east-1").stream_arn(STREAM))
}

async fn put(kinesis: &Kinesis, data: &str) {
    let input = json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": data });
    let (status, body) = call(kinesis, "PutRecord", &input).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_stream_without_a_shard_count_is_on_demand() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM })).await;
    assert_eq!(kinesis.shards(&arn).await.unwrap().len(), 4);
    let (_, body) = call(&kinesis, "DescribeStreamSummary", &json!({ "StreamARN": arn })).await;
    assert_eq!(body["StreamDescriptionSummary"]["StreamModeDetails"]["StreamMode"], "ON_DEMAND");
}

#[tokio::test]
async fn list_shards_pages_by_arn() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 3 })).await;
    let (_, first) = call(&kinesis, "ListShards", &json!({ "StreamARN": arn, "MaxResults": 2 })).await;
    assert_eq!(first["Shards"].as_array().unwrap().len(), 2);
    let (_, second) = call(&kinesis, "ListShards", &json!({ "NextToken": first["NextToken"] })).await;
    assert_eq!(second["Shards"][0]["ShardId"], "shardId-000000000002");
    assert!(second.get("NextToken").is_none());
}

#[tokio::test]
async fn a_put_wakes_who_waits_and_a_full_page_says_how_far_it_is_behind() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let mut puts = kinesis.puts();
    let before = *puts.borrow_and_update();
    for data in ["AAAA", "BBBB", "CCCC"] {
        put(&kinesis, data).await;
    }
    assert!(puts.has_changed().unwrap());
    assert_eq!(*puts.borrow_and_update(), before + 3);
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap();
    let page = kinesis.records(&iterator, 2).await.unwrap();
    assert_eq!(page.records.iter().map(|record| record.data.as_str()).collect::<Vec<_>>(), ["AAAA", "BBBB"]);
    assert!(page.millis_behind > 0);
    let rest = kinesis.records(&page.next.unwrap(), 2).await.unwrap();
    assert_eq!((rest.records.len(), rest.millis_behind), (1, 0));
    let after = StartAt::AfterSequence(page.records[0].sequence_number.clone());
    let iterator = kinesis.iterator(&arn, &shard.id, &after).await.unwrap();
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records[0].data, "BBBB");
}

#[tokio::test]
async fn a_time_after_the_last_record_reads_nothing_old_and_a_time_before_it_reads_it() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let before = wire::now_seconds();
    put(&kinesis, "AAAA").await;
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::AtTimestamp(before)).await.unwrap();
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records.len(), 1);
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let iterator = kinesis.iterator(&arn, &shard.id, &StartAt::AtTimestamp(wire::now_seconds())).await.unwrap();
    assert!(kinesis.records(&iterator, 10).await.unwrap().records.is_empty());
    put(&kinesis, "BBBB").await;
    assert_eq!(kinesis.records(&iterator, 10).await.unwrap().records[0].data, "BBBB");
}

#[tokio::test]
async fn large_pages_are_cut_at_ten_mebibytes_without_losing_a_record() {
    let (kinesis, arn) = with_stream(json!({ "StreamName": STREAM, "ShardCount": 1 })).await;
    let shard = kinesis.shards(&arn).await.unwrap().remove(0);
    let data = "A".repeat(1_000_000 / 3 * 4);
    for _ in 0..12 {
        put(&kinesis, &data).await;
    }
    let mut next = Some(kinesis.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap());
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 12 {
        let page = kinesis.records(&next.unwrap(), 10_000).await.unwrap();
        sizes.push(page.records.len());
        next = page.next;
    }
    assert_eq!(sizes, [10, 2]);
}

#[tokio::test]
async fn a_missing_stream_is_not_found() {
    let kinesis = Local::new(Options::default());
    let error = kinesis.shards(&Identity::new("us-east-1").stream_arn("none")).await.unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
    let (status, body) = call(&kinesis, "NoSuchOperation", &json!({})).await;
    assert_eq!((status, body["__type"].as_str()), (400, Some("UnknownOperationException")));
}

/// How long the stress test runs: `SENSORCTL_STRESS_SECONDS`, else 3 s.
fn stress_seconds() -> u64 {
    std::env::var("SENSORCTL_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// What one tail saw of each shard, in order, until every writer was done and all of it was read.
async fn tail(kinesis: Kinesis, arn: String, done: watch::Receiver<bool>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut puts = kinesis.puts();
    let mut places = BTreeMap::new();
    for shard in kinesis.shards(&arn).await.unwrap() {
        places.insert(shard.id.clone(), kinesis.iterator(&arn, &shard.id, &StartAt::TrimHorizon).await.unwrap());
    }
    let mut seen: BTreeMap<String, Vec<_>> = BTreeMap::new();
    loop {
        puts.mark_unchanged();
        let is_done = *done.borrow();
        let mut has_read = false;
        for (shard, place) in &mut places {
            let page = kinesis.records(place, 1000).await.unwrap();
            has_read |= !page.records.is_empty();
            assert!(page.millis_behind == 0 || !page.records.is_empty(), "behind without records");
            let records = page.records.into_iter().map(|record| (record.sequence_number, record.data));
            seen.entry(shard.clone()).or_default().extend(records);
            *place = page.next.unwrap();
        }
        if !has_read {
            if is_done {
                return seen;
            }
            // Where a record is lost or nobody is woken, this wait ends the test.
            tokio::time::timeout(Duration::from_secs(20), puts.changed()).await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tails_get_every_acknowledged_record_of_many_writers_once_and_in_order() {
    const WRITERS: usize = 8;
    let local = Local::new(Options { segment_bytes: 1 << 20, ..Options::default() });
    let arn = Identity::new("us-east-1").stream_arn(STREAM);
    local.ok("CreateStream", json!({ "StreamName": STREAM, "ShardCount": 4 })).await;
    let (finished, done) = watch::channel(false);
    let tails: Vec<_> = (0..2).map(|_| tokio::spawn(tail(local.kinesis.clone(), arn.clone(), done.clone()))).collect();
    let end = Instant::now() + Duration::from_secs(stress_seconds());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let kinesis = local.kinesis.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while Instant::now() < end {
                    let number = acknowledged.len();
                    let records: Vec<Value> = (number..number + 1 + number % 50)
                        .map(|at| {
                            let data = BASE64.encode(format!("{writer} {at:08}"));
                            json!({ "PartitionKey": format!("{}", at * 7919 % 100), "Data": data })
                        })
                        .collect();
                    let input = json!({ "StreamName": STREAM, "Records": records });
                    let (status, answer) = call(&kinesis, "PutRecords", &input).await;
                    assert_eq!((status, &answer["FailedRecordCount"]), (200, &json!(0)));
                    for (record, outcome) in records.iter().zip(answer["Records"].as_array().unwrap()) {
                        let text = |value: &Value| value.as_str().unwrap().to_owned();
                        acknowledged.push((
                            text(&outcome["ShardId"]),
                            (text(&outcome["SequenceNumber"]), text(&record["Data"])),
                        ));
                    }
                }
                acknowledged
            })
        })
        .collect();
    let mut acknowledged: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for writer in writers {
        for (shard, record) in writer.await.unwrap() {
            acknowledged.entry(shard).or_default().push(record);
        }
    }
    finished.send(true).unwrap();
    local.wake();
    // The numbers have the same length: they sort as text.
    for records in acknowledged.values_mut() {
        records.sort();
    }
    assert_eq!(acknowledged.len(), 4);
    for tail in tails {
        assert!(tail.await.unwrap() == acknowledged, "a record was lost, repeated or out of order");
    }
    let local = local.reopened();
    let again = tail(local.kinesis.clone(), arn, done).await;
    assert!(again == acknowledged, "a record was lost when the streams were opened again");
}

/// One thing done to a stream.
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

/// Shards that are open, by hash keys, as the service lists them.
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
    fn a_stream_is_a_list_for_each_shard_whatever_is_split_merged_and_opened_again(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut local = Local::new(Options { segment_bytes: 1000, ..Options::default() });
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
