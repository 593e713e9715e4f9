//! Makes sure that a new function can be invoked.
//!
//! At `CreateFunction`, Lambda encrypts a function's variables with a grant for its role. If the role was created
//! seconds before, above all with the name of a role that was just deleted, the grant may be for the old role. Then
//! every invocation fails with `KMSAccessDeniedException`, the function stays Active and its mapping Enabled, and
//! nothing is consumed. Only a new function gets a new grant.

use super::StepError;
use super::create_update::Provisioner;
use super::delete::delete;
use crate::aws::AwsFailure;
use crate::error::Error;
use crate::stack::{Action, Ownership, QUIET_WAIT, Session, StackEvent};

/// Pauses before each new function, in longest poll pauses: 2, 6, 16, 30 and 60 s on AWS. One or two may not be enough
/// while IAM still resolves the name to the old role.
const PAUSES: [u32; 5] = [1, 3, 8, 15, 30];

impl Provisioner<'_> {
    /// Invokes the function once without readings, and replaces it while its role cannot decrypt its variables.
    pub(super) async fn until_invocable(&self) -> Result<(), StepError> {
        match self.invoke().await? {
            None => Ok(()),
            Some(failure) => self.until_granted(failure).await,
        }
    }

    /// Does the same for a function that this run has not touched and so not named yet.
    pub(super) async fn until_found_invocable(&self) -> Result<(), StepError> {
        let Some(failure) = self.invoke().await? else { return Ok(()) };
        let (kind, name) = (self.resource.kind(), self.resource.name().to_owned());
        let observer = &self.session.observer;
        observer.on(&StackEvent::Started { kind, name: name.clone(), action: Action::Replace });
        let result = self.until_granted(failure).await;
        observer.on(&if result.is_ok() {
            StackEvent::Finished { kind, name, was_there: false }
        } else {
            StackEvent::Failed { kind, name }
        });
        result
    }

    async fn until_granted(&self, mut failure: AwsFailure) -> Result<(), StepError> {
        for (tried, pauses) in PAUSES.into_iter().enumerate() {
            self.tell(&failure, tried);
            let Provisioner { session, resource, .. } = *self;
            let found = session.observe(resource).await?;
            if found.exists() && session.owner.of(&found) != Ownership::Ours {
                let name = resource.name();
                return Err(Error::failed(format!(
                    "the function `{name}` cannot be invoked: Lambda cannot decrypt its variables with its role, and it was \
                     created outside sensorctl, so it is not replaced"
                ))
                .with_source(failure)
                .hint(format!("have its owner create `{name}` again, or name another function in `function.name`"))
                .into());
            }
            delete(session, resource, &found).await?;
            tokio::time::sleep((session.schedule.longest * pauses).min(session.schedule.left())).await;
            self.create_and_wait().await?;
            match self.invoke().await? {
                None => return Ok(()),
                Some(again) => failure = again,
            }
        }
        Err(Error::failed(format!(
            "the function `{}` cannot be invoked, though it was created again {} times: Lambda cannot decrypt its \
                 variables with its role",
            self.resource.name(),
            PAUSES.len()
        ))
        .with_source(failure)
        .hint("AWS may need minutes to know the new role: run `sensorctl up` again then")
        .hint("or name another role in `role.name`: a name that was never used before has no old grants")
        .into())
    }

    async fn invoke(&self) -> Result<Option<AwsFailure>, StepError> {
        // With the timeout of a read: a busy service must not delay `up` until its deadline.
        let session: &Session = &self.session.read_only();
        Ok(session.retry_transient(self.resource, || self.resource.unusable(session)).await?)
    }

    /// Reports at once that the function is replaced: it takes time and is not drift.
    fn tell(&self, failure: &AwsFailure, tried: usize) {
        let (kind, name) = (self.resource.kind(), self.resource.name().to_owned());
        let said = format!(
            "its role cannot decrypt its variables yet ({}); creating it again ({} of {})",
            failure.code.as_deref().unwrap_or_default(),
            tried + 1,
            PAUSES.len()
        );
        self.session.observer.on(&StackEvent::Waiting { kind, name, waited: QUIET_WAIT, said });
    }
}
