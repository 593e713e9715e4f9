//! The context of a call, to report its result.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{AwsFailure, Clients, FailureCause};

/// A call: service, operation and resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallContext<'a> {
    pub(super) clients: &'a Clients,
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    pub(super) resource: &'a str,
}

impl CallContext<'_> {
    /// Returns the response.
    ///
    /// # Errors
    /// The failure with its full context.
    pub(crate) fn answer<T, E>(self, result: Result<T, SdkError<E, HttpResponse>>) -> Result<T, AwsFailure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        result.map_err(|error| self.clients.failure(self.service, self.operation, self.resource, &error))
    }

    /// Discards a response without content.
    ///
    /// # Errors
    /// The failure.
    pub(crate) fn unit<T, E>(self, result: Result<T, SdkError<E, HttpResponse>>) -> Result<(), AwsFailure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.answer(result).map(drop)
    }

    /// Returns the response, or `None` if the resource does not exist.
    ///
    /// # Errors
    /// Any other failure.
    pub(crate) fn optional<T, E>(self, result: Result<T, SdkError<E, HttpResponse>>) -> Result<Option<T>, AwsFailure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match self.answer(result) {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.cause == FailureCause::Missing => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the failure of a call whose request could not be built.
    #[must_use]
    pub(crate) fn build_failure(self, why: impl ToString) -> AwsFailure {
        self.clients.build_failure(self.service, self.operation, self.resource, why)
    }

    /// Returns the failure of a call that was skipped because another one failed.
    #[must_use]
    pub(crate) fn skipped(self, why: impl ToString) -> AwsFailure {
        AwsFailure { cause: FailureCause::NotTried, ..self.build_failure(why) }
    }
}
