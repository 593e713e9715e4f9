//! The lag by the newest records of the stream: whether the table has their readings.
//!
//! It costs a few reads of each shard, which all consumers share (docs/facts/kinesis.md, Read limits), so it is only for
//! where the metrics cannot say.

use std::time::Duration;

use futures::future;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::candidates::{Candidate, candidates, ends_with_newest, oldest_waiting};
use super::stream_page::{open_shards, read_tail, stored};
use super::{Lag, LagSource};
use crate::aws::{AwsFailure, Clients};
use crate::operate::pipeline_metrics::PipelineNames;
use crate::operate::read_budget::ReadBudget;

/// Shards whose ends are read at most.
const MOST_SHARDS: usize = 8;

/// Keys of one look into the table (API reference, `BatchGetItem`).
const MOST_KEYS: usize = 100;

/// The time that is read first. A shard without records in it is read from its oldest record on.
const FIRST_LOOK: Duration = Duration::from_mins(10);

/// Time after which the reads end: a second for each of at most five reads of a shard, and more for those without an answer.
const LONGEST_READ: Duration = Duration::from_secs(20);

/// Age at which the stream is read again.
const LONGEST_AGE: Duration = Duration::from_secs(60);

/// The lag by the stream and the table, as it was read last.
#[derive(Debug, Default)]
pub(crate) struct StreamLag(Option<(Result<Lag, String>, Instant)>);

impl StreamLag {
    /// Returns the lag by the stream and the table: that of an earlier call for a minute.
    ///
    /// # Errors
    /// The reason why they cannot say.
    pub(crate) async fn read(
        &mut self,
        clients: &Clients,
        names: &PipelineNames,
        now: Timestamp,
    ) -> Result<Lag, String> {
        if let Some((lag, read)) = &self.0
            && read.elapsed() < LONGEST_AGE
        {
            return lag.clone();
        }
        let lag = timeout(LONGEST_READ, lag_by_stream(clients, names, now)).await;
        let lag =
            lag.unwrap_or_else(|_| Err(format!("stream and table gave no answer in {} s", LONGEST_READ.as_secs())));
        self.0 = Some((lag.clone(), Instant::now()));
        lag
    }
}

async fn lag_by_stream(clients: &Clients, names: &PipelineNames, now: Timestamp) -> Result<Lag, String> {
    let said = |failure: AwsFailure| format!("{} {} failed ({})", failure.service, failure.operation, failure.said());
    let (shards, is_all) = open_shards(clients, &names.stream).await.map_err(said)?;
    if !is_all || shards.len() > MOST_SHARDS {
        return Err(format!("more than {MOST_SHARDS} shards are too many to read their ends"));
    }
    let most = MOST_KEYS / shards.len().max(1);
    let looks = shards.iter().map(|shard| newest_readings(clients, names, shard, now, most));
    let by_shard: Vec<Vec<Candidate>> = future::try_join_all(looks).await?;
    let all: Vec<Candidate> = by_shard.iter().flatten().cloned().collect();
    let is_stored =
        if all.is_empty() { Vec::new() } else { stored(clients, &names.table, &all).await.map_err(said)? };
    let mut rest = is_stored.as_slice();
    let mut oldest: Option<(Timestamp, bool)> = None;
    for shard in &by_shard {
        let (of_shard, others) = rest.split_at(shard.len());
        rest = others;
        oldest = oldest.into_iter().chain(oldest_waiting(shard, of_shard)).min_by_key(|(arrival, _)| *arrival);
    }
    let waited = oldest.map_or(0, |(arrival, _)| now.duration_since(arrival).as_millis());
    Ok(Lag {
        milliseconds: u64::try_from(waited).unwrap_or(0),
        is_at_least: oldest.is_some_and(|(_, is_first)| is_first),
        source: LagSource::StreamAndTable,
    })
}

/// Returns readings of the newest records of a shard; none where it holds no records.
async fn newest_readings(
    clients: &Clients,
    names: &PipelineNames,
    shard: &str,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Candidate>, String> {
    let said = |failure: AwsFailure| format!("{} {} failed ({})", failure.service, failure.operation, failure.said());
    let since = now.checked_sub(FIRST_LOOK).ok();
    // One of each shard: they share no limit.
    let budget = ReadBudget::default();
    let mut tail = read_tail(clients, &names.stream, shard, since, &budget).await.map_err(said)?;
    if tail.records.is_empty() {
        tail = read_tail(clients, &names.stream, shard, None, &budget).await.map_err(said)?;
    }
    if !tail.is_whole {
        return Err(format!("{shard} has more records than a few reads can take"));
    }
    let found = candidates(&tail.records, most);
    if !ends_with_newest(&found, &tail.records) {
        return Err(format!("the newest record of {shard} is no reading, and has no row to look for"));
    }
    Ok(found)
}
