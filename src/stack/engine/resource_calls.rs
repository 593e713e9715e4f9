//! Calls of a session about one resource.

use std::time::Duration;

use super::event::StackEvent;
use super::observed::Observed;
use super::resource::Resource;
use super::session::Session;
use crate::aws::AwsFailure;

impl Session {
    /// Retries a call about a resource after transient failures: a new role, a resource that is changing, a throttle.
    ///
    /// # Errors
    /// The last failure, once it is permanent or the deadline has passed.
    pub(crate) async fn retry_transient<T, Fut>(
        &self,
        resource: &dyn Resource,
        call: impl FnMut() -> Fut,
    ) -> Result<T, AwsFailure>
    where
        Fut: Future<Output = Result<T, AwsFailure>>,
    {
        self.retry(call, |waited, failure| self.report_waiting(resource, waited, failure)).await
    }

    /// Reads the observed state of a resource. Transient failures are retried for a while.
    ///
    /// # Errors
    /// The last failure, once it is permanent or the deadline has passed.
    pub(crate) async fn observe(&self, resource: &dyn Resource) -> Result<Observed, AwsFailure> {
        self.read_only().retry_transient(resource, || resource.observe(self)).await
    }

    /// Reports a wait to the observer.
    pub(crate) fn report_waiting(&self, resource: &dyn Resource, waited: Duration, said: &impl ToString) {
        let (kind, name) = (resource.kind(), resource.name().to_owned());
        self.observer.on(&StackEvent::Waiting { kind, name, waited, said: said.to_string() });
    }
}
