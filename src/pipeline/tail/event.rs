//! Events while a stream is read, and their observer.

use std::time::Duration;

use crate::aws::AwsFailure;
use crate::observer::Observer;

/// An event while a stream is read.
#[derive(Debug)]
pub(crate) enum TailEvent<'a> {
    /// Reading begins, or another number of shards is read.
    Reading {
        /// The shards that are read.
        shards: usize,
    },
    /// Calls for a shard have failed for some time. They are repeated.
    Waiting {
        /// The shard.
        shard: &'a str,
        /// The last failure.
        failure: &'a AwsFailure,
        /// The time since the last page.
        waited: Duration,
    },
    /// A shard is read again after a wait that was reported.
    Recovered {
        /// The shard.
        shard: &'a str,
        /// True if the shard's read limits were used up.
        was_throttled: bool,
        /// The time without a page.
        waited: Duration,
    },
    /// The service does not know the place in a shard any more. The shard is read on from the last record.
    Renewed {
        /// The shard.
        shard: &'a str,
        /// The service's error.
        failure: &'a AwsFailure,
    },
    /// A closed shard was read to its end.
    Closed {
        /// The shard.
        shard: &'a str,
        /// Its children.
        children: &'a [String],
        /// True if the children are read, too.
        goes_on: bool,
    },
    /// The rest of a shard was deleted at the end of the stream's retention, before it was read.
    Trimmed {
        /// The shard.
        shard: &'a str,
    },
}

/// An observer of a tail.
pub(crate) type TailObserver = dyn for<'e> Observer<TailEvent<'e>>;
