//! Deletes the rows of canaries, including rows that arrive late or come back. Reports the keys of those that may
//! remain.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures::stream::{self, StreamExt};
use sensor_model::Reading;

use super::registry::State;
use super::{MAX_IN_FLIGHT, ProbeRoute};
use crate::aws::wait::{self, Poll};
use crate::aws::{AwsFailure, FailureCause};
use crate::pipeline::read::item_decode::{SENSOR, TIME};

/// Maximum wait for a row that only needs deletion.
const GRACE: Duration = Duration::from_secs(5);

/// Time limit of a deletion.
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum times that a row may come back.
const RETURNS: u32 = 10;

/// A canary that is in the table, or may still arrive there.
#[derive(Clone, Debug)]
pub(crate) struct RemainingProbe {
    sensor_id: String,
    time: String,
    why: String,
}

impl RemainingProbe {
    /// Returns the key of its row in the syntax of the AWS CLI.
    #[must_use]
    pub(crate) fn key(&self) -> String {
        let RemainingProbe { sensor_id, time, .. } = self;
        format!("{{\"{SENSOR}\":{{\"S\":\"{sensor_id}\"}},\"{TIME}\":{{\"N\":\"{time}\"}}}}")
    }
}

impl fmt::Display for RemainingProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RemainingProbe { sensor_id, time, why } = self;
        write!(formatter, "{SENSOR} {sensor_id}, {TIME} {time} ({why})")
    }
}

impl ProbeRoute<'_> {
    /// Deletes the rows of all canaries that were put since the last cleanup. Returns those that may remain.
    pub(crate) async fn delete_remaining_probes(&self) -> Vec<RemainingProbe> {
        let canaries = self.trail.all();
        if canaries.iter().any(|(_, state)| *state == State::Removed) {
            // Wait for rows that come back.
            tokio::time::sleep(self.schedule(WAIT_TIMEOUT).longest).await;
        }
        let left = stream::iter(&canaries).map(|(canary, state)| async move {
            let why = self.clear(canary, *state).await.err()?;
            Some(RemainingProbe { sensor_id: canary.sensor_id.clone(), time: canary.current_time.to_string(), why })
        });
        let left: Vec<_> = left.buffered(MAX_IN_FLIGHT).collect().await;
        for (canary, _) in &canaries {
            self.trail.forget(canary);
        }
        left.into_iter().flatten().collect()
    }

    /// Deletes one row, or returns the reason why it may remain.
    async fn clear(&self, canary: &Reading, state: State) -> Result<(), String> {
        if state != State::Removed {
            let limit = if state == State::OnItsWay { GRACE } else { Duration::ZERO };
            let look = || async {
                let was_there = self.remove(canary).await?;
                Ok::<_, AwsFailure>(if was_there { Poll::Ready(()) } else { Poll::Pending("no such row") })
            };
            wait::poll_until(self.schedule(limit), look, |_, _| {}).await.map_err(|error| match error {
                wait::WaitError::Failed(failure) => format!("not deleted: {failure}"),
                wait::WaitError::TimedOut { .. } => "not there yet; it may come late".to_owned(),
            })?;
        }
        for _ in 0..RETURNS {
            if !self.remove(canary).await.map_err(|failure| format!("not deleted: {failure}"))? {
                return Ok(());
            }
            tokio::time::sleep(self.schedule(WAIT_TIMEOUT).longest).await;
        }
        Err("it comes back whenever it is deleted".to_owned())
    }

    /// Deletes the row of a canary. Returns whether it existed.
    pub(super) async fn remove(&self, canary: &Reading) -> Result<bool, AwsFailure> {
        let request = self
            .clients
            .dynamodb
            .delete_item()
            .table_name(self.table)
            .key(SENSOR, AttributeValue::S(canary.sensor_id.clone()))
            .key(TIME, AttributeValue::N(canary.current_time.to_string()))
            .return_values(ReturnValue::AllOld);
        let call = self.clients.call("DynamoDB", "DeleteItem", self.table);
        match self.retry(WAIT_TIMEOUT, || async { call.answer(request.clone().send().await) }).await {
            Ok(answer) => Ok(answer.attributes.is_some()),
            // Without the table there is no row.
            Err(failure) if failure.cause == FailureCause::Missing => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
