//! One call as a test of its service: the address, the answer, and the service's clock against this machine's.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use http::Uri;

use super::Clients;

/// The SDK's name for requests without a signature.
const UNSIGNED: AuthSchemeId = AuthSchemeId::new("noAuth");
/// A broken connection is tried once more, so that a test neither waits long nor fails by chance.
const ATTEMPTS: u32 = 2;
const BACKOFF: Duration = Duration::from_millis(50);
/// The `Date` header has steps of a second.
const STEP_MS: i64 = 1000;

/// How much later the service's clock shows than this machine's: between two bounds, because an answer takes time and
/// its `Date` has steps of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockDifference {
    least_ms: i64,
    most_ms: i64,
}

impl ClockDifference {
    /// Returns the difference that an answer shows: its date, and this machine's time before and after the call.
    #[must_use]
    pub(crate) fn of_answer(date_ms: i64, sent_ms: i64, received_ms: i64) -> Self {
        let [least_ms, most_ms] = [date_ms.saturating_sub(received_ms), (date_ms + STEP_MS).saturating_sub(sent_ms)];
        ClockDifference { least_ms: least_ms.min(most_ms), most_ms }
    }

    /// Returns the part of the difference that is certain: positive where this machine is behind.
    #[must_use]
    pub(crate) fn certain_ms(self) -> i64 {
        if self.least_ms > 0 { self.least_ms } else { self.most_ms.min(0) }
    }
}

/// Records address and clock of the first answer to a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnswerProbe(Arc<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    address: OnceLock<String>,
    clock: OnceLock<ClockDifference>,
}

/// This machine's time when an attempt was sent.
#[derive(Debug)]
struct Sent(i64);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

impl AnswerProbe {
    /// Returns scheme and host of the service.
    pub(crate) fn address(&self) -> Option<&str> {
        self.0.address.get().map(String::as_str)
    }

    /// Returns the service's clock against this machine's, if an answer had a date.
    pub(crate) fn clock(&self) -> Option<ClockDifference> {
        self.0.clock.get().copied()
    }
}

impl Intercept for AnswerProbe {
    fn name(&self) -> &'static str {
        "answer probe"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        state.interceptor_state().store_put(Sent(now_ms()));
        if let Ok(uri) = context.request().uri().parse::<Uri>() {
            let host = uri.authority().map(ToString::to_string).unwrap_or_default();
            self.0.address.get_or_init(|| format!("{}://{host}", uri.scheme_str().unwrap_or_default()));
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        // An answer from a cache has the date of another call.
        if headers.get("age").is_some() {
            return Ok(());
        }
        let date = headers.get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let (Some(date), Some(Sent(sent))) = (date.and_then(|date| date.to_millis().ok()), state.load::<Sent>()) {
            self.0.clock.get_or_init(|| ClockDifference::of_answer(date, *sent, now_ms()));
        }
        Ok(())
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Returns a client that gives up soon, and signs its requests or does not.
macro_rules! probing {
    ($client:expr, $service:ident, $is_signed:expr) => {{
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(BACKOFF);
        let config = $client.config().to_builder().retry_config(retries);
        let config = if $is_signed { config } else { config.allow_no_auth().auth_scheme_preference([UNSIGNED]) };
        $service::Client::from_conf(config.build())
    }};
}

impl Clients {
    /// Returns clients for tests of the services. Those that do not sign reach a service without credentials: it refuses
    /// the call, which is an answer.
    #[must_use]
    pub(crate) fn for_probes(&self, is_signed: bool) -> Clients {
        Clients {
            kinesis: probing!(self.kinesis, aws_sdk_kinesis, is_signed),
            lambda: probing!(self.lambda, aws_sdk_lambda, is_signed),
            dynamodb: probing!(self.dynamodb, aws_sdk_dynamodb, is_signed),
            iam: probing!(self.iam, aws_sdk_iam, is_signed),
            sts: probing!(self.sts, aws_sdk_sts, is_signed),
            logs: probing!(self.logs, aws_sdk_cloudwatchlogs, is_signed),
            tagging: probing!(self.tagging, aws_sdk_resourcegroupstagging, is_signed),
            cloudwatch: probing!(self.cloudwatch, aws_sdk_cloudwatch, is_signed),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_difference_is_certain_only_beyond_the_step_and_the_round_trip() {
        let certain = |date, sent, received| ClockDifference::of_answer(date, sent, received).certain_ms();
        for (date, sent, received, expected) in [
            // The date is that of the answer, cut to the second.
            (10_000, 10_000, 10_000, 0),
            (10_000, 10_999, 10_999, 0),
            (10_000, 9_000, 11_000, 0),
            // This machine is ahead by at least this.
            (10_000, 11_500, 11_600, -500),
            (10_000, 310_000, 310_040, -299_000),
            // This machine is behind by at least this.
            (10_000, 9_000, 9_040, 960),
            (310_000, 10_000, 10_040, 299_960),
        ] {
            assert_eq!(certain(date, sent, received), expected, "{date} {sent} {received}");
        }
    }
}
