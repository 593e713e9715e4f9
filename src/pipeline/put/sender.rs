//! `PutRecord` and `PutRecords`: the only calls that put readings into the stream.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use sensor_model::Reading;

use super::record::partition_key;
use super::retry::EntryResult;
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::pipeline::Record;

/// The place of a record in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PutReceipt {
    /// The shard.
    pub shard_id: String,
    /// Its sequence number in the shard, a decimal number of up to 129 digits.
    pub sequence_number: String,
}

/// Puts one reading.
///
/// # Errors
/// If the stream does not accept it.
pub(crate) async fn put_one(clients: &Clients, stream: &str, reading: &Reading) -> Result<PutReceipt, AwsFailure> {
    let request = clients
        .kinesis
        .put_record()
        .stream_name(stream)
        .partition_key(partition_key(&reading.sensor_id))
        .data(Blob::new(reading.to_json()));
    match request.send().await {
        Ok(answer) => Ok(PutReceipt { shard_id: answer.shard_id, sequence_number: answer.sequence_number }),
        Err(error) => {
            let failure = clients.failure("Kinesis", "PutRecord", &format!("stream {stream}"), &error);
            Err(clients.with_account_context(failure).await)
        }
    }
}

/// Puts up to 500 records. Returns one result for each, in their order. The SDK retries only requests that fail as a
/// whole.
///
/// # Errors
/// If the request fails as a whole.
pub(crate) async fn put_records(
    clients: &Clients,
    stream: &str,
    records: &[&Record],
) -> Result<Vec<EntryResult>, AwsFailure> {
    let resource = format!("stream {stream}");
    let broken = |message: String| AwsFailure {
        service: "Kinesis",
        operation: "PutRecords",
        resource: resource.clone(),
        location: clients.location(),
        code: None,
        message,
        cause: FailureCause::Other,
    };
    let entries = records.iter().map(|record| {
        PutRecordsRequestEntry::builder()
            .data(Blob::new(record.data.as_str()))
            .partition_key(record.partition_key.as_str())
            .build()
    });
    let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| broken(error.to_string()))?;
    let answer = match clients.kinesis.put_records().stream_name(stream).set_records(Some(entries)).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let failure = clients.failure("Kinesis", "PutRecords", &resource, &error);
            // A transient failure is retried at once and not reported, so it needs no account.
            return Err(if failure.is_transient() { failure } else { clients.with_account_context(failure).await });
        }
    };
    if answer.records.len() != records.len() {
        return Err(broken(format!("{} answers to {} records", answer.records.len(), records.len())));
    }
    let read = |entry: aws_sdk_kinesis::types::PutRecordsResultEntry| match (entry.error_code, entry.sequence_number) {
        (Some(code), _) => EntryResult::Failed(code),
        (None, Some(_)) => EntryResult::Accepted,
        (None, None) => EntryResult::Failed("no sequence number".to_owned()),
    };
    Ok(answer.records.into_iter().map(read).collect())
}
