//! Recent writes of this run, which may not be visible or effective everywhere in AWS yet.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::aws::{AwsFailure, FailureCause};

/// The resources that this run created or changed, by name, each with the time of the last write.
#[derive(Debug, Default)]
pub(crate) struct RecentWrites {
    created: Mutex<HashMap<String, Instant>>,
    written: Mutex<HashMap<String, Instant>>,
}

impl RecentWrites {
    /// Notes that a call created a resource.
    pub(crate) fn note_creation(&self, name: &str) {
        lock(&self.created).insert(name.to_owned(), Instant::now());
        self.note_write(name);
    }

    /// Notes that a call changed a resource.
    pub(crate) fn note_write(&self, name: &str) {
        lock(&self.written).insert(name.to_owned(), Instant::now());
    }

    /// Returns whether this run created a resource of this name.
    pub(crate) fn has_created(&self, name: &str) -> bool {
        lock(&self.created).contains_key(name)
    }

    /// Returns whether this run wrote to a resource of this name.
    pub(crate) fn has_written(&self, name: &str) -> bool {
        lock(&self.written).contains_key(name)
    }

    /// Returns whether a call was denied only because the tags of a resource that this run created are not effective
    /// yet. A policy with a condition on tags then allows nothing. An explicit deny is always permanent.
    pub(crate) fn may_be_tag_lag(&self, failure: &AwsFailure, lag: Duration) -> bool {
        let is_denied = failure.cause == FailureCause::Denied
            && failure.message.contains("no identity-based policy allows")
            && !failure.message.contains("explicit deny");
        is_denied && lock(&self.created).get(&failure.resource).is_some_and(|since| since.elapsed() < lag)
    }
}

fn lock(map: &Mutex<HashMap<String, Instant>>) -> parking_lot::MutexGuard<'_, HashMap<String, Instant>> {
    map.lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_secs(60);
    const NOT_ALLOWED: &str = "User: u is not authorized to perform: logs:PutRetentionPolicy on resource: r because no \
                               identity-based policy allows the logs:PutRetentionPolicy action";

    fn denied(resource: &str, message: &str) -> AwsFailure {
        AwsFailure {
            service: "CloudWatch Logs",
            operation: "PutRetentionPolicy",
            resource: resource.into(),
            location: "eu-west-1".into(),
            code: Some("AccessDeniedException".into()),
            message: message.into(),
            cause: FailureCause::Denied,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn denial_by_new_tags_is_transient_for_a_minute_and_explicit_deny_never() {
        let recent = RecentWrites::default();
        assert!(!recent.may_be_tag_lag(&denied("g", NOT_ALLOWED), LAG), "not created by this run");
        recent.note_write("g");
        assert!(!recent.may_be_tag_lag(&denied("g", NOT_ALLOWED), LAG), "only changed by this run");
        recent.note_creation("g");
        assert!(recent.may_be_tag_lag(&denied("g", NOT_ALLOWED), LAG));
        assert!(!recent.may_be_tag_lag(&denied("other", NOT_ALLOWED), LAG));
        for explicit in ["with an explicit deny in an identity-based policy", "is not authorized to perform this"] {
            assert!(!recent.may_be_tag_lag(&denied("g", explicit), LAG), "{explicit}");
        }
        tokio::time::advance(LAG).await;
        assert!(!recent.may_be_tag_lag(&denied("g", NOT_ALLOWED), LAG));
    }
}
