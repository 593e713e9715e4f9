//! Partial batch responses of a function (docs/facts/event-source-mapping.md, Failed batches).

use serde_json::Value;

/// The result of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchResult {
    /// All records are done.
    Done,
    /// The records before this position are done; the one at it and all after it failed.
    FailedFrom(usize),
}

impl BatchResult {
    /// All records failed.
    pub(crate) const FAILED: BatchResult = BatchResult::FailedFrom(0);
}

/// Parses the response to a batch of records with these sequence numbers, which are in the order of the shard.
pub(crate) fn read<'a>(answer: &[u8], sequence_numbers: &(impl Iterator<Item = &'a str> + Clone)) -> BatchResult {
    if answer.is_empty() {
        return BatchResult::Done;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return BatchResult::FAILED };
    let failures = match &answer {
        Value::Null => return BatchResult::Done,
        Value::String(text) if text.is_empty() => return BatchResult::Done,
        Value::Array(list) if list.is_empty() => return BatchResult::Done,
        Value::Object(object) => match object.get("batchItemFailures") {
            None | Some(Value::Null) => return BatchResult::Done,
            Some(Value::Array(failures)) => failures,
            Some(_) => return BatchResult::FAILED,
        },
        // Any other response is not a valid partial batch response.
        _ => return BatchResult::FAILED,
    };
    let mut lowest = None;
    for failure in failures {
        let identifier = failure.get("itemIdentifier").and_then(Value::as_str);
        let position = identifier.and_then(|wanted| sequence_numbers.clone().position(|number| number == wanted));
        let Some(position) = position else { return BatchResult::FAILED };
        lowest = Some(lowest.map_or(position, |lowest: usize| lowest.min(position)));
    }
    lowest.map_or(BatchResult::Done, BatchResult::FailedFrom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(answer: &str) -> BatchResult {
        read(answer.as_bytes(), &["100", "101", "102", "103"].into_iter())
    }

    #[test]
    fn batch_response_recorded_successes_are_done() {
        let answers = ["", "[]", "null", "{}", "\"\"", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#];
        for answer in answers {
            assert_eq!(verdict(answer), BatchResult::Done, "{answer}");
        }
    }

    #[test]
    fn batch_response_recorded_failures_fail_the_whole_batch() {
        for item in [
            r#"{"itemIdentifier":""}"#,
            r#"{"itemIdentifier":null}"#,
            r#"{"itemIdentifier":"123"}"#,
            r#"{"itemIdentifier":123}"#,
            r#"{"foo":"101"}"#,
            r#""101""#,
        ] {
            let answer = format!(r#"{{"batchItemFailures":[{item}]}}"#);
            assert_eq!(verdict(&answer), BatchResult::FAILED, "{answer}");
            let among_good = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"102"}},{item}]}}"#);
            assert_eq!(verdict(&among_good), BatchResult::FAILED, "{among_good}");
        }
        for answer in ["{", "17", "\"OK\"", r#"{"batchItemFailures":"101"}"#] {
            assert_eq!(verdict(answer), BatchResult::FAILED, "{answer}");
        }
    }

    #[test]
    fn batch_response_lowest_sequence_number_is_the_checkpoint() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":"103"},{"itemIdentifier":"101"}]}"#;
        assert_eq!(verdict(answer), BatchResult::FailedFrom(1));
    }
}
