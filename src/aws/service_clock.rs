//! The service's clock, from the `Date` header of a response: a mapping with a start time must not begin late because
//! this machine's clock is wrong.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

/// The time of the first response. It is truncated to the second, so it is never later than the real time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceClock(Arc<OnceLock<(DateTime, Instant)>>);

impl ServiceClock {
    /// Returns the time of the first response, if it had one.
    #[must_use]
    pub(crate) fn time(&self) -> Option<DateTime> {
        self.0.get().map(|(time, _)| *time)
    }

    /// Returns the time since a moment by the service's clock, or by this machine's clock if the service's is unknown.
    /// Returns zero for a moment in the future, and never more than the real time.
    #[must_use]
    pub(crate) fn since(&self, moment: DateTime) -> Duration {
        let now = match self.0.get() {
            Some((time, seen)) => time.as_secs_f64() + seen.elapsed().as_secs_f64(),
            None => jiff::Timestamp::now().as_duration().as_secs_f64(),
        };
        Duration::try_from_secs_f64(now - moment.as_secs_f64()).unwrap_or_default()
    }
}

impl Intercept for ServiceClock {
    fn name(&self) -> &'static str {
        "service clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(time) = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()) {
            self.0.get_or_init(|| (time, Instant::now()));
        }
        Ok(())
    }
}

#[cfg(test)]
impl ServiceClock {
    /// Returns a clock that was read just now.
    pub(crate) fn at(time: DateTime) -> Self {
        let clock = ServiceClock::default();
        clock.0.get_or_init(|| (time, Instant::now()));
        clock
    }
}
