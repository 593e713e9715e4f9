//! Finds the event source mapping among those of its function, and reads the properties that a list omits.

use std::time::Duration;

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FilterCriteria};

use super::EventSourceMapping;
use super::arn::endpoints;
use crate::aws::{AwsFailure, FailureCause};
use crate::stack::Session;
use crate::stack::resources::function;

impl EventSourceMapping {
    /// Returns the mapping.
    pub(crate) async fn describe(
        &self,
        session: &Session,
    ) -> Result<Option<EventSourceMappingConfiguration>, AwsFailure> {
        Ok(self.find(session).await?.0)
    }

    /// Returns the mapping among those of the function, and the function's mappings of other streams. A mapping
    /// outlives its function (docs/facts/lambda.md, Function states). Then it is found among all mappings of the
    /// account.
    pub(crate) async fn find(
        &self,
        session: &Session,
    ) -> Result<(Option<EventSourceMappingConfiguration>, Vec<EventSourceMappingConfiguration>), AwsFailure> {
        let all = match self.list(session, Some(&self.function)).await {
            Err(failure) if failure.cause == FailureCause::Missing => self.list(session, None).await,
            result => result,
        }?;
        let (mut ours, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|mapping| endpoints(mapping).is_some_and(|(_, function)| function == self.function))
            .partition(|mapping| self.is(mapping));
        Ok((ours.pop(), others))
    }

    async fn list(
        &self,
        session: &Session,
        function: Option<&str>,
    ) -> Result<Vec<EventSourceMappingConfiguration>, AwsFailure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let request = session.clients.lambda.list_event_source_mappings();
            let request = request.set_function_name(function.map(str::to_owned)).set_marker(marker);
            let result = request.customize().interceptor(self.began.clone()).send().await;
            let answer = self.call(session, "ListEventSourceMappings").answer(result)?;
            all.extend(answer.event_source_mappings.unwrap_or_default());
            marker = answer.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    /// Returns the time for which a mapping may still use the settings from before its last change.
    pub(crate) fn may_lag(&self, session: &Session, mapping: &EventSourceMappingConfiguration) -> Option<Duration> {
        let limit = session.clients.mapping_in_force;
        let since = mapping.last_modified.map_or(Duration::ZERO, |changed| self.began.since(changed));
        Some(limit.saturating_sub(since)).filter(|left| !left.is_zero())
    }

    /// Returns the filter patterns of a mapping. A list omits patterns that are encrypted with a customer managed key.
    pub(crate) async fn patterns(
        &self,
        session: &Session,
        mapping: &EventSourceMappingConfiguration,
    ) -> Result<Vec<String>, AwsFailure> {
        let mut criteria = mapping.filter_criteria.clone();
        let is_hidden = mapping.kms_key_arn.is_some() || mapping.filter_criteria_error.is_some();
        if criteria.is_none() && is_hidden && !self.is_going {
            let request = session.clients.lambda.get_event_source_mapping().set_uuid(mapping.uuid.clone());
            let answer = self.call(session, "GetEventSourceMapping").optional(request.send().await)?;
            // Deleted between the two calls.
            let Some(answer) = answer else { return Ok(Vec::new()) };
            if let Some(error) = &answer.filter_criteria_error {
                let (of, code) = (format!("the filters of mapping {}", self.name), error.error_code());
                let key = mapping.kms_key_arn();
                return Err(function::unreadable(&session.clients, &of, key, code, error.message()));
            }
            criteria = answer.filter_criteria;
        }
        let filters = criteria.as_ref().map(FilterCriteria::filters).unwrap_or_default();
        Ok(filters.iter().filter_map(|filter| filter.pattern().map(str::to_owned)).collect())
    }

    /// Returns whether a mapping is from this stream to this function, and not to one of its versions or aliases.
    fn is(&self, mapping: &EventSourceMappingConfiguration) -> bool {
        endpoints(mapping) == Some((&self.stream.name, &self.function))
    }
}
