//! Shard iterators: a position in a shard, valid for five minutes, in an opaque token.

use ferrokinesis_core::shard_iterator::{create_shard_iterator, decode_shard_iterator};
use jiff::Timestamp;

use super::sequence::{SequenceNumber, shard_id, shard_number};
use crate::protocol::aws_json::ServiceError;

/// Lifetime of an iterator, in milliseconds.
const LIFETIME: u64 = 5 * 60 * 1000;

/// A decoded shard iterator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardIterator {
    /// Name of the stream.
    pub stream: String,
    /// Number of the shard.
    pub shard: u32,
    /// The shard's epoch.
    pub created: u64,
    /// Index of the record to read next.
    pub next: u64,
}

impl ShardIterator {
    /// Returns the opaque token for clients.
    pub(super) fn token(&self, now: u64) -> String {
        let at = SequenceNumber {
            created: self.created,
            shard: self.shard,
            index: self.next,
            time: 0,
            is_continuation: false,
        };
        create_shard_iterator(&self.stream, &shard_id(self.shard), &at.to_string(), now)
    }

    /// Returns the stream in a token of any age, or `None` if the text is not a valid token.
    pub(super) fn stream_in(token: &str) -> Option<String> {
        decode_shard_iterator(token).ok().map(|(_, stream, ..)| stream)
    }

    /// Parses a token.
    ///
    /// # Errors
    /// `InvalidArgumentException` for an invalid token, `ExpiredIteratorException` after five minutes.
    pub(super) fn parse(token: &str, now: u64) -> Result<Self, ServiceError> {
        let invalid = || ServiceError::bad_request("InvalidArgumentException", "Invalid ShardIterator.");
        let (made, stream, shard, at) = decode_shard_iterator(token).map_err(|_| invalid())?;
        let at = SequenceNumber::parse(&at).ok_or_else(invalid)?;
        if shard_number(&shard) != Some(at.shard) || made > now + LIFETIME {
            return Err(invalid());
        }
        if now.saturating_sub(made) > LIFETIME {
            let message = format!(
                "Iterator expired. The iterator was created at time {} while right now it is {} which is further in \
                 the future than the tolerated delay of {LIFETIME} milliseconds.",
                in_words(made),
                in_words(now)
            );
            return Err(ServiceError::bad_request("ExpiredIteratorException", message));
        }
        Ok(ShardIterator { stream, shard: at.shard, created: at.created, next: at.index })
    }
}

/// Formats a time like `Thu Jan 22 01:22:02 UTC 2015`.
fn in_words(millis: u64) -> String {
    let time = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    time.unwrap_or_default().strftime("%a %b %d %H:%M:%S UTC %Y").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn iterator_token_parses_until_it_expires_after_five_minutes(
            stream in "[a-zA-Z0-9_.-]{1,128}", shard: u16, created in 0..10_000_000_000_u64, next in 0..1_u64 << 62,
        ) {
            let iterator = ShardIterator { stream, shard: u32::from(shard), created, next };
            let token = iterator.token(1_000_000);
            prop_assert!(token.len() <= 512);
            prop_assert_eq!(ShardIterator::parse(&token, 1_000_000 + LIFETIME).unwrap(), iterator);
            let error = ShardIterator::parse(&token, 1_000_001 + LIFETIME).unwrap_err();
            prop_assert_eq!(error.code, "ExpiredIteratorException");
            prop_assert!(error.message.contains("Thu Jan 01 00:16:40 UTC 1970"), "{}", error.message);
        }

        #[test]
        fn iterator_token_invalid_text_is_rejected(text in ".*|[A-Za-z0-9+/]{200,400}") {
            prop_assert_eq!(ShardIterator::parse(&text, 0).unwrap_err().code, "InvalidArgumentException");
        }
    }
}
