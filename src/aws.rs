//! The AWS side: SDK clients, their configuration, the classes of their failures, and polling.

mod call;
mod call_log;
mod config;
mod failure;
mod hint;
mod location;
mod probe;
mod service_clock;
mod tagging;
pub(crate) mod wait;

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::event_stream::RawMessage;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use self::wait::PollSchedule;
use crate::loopback::is_loopback;

pub(crate) use call::CallContext;
pub(crate) use call_log::TARGET as CALL_LOG_TARGET;
pub(crate) use config::{ATTEMPT_TIMEOUT, Access, NO_REGION, Target, connect};
pub(crate) use failure::{AwsFailure, FailureCause};
pub(crate) use hint::foreign_answer;
pub(crate) use location::CallLocation;
pub(crate) use probe::{AnswerProbe, ClockDifference};
pub(crate) use service_clock::ServiceClock;
pub(crate) use tagging::resources_tagged;
pub(crate) use wait::{retry_transient, retry_while};

/// Maximum time for which a failure is held back to find out its account.
const ACCOUNT_WAIT: Duration = Duration::from_secs(2);

/// Time after its last change when an event source mapping certainly uses its new settings. Its state does not show
/// this: it is Enabled as soon as the change is saved, while earlier pollers continue. The Lambda developer guide
/// ("Process records from Amazon Kinesis Data Streams", "Creating an event source mapping") says several minutes.
/// Changed filters were observed to take two minutes, and pollers to deliver for up to one minute after the state was
/// Disabled.
pub(crate) const MAPPING_IN_FORCE: Duration = Duration::from_mins(3);

/// One SDK client for each service, all with the same region, credentials, retries and timeouts.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// Kinesis Data Streams.
    pub kinesis: aws_sdk_kinesis::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Identity and Access Management.
    pub iam: aws_sdk_iam::Client,
    /// Security Token Service.
    pub sts: aws_sdk_sts::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// Resource Groups Tagging API.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    /// The region of the calls.
    pub region: String,
    /// The endpoint that replaces AWS, if any.
    pub endpoint: Option<String>,
    /// True if it is the local cloud that `--local` finds.
    pub is_local_cloud: bool,
    /// Time after its last change when an event source mapping certainly uses its new settings.
    pub mapping_in_force: Duration,
    /// The configured profile, to name it if it has no credentials.
    profile: Option<String>,
    account: OnceCell<String>,
}

impl Clients {
    /// Returns the schedule of polls of this endpoint, for at most `limit`.
    pub(crate) fn schedule(&self, limit: Duration) -> PollSchedule {
        if self.is_loopback() { PollSchedule::local(limit) } else { PollSchedule::within(limit) }
    }

    /// Returns the account of the credentials, by one call of `sts:GetCallerIdentity`.
    ///
    /// # Errors
    /// If there are no credentials or the service cannot be reached.
    pub(crate) async fn account(&self) -> Result<&str, AwsFailure> {
        self.account
            .get_or_try_init(|| async {
                let answer = self
                    .sts
                    .get_caller_identity()
                    .send()
                    .await
                    .map_err(|error| self.failure("STS", "GetCallerIdentity", "the credentials", &error))?;
                Ok(answer.account.unwrap_or_default())
            })
            .await
            .map(String::as_str)
    }

    /// Returns the context of a call.
    #[must_use]
    pub(crate) fn call<'a>(
        &'a self,
        service: &'static str,
        operation: &'static str,
        resource: &'a str,
    ) -> CallContext<'a> {
        CallContext { clients: self, service, operation, resource }
    }

    /// Converts an SDK error and adds the location of the call.
    pub(crate) fn failure<E>(
        &self,
        service: &'static str,
        operation: &'static str,
        resource: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> AwsFailure
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let mut failure = AwsFailure::new(service, operation, resource, self.location(), error);
        if let (FailureCause::NoCredentials, Some(profile)) = (failure.cause, &self.profile) {
            failure.message.push_str(&format!("; profile `{profile}` gives none"));
        }
        failure
    }

    /// Converts an error that came instead of an event, and adds the location of the call.
    pub(crate) fn event_failure<E>(
        &self,
        service: &'static str,
        operation: &'static str,
        resource: &str,
        error: &SdkError<E, RawMessage>,
    ) -> AwsFailure
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        AwsFailure::of_event(service, operation, resource, self.location(), error)
    }

    /// Returns the failure with the account in its location. If the account is unknown, calls STS for at most 2 s,
    /// provided that a response is likely.
    pub(crate) async fn with_account_context(&self, failure: AwsFailure) -> AwsFailure {
        if matches!(failure.cause, FailureCause::Credentials | FailureCause::NoCredentials | FailureCause::Unreachable)
        {
            return failure;
        }
        // The failure is reported with or without the account.
        let _ = timeout(ACCOUNT_WAIT, self.account()).await;
        AwsFailure { location: self.location(), ..failure }
    }

    /// Returns the failure of a call whose request could not be built.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over an error or a sentence, whichever they have")]
    pub(crate) fn build_failure(
        &self,
        service: &'static str,
        operation: &'static str,
        resource: &str,
        why: impl ToString,
    ) -> AwsFailure {
        AwsFailure {
            service,
            operation,
            resource: resource.to_owned(),
            location: self.location(),
            code: None,
            message: why.to_string(),
            cause: FailureCause::Other,
        }
    }

    /// Returns the account (once known), the region, and the endpoint that replaces AWS.
    #[must_use]
    pub(crate) fn location(&self) -> CallLocation {
        let account = self.account.get().map(|account| format!("account {account}, ")).unwrap_or_default();
        let place = format!("{account}{}", self.region);
        CallLocation { place, endpoint: self.endpoint.clone(), is_local_cloud: self.is_local_cloud }
    }

    /// Returns whether changes are visible at once, as in the local cloud without `--timing`.
    #[must_use]
    pub(crate) fn settles_at_once(&self) -> bool {
        self.mapping_in_force.is_zero()
    }

    /// Returns whether calls go to this machine, where polling costs nothing.
    #[must_use]
    pub(crate) fn is_loopback(&self) -> bool {
        self.endpoint.as_deref().is_some_and(is_loopback)
    }
}
