//! One invocation: a batch of Kinesis records becomes rows, and what is no reading becomes rejects.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::dynamodb::{Client, Failure, ItemJson, Table};
use crate::event::Event;
use crate::metrics::Metrics;
use crate::pieces::{Decoded, Piece, Rejection};
use crate::rejects;
use crate::settings::Settings;
use crate::store::{Outcome, Put, Store};

/// Time that is kept free at the end of an invocation, to answer in.
const RESERVE: Duration = Duration::from_secs(2);

/// What stays the same from one invocation to the next.
#[derive(Debug)]
pub struct Function {
    settings: Settings,
    client: Client,
    readings: Table,
    rejects: Option<Table>,
}

/// The answer to Lambda's event source mapping.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    batch_item_failures: Vec<FirstFailure>,
}

/// The record from which on the batch is to be retried.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FirstFailure {
    item_identifier: String,
}

/// Why an invocation failed, so that all of its batch is retried.
#[derive(Debug)]
pub struct Fault {
    kind: &'static str,
    message: String,
}

impl Fault {
    /// The environment makes no sense.
    pub fn misconfigured(message: &str) -> Self {
        Fault { kind: "Misconfigured", message: message.to_owned() }
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        Diagnostic { error_type: fault.kind.to_owned(), error_message: fault.message }
    }
}

/// What became of a piece.
#[derive(Clone, Debug)]
enum Fate {
    Open,
    Stored,
    /// A later reading of its key is stored.
    Replaced,
    Rejected(Rejection),
    Unstored(String),
}

impl Function {
    /// A function that is ready for its first event.
    ///
    /// # Errors
    /// What is wrong with the environment.
    pub fn from_env() -> Result<Self, String> {
        let settings = Settings::from_env()?;
        let client =
            Client::new(settings.credentials.clone(), settings.region.clone(), settings.endpoint_url.as_deref())?;
        let readings = Table { name: settings.table.clone(), partition: "SensorId", sort: "CurrentTime" };
        let rejects = settings.rejects_table.clone().map(rejects::table);
        Ok(Function { settings, client, readings, rejects })
    }

    /// Stores the readings of one event.
    ///
    /// # Errors
    /// When the event is none of Kinesis, or when something was not stored and a partial answer would not be understood.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Fault> {
        let began = Instant::now();
        let deadline = began + time_for_work(event.context.deadline);
        let mut metrics = Metrics::new(&self.settings.function_name, &event.context.request_id);
        let result = self.store_event(event.payload.get(), deadline, &mut metrics).await;
        if let Err(fault) = &result {
            metrics.error.get_or_insert_with(|| fault.message.clone());
        }
        metrics.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        metrics.log();
        result
    }

    async fn store_event(&self, json: &str, deadline: Instant, metrics: &mut Metrics) -> Result<Answer, Fault> {
        let event = Event::read(json).map_err(|message| Fault { kind: "NotAKinesisEvent", message })?;
        metrics.records = event.records.len();
        let decoded = Decoded::of(&event);
        let pieces = decoded.pieces();
        let store = Store::new(&self.client, deadline);

        let mut fates = vec![Fate::Open; pieces.len()];
        self.store_readings(&store, &pieces, &mut fates).await;
        metrics.rejected = self.store_rejects(&store, &pieces, &mut fates).await;

        metrics.readings = pieces.len();
        metrics.retries = store.repetitions();
        metrics.stored = fates.iter().filter(|fate| matches!(fate, Fate::Stored)).count();
        metrics.replaced = fates.iter().filter(|fate| matches!(fate, Fate::Replaced)).count();
        self.answer(&pieces, &fates, metrics)
    }

    /// Puts the last reading of each key; where the service refuses it, the one before.
    async fn store_readings(&self, store: &Store<'_>, pieces: &[Piece<'_>], fates: &mut [Fate]) {
        let mut by_key: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, piece) in pieces.iter().enumerate() {
            match &piece.content {
                Ok(reading) => by_key.entry((&reading.sensor_id, &reading.current_time)).or_default().push(index),
                Err(rejection) => fates[index] = Fate::Rejected(rejection.clone()),
            }
        }
        // In the order of the shard, so that what is left undone is at its end.
        let mut rivals: Vec<_> = by_key.into_values().collect();
        rivals.sort_unstable();
        while !rivals.is_empty() {
            let last = |indices: &Vec<usize>| indices.last().and_then(|&index| put(&pieces[index]));
            let puts: Vec<_> = rivals.iter().filter_map(last).collect();
            let outcomes = store.put_all(&self.readings, &puts).await;
            let mut refused = Vec::new();
            for (mut indices, outcome) in rivals.into_iter().zip(outcomes) {
                let Some(winner) = indices.pop() else { continue };
                match outcome {
                    Outcome::Stored => {
                        fates[winner] = Fate::Stored;
                        for index in indices {
                            fates[index] = Fate::Replaced;
                        }
                    }
                    Outcome::Refused(Failure { code, message, .. }) => {
                        fates[winner] = Fate::Rejected(Rejection { code, reason: message });
                        if !indices.is_empty() {
                            refused.push(indices);
                        }
                    }
                    // The earlier ones are needed again, should the service refuse the winner in the end.
                    Outcome::Unstored(failure) => {
                        for index in indices.into_iter().chain([winner]) {
                            fates[index] = Fate::Unstored(failure.to_string());
                        }
                    }
                }
            }
            rivals = refused;
        }
    }

    /// Puts what was rejected into its table; gives how many pieces are there.
    async fn store_rejects(&self, store: &Store<'_>, pieces: &[Piece<'_>], fates: &mut [Fate]) -> usize {
        let expires_at = rejects::expiry(self.settings.rejects_days);
        let mut owners = Vec::new();
        let mut puts = Vec::new();
        for (index, fate) in fates.iter_mut().enumerate() {
            let Fate::Rejected(rejection) = &*fate else { continue };
            if self.rejects.is_some() {
                let items = rejects::items(&pieces[index], rejection, &expires_at);
                owners.extend(items.iter().map(|_| index));
                puts.extend(items);
            } else {
                let Rejection { code, reason } = rejection;
                *fate = Fate::Unstored(format!("no reading, and no table for rejects is set: {code}: {reason}"));
            }
        }
        let Some(table) = &self.rejects else { return 0 };
        let outcomes = store.put_all(table, &puts).await;
        for (index, outcome) in owners.into_iter().zip(outcomes) {
            if let Outcome::Refused(failure) | Outcome::Unstored(failure) = outcome {
                fates[index] = Fate::Unstored(format!("reject not stored: {failure}"));
            }
        }
        fates.iter().filter(|fate| matches!(fate, Fate::Rejected(_))).count()
    }

    fn answer(&self, pieces: &[Piece<'_>], fates: &[Fate], metrics: &mut Metrics) -> Result<Answer, Fault> {
        let mut unstored = pieces.iter().zip(fates).filter_map(|(piece, fate)| match fate {
            Fate::Unstored(reason) => Some((piece, reason.as_str())),
            Fate::Open => Some((piece, "not tried")),
            Fate::Stored | Fate::Replaced | Fate::Rejected(_) => None,
        });
        // Pieces are in the order of the shard: the first is the lowest.
        let Some((lowest, reason)) = unstored.next() else { return Ok(Answer::default()) };
        metrics.failed = 1 + unstored.count();
        let sequence_number = &lowest.record.kinesis.sequence_number;
        let message = format!(
            "{} of {} readings not stored, the first at sequence number {sequence_number}: {reason}",
            metrics.failed,
            pieces.len()
        );
        if !self.settings.partial_batch {
            return Err(Fault { kind: "NotStored", message });
        }
        metrics.error = Some(message);
        Ok(Answer { batch_item_failures: vec![FirstFailure { item_identifier: sequence_number.clone().into_owned() }] })
    }
}

fn put(piece: &Piece<'_>) -> Option<Put> {
    let reading = piece.content.as_ref().ok()?;
    let item = ItemJson::new()
        .text("SensorId", &reading.sensor_id)
        .number("CurrentTime", &reading.current_time)
        .number("Temperature", &reading.temperature)
        .text("ShardID", piece.record.shard_id())
        .text("SequenceNumber", &piece.record.kinesis.sequence_number);
    let item = reading.fields.iter().fold(item, |item, (name, value)| item.value(name, value)).finish();
    Some(Put { key: (reading.sensor_id.clone(), reading.current_time.to_string()), item })
}

/// From now to two seconds before the deadline (milliseconds since 1970), but at least to two thirds of a short time:
/// a function made without a time limit has three seconds.
fn time_for_work(deadline: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(deadline).saturating_sub(now);
    left.saturating_sub(RESERVE.min(left / 3))
}
