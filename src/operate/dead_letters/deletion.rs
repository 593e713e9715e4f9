//! Deletes dead letters, each only as long as it is what was read.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt as _};

use super::dead_letter::DeadLetter;
use super::table::{DATA, DeadLetterTable, EXPIRES, REJECT, SHARD};
use crate::aws::AwsFailure;
use crate::error::Error;

/// Deletions in flight.
const CONCURRENT: usize = 32;
/// The service's code for an item that is not what it should be.
const NOT_AS_EXPECTED: &str = "ConditionalCheckFailedException";

/// The result of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// The table does not hold it any more.
    Deleted,
    /// It was written again since it was read, and is kept.
    Changed,
}

impl DeadLetterTable<'_> {
    /// Deletes dead letters, several at a time. Returns their results in the same order.
    pub(crate) async fn delete_all(&self, letters: &[&DeadLetter]) -> Vec<Result<Deletion, Error>> {
        stream::iter(letters).map(|letter| self.delete(letter)).buffered(CONCURRENT).collect().await
    }

    /// Deletes all parts of a dead letter, the last one first: what an interruption leaves begins with the first part.
    ///
    /// # Errors
    /// If a part cannot be deleted.
    pub(super) async fn delete(&self, letter: &DeadLetter) -> Result<Deletion, Error> {
        let mut end = letter.data.len();
        for part in letter.parts.iter().rev() {
            let begin = end.saturating_sub(part.bytes);
            let data = &letter.data[begin..end];
            end = begin;
            let deleted = || self.delete_part(letter, &part.reject_id, part.expires_at.as_deref(), data);
            if self.retry(deleted).await? == Deletion::Changed {
                return Ok(Deletion::Changed);
            }
        }
        Ok(Deletion::Deleted)
    }

    async fn delete_part(
        &self,
        letter: &DeadLetter,
        reject_id: &str,
        expires_at: Option<&str>,
        data: &[u8],
    ) -> Result<Deletion, AwsFailure> {
        let resource = format!("table {}", self.name);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut values: HashMap<_, _> = [(":data".to_owned(), AttributeValue::B(Blob::new(data)))].into();
        // Each time that the function writes it, it expires later.
        let unchanged = match expires_at {
            Some(number) => {
                values.insert(":expires".to_owned(), AttributeValue::N(number.to_owned()));
                "#expires = :expires"
            }
            None => "attribute_not_exists(#expires)",
        };
        let answer = self
            .clients
            .dynamodb
            .delete_item()
            .table_name(self.name)
            .key(SHARD, text(&letter.id.shard_id))
            .key(REJECT, text(reject_id))
            .condition_expression(format!("attribute_not_exists(#shard) OR (#data = :data AND {unchanged})"))
            .expression_attribute_names("#shard", SHARD)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#expires", EXPIRES)
            .set_expression_attribute_values(Some(values))
            .send()
            .await;
        match self.clients.call("DynamoDB", "DeleteItem", &resource).unit(answer) {
            Ok(()) => Ok(Deletion::Deleted),
            Err(failure) if failure.code.as_deref() == Some(NOT_AS_EXPECTED) => Ok(Deletion::Changed),
            Err(failure) => Err(failure),
        }
    }
}
