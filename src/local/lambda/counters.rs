//! Lambda's metrics: invocations of functions, and events of event source mappings.

use super::api::function_name::function_name_from_arn;
use super::event_source::batch_response::BatchResult;
use super::event_source::stream_item::StreamItem;
use super::runtime::invocation::Outcome;
use super::runtime::invoke::InvokeError;
use super::service::Lambda;
use super::state::MappingRecord;
use crate::metrics::Metric;
use crate::protocol::aws_json::seconds;

impl Lambda {
    /// Counts a call of a function that began at `began` (epoch ms). The service stamps metrics with that time.
    ///
    /// A throttled call is neither an invocation nor an error; other calls that did not reach the function count
    /// nothing.
    pub(super) fn count_invocation(&self, function: &str, began: u64, result: &Result<Outcome, InvokeError>) {
        let add = |metric, value| self.metrics().add_at(metric, function, value, began);
        match result {
            Ok(outcome) => {
                add(Metric::Invocations, 1.0);
                add(Metric::Errors, f64::from(u8::from(outcome.failed)));
                add(Metric::Throttles, 0.0);
                add(Metric::Duration, outcome.duration.as_secs_f64() * 1000.0);
            }
            Err(InvokeError::Throttled(_)) => self.count_throttle(function),
            Err(_) => {}
        }
    }

    /// Counts a throttled call of a function.
    pub(crate) fn count_throttle(&self, function: &str) {
        self.metrics().add(Metric::Throttles, function, 1.0);
    }

    /// Counts records that an event source mapping read; none of them is the sign of an idle mapping.
    pub(super) fn count_polled(&self, mapping: &MappingRecord, records: usize, filtered_out: usize) {
        self.count_events(mapping, Metric::PolledEvents, records);
        if !mapping.settings.filters.is_empty() {
            self.count_events(mapping, Metric::FilteredOutEvents, filtered_out);
        }
    }

    /// Counts a batch that was sent to the function at `began` (epoch ms), and the age of its last record then.
    pub(super) fn count_sent(&self, mapping: &MappingRecord, items: &[StreamItem], began: u64) {
        let Some(last) = items.last() else { return };
        let age = ((seconds(began) - last.arrival) * 1000.0).max(0.0).round();
        let function = function_name_from_arn(&self.deps().identity, &mapping.function_arn);
        self.metrics().add_at(Metric::IteratorAge, &function, age, began);
        if mapping.settings.counts_events() {
            self.metrics().add_at(Metric::MappingIteratorAge, &mapping.uuid, age, began);
        }
        self.count_events(mapping, Metric::InvokedEvents, items.len());
    }

    /// Counts the failed records of a batch of `records`.
    pub(super) fn count_result(&self, mapping: &MappingRecord, records: usize, result: BatchResult) {
        let failed = match result {
            BatchResult::Done => 0,
            BatchResult::FailedFrom(position) => records.saturating_sub(position),
        };
        self.count_events(mapping, Metric::FailedInvokeEvents, failed);
    }

    /// Counts discarded records. The local cloud delivers to no destination.
    pub(super) fn count_dropped(&self, mapping: &MappingRecord, records: usize) {
        self.count_events(mapping, Metric::DroppedEvents, records);
        if mapping.settings.on_failure.is_some() {
            let function = function_name_from_arn(&self.deps().identity, &mapping.function_arn);
            self.metrics().add(Metric::DestinationDeliveryFailures, &function, 1.0);
        }
    }

    /// Counts events of a mapping whose `MetricsConfig` asks for it.
    fn count_events(&self, mapping: &MappingRecord, metric: Metric, count: usize) {
        if mapping.settings.counts_events() {
            self.metrics().add(metric, &mapping.uuid, u32::try_from(count).unwrap_or(u32::MAX).into());
        }
    }
}
