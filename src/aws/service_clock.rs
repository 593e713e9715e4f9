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

/// A difference of clocks that a response on its way may cause.
const CLOCK_TOLERANCE_MS: i64 = 500;

/// The time of the first response. It is truncated to the second, so it is never later than the real time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceClock(Arc<OnceLock<(DateTime, Instant)>>);

impl ServiceClock {
    /// Returns the time of the first response, if it had one.
    #[must_use]
    pub(crate) fn time(&self) -> Option<DateTime> {
        self.0.get().map(|(time, _)| *time)
    }

    /// Returns the service's time now, in milliseconds since 1970: that of this machine's clock, unless the service's
    /// first response contradicts it.
    #[must_use]
    pub(crate) fn now_ms(&self) -> i64 {
        let here = jiff::Timestamp::now().as_millisecond();
        let Some((time, seen)) = self.0.get() else { return here };
        let elapsed = i64::try_from(seen.elapsed().as_millis()).unwrap_or(i64::MAX);
        let there = time.to_millis().unwrap_or(here).saturating_add(elapsed);
        // A response gives the second only.
        if (there - CLOCK_TOLERANCE_MS..=there + 1000 + CLOCK_TOLERANCE_MS).contains(&here) { here } else { there }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_ms_is_this_machine_s_clock_unless_the_service_contradicts_it() {
        let here = || jiff::Timestamp::now().as_millisecond();
        let off = |seconds: i64| ServiceClock::at(DateTime::from_millis(here() + seconds * 1000)).now_ms() - here();
        assert!(ServiceClock::default().now_ms().abs_diff(here()) < 100);
        assert!(off(0).abs() < 100 && off(-1).abs() < 100, "within the second");
        assert!((off(60) - 60_000).abs() < 100 && (off(-60) + 60_000).abs() < 100);
    }
}
