//! A batch and what becomes of it: done, tried again from the first failure, halved, or given up (facts: C6). Pure.

use std::collections::VecDeque;

use super::batch_answer::Verdict;

/// What a mapping does with a batch that fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// Retries, or -1 for no limit.
    pub max_retries: i64,
    /// Whether a failed batch is halved.
    pub bisect: bool,
}

/// A batch, possibly split into parts that are tried one after the other.
#[derive(Debug)]
pub(super) struct Batch<R> {
    parts: VecDeque<Part<R>>,
}

#[derive(Debug)]
struct Part<R> {
    records: Vec<R>,
    retries: i64,
}

/// Records that need no further try.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled<R> {
    /// The function has dealt with them.
    pub done: Vec<R>,
    /// Their retries are used up.
    pub given_up: Vec<R>,
}

impl<R> Batch<R> {
    pub(super) fn new(records: Vec<R>) -> Self {
        Batch { parts: VecDeque::from([Part { records, retries: 0 }]) }
    }

    /// The records to try next; `None` when all are settled.
    pub(super) fn current(&self) -> Option<&[R]> {
        self.parts.front().map(|part| part.records.as_slice())
    }

    /// Takes the leading records of the current part for which this holds, without a try.
    pub(super) fn give_up_while(&mut self, too_old: impl Fn(&R) -> bool) -> Vec<R> {
        let Some(part) = self.parts.front_mut() else { return Vec::new() };
        let count = part.records.iter().take_while(|record| too_old(record)).count();
        let old = part.records.drain(..count).collect();
        if part.records.is_empty() {
            self.parts.pop_front();
        }
        old
    }

    /// Takes in what came of the current part.
    pub(super) fn settle(&mut self, verdict: Verdict, policy: Policy) -> Settled<R> {
        let mut settled = Settled { done: Vec::new(), given_up: Vec::new() };
        let Some(mut part) = self.parts.pop_front() else { return settled };
        let from = match verdict {
            Verdict::Done => part.records.len(),
            Verdict::FailedFrom(position) => position.min(part.records.len()),
        };
        let rest = part.records.split_off(from);
        settled.done = part.records;
        if rest.is_empty() {
            return settled;
        }
        if policy.bisect && from > 0 {
            // Split at the sequence number that the function named; splitting is no retry.
            self.parts.push_front(Part { records: rest, retries: part.retries });
        } else if policy.bisect && rest.len() > 1 {
            let mut first = rest;
            let second = first.split_off(first.len() / 2);
            self.parts.push_front(Part { records: second, retries: part.retries });
            self.parts.push_front(Part { records: first, retries: part.retries });
        } else if policy.max_retries >= 0 && part.retries >= policy.max_retries {
            settled.given_up = rest;
        } else {
            self.parts.push_front(Part { records: rest, retries: part.retries + 1 });
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

    /// Runs a batch to its end with a function that handles records up to the first bad one.
    fn run(count: u32, bad: &[u32], policy: Policy, partial: bool) -> (Vec<u32>, Vec<u32>, usize) {
        let mut batch = Batch::new((0..count).collect());
        let (mut done, mut given_up, mut tries) = (Vec::new(), Vec::new(), 0);
        while let Some(current) = batch.current() {
            tries += 1;
            assert!(tries < 10_000, "it never ends");
            let verdict = match current.iter().position(|record| bad.contains(record)) {
                None => Verdict::Done,
                Some(position) if partial => Verdict::FailedFrom(position),
                Some(_) => Verdict::FAILED,
            };
            let settled = batch.settle(verdict, policy);
            done.extend(settled.done);
            given_up.extend(settled.given_up);
        }
        (done, given_up, tries)
    }

    #[test]
    fn a_batch_that_fails_is_tried_as_often_as_allowed_and_then_given_up_whole() {
        let (done, given_up, tries) = run(4, &[2], policy(2, false), false);
        assert_eq!((done, given_up, tries), (vec![], vec![0, 1, 2, 3], 3));
    }

    #[test]
    fn no_retry_means_one_try() {
        assert_eq!(run(3, &[0], policy(0, false), false).2, 1);
    }

    #[test]
    fn halving_gives_up_only_the_bad_record() {
        let (done, given_up, _) = run(9, &[5], policy(0, true), false);
        assert_eq!((done, given_up), (vec![0, 1, 2, 3, 4, 6, 7, 8], vec![5]));
    }

    #[test]
    fn a_partial_failure_is_tried_again_from_the_lowest() {
        let mut batch = Batch::new(vec![1, 2, 3, 4]);
        let settled = batch.settle(Verdict::FailedFrom(2), policy(-1, false));
        assert_eq!(settled.done, [1, 2]);
        assert_eq!(batch.current(), Some([3, 4].as_slice()));
    }

    #[test]
    fn what_is_too_old_is_given_up_without_a_try() {
        let mut batch = Batch::new(vec![1, 2, 3]);
        assert_eq!(batch.give_up_while(|record| *record < 3), [1, 2]);
        assert_eq!(batch.current(), Some([3].as_slice()));
        assert_eq!(batch.give_up_while(|_| true), [3]);
        assert_eq!(batch.current(), None);
    }

    proptest! {
        #[test]
        fn every_record_is_settled_once_and_in_order(
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
        fn halving_never_gives_up_a_good_record(count in 1_u32..40, bad in proptest::collection::vec(0_u32..40, 0..6), partial: bool) {
            let (_, given_up, _) = run(count, &bad, policy(1, true), partial);
            prop_assert!(given_up.iter().all(|record| bad.contains(record)));
        }
    }
}
