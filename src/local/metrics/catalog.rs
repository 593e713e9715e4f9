//! The counted metrics: namespace, name, dimension and unit of each.

/// A counted metric.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Metric {
    IncomingRecords,
    IncomingBytes,
    GetRecordsIteratorAge,
    ReadThroughputExceeded,
    WriteThroughputExceeded,
    Invocations,
    Errors,
    Throttles,
    Duration,
    IteratorAge,
    DestinationDeliveryFailures,
    PolledEvents,
    FilteredOutEvents,
    InvokedEvents,
    FailedInvokeEvents,
    DroppedEvents,
    DestinationDeliveredEvents,
    MappingIteratorAge,
    ConsumedWriteUnits,
    WriteThrottles,
    KeyRangeWriteThrottles,
}

const KINESIS: &str = "AWS/Kinesis";
const LAMBDA: &str = "AWS/Lambda";
const DYNAMODB: &str = "AWS/DynamoDB";

const STREAM: &str = "StreamName";
const FUNCTION: &str = "FunctionName";
const MAPPING: &str = "EventSourceMappingUUID";
const TABLE: &str = "TableName";

/// Each metric with its namespace, name, only dimension, and unit.
const ALL: [(Metric, &str, &str, &str, &str); 21] = [
    (Metric::IncomingRecords, KINESIS, "IncomingRecords", STREAM, "Count"),
    (Metric::IncomingBytes, KINESIS, "IncomingBytes", STREAM, "Bytes"),
    (Metric::GetRecordsIteratorAge, KINESIS, "GetRecords.IteratorAgeMilliseconds", STREAM, "Milliseconds"),
    (Metric::ReadThroughputExceeded, KINESIS, "ReadProvisionedThroughputExceeded", STREAM, "Count"),
    (Metric::WriteThroughputExceeded, KINESIS, "WriteProvisionedThroughputExceeded", STREAM, "Count"),
    (Metric::Invocations, LAMBDA, "Invocations", FUNCTION, "Count"),
    (Metric::Errors, LAMBDA, "Errors", FUNCTION, "Count"),
    (Metric::Throttles, LAMBDA, "Throttles", FUNCTION, "Count"),
    (Metric::Duration, LAMBDA, "Duration", FUNCTION, "Milliseconds"),
    (Metric::IteratorAge, LAMBDA, "IteratorAge", FUNCTION, "Milliseconds"),
    (Metric::DestinationDeliveryFailures, LAMBDA, "DestinationDeliveryFailures", FUNCTION, "Count"),
    (Metric::PolledEvents, LAMBDA, "PolledEventCount", MAPPING, "Count"),
    (Metric::FilteredOutEvents, LAMBDA, "FilteredOutEventCount", MAPPING, "Count"),
    (Metric::InvokedEvents, LAMBDA, "InvokedEventCount", MAPPING, "Count"),
    (Metric::FailedInvokeEvents, LAMBDA, "FailedInvokeEventCount", MAPPING, "Count"),
    (Metric::DroppedEvents, LAMBDA, "DroppedEventCount", MAPPING, "Count"),
    // Never counted: the local cloud delivers to no destination.
    (Metric::DestinationDeliveredEvents, LAMBDA, "OnFailureDestinationDeliveredEventCount", MAPPING, "Count"),
    (Metric::MappingIteratorAge, LAMBDA, "IteratorAge", MAPPING, "Milliseconds"),
    (Metric::ConsumedWriteUnits, DYNAMODB, "ConsumedWriteCapacityUnits", TABLE, "Count"),
    (Metric::WriteThrottles, DYNAMODB, "WriteThrottleEvents", TABLE, "Count"),
    (Metric::KeyRangeWriteThrottles, DYNAMODB, "WriteKeyRangeThroughputThrottleEvents", TABLE, "Count"),
];

impl Metric {
    /// Returns the metric with this namespace, name and dimension, if it is counted.
    pub(crate) fn find(namespace: &str, name: &str, dimension: &str) -> Option<Metric> {
        let is_it = |(_, in_namespace, its_name, of, _): &&(Metric, &str, &str, &str, &str)| {
            *in_namespace == namespace && *its_name == name && *of == dimension
        };
        ALL.iter().find(is_it).map(|(metric, ..)| *metric)
    }

    /// Returns its unit.
    pub(crate) fn unit(self) -> &'static str {
        ALL.iter().find(|(metric, ..)| *metric == self).map_or("None", |(.., unit)| unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_is_found_by_namespace_name_and_dimension() {
        assert_eq!(Metric::find(LAMBDA, "IteratorAge", FUNCTION), Some(Metric::IteratorAge));
        assert_eq!(Metric::find(LAMBDA, "IteratorAge", MAPPING), Some(Metric::MappingIteratorAge));
        assert_eq!(Metric::find(KINESIS, "IteratorAge", FUNCTION), None);
        assert_eq!(Metric::find(LAMBDA, "OffsetLag", FUNCTION), None);
        for (metric, namespace, name, dimension, unit) in ALL {
            assert_eq!(Metric::find(namespace, name, dimension).map(Metric::unit), Some(unit), "{metric:?}");
        }
    }
}
