//! Applies an answer to the readings of a request and to the rates of their shards.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Scheduler;
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;
use crate::pipeline::PutEvent;
use crate::pipeline::put::request::PutRequest;
use crate::pipeline::put::retry::EntryResult;
use crate::pipeline::put::stream_writer::StreamWriter;

/// Time after which the put ends when a shard has taken nothing. It is twice the time that the KPL keeps a record
/// (docs/facts/kinesis.md, Aggregation).
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);
/// The error code of a record that its shard has no capacity for (docs/facts/kinesis.md, Partial failures).
const THROTTLED: &str = "ProvisionedThroughputExceededException";
/// The code for a missing answer.
const NO_ANSWER: &str = "no answer";

/// The part of an answer that concerns one shard.
#[derive(Debug, Default)]
struct ShardAnswer {
    records: u64,
    bytes: u64,
    is_failed: bool,
    is_throttled: bool,
}

impl<W: StreamWriter> Scheduler<'_, W> {
    /// Settles a request. No answer came where the put was aborted.
    pub(super) fn settle(
        &mut self,
        request: PutRequest,
        answer: Option<Result<Vec<EntryResult>, AwsFailure>>,
        now: Instant,
    ) {
        self.in_flight -= 1;
        match answer {
            Some(Ok(answers)) => self.settle_answers(request, &answers, now),
            Some(Err(failure)) => self.settle_failure(request, failure, now),
            None => {
                for (group, parcel) in request.into_parcels() {
                    self.groups.land(group, Some(parcel));
                }
            }
        }
    }

    fn settle_answers(&mut self, request: PutRequest, answers: &[EntryResult], now: Instant) {
        let mut shards: BTreeMap<usize, ShardAnswer> = BTreeMap::new();
        let (mut readings, mut bytes, mut failed, mut first_code) = (0, 0, 0, None);
        request.settle(answers, |group, own, accepted, parcel| {
            let shard = self.groups.shard_of(group);
            let expected = &self.groups.map().shards()[shard].id;
            let of_shard = shards.entry(shard).or_default();
            for answer in own {
                match answer {
                    EntryResult::Accepted { shard_id } if shard_id != expected && !expected.is_empty() => {
                        self.refresh.note_stale();
                    }
                    EntryResult::Accepted { .. } => {}
                    EntryResult::Failed(code) => {
                        of_shard.is_failed = true;
                        of_shard.is_throttled |= code == THROTTLED;
                    }
                }
            }
            of_shard.records += accepted.records;
            of_shard.bytes += accepted.bytes;
            readings += accepted.readings;
            bytes += accepted.bytes;
            self.sent.accepted += accepted.readings;
            self.sent.records += accepted.records;
            self.sent.bytes += accepted.bytes;
            if let Some(code) = accepted.code {
                failed += parcel.len();
                first_code.get_or_insert(code);
                self.groups.land(group, Some(parcel));
            } else {
                self.groups.land(group, None);
            }
        });
        if readings > 0 {
            self.anything_accepted = true;
            self.observer.on(&PutEvent::Accepted { readings, bytes });
        }
        let mut pause = Duration::ZERO;
        for (shard, answer) in shards {
            let rate = &mut self.rates[shard];
            if answer.records > 0 {
                rate.note_accepted(answer.records, answer.bytes, now);
            }
            if answer.is_failed {
                pause = pause.max(rate.note_failure(answer.is_throttled, now));
            } else {
                rate.note_clean_answer();
            }
            if answer.is_throttled {
                self.refresh.note_throttle(now);
            }
            let code = first_code.as_deref().unwrap_or(NO_ANSWER);
            if answer.is_failed && self.rates[shard].failing_for(now) >= GIVE_UP_AFTER {
                self.halt.abort_with(self.gave_up(shard, code));
            }
        }
        if let Some(code) = first_code {
            self.observer.on(&PutEvent::Resending { records: failed, code: &code, pause });
        }
    }

    fn settle_failure(&mut self, request: PutRequest, failure: AwsFailure, now: Instant) {
        let is_throttled = failure.cause == FailureCause::Throttled;
        if failure.cause == FailureCause::InUse {
            self.refresh.note_stale();
        }
        let (mut records, mut pause, mut failing_for) = (0, Duration::ZERO, Duration::ZERO);
        let mut shards = Vec::new();
        for (group, mut parcel) in request.into_parcels() {
            records += parcel.len();
            parcel.note_failure();
            shards.push(self.groups.shard_of(group));
            self.groups.land(group, Some(parcel));
        }
        shards.sort_unstable();
        shards.dedup();
        for shard in shards {
            let rate = &mut self.rates[shard];
            pause = pause.max(rate.note_failure(is_throttled, now));
            failing_for = failing_for.max(rate.failing_for(now));
        }
        let code = failure.code.clone().unwrap_or_else(|| NO_ANSWER.to_owned());
        if !may_pass(&failure, self.anything_accepted) || failing_for >= GIVE_UP_AFTER {
            self.halt.abort_with(failure.into());
        } else {
            self.observer.on(&PutEvent::Resending { records, code: &code, pause });
        }
    }

    fn gave_up(&self, shard: usize, code: &str) -> Error {
        let shards = self.groups.map().shards();
        let place = if shards.len() == 1 { String::new() } else { format!(" ({})", shards[shard].id) };
        let seconds = GIVE_UP_AFTER.as_secs();
        Error::failed(format!("the stream took nothing for {seconds} s; it says {code}{place}")).hint(
            "a shard takes 1 MiB and 1,000 records a second from all its writers: more shards, or a `--rate`, help",
        )
    }
}

/// Returns whether a failure of the whole request may be transient. An endpoint that never responded is more likely
/// wrong than busy.
fn may_pass(failure: &AwsFailure, anything_accepted: bool) -> bool {
    match failure.cause {
        FailureCause::Unreachable => anything_accepted,
        FailureCause::Other => {
            failure.code.as_deref().is_some_and(|code| code.starts_with("Internal") || code.starts_with("HTTP 5"))
        }
        _ => failure.is_transient(),
    }
}
