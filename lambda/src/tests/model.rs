//! Compares delivery under random faults with a model. Once a shard is delivered to its end, the tables must hold
//! exactly the state of a perfect consumer, which takes one record after the other and never fails.
//!
//! One difference is allowed, because only a request for each reading could avoid it. A reading that only the service
//! would refuse, and that a later reading of its key replaced in the same batch, is not written at all and so is not a
//! reject.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use sensor_model::aggregation::{self, AggregatedUserRecord};
use serde_json::{Value, json};

use super::support::{
    Answer, Function, PARTIAL, REJECTS, Said, Scripted, event, failure, last_of_window, record, sequence, stored,
    throttled,
};

/// Shards that are delivered, each with its own faults.
const SHARDS: u64 = 24;
const RECORDS: u32 = 80;
/// The temperature of readings that the service refuses.
const REFUSED: &str = "666";

/// Temperature and sequence number by key.
type Rows = BTreeMap<(String, String), (String, String)>;
/// Code and bytes by id.
type Rejects = BTreeMap<String, (String, Vec<u8>)>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Tables {
    rows: Rows,
    rejects: Rejects,
}

/// A record of the shard: its data and its user records.
struct Put {
    record: Value,
    pieces: Vec<Piece>,
}

#[derive(Clone)]
enum Piece {
    Reading { sensor: String, time: u32, temperature: String },
    NoReading(Vec<u8>),
}

impl Piece {
    /// Returns a random record with few keys, so that most keys are written repeatedly, and with some readings that the
    /// service refuses.
    fn random(luck: &mut StdRng) -> Self {
        if luck.random_bool(0.1) {
            return Piece::NoReading(
                [&b"hello"[..], b"{\"sensor_id\":1}", b"", b"\xf3\x89\x9a\xc2x"].choose(luck).unwrap().to_vec(),
            );
        }
        let temperature =
            if luck.random_bool(0.15) { REFUSED.to_owned() } else { luck.random_range(0..100).to_string() };
        Piece::Reading { sensor: format!("s{}", luck.random_range(0..4)), time: luck.random_range(0..4), temperature }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Piece::NoReading(bytes) => bytes.clone(),
            Piece::Reading { sensor, time, temperature } => {
                format!(r#"{{"sensor_id":"{sensor}","temperature":{temperature},"current_time":{time}}}"#).into_bytes()
            }
        }
    }

    fn code(&self) -> Option<&'static str> {
        match self {
            Piece::Reading { temperature, .. } => (temperature == REFUSED).then_some("ValidationException"),
            Piece::NoReading(bytes) => Some(match bytes.first() {
                Some(b'{') => "wrong-type",
                Some(0xf3) => "broken-aggregation",
                _ => "not-json",
            }),
        }
    }
}

impl Put {
    fn random(luck: &mut StdRng, number: u32) -> Self {
        if luck.random_bool(0.5) {
            let piece = Piece::random(luck);
            // A reject would include the blanks, too.
            let is_row = piece.code().is_none();
            let record = match str::from_utf8(&piece.bytes()) {
                Ok(json) if is_row && luck.random_bool(0.06) => last_of_window(number, json),
                _ => record(number, &piece.bytes()),
            };
            return Put { record, pieces: vec![piece] };
        }
        // An aggregate inside an aggregate is only invalid JSON.
        let inner = |piece: Piece| match piece {
            Piece::NoReading(bytes) if bytes.starts_with(b"\xf3") => Piece::NoReading(b"hello".to_vec()),
            piece => piece,
        };
        let pieces: Vec<_> = (0..luck.random_range(1..40)).map(|_| inner(Piece::random(luck))).collect();
        let bytes: Vec<_> = pieces.iter().map(Piece::bytes).collect();
        let sub = |data| AggregatedUserRecord { partition_key: "lane", explicit_hash_key: None, data };
        Put { record: record(number, &aggregation::encode(bytes.iter().map(|bytes| sub(bytes)))), pieces }
    }
}

/// Returns the tables after the perfect consumer.
fn perfect(shard: &[Put]) -> Tables {
    let mut tables = Tables::default();
    for (number, put) in (1..).zip(shard) {
        for (sub_index, piece) in put.pieces.iter().enumerate() {
            let sequence = sequence(number);
            if let Some(code) = piece.code() {
                tables.rejects.insert(format!("{sequence}#{sub_index:07}#000"), (code.to_owned(), piece.bytes()));
            } else if let Piece::Reading { sensor, time, temperature } = piece {
                tables.rows.insert((sensor.clone(), time.to_string()), (temperature.clone(), sequence));
            }
        }
    }
    tables
}

/// Returns the refused readings that a later reading of their key replaces. They may be missing from the rejects.
fn replaced(shard: &[Put]) -> Vec<String> {
    let mut last = BTreeSet::new();
    let mut replaced = Vec::new();
    for (number, put) in (1..=RECORDS).rev().zip(shard.iter().rev()) {
        for (sub_index, piece) in put.pieces.iter().enumerate().rev() {
            let Piece::Reading { sensor, time, .. } = piece else { continue };
            if piece.code().is_none() {
                last.insert((sensor, time));
            } else if last.contains(&(sensor, time)) {
                replaced.push(format!("{}#{sub_index:07}#000", sequence(number)));
            }
        }
    }
    replaced
}

/// A service with random faults.
struct Service {
    luck: StdRng,
    tables: Tables,
    /// Number of following requests that fail in any case.
    outage: u32,
}

impl Service {
    fn answer(&mut self, request: &Value) -> Said {
        let (table, puts) = request["RequestItems"].as_object().unwrap().iter().next().unwrap();
        let puts = puts.as_array().unwrap();
        assert!(puts.len() <= 25);
        let keys: BTreeSet<_> = puts.iter().map(|put| key(table, &put["PutRequest"]["Item"])).collect();
        assert_eq!(keys.len(), puts.len(), "the service would refuse two items of one key");
        if self.outage > 0 {
            self.outage -= 1;
            return throttled().into();
        }
        if self.luck.random_bool(0.01) {
            self.outage = self.luck.random_range(1..60);
        }
        match self.luck.random_range(0..100) {
            0..5 => return throttled().into(),
            5..8 => return failure("ThrottlingException", "Rate exceeded").into(),
            8..10 => return (500, json!({})).into(),
            10..12 => return Said::text(200, "<html>"),
            _ => {}
        }
        if puts.iter().any(|put| put["PutRequest"]["Item"]["Temperature"]["N"] == REFUSED) {
            return failure("ValidationException", "not this one").into();
        }
        let keep = if self.luck.random_bool(0.2) { self.luck.random_range(0.0..1.0) } else { 1.0 };
        let (taken, left): (Vec<_>, Vec<_>) = puts.iter().partition(|_| self.luck.random_bool(keep));
        for put in taken {
            self.tables.take(table, &put["PutRequest"]["Item"]);
        }
        if self.luck.random_bool(0.05) {
            // The write succeeded, but the response is lost.
            return (503, json!({})).into();
        }
        if left.is_empty() { stored().into() } else { (200, json!({"UnprocessedItems": {table: left}})).into() }
    }
}

fn key(table: &str, item: &Value) -> (String, String) {
    let names = if table == "SensorData" { ["SensorId", "CurrentTime"] } else { ["ShardId", "RejectId"] };
    let text = |name: &str| item[name].to_string();
    (text(names[0]), text(names[1]))
}

impl Tables {
    fn take(&mut self, table: &str, item: &Value) {
        let text = |name: &str, kind: &str| item[name][kind].as_str().unwrap().to_owned();
        if table == "SensorData" {
            let key = (text("SensorId", "S"), text("CurrentTime", "N"));
            self.rows.insert(key, (text("Temperature", "N"), text("SequenceNumber", "S")));
        } else {
            let data = STANDARD.decode(text("Data", "B")).unwrap();
            self.rejects.insert(text("RejectId", "S"), (text("Code", "S"), data));
        }
    }
}

/// Delivers as the event source mapping does: batches in the order of the shard, again from the checkpoint, and
/// sometimes records that were delivered before.
async fn deliver(shard: &[Put], function: &mut Function, luck: &mut StdRng) {
    let mut checkpoint = 0;
    let mut end = shard.len();
    for _ in 0..2000 {
        if checkpoint == shard.len() {
            return;
        }
        if checkpoint > 0 && luck.random_bool(0.05) {
            // The consumer lost its lease. The next one begins earlier.
            checkpoint -= luck.random_range(1..=checkpoint.min(20));
        }
        let size = if luck.random_bool(0.3) { 1 } else { luck.random_range(1..=25) };
        end = if luck.random_bool(0.2) { end.max(checkpoint + 1) } else { checkpoint + size }.min(shard.len());
        let batch = &shard[checkpoint..end];
        let limit = Duration::from_millis(if luck.random_bool(0.3) { 300 } else { 3000 });
        match function.invoke_within(&event(batch.iter().map(|put| put.record.clone())), limit).await {
            Answer::Error { .. } => {}
            Answer::Response(response) => {
                checkpoint = match response["batchItemFailures"].as_array().unwrap().as_slice() {
                    [] => end,
                    [failure] => {
                        let is_it = |put: &Put| put.record["kinesis"]["sequenceNumber"] == failure["itemIdentifier"];
                        checkpoint + batch.iter().position(is_it).expect("a record of the batch")
                    }
                    many => panic!("{many:?}"),
                };
            }
        }
    }
    panic!("no end");
}

async fn one_shard(seed: u64) {
    let mut luck = StdRng::seed_from_u64(seed);
    let shard: Vec<_> = (1..=RECORDS).map(|number| Put::random(&mut luck, number)).collect();
    let service = Service { luck: StdRng::seed_from_u64(!seed), tables: Tables::default(), outage: 0 };
    let service = Arc::new(Mutex::new(service));
    let answering = Arc::clone(&service);
    let dynamodb = Scripted::start(move |request| answering.lock().unwrap().answer(request)).await;
    let settings = if seed.is_multiple_of(4) { vec![REJECTS] } else { vec![REJECTS, PARTIAL] };
    let mut function = Function::start(&dynamodb.address, &settings);
    deliver(&shard, &mut function, &mut luck).await;
    let mut perfect = perfect(&shard);
    let tables = &service.lock().unwrap().tables;
    assert_eq!(tables.rows, perfect.rows, "seed {seed}");
    for id in replaced(&shard) {
        if !tables.rejects.contains_key(&id) {
            perfect.rejects.remove(&id);
        }
    }
    assert!(!perfect.rejects.is_empty());
    let differ = |(id, reject): &(&String, &_)| tables.rejects.get(*id) != Some(reject);
    assert_eq!(perfect.rejects.iter().find(differ), None, "missing, seed {seed}");
    let unknown = tables.rejects.keys().find(|id| !perfect.rejects.contains_key(*id));
    assert_eq!(unknown, None, "no reject, seed {seed}");
}

mod slow {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delivery_with_random_faults_matches_perfect_consumer() {
        for seed in 0..SHARDS {
            one_shard(seed).await;
        }
    }
}
