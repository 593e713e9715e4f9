//! Follows one reading from the stream into the table, hop by hop.

use std::time::{Duration, Instant, SystemTime};

use sensor_model::Reading;

use crate::aws::wait::{self, Poll, WaitError};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Hop, hop_line};
use crate::pipeline::{DeadLetterReason, DeliveryRoute, Invocation, MappingState, PutReceipt, wait_until_stored};

/// How long the function's log is looked at after the row was seen. On AWS it may come some seconds later.
const LOG_LIMIT: Duration = Duration::from_secs(2);

/// A reading that the stream accepted.
pub(super) struct SentReading<'a> {
    pub context: &'a Context,
    pub reading: &'a Reading,
    pub receipt: &'a PutReceipt,
    /// When it was sent, by both clocks.
    pub sent: (Instant, SystemTime),
    /// Time until the stream accepted it.
    pub accepted: Duration,
}

/// The hops of a reading, and how the wait ended.
pub(super) struct Followed {
    pub hops: Vec<Hop>,
    /// Time until its row was read.
    pub stored_after_ms: Option<u64>,
    pub result: Result<(), Error>,
}

/// How the wait for the row ended.
enum Arrival {
    Stored,
    Rejected(DeadLetterReason),
    /// Not within the limit; with what was seen last.
    Missing(Error),
}

impl SentReading<'_> {
    /// Waits until the table holds the reading, and finds out when it took each hop, or which one it did not take.
    pub(super) async fn follow(&self, limit: Duration) -> Followed {
        let context = self.context;
        let table = &context.settings.pipeline.table.name;
        let step = context.output.progress().step(format!("row in {table}"));
        let left =
            || Error::interrupted("interrupted; the stream took the reading, but it was not seen in the table yet");
        let arrival = context.or_interrupt(self.arrival(limit), left).await;
        let read_back = self.sent.0.elapsed();
        let is_stored = matches!(arrival, Ok(Arrival::Stored));
        let invocation = match arrival {
            Ok(_) => self.invocation().await,
            Err(_) => None,
        };
        step.clear();
        let hops = self.hops(invocation.as_ref(), is_stored.then_some(read_back));
        for hop in &hops {
            context.output.status(hop_line(hop));
        }
        let result = match arrival {
            Ok(Arrival::Stored) => Ok(()),
            Ok(Arrival::Rejected(reason)) => Err(self.rejected(&reason)),
            Ok(Arrival::Missing(error)) => Err(self.missing(error, invocation.as_ref()).await),
            Err(error) => Err(error),
        };
        Followed { hops, stored_after_ms: is_stored.then(|| milliseconds(read_back)), result }
    }

    async fn arrival(&self, limit: Duration) -> Result<Arrival, Error> {
        let clients = self.context.clients().await?;
        let table = &self.context.settings.pipeline.table.name;
        let route = self.route().await?;
        let stored = wait_until_stored(clients, table, self.reading, &self.receipt.sequence_number, limit);
        let rejected = async {
            match route.wait_for_dead_letter(self.receipt).await {
                Ok(reason) => reason,
                Err(failure) => {
                    self.context.output.note(format!("dead letters are not looked for: {failure}"));
                    std::future::pending().await
                }
            }
        };
        tokio::select! {
            biased;
            stored = stored => match stored {
                Ok(()) => Ok(Arrival::Stored),
                Err(WaitError::Failed(failure)) => Err(failure.into()),
                Err(timed_out @ WaitError::TimedOut { .. }) => Ok(Arrival::Missing(Error::failed(timed_out.to_string()))),
            },
            reason = rejected => Ok(Arrival::Rejected(reason)),
        }
    }

    async fn route(&self) -> Result<DeliveryRoute<'_>, Error> {
        let pipeline = &self.context.settings.pipeline;
        Ok(DeliveryRoute {
            clients: self.context.clients().await?,
            stream: &pipeline.stream.name,
            function: &pipeline.function.name,
            log_group: pipeline.log_group_name(),
            rejects_table: &pipeline.rejects.table.name,
        })
    }

    /// Returns the invocation that had the reading, if the log shows it soon. If the log cannot be read, notes why and
    /// returns `None`.
    async fn invocation(&self) -> Option<Invocation> {
        let route = self.route().await.ok()?;
        let schedule = route.clients.schedule(LOG_LIMIT);
        let look = || async {
            let found = route.invocation(self.receipt, self.sent.1).await?;
            Ok::<_, crate::aws::AwsFailure>(found.map_or(Poll::Pending("not in the log"), Poll::Ready))
        };
        match wait::poll_until(schedule, look, |_, _| {}).await {
            Ok(invocation) => Some(invocation),
            Err(WaitError::TimedOut { .. }) => None,
            Err(WaitError::Failed(failure)) => {
                self.context.output.note(format!("when the function had the reading is not known: {failure}"));
                None
            }
        }
    }

    /// Returns the hops with the time from sending to each. What another clock measured is kept in order.
    fn hops(&self, invocation: Option<&Invocation>, read_back: Option<Duration>) -> Vec<Hop> {
        let pipeline = &self.context.settings.pipeline;
        let since = |time: SystemTime| {
            let since = time.duration_since(self.sent.1).unwrap_or_default();
            since.max(self.accepted).min(read_back.unwrap_or(since.max(self.accepted)))
        };
        let delivered = invocation.map(|invocation| since(invocation.began));
        let is_stored = |invocation: &&Invocation| read_back.is_some() && invocation.error.is_none();
        let stored = invocation.filter(is_stored).map(|invocation| since(invocation.ended));
        let PutReceipt { shard_id, sequence_number } = self.receipt;
        let hop = |name, after: Option<Duration>, place| Hop { name, ms: after.map(milliseconds), place };
        vec![
            hop("accepted", Some(self.accepted), format!("by {shard_id} at sequence number {sequence_number}")),
            hop("delivered", delivered, format!("to function {}", pipeline.function.name)),
            hop("stored", stored, format!("in table {}", pipeline.table.name)),
            hop("read_back", read_back, format!("from table {}", pipeline.table.name)),
        ]
    }

    fn rejected(&self, DeadLetterReason { code, reason }: &DeadLetterReason) -> Error {
        let table = &self.context.settings.pipeline.rejects.table.name;
        let PutReceipt { shard_id, sequence_number } = self.receipt;
        Error::incomplete(format!("the stream took the reading, but the function rejected it ({code}): {reason}"))
            .hint(format!("table {table} holds it: `sensorctl rejects show {shard_id}/{sequence_number}/0` shows it"))
    }

    /// Names the hop that did not happen, and what to look at.
    async fn missing(&self, last_seen: Error, invocation: Option<&Invocation>) -> Error {
        let pipeline = &self.context.settings.pipeline;
        let (table, function, stream) = (&pipeline.table.name, &pipeline.function.name, &pipeline.stream.name);
        let mapping = match self.route().await {
            Ok(route) => match route.mapping().await {
                Ok(mapping) => Some(mapping),
                Err(failure) => {
                    self.context.output.note(format!("the state of the event source mapping is not known: {failure}"));
                    None
                }
            },
            Err(_) => None,
        };
        let failed = |said: String| Error::failed(format!("the stream took the reading, but {said}"));
        let status = "`sensorctl status` shows whether the function and its mapping work, and its last result";
        let invoke = "`sensorctl invoke -v` runs the function once and shows its log; the mapping retries by itself";
        let error = match (invocation, mapping) {
            (Some(Invocation { error: Some(error), .. }), _) => {
                failed(format!("it was not stored: the function {function} got it and failed: {error}")).hint(invoke)
            }
            (Some(_), _) => failed(format!(
                "it was not read back: the function {function} got it, and table {table} does not hold it"
            ))
            .hint("`sensorctl plan` shows whether the function writes to this table"),
            (None, Some(None)) => {
                failed(format!("it was not delivered: no event source mapping reads {stream} for function {function}"))
                    .hint("`sensorctl up` creates it")
            }
            (None, Some(Some(MappingState { state, .. }))) if state != "Enabled" => {
                failed(format!("it was not delivered: the event source mapping is {state}"))
                    .hint("`sensorctl up` enables it, unless `mapping.enabled` is false")
            }
            (None, Some(Some(MappingState { last_result, .. }))) if last_result.starts_with("PROBLEM") => {
                failed(format!("it was not stored: the event source mapping reports {last_result}")).hint(invoke)
            }
            (None, Some(Some(MappingState { state, last_result }))) => failed(format!(
                "table {table} does not hold it; the event source mapping is {state}, its last result {last_result}"
            ))
            .hint("earlier records of its shard may come first: a longer `--timeout` waits longer")
            .hint(status),
            (None, None) => failed(format!("table {table} does not hold it")).hint(status),
        };
        error.with_source(last_seen)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
