//! Messages while a stream is read: shards, waits, and other readers that use the shards up.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Output, units};
use crate::observer::Observer;
use crate::pipeline::TailEvent;

/// Says what happens to the shards of a stream.
#[derive(Debug)]
pub(crate) struct TailProgress {
    output: Output,
    /// The text behind the number of shards in the first message.
    introduction: String,
    /// The shards that are read; `usize::MAX` until they are known.
    shards: AtomicUsize,
}

impl TailProgress {
    /// Creates the progress of a tail. `introduction`: of which stream, and from when.
    pub(crate) fn new(output: &Output, introduction: String) -> Self {
        TailProgress { output: output.clone(), introduction, shards: AtomicUsize::new(usize::MAX) }
    }

    /// Returns the number of shards that are read, or that were at the end.
    pub(crate) fn shards(&self) -> usize {
        match self.shards.load(Ordering::Relaxed) {
            usize::MAX => 0,
            shards => shards,
        }
    }
}

fn shards(count: usize) -> String {
    if count == 1 { "1 shard".to_owned() } else { format!("{} shards", units::count(count as u64)) }
}

impl Observer<TailEvent<'_>> for TailProgress {
    fn on(&self, event: &TailEvent<'_>) {
        let output = &self.output;
        match event {
            // All shards are read to their ends.
            TailEvent::Reading { shards: 0 } => {}
            TailEvent::Reading { shards: count } => {
                if self.shards.swap(*count, Ordering::Relaxed) == usize::MAX {
                    output.status(format!("Reading {} {}", shards(*count), self.introduction));
                }
            }
            TailEvent::Waiting { shard, failure, waited } if failure.is_throttled() => {
                let waited = units::duration(*waited);
                output.note(format!(
                    "{shard} has been throttled for {waited}: other readers use its 5 reads or 2 MiB a second; still \
                     trying"
                ));
            }
            TailEvent::Waiting { shard, failure, waited } => {
                let waited = units::duration(*waited);
                output.note(format!("{shard} could not be read for {waited}: {}; still trying", failure.said()));
            }
            TailEvent::Recovered { shard, was_throttled, waited } => {
                let why = if *was_throttled { "being throttled" } else { "failing" };
                output.note(format!("{shard} is read again, after {why} for {}", units::duration(*waited)));
            }
            TailEvent::Renewed { shard, failure } => {
                output.detail(format!("{shard}: {}; it is read on behind the last record", failure.said()));
            }
            TailEvent::Closed { shard, children, goes_on: true } => {
                output.detail(format!("{shard} was closed and is read to its end{}", next(children)));
            }
            TailEvent::Closed { shard, children, goes_on: false } => {
                output.note(format!(
                    "{shard} was closed and is read to its end{}; without `--shard` they are read, too",
                    next(children)
                ));
            }
            TailEvent::Trimmed { shard } => {
                output.note(format!(
                    "{shard} does not exist any more: what was not read of it was older than the retention of the stream"
                ));
            }
        }
    }
}

fn next(children: &[String]) -> String {
    if children.is_empty() { String::new() } else { format!("; its records go to {} now", children.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::output::Format;

    #[test]
    fn shards_are_said_once_and_closed_ones_only_on_request_unless_they_were_named() {
        let (output, captured) = Output::captured(Format::Ndjson, false, 0);
        let progress = TailProgress::new(&output, "of stream s from now on".into());
        assert_eq!(progress.shards(), 0);
        let children = ["shardId-1".to_owned(), "shardId-2".to_owned()];
        for count in [1, 2, 0] {
            progress.on(&TailEvent::Reading { shards: count });
            progress.on(&TailEvent::Closed { shard: "shardId-0", children: &children, goes_on: true });
        }
        assert_eq!((progress.shards(), captured.texts().1.as_str()), (2, "Reading 1 shard of stream s from now on\n"));
        progress.on(&TailEvent::Closed { shard: "shardId-0", children: &children, goes_on: false });
        progress.on(&TailEvent::Recovered { shard: "shardId-1", was_throttled: true, waited: Duration::from_secs(12) });
        let said = captured.texts().1;
        assert!(said.contains("its records go to shardId-1 and shardId-2 now; without `--shard`"), "{said}");
        assert!(said.ends_with("note: shardId-1 is read again, after being throttled for 12 s\n"), "{said}");
    }
}
