//! Calls of a session about one resource.

use std::time::Duration;

use tokio::time::timeout;

use super::event::StackEvent;
use super::kind::Kind;
use super::observed::Observed;
use super::resource::Resource;
use super::session::Session;
use crate::aws::{AwsFailure, FailureCause};

/// Longest read of a resource in a quick session. Retries after throttles end before it.
const QUICK_LIMIT: Duration = Duration::from_secs(25);

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
        let session = self.read_only();
        let read = session.retry_transient(resource, || resource.observe(self));
        let place = format!("{} {}", resource.kind(), resource.name());
        self.in_time((service_of(resource.kind()), "reads"), &place, read).await
    }

    /// Ends a read of a quick session that gets no answer: attempts of the SDK take minutes.
    ///
    /// # Errors
    /// The failure of the read, or a failure that says that there was no answer.
    pub(crate) async fn in_time<T>(
        &self,
        (service, operation): (&'static str, &'static str),
        resource: &str,
        read: impl Future<Output = Result<T, AwsFailure>>,
    ) -> Result<T, AwsFailure> {
        if self.quick.is_none() {
            return read.await;
        }
        let late = |_| {
            let why = format!("no answer in {} s", QUICK_LIMIT.as_secs());
            let failure = self.clients.call(service, operation, resource).build_failure(why);
            Err(AwsFailure { cause: FailureCause::Unreachable, ..failure })
        };
        timeout(QUICK_LIMIT, read).await.unwrap_or_else(late)
    }

    /// Reports a wait to the observer.
    pub(crate) fn report_waiting(&self, resource: &dyn Resource, waited: Duration, said: &impl ToString) {
        let (kind, name) = (resource.kind(), resource.name().to_owned());
        self.observer.on(&StackEvent::Waiting { kind, name, waited, said: said.to_string() });
    }
}

/// Returns the service of a kind of resource.
fn service_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Table | Kind::RejectsTable => "DynamoDB",
        Kind::Stream => "Kinesis",
        Kind::Role => "IAM",
        Kind::LogGroup => "CloudWatch Logs",
        Kind::Function | Kind::Mapping => "Lambda",
    }
}
