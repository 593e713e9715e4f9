//! Waits for a row of one reading.

use std::cmp::Ordering;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use sensor_model::Reading;

use super::item_decode::{SENSOR, SEQUENCE, TIME};
use crate::aws::wait::{self, Poll, WaitError};
use crate::aws::{AwsFailure, Clients};

/// Waits until the row of this reading has this sequence number, or a later one.
///
/// # Errors
/// If the row does not arrive within the limit, or if the table cannot be read.
pub(crate) async fn wait_until_stored(
    clients: &Clients,
    table: &str,
    reading: &Reading,
    sequence_number: &str,
    limit: Duration,
) -> Result<(), WaitError<AwsFailure, String>> {
    let schedule = clients.schedule(limit);
    let look = || async {
        let answer = clients
            .dynamodb
            .get_item()
            .table_name(table)
            .key(SENSOR, AttributeValue::S(reading.sensor_id.clone()))
            .key(TIME, AttributeValue::N(reading.current_time.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| clients.failure("DynamoDB", "GetItem", &format!("table {table}"), &error));
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.is_transient() => return Ok(Poll::Pending(failure.to_string())),
            Err(failure) => return Err(failure),
        };
        let found = answer.item.map(|mut item| item.remove(SEQUENCE));
        Ok(match found {
            Some(Some(AttributeValue::S(found)))
                if compare_sequence_numbers(&found, sequence_number) != Ordering::Less =>
            {
                Poll::Ready(())
            }
            Some(_) => Poll::Pending("the row is there, but an older one".to_owned()),
            None => Poll::Pending("no such row".to_owned()),
        })
    };
    match wait::poll_until(schedule, look, |_, _| {}).await {
        Err(WaitError::Failed(failure)) => Err(WaitError::Failed(clients.with_account_context(failure).await)),
        result => result,
    }
}

/// Compares sequence numbers, which are integers of up to 129 digits (docs/facts/kinesis.md, Sequence numbers).
pub(crate) fn compare_sequence_numbers(left: &str, right: &str) -> Ordering {
    let digits = |text: &str| text.trim_start_matches('0').to_owned();
    let (left, right) = (digits(left), digits(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(&right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compare_sequence_numbers_by_value() {
        assert_eq!(compare_sequence_numbers("9", "10"), Ordering::Less);
        assert_eq!(compare_sequence_numbers("0010", "10"), Ordering::Equal);
        assert_eq!(
            compare_sequence_numbers("49590338271490256608559692538361571095921575989136588898", "4"),
            Ordering::Greater
        );
    }
}
