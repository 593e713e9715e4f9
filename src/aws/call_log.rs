//! Logs each attempt of each AWS call with `-vv`: operation, attempt, duration, and the request id that AWS Support
//! asks for. Never logs parameters, headers or bodies, which contain readings and credentials.

use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// The target of the lines.
pub(crate) const TARGET: &str = "sensorctl::aws";

/// Response headers with the request id.
const REQUEST_ID_HEADERS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];

/// An interceptor that logs attempts.
#[derive(Debug)]
pub(super) struct CallLog;

/// The start time of an attempt.
#[derive(Debug)]
struct AttemptStart(Instant);

impl Storable for AttemptStart {
    type Storer = StoreReplace<Self>;
}

impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "CallLog"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            state.interceptor_state().store_put(AttemptStart(Instant::now()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(start), Some(call)) = (state.load::<AttemptStart>(), state.load::<Metadata>()) else { return Ok(()) };
        let attempt = state.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        let milliseconds = start.0.elapsed().as_secs_f64() * 1000.0;
        let call = format!("{} {}", call.service(), call.name());
        if let Some(response) = context.response() {
            let id = REQUEST_ID_HEADERS.iter().find_map(|name| response.headers().get(name)).unwrap_or("none");
            let status = response.status().as_u16();
            tracing::info!(target: TARGET, "{call} attempt {attempt}: {status} in {milliseconds:.1} ms, request id {id}");
        } else {
            tracing::info!(target: TARGET, "{call} attempt {attempt}: no answer after {milliseconds:.1} ms");
        }
        Ok(())
    }
}
