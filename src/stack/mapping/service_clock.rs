//! The service's clock, read from the `Date` of an answer: a mapping that begins at a moment must not begin late by the
//! error of this machine's clock.

use std::sync::{Arc, OnceLock};

use aws_sdk_lambda::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Remembers the time of the first answer. It is cut to the second, so it is never later than the truth.
#[derive(Clone, Debug, Default)]
pub struct ServiceClock(Arc<OnceLock<DateTime>>);

impl ServiceClock {
    /// When the first answer came, if it said.
    #[must_use]
    pub fn time(&self) -> Option<DateTime> {
        self.0.get().copied()
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
        if let Some(time) = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok()) {
            self.0.get_or_init(|| time);
        }
        Ok(())
    }
}
