//! Calls of a session about the tags of all resources of its stage.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::observed::Tags;
use super::session::Session;
use crate::aws::{AwsFailure, resources_tagged};

/// Maximum wait for a response: if a private network cannot reach this service, it may still reach the others.
const LIMIT: Duration = Duration::from_secs(20);
/// The same where few calls are to answer soon.
const QUICK_LIMIT: Duration = Duration::from_secs(5);

impl Session {
    /// Returns the tags of all resources that have the marks of the stage, by ARN. A quick session reads them once.
    ///
    /// # Errors
    /// If the caller lacks the permission, or if the service does not respond.
    pub(crate) async fn stage_tags(&self) -> Result<BTreeMap<String, Tags>, AwsFailure> {
        match &self.quick {
            Some(tags) => tags.get(self.read_stage_tags()).await.clone(),
            None => self.read_stage_tags().await,
        }
    }

    /// Returns the tags of a resource of the stage by its ARN, in a quick session. Otherwise, or where the common call
    /// does not have them, returns `None`.
    pub(crate) async fn stage_tags_of(&self, arn: &str) -> Option<Tags> {
        let all = self.quick.as_ref()?.get(self.read_stage_tags()).await.as_ref().ok()?;
        // ARNs of log groups are written in two ways.
        let arn = arn.trim_end_matches(":*");
        all.iter().find(|(of, _)| of.trim_end_matches(":*") == arn).map(|(_, tags)| tags.clone())
    }

    async fn read_stage_tags(&self) -> Result<BTreeMap<String, Tags>, AwsFailure> {
        let call = self.clients.call("tag", "GetResources", "all resources of the stage");
        let marks = self.owner.marks();
        let session = &self.read_only();
        let limit = if self.quick.is_some() { QUICK_LIMIT } else { LIMIT };
        let all = timeout(limit, session.retry(|| resources_tagged(&session.clients, &marks), |_, _| {})).await;
        all.unwrap_or_else(|_| Err(call.build_failure(format!("no answer in {} s", limit.as_secs()))))
    }
}
