//! Finds the event source mapping among those of its function, and reads what a list leaves out.

use std::time::Duration;

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FilterCriteria};

use super::Mapping;
use super::arn::ends;
use crate::aws::{Cause, Failure};
use crate::stack::{Cloud, function};

impl Mapping {
    /// The mapping.
    pub(super) async fn describe(&self, cloud: &Cloud) -> Result<Option<EventSourceMappingConfiguration>, Failure> {
        Ok(self.find(cloud).await?.0)
    }

    /// The mapping, among those of the function, and those of other streams. A mapping outlives its function
    /// (docs/facts/lambda.md, Function states); it is then to be found among all of the account.
    pub(super) async fn find(
        &self,
        cloud: &Cloud,
    ) -> Result<(Option<EventSourceMappingConfiguration>, Vec<EventSourceMappingConfiguration>), Failure> {
        let all = match self.list(cloud, Some(&self.function)).await {
            Err(failure) if failure.cause == Cause::Missing => self.list(cloud, None).await,
            result => result,
        }?;
        let (mut ours, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|mapping| ends(mapping).is_some_and(|(_, function)| function == self.function))
            .partition(|mapping| self.is(mapping));
        Ok((ours.pop(), others))
    }

    async fn list(
        &self,
        cloud: &Cloud,
        function: Option<&str>,
    ) -> Result<Vec<EventSourceMappingConfiguration>, Failure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let request = cloud.clients.lambda.list_event_source_mappings();
            let request = request.set_function_name(function.map(str::to_owned)).set_marker(marker);
            let result = request.customize().interceptor(self.began.clone()).send().await;
            let answer = self.call(cloud, "ListEventSourceMappings").answer(result)?;
            all.extend(answer.event_source_mappings.unwrap_or_default());
            marker = answer.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    /// Returns how long a mapping may still go by the settings from before its last change.
    pub(super) fn may_lag(&self, cloud: &Cloud, mapping: &EventSourceMappingConfiguration) -> Option<Duration> {
        let limit = cloud.clients.mapping_in_force;
        let since = mapping.last_modified.map_or(Duration::ZERO, |changed| self.began.since(changed));
        Some(limit.saturating_sub(since)).filter(|left| !left.is_zero())
    }

    /// Returns the patterns of a mapping. A list leaves those out that a key of the account encrypts.
    pub(super) async fn patterns(
        &self,
        cloud: &Cloud,
        mapping: &EventSourceMappingConfiguration,
    ) -> Result<Vec<String>, Failure> {
        let mut criteria = mapping.filter_criteria.clone();
        let is_hidden = mapping.kms_key_arn.is_some() || mapping.filter_criteria_error.is_some();
        if criteria.is_none() && is_hidden && !self.is_going {
            let request = cloud.clients.lambda.get_event_source_mapping().set_uuid(mapping.uuid.clone());
            let answer = self.call(cloud, "GetEventSourceMapping").find(request.send().await)?;
            // Deleted between the two looks.
            let Some(answer) = answer else { return Ok(Vec::new()) };
            if let Some(error) = &answer.filter_criteria_error {
                let (of, code) = (format!("the filters of mapping {}", self.name), error.error_code());
                let key = mapping.kms_key_arn();
                return Err(function::unreadable(&cloud.clients, &of, key, code, error.message()));
            }
            criteria = answer.filter_criteria;
        }
        let filters = criteria.as_ref().map(FilterCriteria::filters).unwrap_or_default();
        Ok(filters.iter().filter_map(|filter| filter.pattern().map(str::to_owned)).collect())
    }

    /// Whether a mapping is from this stream to this function, and not to one of its versions or aliases.
    fn is(&self, mapping: &EventSourceMappingConfiguration) -> bool {
        ends(mapping) == Some((&self.stream.name, &self.function))
    }
}
