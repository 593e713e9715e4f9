//! `PutRecord` and `PutRecords`, the only calls that put readings into the stream, and `ListShards`.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsResultEntry, ShardFilter, ShardFilterType};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use sensor_model::Reading;

use super::parcel::PutEntry;
use super::put_body::put_records_body;
use super::record::partition_key;
use super::retry::EntryResult;
use super::shard_map::ShardRange;
use super::stream_writer::StreamWriter;
use crate::aws::{AwsFailure, Clients};

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

/// The stream of the pipeline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KinesisStream<'a> {
    /// The services.
    pub clients: &'a Clients,
    /// Its name.
    pub name: &'a str,
}

impl KinesisStream<'_> {
    /// Sends one request. Returns the place of each record, or the code of its failure. The SDK retries only requests that
    /// fail as a whole.
    ///
    /// # Errors
    /// If the request fails as a whole.
    pub(crate) async fn put_records(
        &self,
        entries: &[PutEntry<'_>],
    ) -> Result<Vec<Result<PutReceipt, String>>, AwsFailure> {
        let KinesisStream { clients, name } = self;
        let resource = format!("stream {name}");
        let broken = |message: String| clients.build_failure("Kinesis", "PutRecords", &resource, message);
        let body = Bytes::from(put_records_body(name, entries));
        // Each attempt of the SDK signs and sends this body instead of the empty one that it serialized.
        let with_body = move |request: &mut HttpRequest| {
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.clone());
        };
        let request = clients.kinesis.put_records().stream_name(*name).set_records(Some(Vec::new()));
        let answer = match request.customize().mutate_request(with_body).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = clients.failure("Kinesis", "PutRecords", &resource, &error);
                // A transient failure is retried at once and not reported, so it needs no account.
                return Err(if failure.is_transient() { failure } else { clients.with_account_context(failure).await });
            }
        };
        if answer.records.len() != entries.len() {
            return Err(broken(format!("{} answers to {} records", answer.records.len(), entries.len())));
        }
        let read = |entry: PutRecordsResultEntry| match (entry.error_code, entry.sequence_number) {
            (Some(code), _) => Err(code),
            (None, Some(sequence_number)) => {
                Ok(PutReceipt { shard_id: entry.shard_id.unwrap_or_default(), sequence_number })
            }
            (None, None) => Err("no sequence number".to_owned()),
        };
        Ok(answer.records.into_iter().map(read).collect())
    }
}

impl StreamWriter for KinesisStream<'_> {
    async fn put(&self, entries: &[PutEntry<'_>]) -> Result<Vec<EntryResult>, AwsFailure> {
        let result = |answer| match answer {
            Ok(PutReceipt { shard_id, .. }) => EntryResult::Accepted { shard_id },
            Err(code) => EntryResult::Failed(code),
        };
        Ok(self.put_records(entries).await?.into_iter().map(result).collect())
    }

    async fn open_shards(&self) -> Result<Vec<ShardRange>, AwsFailure> {
        let KinesisStream { clients, name } = self;
        let resource = format!("stream {name}");
        let call = || clients.call("Kinesis", "ListShards", &resource);
        let open = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build();
        let open = open.map_err(|error| call().build_failure(error))?;
        let mut request = clients.kinesis.list_shards().stream_name(*name).shard_filter(open);
        let mut shards = Vec::new();
        loop {
            let answer = call().answer(request.send().await)?;
            for shard in answer.shards.unwrap_or_default() {
                // An emulator may not know the filter.
                let is_open = shard.sequence_number_range.is_none_or(|range| range.ending_sequence_number.is_none());
                let Some(range) = shard.hash_key_range.filter(|_| is_open) else { continue };
                let (start, end) = (range.starting_hash_key.parse(), range.ending_hash_key.parse());
                let (Ok(start), Ok(end)) = (start, end) else {
                    return Err(call().build_failure(format!("the range of {} is not a number", shard.shard_id)));
                };
                shards.push(ShardRange { id: shard.shard_id, start, end });
            }
            match answer.next_token {
                // With a token, the service takes neither name nor filter.
                Some(token) => request = clients.kinesis.list_shards().next_token(token),
                None => return Ok(shards),
            }
        }
    }
}
