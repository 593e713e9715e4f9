//! A call by its name, so that what comes of it can be told.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{AwsFailure, Clients, FailureCause};

/// A call: service, operation, and what it is about.
#[derive(Clone, Copy, Debug)]
pub struct CallContext<'a> {
    pub(super) clients: &'a Clients,
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    pub(super) resource: &'a str,
}

impl CallContext<'_> {
    /// What was answered.
    ///
    /// # Errors
    /// The failure, with all that a person needs to know of it.
    pub fn answer<T, E>(self, result: Result<T, SdkError<E, HttpResponse>>) -> Result<T, AwsFailure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        result.map_err(|error| self.clients.failure(self.service, self.operation, self.resource, &error))
    }

    /// That it was done; the answer says nothing more.
    ///
    /// # Errors
    /// The failure.
    pub fn unit<T, E>(self, result: Result<T, SdkError<E, HttpResponse>>) -> Result<(), AwsFailure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.answer(result).map(drop)
    }

    /// What was answered, or nothing where the thing is not there.
    ///
    /// # Errors
    /// Any other failure.
    pub fn optional<T, E>(self, result: Result<T, SdkError<E, HttpResponse>>) -> Result<Option<T>, AwsFailure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match self.answer(result) {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.cause == FailureCause::Missing => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The failure of a call that was not even made.
    #[must_use]
    pub fn build_failure(self, why: impl ToString) -> AwsFailure {
        self.clients.build_failure(self.service, self.operation, self.resource, why)
    }

    /// The failure of a call that was not tried, because of the failure of another one.
    #[must_use]
    pub fn skipped(self, why: impl ToString) -> AwsFailure {
        AwsFailure { cause: FailureCause::NotTried, ..self.build_failure(why) }
    }
}
