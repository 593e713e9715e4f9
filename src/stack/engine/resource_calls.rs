//! Calls of a session about one resource.

use std::time::Duration;

use super::event::StackEvent;
use super::observed::Observed;
use super::resource::Resource;
use super::session::Session;
use crate::aws::AwsFailure;

impl Session {
    /// Repeats a call about a resource while its failure is one that passes: a fresh role, a resource that is changing,
    /// a throttle.
    ///
    /// # Errors
    /// The last failure, once it is one that does not pass or the time is up.
    pub async fn retry_transient<T, Fut>(
        &self,
        resource: &dyn Resource,
        call: impl FnMut() -> Fut,
    ) -> Result<T, AwsFailure>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        self.retry(call, |waited, failure| self.report_waiting(resource, waited, failure)).await
    }

    /// Looks at a resource; a look that fails for a passing reason is repeated for a while.
    ///
    /// # Errors
    /// The last failure, once it is one that does not pass or the time is up.
    pub async fn observe(&self, resource: &dyn Resource) -> Result<Observed, AwsFailure> {
        self.read_only().retry_transient(resource, || resource.observe(self)).await
    }

    /// Tells the observer what is waited for.
    pub fn report_waiting(&self, resource: &dyn Resource, waited: Duration, said: &impl ToString) {
        let (kind, name) = (resource.kind(), resource.name().to_owned());
        self.observer.on(&StackEvent::Waiting { kind, name, waited, said: said.to_string() });
    }
}
