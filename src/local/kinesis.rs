//! Stand-in.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::wire::ServiceError;
#[derive(Clone)]
pub(crate) struct Kinesis(Arc<Mutex<BTreeMap<String, Vec<(Shard, Vec<Record>)>>>>, watch::Sender<u64>);
#[derive(Clone)]
pub(crate) struct Shard {
    pub id: String,
    pub parent: Option<String>,
    pub adjacent_parent: Option<String>,
    pub open: bool,
}
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StartAt {
    TrimHorizon,
    Latest,
    AtTimestamp(f64),
    AtSequence(String),
    AfterSequence(String),
}
#[derive(Clone)]
pub(crate) struct Record {
    pub sequence_number: String,
    pub partition_key: String,
    pub data: String,
    pub arrival: f64,
}
pub(crate) struct Page {
    pub records: Vec<Record>,
    pub next: Option<String>,
    pub millis_behind: u64,
}
impl Kinesis {
    pub(crate) fn stand_in() -> Self {
        Kinesis(Arc::default(), watch::Sender::new(0))
    }
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<(Shard, Vec<Record>)>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    pub(crate) fn create(&self, arn: &str) {
        let shard = Shard { id: "shardId-000000000000".into(), parent: None, adjacent_parent: None, open: true };
        self.all().insert(arn.into(), vec![(shard, Vec::new())]);
    }
    pub(crate) fn remove(&self, arn: &str) {
        self.all().remove(arn);
    }
    /// Closes the last shard and opens one child.
    pub(crate) fn reshard(&self, arn: &str) {
        let mut all = self.all();
        let shards = all.entry(arn.into()).or_default();
        let id = format!("shardId-{:012}", shards.len());
        let parent = shards.last_mut().map(|(shard, _)| {
            shard.open = false;
            shard.id.clone()
        });
        shards.push((Shard { id, parent, adjacent_parent: None, open: true }, Vec::new()));
    }
    pub(crate) fn put(&self, arn: &str, key: &str, data: &str) {
        let mut all = self.all();
        let shards = all.entry(arn.into()).or_default();
        let number: usize = shards.iter().map(|(_, records)| records.len()).sum();
        if let Some((_, records)) = shards.last_mut() {
            let arrival = jiff::Timestamp::now().as_duration().as_secs_f64();
            let sequence_number = format!("{}", 10_000_000 + number);
            records.push(Record { sequence_number, partition_key: key.into(), data: data.into(), arrival });
        }
        drop(all);
        self.1.send_modify(|n| *n += 1);
    }
    #[allow(clippy::unused_async)]
    pub(crate) async fn shards(&self, arn: &str) -> Result<Vec<Shard>, ServiceError> {
        let all = self.all();
        let shards = all.get(arn).ok_or_else(|| ServiceError::new(400, "ResourceNotFoundException", arn))?;
        Ok(shards.iter().map(|(shard, _)| shard.clone()).collect())
    }
    #[allow(clippy::unused_async)]
    pub(crate) async fn iterator(&self, arn: &str, shard: &str, at: &StartAt) -> Result<String, ServiceError> {
        let all = self.all();
        let records = all.get(arn).and_then(|shards| shards.iter().find(|(one, _)| one.id == shard));
        let (_, records) = records.ok_or_else(|| ServiceError::new(400, "ResourceNotFoundException", arn))?;
        let index = |wanted: &str| {
            records
                .iter()
                .position(|record| record.sequence_number == wanted)
                .ok_or_else(|| ServiceError::new(400, "InvalidArgumentException", wanted))
        };
        let at = match at {
            StartAt::TrimHorizon => 0,
            StartAt::Latest => records.len(),
            StartAt::AtTimestamp(at) => records.iter().filter(|record| record.arrival < *at).count(),
            StartAt::AtSequence(wanted) => index(wanted)?,
            StartAt::AfterSequence(wanted) => index(wanted)? + 1,
        };
        Ok(format!("{arn}|{shard}|{at}"))
    }
    #[allow(clippy::unused_async)]
    pub(crate) async fn records(&self, iterator: &str, limit: usize) -> Result<Page, ServiceError> {
        let mut parts = iterator.split('|');
        let (arn, shard) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let at: usize = parts.next().and_then(|at| at.parse().ok()).unwrap_or_default();
        let all = self.all();
        let found = all.get(arn).and_then(|shards| shards.iter().find(|(one, _)| one.id == shard));
        let (one, records) = found.ok_or_else(|| ServiceError::new(400, "ResourceNotFoundException", arn))?;
        let page: Vec<Record> = records.iter().skip(at).take(limit).cloned().collect();
        let end = at + page.len();
        let next = (one.open || end < records.len()).then(|| format!("{arn}|{shard}|{end}"));
        Ok(Page { records: page, next, millis_behind: 0 })
    }
    pub(crate) fn puts(&self) -> watch::Receiver<u64> {
        self.1.subscribe()
    }
}
