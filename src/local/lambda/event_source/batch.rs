//! The processing of a batch: done, retried from the first failure, bisected, or discarded.
//!
//! Source: docs/facts/event-source-mapping.md, Failed batches. Pure.

use std::collections::VecDeque;

use super::batch_response::BatchResult;

/// The retry policy of an event source mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Maximum retries, or -1 for no limit.
    pub max_retries: i64,
    /// True if a failed batch is bisected.
    pub bisect: bool,
}

/// A batch, possibly split into parts that are processed in order.
#[derive(Debug)]
pub(crate) struct Batch<R> {
    parts: VecDeque<Part<R>>,
}

#[derive(Debug)]
struct Part<R> {
    records: Vec<R>,
    retries: i64,
    /// Number of attempts.
    tries: u64,
}

/// The records settled by an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled<R> {
    /// Records that the function processed.
    pub done: Vec<R>,
    /// Records without retries left.
    pub given_up: Option<GivenUp<R>>,
}

/// Discarded records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GivenUp<R> {
    /// The records, at least one.
    pub records: Vec<R>,
    /// Number of attempts.
    pub tries: u64,
    pub condition: Condition,
}

/// The reason for discarding records, by the service's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl<R> Batch<R> {
    pub(crate) fn new(records: Vec<R>) -> Self {
        Batch { parts: VecDeque::from([Part { records, retries: 0, tries: 0 }]) }
    }

    /// Returns the records of the next attempt, or `None` when all are settled.
    pub(crate) fn current(&self) -> Option<&[R]> {
        self.parts.front().map(|part| part.records.as_slice())
    }

    /// Splits the current part after `count` records; this is not an attempt.
    pub(crate) fn cut(&mut self, count: usize) {
        if let Some(part) = self.parts.front_mut().filter(|part| count < part.records.len()) {
            let rest = part.records.split_off(count);
            let (retries, tries) = (part.retries, part.tries);
            self.parts.insert(1, Part { records: rest, retries, tries });
        }
    }

    /// Removes the leading records of the current part that are too old, without an attempt.
    pub(crate) fn give_up_while(&mut self, too_old: impl Fn(&R) -> bool) -> Option<GivenUp<R>> {
        let part = self.parts.front_mut()?;
        let count = part.records.iter().take_while(|record| too_old(record)).count();
        let records: Vec<R> = part.records.drain(..count).collect();
        let given_up = GivenUp { records, tries: part.tries, condition: Condition::RecordAgeExceeded };
        if part.records.is_empty() {
            self.parts.pop_front();
        }
        if count == 0 { None } else { Some(given_up) }
    }

    /// Applies the result of the current part.
    pub(crate) fn settle(&mut self, verdict: BatchResult, policy: Policy) -> Settled<R> {
        let Some(Part { mut records, retries, tries }) = self.parts.pop_front() else {
            return Settled { done: Vec::new(), given_up: None };
        };
        let from = match verdict {
            BatchResult::Done => records.len(),
            BatchResult::FailedFrom(position) => position.min(records.len()),
        };
        let tries = tries + 1;
        let mut rest = records.split_off(from);
        let mut settled = Settled { done: records, given_up: None };
        let mut again = |records, retries| self.parts.push_front(Part { records, retries, tries });
        if rest.is_empty() {
            return settled;
        }
        if policy.bisect && from > 0 {
            // Split at the sequence number that the function returned; splitting does not count as a retry.
            again(rest, retries);
        } else if policy.bisect && rest.len() > 1 {
            again(rest.split_off(rest.len() / 2), retries);
            again(rest, retries);
        } else if policy.max_retries >= 0 && retries >= policy.max_retries {
            let condition = Condition::RetryAttemptsExhausted;
            settled.given_up = Some(GivenUp { records: rest, tries, condition });
        } else {
            again(rest, retries + 1);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(max_retries: i64, bisect: bool) -> Policy {
        Policy { max_retries, bisect }
    }

    /// Processes a batch with a function that handles records up to the first bad one.
    fn run(count: u32, bad: &[u32], policy: Policy, partial: bool) -> (Vec<u32>, Vec<u32>, usize) {
        let mut batch = Batch::new((0..count).collect());
        let (mut done, mut given_up, mut tries) = (Vec::new(), Vec::new(), 0);
        while let Some(current) = batch.current() {
            tries += 1;
            assert!(tries < 10_000, "it never ends");
            let verdict = match current.iter().position(|record| bad.contains(record)) {
                None => BatchResult::Done,
                Some(position) if partial => BatchResult::FailedFrom(position),
                Some(_) => BatchResult::FAILED,
            };
            let settled = batch.settle(verdict, policy);
            done.extend(settled.done);
            given_up.extend(settled.given_up.into_iter().flat_map(|given_up| given_up.records));
        }
        (done, given_up, tries)
    }

    #[test]
    fn batch_failure_is_retried_to_the_limit_then_discarded_whole() {
        let (done, given_up, tries) = run(4, &[2], policy(2, false), false);
        assert_eq!((done, given_up, tries), (vec![], vec![0, 1, 2, 3], 3));
    }

    #[test]
    fn batch_discard_has_condition_and_number_of_attempts() {
        let mut batch = Batch::new(vec![1, 2, 3]);
        let policy = policy(2, false);
        for _ in 0..2 {
            assert_eq!(batch.settle(BatchResult::FAILED, policy).given_up, None);
        }
        // Even if the last attempt gets as far as the second record: the records behind it are discarded too.
        let settled = batch.settle(BatchResult::FailedFrom(1), policy);
        assert_eq!(settled.done, [1]);
        let condition = Condition::RetryAttemptsExhausted;
        assert_eq!(settled.given_up, Some(GivenUp { records: vec![2, 3], tries: 3, condition }));
        assert_eq!(batch.current(), None);
    }

    #[test]
    fn batch_without_retries_has_one_attempt() {
        assert_eq!(run(3, &[0], policy(0, false), false).2, 1);
    }

    #[test]
    fn batch_bisect_discards_only_the_bad_record() {
        let (done, given_up, _) = run(9, &[5], policy(0, true), false);
        assert_eq!((done, given_up), (vec![0, 1, 2, 3, 4, 6, 7, 8], vec![5]));
    }

    #[test]
    fn batch_partial_failure_is_retried_from_the_lowest_record() {
        let mut batch = Batch::new(vec![1, 2, 3, 4]);
        let settled = batch.settle(BatchResult::FailedFrom(2), policy(-1, false));
        assert_eq!(settled.done, [1, 2]);
        assert_eq!(batch.current(), Some([3, 4].as_slice()));
    }

    #[test]
    fn batch_records_too_old_are_discarded_without_an_attempt() {
        let mut batch = Batch::new(vec![1, 2, 3]);
        let given_up =
            |records: Vec<i32>, tries| Some(GivenUp { records, tries, condition: Condition::RecordAgeExceeded });
        assert_eq!(batch.give_up_while(|record| *record < 1), None);
        assert_eq!(batch.give_up_while(|record| *record < 3), given_up(vec![1, 2], 0));
        assert_eq!(batch.current(), Some([3].as_slice()));
        batch.settle(BatchResult::FAILED, policy(-1, false));
        assert_eq!(batch.give_up_while(|_| true), given_up(vec![3], 1));
        assert_eq!(batch.current(), None);
    }

    #[test]
    fn batch_split_parts_are_processed_in_order() {
        let mut batch = Batch::new(vec![1, 2, 3]);
        batch.settle(BatchResult::FAILED, policy(1, false));
        batch.cut(3);
        assert_eq!(batch.current(), Some([1, 2, 3].as_slice()));
        batch.cut(2);
        assert_eq!(batch.current(), Some([1, 2].as_slice()));
        assert_eq!(batch.settle(BatchResult::Done, policy(1, false)).done, [1, 2]);
        let condition = Condition::RetryAttemptsExhausted;
        let given_up = batch.settle(BatchResult::FAILED, policy(1, false)).given_up;
        assert_eq!(given_up, Some(GivenUp { records: vec![3], tries: 2, condition }), "the retry that it had is gone");
    }

    #[test]
    fn batch_bisect_with_partial_failure_splits_there_without_counting_a_retry() {
        let mut batch = Batch::new(vec![1, 2, 3, 4]);
        let policy = policy(1, true);
        assert_eq!(batch.settle(BatchResult::FailedFrom(1), policy).done, [1]);
        assert_eq!(batch.current(), Some([2, 3, 4].as_slice()), "not halved");
        batch.settle(BatchResult::FAILED, policy);
        assert_eq!(batch.current(), Some([2].as_slice()), "nothing done: halved");
        assert_eq!(batch.settle(BatchResult::FAILED, policy).given_up, None, "the one retry is left");
        let condition = Condition::RetryAttemptsExhausted;
        let given_up = batch.settle(BatchResult::FAILED, policy).given_up;
        assert_eq!(given_up, Some(GivenUp { records: vec![2], tries: 4, condition }));
        assert_eq!(batch.current(), Some([3, 4].as_slice()));
    }

    proptest! {
        #[test]
        fn batch_settles_every_record_once_and_in_order(
            count in 1_u32..40,
            bad in proptest::collection::vec(0_u32..40, 0..6),
            retries in 0_i64..4,
            bisect: bool,
            partial: bool,
        ) {
            let (done, given_up, _) = run(count, &bad, policy(retries, bisect), partial);
            prop_assert!(done.is_sorted());
            prop_assert!(given_up.is_sorted());
            let mut all = [done.clone(), given_up].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
            prop_assert!(done.iter().all(|record| !bad.contains(record)));
        }

        #[test]
        fn batch_bisect_never_discards_a_good_record(count in 1_u32..40, bad in proptest::collection::vec(0_u32..40, 0..6), partial: bool) {
            let (_, given_up, _) = run(count, &bad, policy(1, true), partial);
            prop_assert!(given_up.iter().all(|record| bad.contains(record)));
        }
    }
}
