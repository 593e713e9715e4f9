//! Builds the parts of `CreateEventSourceMapping` and `UpdateEventSourceMapping`.

use aws_sdk_lambda::primitives::DateTime;
use aws_sdk_lambda::types::{
    DestinationConfig, EventSourceMappingMetric, EventSourceMappingMetricsConfig, EventSourcePosition, Filter,
    FilterCriteria, OnFailure,
};
use jiff::Timestamp;

use super::EventSourceMapping;
use crate::aws::AwsFailure;
use crate::settings::StartingPosition;
use crate::stack::Session;
use crate::stack::engine::ownership::ADOPTED;
use crate::stack::resources::stream;

impl EventSourceMapping {
    /// Returns the starting position of a new mapping, with its timestamp.
    pub(crate) async fn position(
        &self,
        session: &Session,
    ) -> Result<(EventSourcePosition, Option<DateTime>), AwsFailure> {
        let at = |time: Timestamp| DateTime::from_nanos(time.as_nanosecond()).ok();
        Ok(match self.wanted.starting_position {
            StartingPosition::Latest => (EventSourcePosition::Latest, None),
            StartingPosition::At(time) => (EventSourcePosition::AtTimestamp, at(time)),
            // All records of a managed stream are for this pipeline. Of another stream, only those from now on.
            StartingPosition::Auto if self.stream.existing || self.is_adopted(session).await? => {
                (EventSourcePosition::AtTimestamp, self.began.time().or_else(|| at(Timestamp::now())))
            }
            StartingPosition::Auto | StartingPosition::TrimHorizon => (EventSourcePosition::TrimHorizon, None),
        })
    }

    async fn is_adopted(&self, session: &Session) -> Result<bool, AwsFailure> {
        Ok(stream::tags_of(session, &self.stream.name).await?.contains_key(ADOPTED))
    }

    // An empty value for one of the three below clears it. An absent one would keep it.

    pub(crate) fn filters(&self) -> FilterCriteria {
        let filter = |pattern: &String| Filter::builder().pattern(pattern).build();
        FilterCriteria::builder().set_filters(Some(self.wanted.filters.iter().map(filter).collect())).build()
    }

    pub(crate) fn metrics(&self) -> EventSourceMappingMetricsConfig {
        let metrics = self.wanted.metrics.then_some(EventSourceMappingMetric::EventCount);
        EventSourceMappingMetricsConfig::builder().set_metrics(Some(metrics.into_iter().collect())).build()
    }

    pub(crate) fn destination(&self) -> DestinationConfig {
        let on_failure = OnFailure::builder().set_destination(self.wanted.on_failure.clone()).build();
        DestinationConfig::builder().on_failure(on_failure).build()
    }
}
