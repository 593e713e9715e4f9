//! Finds the record of a batch for which the function fails: runs the function on ever smaller parts of the batch, away
//! from the pipeline.

use futures::future::BoxFuture;
use serde::Serialize;

use crate::operate::EventRecord;

/// The settings of the deployed function that decide how it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionSetup {
    /// Its memory in MB.
    pub memory_mb: i32,
    /// Its time limit in seconds.
    pub timeout_seconds: i32,
    /// True if it has a dead-letter table. Without one, a record that is not a reading fails the batch.
    pub has_rejects_table: bool,
    /// True if it returns partial batch responses.
    pub is_partial_batch: bool,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BatchRun {
    /// Every record was stored, or is a dead letter.
    Stored,
    /// Something was not stored.
    Failed {
        /// Why.
        reason: String,
        /// The first record that was not stored, if the function knows it.
        first_failed: Option<String>,
    },
}

/// Runs the bundled function on records. Nothing of a run reaches the pipeline.
pub(crate) trait BatchRunner: Send + Sync {
    /// Runs the function once on these records of a stream.
    ///
    /// The error says why the function cannot run here.
    fn run<'a>(
        &'a self,
        setup: &'a FunctionSetup,
        stream_arn: &'a str,
        records: &'a [EventRecord],
    ) -> BoxFuture<'a, Result<BatchRun, String>>;
}

/// How the record for which the function fails is searched for.
#[derive(Clone, Copy)]
pub(crate) struct SearchOptions<'a> {
    /// Runs the function.
    pub runner: &'a dyn BatchRunner,
    /// True if the content of the record is shown.
    pub shows_data: bool,
}

/// A record for which the function fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FaultyRecord {
    /// Its shard.
    pub shard_id: String,
    /// Its sequence number.
    pub sequence_number: String,
    /// Its partition key.
    pub partition_key: String,
    /// Why the function fails for it. Holds no content of readings.
    pub reason: String,
    /// Its content, if it was asked for.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub content: Option<RecordContent>,
}

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RecordContent {
    /// `text` or `base64`.
    pub encoding: &'static str,
    /// The content in that encoding.
    pub data: String,
}

/// The result of the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bisection {
    /// The function fails for this record alone.
    Found {
        /// Its index.
        index: usize,
        /// Why the function fails for it.
        reason: String,
    },
    /// The function fails for these records only together.
    Together {
        /// The index of the first.
        first: usize,
        /// Their number.
        count: usize,
        /// Why the function fails for them.
        reason: String,
    },
    /// The function stores all of them.
    NotReproduced,
}

/// Finds the record for which the function fails, in about two runs for each halving.
///
/// # Errors
/// If the function cannot run.
pub(crate) async fn bisect(
    runner: &dyn BatchRunner,
    setup: &FunctionSetup,
    stream_arn: &str,
    records: &[EventRecord],
) -> Result<Bisection, String> {
    let run = |first: usize, count: usize| runner.run(setup, stream_arn, &records[first..first + count]);
    let (mut first, mut count) = (0, records.len());
    let BatchRun::Failed { mut reason, mut first_failed } = run(first, count).await? else {
        return Ok(Bisection::NotReproduced);
    };
    while count > 1 {
        // The function may know the record.
        let named = first_failed.take();
        let named = named.and_then(|number| records.iter().position(|record| record.sequence_number == number));
        if let Some(index) = named
            && let BatchRun::Failed { reason, .. } = run(index, 1).await?
        {
            return Ok(Bisection::Found { index, reason });
        }
        let left = count / 2;
        let mut half = (first, left);
        let mut outcome = run(half.0, half.1).await?;
        if outcome == BatchRun::Stored {
            half = (first + left, count - left);
            outcome = run(half.0, half.1).await?;
        }
        match outcome {
            BatchRun::Stored => return Ok(Bisection::Together { first, count, reason }),
            BatchRun::Failed { reason: of_half, first_failed: named } => {
                (first, count) = half;
                (reason, first_failed) = (of_half, named);
            }
        }
    }
    Ok(Bisection::Found { index: first, reason })
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;

    use super::*;

    /// A function that fails for batches by a rule.
    struct Rule<F>(F, AtomicUsize);

    impl<F: Fn(&[usize]) -> BatchRun + Send + Sync> BatchRunner for Rule<F> {
        fn run<'a>(
            &'a self,
            _: &'a FunctionSetup,
            _: &'a str,
            records: &'a [EventRecord],
        ) -> BoxFuture<'a, Result<BatchRun, String>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let numbers: Vec<_> = records.iter().map(|record| record.sequence_number.parse().unwrap()).collect();
            async move { Ok((self.0)(&numbers)) }.boxed()
        }
    }

    pub(in crate::operate::diagnosis) fn record(number: usize) -> EventRecord {
        EventRecord {
            shard_id: "shardId-0".into(),
            sequence_number: number.to_string(),
            partition_key: format!("key-{number}"),
            data: vec![0xff],
            arrived: 0.0,
        }
    }

    fn found(count: usize, rule: impl Fn(&[usize]) -> BatchRun + Send + Sync) -> (Bisection, usize) {
        let records: Vec<_> = (0..count).map(record).collect();
        let runner = Rule(rule, AtomicUsize::new(0));
        let setup = FunctionSetup::default();
        let found = bisect(&runner, &setup, "arn", &records).now_or_never().unwrap().unwrap();
        (found, runner.1.into_inner())
    }

    fn failed(first_failed: Option<usize>) -> BatchRun {
        BatchRun::Failed { reason: "no".into(), first_failed: first_failed.map(|number| number.to_string()) }
    }

    fn fails_if(is_failure: bool) -> BatchRun {
        if is_failure { failed(None) } else { BatchRun::Stored }
    }

    #[test]
    fn record_is_found_at_every_place_of_a_batch_in_few_runs() {
        for count in [1, 2, 3, 7, 100, 1000] {
            for bad in [0, count / 2, count - 1] {
                let (found, runs) = found(count, |numbers| fails_if(numbers.contains(&bad)));
                assert_eq!(found, Bisection::Found { index: bad, reason: "no".into() }, "{bad} of {count}");
                assert!(runs <= 1 + 2 * 10, "{runs} runs for {bad} of {count}");
            }
        }
    }

    #[test]
    fn first_of_two_bad_records_is_found() {
        let (found, _) = found(64, |numbers| fails_if(numbers.contains(&9) || numbers.contains(&40)));
        assert_eq!(found, Bisection::Found { index: 9, reason: "no".into() });
    }

    #[test]
    fn record_that_the_function_names_is_found_in_two_runs() {
        let rule = |numbers: &[usize]| if numbers.contains(&77) { failed(Some(77)) } else { BatchRun::Stored };
        assert_eq!(found(1000, rule), (Bisection::Found { index: 77, reason: "no".into() }, 2));
    }

    #[test]
    fn wrongly_named_record_does_not_end_the_search() {
        let rule = |numbers: &[usize]| if numbers.contains(&3) { failed(Some(5)) } else { BatchRun::Stored };
        assert_eq!(found(8, rule).0, Bisection::Found { index: 3, reason: "no".into() });
    }

    #[test]
    fn records_that_fail_only_together_are_not_one_record() {
        let together = found(10, |numbers| fails_if(numbers.len() > 5)).0;
        assert_eq!(together, Bisection::Together { first: 0, count: 10, reason: "no".into() });
        assert_eq!(found(10, |_| BatchRun::Stored).0, Bisection::NotReproduced);
    }
}
