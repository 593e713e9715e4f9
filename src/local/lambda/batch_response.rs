//! What a function's answer to a batch means when the mapping takes partial failures
//! (docs/facts/event-source-mapping.md, Failed batches).

use serde_json::Value;

/// What came of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every record is done.
    Done,
    /// The records before this position are done; it and all after it are not.
    FailedFrom(usize),
}

impl Verdict {
    /// No record is done.
    pub(super) const FAILED: Verdict = Verdict::FailedFrom(0);
}

/// Reads the answer to a batch of records with these sequence numbers, which are in the order of the shard.
pub(super) fn read<'a>(answer: &[u8], sequence_numbers: &(impl Iterator<Item = &'a str> + Clone)) -> Verdict {
    if answer.is_empty() {
        return Verdict::Done;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return Verdict::FAILED };
    let failures = match &answer {
        Value::Null => return Verdict::Done,
        Value::String(text) if text.is_empty() => return Verdict::Done,
        Value::Array(list) if list.is_empty() => return Verdict::Done,
        Value::Object(object) => match object.get("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::Done,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Verdict::FAILED,
        },
        // Anything else is no answer of a function that says which records failed.
        _ => return Verdict::FAILED,
    };
    let mut lowest = None;
    for failure in failures {
        let identifier = failure.get("itemIdentifier").and_then(Value::as_str);
        let position = identifier.and_then(|wanted| sequence_numbers.clone().position(|number| number == wanted));
        let Some(position) = position else { return Verdict::FAILED };
        lowest = Some(lowest.map_or(position, |lowest: usize| lowest.min(position)));
    }
    lowest.map_or(Verdict::Done, Verdict::FailedFrom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(answer: &str) -> Verdict {
        read(answer.as_bytes(), &["100", "101", "102", "103"].into_iter())
    }

    #[test]
    fn recorded_answers_that_are_a_success() {
        let answers = ["", "[]", "null", "{}", "\"\"", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#];
        for answer in answers {
            assert_eq!(verdict(answer), Verdict::Done, "{answer}");
        }
    }

    #[test]
    fn recorded_answers_that_fail_the_whole_batch() {
        for item in [
            r#"{"itemIdentifier":""}"#,
            r#"{"itemIdentifier":null}"#,
            r#"{"itemIdentifier":"123"}"#,
            r#"{"itemIdentifier":123}"#,
            r#"{"foo":"101"}"#,
            r#""101""#,
        ] {
            let answer = format!(r#"{{"batchItemFailures":[{item}]}}"#);
            assert_eq!(verdict(&answer), Verdict::FAILED, "{answer}");
            let among_good = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"102"}},{item}]}}"#);
            assert_eq!(verdict(&among_good), Verdict::FAILED, "{among_good}");
        }
        for answer in ["{", "17", "\"OK\"", r#"{"batchItemFailures":"101"}"#] {
            assert_eq!(verdict(answer), Verdict::FAILED, "{answer}");
        }
    }

    #[test]
    fn the_lowest_sequence_number_is_the_checkpoint() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":"103"},{"itemIdentifier":"101"}]}"#;
        assert_eq!(verdict(answer), Verdict::FailedFrom(1));
    }
}
