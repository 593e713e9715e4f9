//! Settings of an event source mapping (docs/facts/event-source-mapping.md, Parameters).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::function_settings::{constraint, keep, within};
use super::request::invalid;
use crate::lambda::event_source::filter;
use crate::lambda::event_source::filter::Filter;
use crate::lambda::state::{MappingSettings, Tags};
use crate::protocol::aws_json::ServiceError;

/// The body of `CreateEventSourceMapping` and `UpdateEventSourceMapping`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct MappingInput {
    pub event_source_arn: Option<String>,
    pub function_name: Option<String>,
    pub enabled: Option<bool>,
    pub batch_size: Option<i64>,
    pub maximum_batching_window_in_seconds: Option<i64>,
    pub parallelization_factor: Option<i64>,
    pub starting_position: Option<String>,
    pub starting_position_timestamp: Option<f64>,
    pub maximum_record_age_in_seconds: Option<i64>,
    pub maximum_retry_attempts: Option<i64>,
    pub bisect_batch_on_function_error: Option<bool>,
    pub tumbling_window_in_seconds: Option<i64>,
    pub function_response_types: Option<Vec<String>>,
    pub filter_criteria: Option<Value>,
    pub destination_config: Option<Value>,
    #[serde(rename = "KMSKeyArn")]
    pub kms_key_arn: Option<Value>,
    pub metrics_config: Option<Value>,
    pub tags: Tags,
}

/// Returns the service's defaults.
pub(crate) fn defaults() -> MappingSettings {
    MappingSettings {
        enabled: true,
        batch_size: 100,
        window_seconds: 0,
        parallelization: 1,
        max_record_age: -1,
        max_retries: -1,
        bisect: false,
        report_failures: false,
        on_failure: None,
        filters: Vec::new(),
        shown: Map::new(),
    }
}

/// Applies the settings in the input, after checking all of them.
pub(crate) fn apply(input: &MappingInput, settings: &mut MappingSettings) -> Result<(), ServiceError> {
    if input.tumbling_window_in_seconds.is_some_and(|seconds| seconds != 0) {
        return Err(invalid("The local cloud has no tumbling windows: leave TumblingWindowInSeconds at 0."));
    }
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    if let Some(batch_size) = input.batch_size {
        settings.batch_size = size(within(batch_size, "batchSize", 1, 10_000)?);
    }
    if let Some(window) = input.maximum_batching_window_in_seconds {
        settings.window_seconds = within(window, "maximumBatchingWindowInSeconds", 0, 300)?;
    }
    if let Some(factor) = input.parallelization_factor {
        settings.parallelization = size(within(factor, "parallelizationFactor", 1, 10)?);
    }
    if let Some(age) = input.maximum_record_age_in_seconds {
        if age != -1 {
            within(age, "maximumRecordAgeInSeconds", 60, 604_800)?;
        }
        settings.max_record_age = age;
    }
    if let Some(retries) = input.maximum_retry_attempts {
        if retries != -1 {
            within(retries, "maximumRetryAttempts", 0, 10_000)?;
        }
        settings.max_retries = retries;
    }
    if let Some(types) = &input.function_response_types {
        settings.report_failures = match types.as_slice() {
            [] => false,
            [one] if one == "ReportBatchItemFailures" => true,
            _ => {
                let rule = "Member must satisfy constraint: [Member must satisfy enum value set: \
                            [ReportBatchItemFailures]]";
                return Err(constraint(&format!("[{}]", types.join(", ")), "functionResponseTypes", rule));
            }
        };
    }
    settings.bisect = input.bisect_batch_on_function_error.unwrap_or(settings.bisect);
    settings.enabled = input.enabled.unwrap_or(settings.enabled);
    if let Some(criteria) = &input.filter_criteria {
        settings.filters = filter::patterns(criteria)?;
        Filter::new(&settings.filters)?;
    }
    if let Some(config) = &input.destination_config {
        settings.on_failure = destination(config)?;
    }
    check_unused(input)?;
    let shown = [("KMSKeyArn", input.kms_key_arn.clone()), ("MetricsConfig", input.metrics_config.clone())];
    keep(shown, &mut settings.shown);
    Ok(())
}

/// Checks settings without effect here.
///
/// A key hides filters from lists but encrypts nothing. Only events are counted as metrics.
fn check_unused(input: &MappingInput) -> Result<(), ServiceError> {
    let key = input.kms_key_arn.as_ref().and_then(Value::as_str).unwrap_or_default();
    if !key.is_empty() && !key.starts_with("arn:") {
        let rule = "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()";
        return Err(constraint(key, "kMSKeyArn", rule));
    }
    let metrics = input.metrics_config.as_ref().and_then(|config| config.get("Metrics")).and_then(Value::as_array);
    match metrics.into_iter().flatten().find(|metric| *metric != "EventCount") {
        // The other metrics are those of Kafka (API reference, EventSourceMappingMetricsConfig).
        Some(metric) => Err(invalid(format!("A mapping of a Kinesis stream has no metrics {metric}."))),
        None => Ok(()),
    }
}

/// Returns the on-failure destination of a `DestinationConfig`: a queue that is not FIFO, a topic, or a bucket.
///
/// Source: docs/facts/event-source-mapping.md, Parameters.
fn destination(config: &Value) -> Result<Option<String>, ServiceError> {
    let arn = |which: &str| config.get(which)?.get("Destination")?.as_str().filter(|arn| !arn.is_empty());
    if arn("OnSuccess").is_some() {
        return Err(invalid("Mappings of a Kinesis stream have no destination for OnSuccess."));
    }
    let Some(arn) = arn("OnFailure") else { return Ok(None) };
    let is_known = match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "sqs", region, account, name] => {
            ![region, account, name].iter().any(|part| part.is_empty()) && name.strip_suffix(".fifo").is_none()
        }
        ["arn", _, "sns", region, account, name] => ![region, account, name].iter().any(|part| part.is_empty()),
        ["arn", _, "s3", "", "", bucket] => !bucket.is_empty(),
        _ => false,
    };
    if is_known && arn.len() <= 350 {
        return Ok(Some(arn.to_owned()));
    }
    Err(invalid(format!("The destination {arn} is neither a standard SQS queue nor an SNS topic nor an S3 bucket.")))
}

/// Returns the starting position and its timestamp.
pub(crate) fn starting_position(input: &MappingInput) -> Result<(String, Option<f64>), ServiceError> {
    let Some(position) = input.starting_position.clone() else {
        return Err(invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must \
             not be null.",
        ));
    };
    match (position.as_str(), input.starting_position_timestamp) {
        ("TRIM_HORIZON" | "LATEST", None) => Ok((position, None)),
        ("TRIM_HORIZON" | "LATEST", Some(_)) => {
            Err(invalid("StartingPositionTimestamp is only used with the starting position AT_TIMESTAMP."))
        }
        ("AT_TIMESTAMP", None) => Err(invalid("The starting position AT_TIMESTAMP needs a StartingPositionTimestamp.")),
        ("AT_TIMESTAMP", Some(at)) if at > Timestamp::now().as_duration().as_secs_f64() + 1.0 => {
            Err(invalid("StartingPositionTimestamp cannot be in the future."))
        }
        ("AT_TIMESTAMP", at) => Ok((position, at)),
        _ => {
            let rule = "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]";
            Err(constraint(&position, "startingPosition", rule))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(input: Value) -> Result<MappingSettings, ServiceError> {
        let input: MappingInput = serde_json::from_value(input).unwrap();
        let mut settings = defaults();
        apply(&input, &mut settings).map(|()| settings)
    }

    #[test]
    fn mapping_settings_out_of_bounds_are_rejected() {
        for (name, good, bad) in [
            ("BatchSize", vec![1, 10_000], vec![0, 10_001]),
            ("MaximumBatchingWindowInSeconds", vec![0, 300], vec![-1, 301]),
            ("ParallelizationFactor", vec![1, 10], vec![0, 11]),
            ("MaximumRecordAgeInSeconds", vec![-1, 60, 604_800], vec![-2, 0, 59, 604_801]),
            ("MaximumRetryAttempts", vec![-1, 0, 10_000], vec![-2, 10_001]),
        ] {
            for value in good {
                assert!(applied(json!({name: value})).is_ok(), "{name} {value}");
            }
            for value in bad {
                assert!(applied(json!({name: value})).is_err(), "{name} {value}");
            }
        }
    }

    #[test]
    fn mapping_settings_without_effect_are_rejected_or_returned() {
        assert!(applied(json!({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}})).is_err());
        assert_eq!(applied(json!({"FilterCriteria": {}})).unwrap().filters, [""; 0]);
        assert!(applied(json!({"TumblingWindowInSeconds": 30})).is_err());
        let key = "arn:aws:kms:eu-central-1:000000000000:key/k";
        assert_eq!(applied(json!({"KMSKeyArn": key})).unwrap().shown["KMSKeyArn"], key);
        assert!(applied(json!({"KMSKeyArn": "k"})).unwrap_err().message.contains("kMSKeyArn"));
        let metrics = |metrics: Value| applied(json!({"MetricsConfig": {"Metrics": metrics}}));
        assert_eq!(metrics(json!(["EventCount"])).unwrap().shown["MetricsConfig"]["Metrics"], json!(["EventCount"]));
        assert!(metrics(json!(["KafkaMetrics"])).unwrap_err().message.contains("KafkaMetrics"));
    }

    #[test]
    fn mapping_settings_destination_is_set_removed_and_validated() {
        let to = |arn: &str| applied(json!({"DestinationConfig": {"OnFailure": {"Destination": arn}}}));
        for arn in ["arn:aws:sqs:eu-central-1:1:q", "arn:aws:sns:eu-central-1:1:t", "arn:aws:s3:::bucket"] {
            assert_eq!(to(arn).unwrap().on_failure.as_deref(), Some(arn));
        }
        for arn in ["q", "arn:aws:sqs:eu-central-1:1:q.fifo", "arn:aws:sqs:::q", "arn:aws:lambda:eu-central-1:1:f"] {
            assert!(to(arn).unwrap_err().message.contains(arn), "{arn}");
        }
        assert!(applied(json!({"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:s3:::b"}}})).is_err());
        let mut settings = to("arn:aws:s3:::bucket").unwrap();
        apply(&MappingInput::default(), &mut settings).unwrap();
        assert!(settings.on_failure.is_some(), "what is not named stays");
        let back = serde_json::from_value(json!({"DestinationConfig": {"OnFailure": {}}})).unwrap();
        apply(&back, &mut settings).unwrap();
        assert_eq!(settings.on_failure, None);
    }

    #[test]
    fn mapping_settings_starting_position_is_required_and_timestamp_only_at_timestamp() {
        let position = |input| starting_position(&serde_json::from_value::<MappingInput>(input).unwrap());
        assert!(position(json!({})).unwrap_err().message.contains("Value null at 'startingPosition'"));
        assert!(position(json!({"StartingPosition": "LATEST"})).is_ok());
        assert!(position(json!({"StartingPosition": "latest"})).is_err());
        assert!(position(json!({"StartingPosition": "LATEST", "StartingPositionTimestamp": 1.0})).is_err());
        assert!(position(json!({"StartingPosition": "AT_TIMESTAMP"})).is_err());
        assert!(position(json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 4e9})).is_err());
        assert!(position(json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1.5})).is_ok());
    }
}
