//! The pipeline of a replay: its stream and its two tables.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use sensor_model::Reading;
use sensor_model::backoff::Backoff;
use tokio::time::{Instant, sleep};

use super::item::{FoundRejection, ReplayItem, ReplayReason};
use super::target::ReplayTarget;
use crate::aws::AwsFailure;
use crate::error::Error;
use crate::operate::dead_letters::deletion::Deletion;
use crate::operate::dead_letters::table::{DATA, REJECT, SHARD};
use crate::operate::{DeadLetter, DeadLetterId, DeadLetterTable};
use crate::pipeline::{
    MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, PutReceipt, RowState, batch_get, partition_key, rows_at,
};

/// The pauses after records that the stream did not take.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };
/// Time without an accepted record after which the rest is given up.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// The stream and the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PipelineTarget<'a> {
    /// The dead-letter table.
    pub letters: DeadLetterTable<'a>,
    /// The name of the stream.
    pub stream: &'a str,
    /// The name of the table of readings.
    pub table: &'a str,
}

impl PipelineTarget<'_> {
    /// Sends one request. Returns the answer to each record.
    async fn request(&self, items: &[&ReplayItem]) -> Result<Vec<Result<PutReceipt, String>>, AwsFailure> {
        let clients = self.letters.clients;
        let resource = format!("stream {}", self.stream);
        let call = clients.call("Kinesis", "PutRecords", &resource);
        let entry = |item: &&ReplayItem| {
            PutRecordsRequestEntry::builder()
                .data(Blob::new(item.data.as_slice()))
                .partition_key(partition_key(&item.reading.sensor_id))
                .build()
                .map_err(|error| call.build_failure(error))
        };
        let entries = items.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let request = clients.kinesis.put_records().stream_name(self.stream).set_records(Some(entries));
        let answer = call.answer(request.send().await)?;
        if answer.records.len() != items.len() {
            let (answers, records) = (answer.records.len(), items.len());
            return Err(call.build_failure(format!("{answers} answers to {records} records")));
        }
        let read =
            |entry: aws_sdk_kinesis::types::PutRecordsResultEntry| match (entry.error_code, entry.sequence_number) {
                (None, Some(sequence_number)) => {
                    Ok(PutReceipt { shard_id: entry.shard_id.unwrap_or_default(), sequence_number })
                }
                (code, _) => Err(code.unwrap_or_else(|| "no sequence number".to_owned())),
            };
        Ok(answer.records.into_iter().map(read).collect())
    }

    /// Puts records that fit into one request, and resends those that the stream did not take.
    async fn put_request(&self, items: &[&ReplayItem]) -> Result<Vec<Result<PutReceipt, ReplayReason>>, Error> {
        let mut answers: Vec<Option<PutReceipt>> = vec![None; items.len()];
        let mut progressed = Instant::now();
        let mut attempt = 0;
        loop {
            let open: Vec<usize> = (0..items.len()).filter(|at| answers[*at].is_none()).collect();
            let records: Vec<_> = open.iter().map(|at| items[*at]).collect();
            let results = self.letters.retry(|| self.request(&records)).await?;
            let mut refusal = None;
            for (at, result) in open.iter().zip(results) {
                match result {
                    Ok(receipt) => {
                        answers[*at] = Some(receipt);
                        (progressed, attempt) = (Instant::now(), 0);
                    }
                    Err(code) => refusal = Some(code),
                }
            }
            let Some(code) = refusal else { break };
            if progressed.elapsed() >= GIVE_UP_AFTER {
                let message = format!("the stream did not take it: {code}");
                let reason = || ReplayReason::new("not-taken", message.clone());
                return Ok(answers.into_iter().map(|answer| answer.ok_or_else(reason)).collect());
            }
            sleep(BACKOFF.full_jitter(attempt, rand::random())).await;
            attempt += 1;
        }
        Ok(answers.into_iter().flatten().map(Ok).collect())
    }

    async fn located<T>(&self, result: Result<T, AwsFailure>) -> Result<T, Error> {
        match result {
            Ok(value) => Ok(value),
            Err(failure) => Err(self.letters.clients.with_account_context(failure).await.into()),
        }
    }
}

impl ReplayTarget for PipelineTarget<'_> {
    async fn rows(&self, readings: &[&Reading]) -> Result<Vec<RowState>, Error> {
        self.located(rows_at(self.letters.clients, self.table, readings).await).await
    }

    async fn put(&self, items: &[&ReplayItem]) -> Result<Vec<Result<PutReceipt, ReplayReason>>, Error> {
        let mut answers = Vec::with_capacity(items.len());
        let mut rest = items;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |item: &&&ReplayItem| {
                bytes += item.data.len() + partition_key(&item.reading.sensor_id).len();
                bytes <= MAX_REQUEST_BYTES
            };
            let count = rest.iter().take(MAX_REQUEST_RECORDS).take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            answers.extend(self.put_request(now).await?);
            rest = later;
        }
        Ok(answers)
    }

    async fn rejections(&self, receipts: &[&PutReceipt]) -> Result<Vec<Option<FoundRejection>>, Error> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        // A replayed reading is a plain record, whose dead letter has the index 0 and begins with the part 0.
        let reject_id = |receipt: &PutReceipt| {
            let PutReceipt { shard_id, sequence_number } = receipt.clone();
            format!("{}000", DeadLetterId { shard_id, sequence_number, index: 0 }.prefix())
        };
        let key = |receipt: &&PutReceipt| -> HashMap<_, _> {
            [(SHARD.to_owned(), text(&receipt.shard_id)), (REJECT.to_owned(), text(&reject_id(receipt)))].into()
        };
        let keys = receipts.iter().map(key).collect();
        let items = self.located(batch_get(self.letters.clients, self.letters.name, keys).await).await?;
        let mut found = HashMap::new();
        for mut item in items {
            let data = match item.remove(DATA) {
                Some(AttributeValue::B(data)) => data.into_inner(),
                _ => Vec::new(),
            };
            let mut text = |name: &str| match item.remove(name) {
                Some(AttributeValue::S(text)) => text,
                _ => String::new(),
            };
            let reason = ReplayReason { code: text("Code"), message: text("Reason") };
            found.insert((text(SHARD), text(REJECT)), FoundRejection { reason, data });
        }
        Ok(receipts.iter().map(|receipt| found.remove(&(receipt.shard_id.clone(), reject_id(receipt)))).collect())
    }

    async fn delete(&self, letters: &[&DeadLetter]) -> Vec<Result<Deletion, Error>> {
        self.letters.delete_all(letters).await
    }
}
