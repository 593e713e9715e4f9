//! The tags of all resources of a stage, which one call returns.

use std::collections::BTreeMap;

use tokio::sync::OnceCell;

use super::observed::Tags;
use crate::aws::AwsFailure;

/// Tags by ARN, read once. Roles are never among them, and neither is what was created a few seconds ago.
#[derive(Default)]
pub(crate) struct StageTags(OnceCell<Result<BTreeMap<String, Tags>, AwsFailure>>);

impl StageTags {
    /// Returns the tags, which `read` returns the first time.
    ///
    /// # Errors
    /// The failure of that read.
    pub(crate) async fn get(
        &self,
        read: impl Future<Output = Result<BTreeMap<String, Tags>, AwsFailure>>,
    ) -> &Result<BTreeMap<String, Tags>, AwsFailure> {
        self.0.get_or_init(|| read).await
    }
}
