//! How long a report waits for a call whose answer it can do without.

use std::time::Duration;

/// A call that has an answer at all has one in this time.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Returns the reason why something is not known after [`ANSWER_LIMIT`].
pub(super) fn no_answer() -> String {
    format!("no answer in {} s", ANSWER_LIMIT.as_secs())
}
