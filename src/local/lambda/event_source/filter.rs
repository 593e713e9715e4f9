//! The filter criteria of an event source mapping, which select the records to deliver.
//!
//! Source: docs/facts/event-source-mapping.md, Filters. `quamina` does the matching.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quamina::Quamina;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::kinesis::StreamRecord;
use crate::lambda::api::request::invalid;
use crate::lambda::state::MappingSettings;
use crate::protocol::aws_json::ServiceError;

/// Limits of the number of filters, and of the characters of a pattern (docs/facts/event-source-mapping.md,
/// Parameters).
const MAX_FILTERS: usize = 5;
const MAX_PATTERN: usize = 4096;
/// Limit of nested objects and lists in a record's data: `quamina` recurses, and a stack overflow ends the whole
/// process.
const MAX_DEPTH: usize = 500;
/// Operators that Lambda supports; `quamina` supports more.
const OPERATORS: [&str; 6] = ["prefix", "suffix", "anything-but", "numeric", "exists", "equals-ignore-case"];

/// The patterns of an event source mapping; a record must match one of them.
pub(crate) struct Filter(Quamina<usize>);

impl Filter {
    /// Returns the filter of an event source mapping, if it has one.
    pub(crate) fn of(settings: &MappingSettings) -> Result<Option<Self>, ServiceError> {
        if settings.filters.is_empty() { Ok(None) } else { Filter::new(&settings.filters).map(Some) }
    }

    /// Parses patterns.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, ServiceError> {
        let mut filter = Quamina::new();
        for (number, pattern) in patterns.iter().enumerate() {
            check(pattern).map_err(|why| wrong(&why))?;
            filter.add_pattern(number, pattern).map_err(|error| wrong(&error.to_string()))?;
        }
        Ok(Filter(filter))
    }

    /// Returns whether a record is delivered to the function.
    ///
    /// Data other than JSON has no fields, so that no pattern about data matches.
    pub(crate) fn takes(&self, record: &StreamRecord) -> bool {
        let key = Value::from(record.partition_key.as_str());
        let mut event = format!("{{\"partitionKey\":{key},\"sequenceNumber\":\"{}\"", record.sequence_number);
        let data = STANDARD.decode(&record.data).ok().and_then(|data| String::from_utf8(data).ok());
        let can_be_read = |data: &String| serde_json::from_str::<IgnoredAny>(data).is_ok() && depth(data) < MAX_DEPTH;
        if let Some(data) = data.filter(can_be_read) {
            event.push_str(",\"data\":");
            event.push_str(&data);
        }
        event.push('}');
        // Data that the matcher cannot read matches nothing, as in the service.
        self.0.has_matches(event.as_bytes()).unwrap_or(false)
    }
}

/// Returns the depth of nested objects and lists in a JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Returns the patterns of a `FilterCriteria`.
pub(crate) fn patterns(criteria: &Value) -> Result<Vec<String>, ServiceError> {
    let filters = criteria.get("Filters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if filters.len() > MAX_FILTERS {
        return Err(invalid(format!("A mapping has at most {MAX_FILTERS} filters.")));
    }
    let pattern = |filter: &Value| filter.get("Pattern").and_then(Value::as_str).map(str::to_owned);
    let patterns: Option<Vec<String>> = filters.iter().map(pattern).collect();
    patterns.ok_or_else(|| wrong("a filter has a Pattern"))
}

fn wrong(why: &str) -> ServiceError {
    invalid(format!("Invalid filter pattern definition. ({why})"))
}

/// Rejects patterns that Lambda rejects and `quamina` accepts or rejects less clearly.
fn check(pattern: &str) -> Result<(), String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("a pattern has at most {MAX_PATTERN} characters"));
    }
    let fields: Map<String, Value> = serde_json::from_str(pattern).map_err(|_| "it is not a JSON object".to_owned())?;
    if fields.get("data").is_some_and(|data| !data.is_object()) {
        return Err("the records of a stream are matched by the fields of their data".to_owned());
    }
    check_fields(&fields)
}

fn check_fields(fields: &Map<String, Value>) -> Result<(), String> {
    if fields.is_empty() {
        return Err("it names no field".to_owned());
    }
    for (name, rule) in fields {
        match rule {
            _ if name == "$or" => return Err("the local cloud does not know $or".to_owned()),
            Value::Object(inner) => check_fields(inner)?,
            Value::Array(rules) => {
                let operators = rules.iter().filter_map(Value::as_object).flat_map(|rule| rule.keys());
                for operator in operators {
                    if !OPERATORS.contains(&operator.as_str()) {
                        return Err(format!("there is no operator {operator}"));
                    }
                }
            }
            _ => return Err(format!("the rules of {name} are not a list")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn takes(pattern: &Value, data: &str) -> bool {
        let record = StreamRecord {
            sequence_number: "1".into(),
            partition_key: "sensor \"1\"".into(),
            data: STANDARD.encode(data),
            arrival: 0.0,
        };
        Filter::new(&[pattern.to_string()]).unwrap().takes(&record)
    }

    #[test]
    fn filter_matches_as_in_the_service() {
        let data = r#"{"type":"buy","price":20.5,"tags":["a","b"],"place":{"city":""},"gone":null}"#;
        for (rule, fits, does_not) in [
            ("type", json!(["sell", "buy"]), json!(["sell"])),
            ("type", json!([{"prefix": "b"}]), json!([{"prefix": "u"}])),
            ("type", json!([{"suffix": "uy"}]), json!([{"suffix": "b"}])),
            ("type", json!([{"equals-ignore-case": "BUY"}]), json!(["BUY"])),
            ("type", json!([{"anything-but": ["sell"]}]), json!([{"anything-but": ["buy"]}])),
            ("type", json!([{"exists": true}]), json!([{"exists": false}])),
            ("other", json!([{"exists": false}]), json!([{"anything-but": ["x"]}])),
            ("price", json!([{"numeric": [">", 20, "<=", 20.5]}]), json!([{"numeric": ["<", 20]}])),
            ("price", json!([20.50]), json!(["20.5"])),
            ("tags", json!(["b"]), json!(["c"])),
            ("place", json!({"city": [""]}), json!({"city": ["x"]})),
            ("gone", json!([null]), json!([false])),
        ] {
            assert!(takes(&json!({"data": {rule: fits}}), data), "{rule} {fits}");
            assert!(!takes(&json!({"data": {rule: does_not}}), data), "{rule} {does_not}");
        }
        assert!(!takes(&json!({"data": {"type": ["buy"], "price": [1]}}), data), "all fields");
        assert!(takes(&json!({"partitionKey": ["sensor \"1\""]}), data));
    }

    #[test]
    fn filter_data_other_than_json_matches_no_data_pattern() {
        for data in ["no json", r#"{"type":"buy""#, r#"1},"data":{"type":"buy"}"#, "\u{0}"] {
            assert!(!takes(&json!({"data": {"type": ["buy"]}}), data), "{data}");
            assert!(!takes(&json!({"data": {"type": [{"exists": false}]}, "partitionKey": ["x"]}), data), "{data}");
            assert!(takes(&json!({"partitionKey": [{"prefix": "sensor"}]}), data), "{data}");
        }
    }

    #[test]
    fn filter_data_beyond_depth_limit_matches_nothing() {
        let nested = |open: &str, close: &str, depth: usize| {
            format!(r#"{{"a":{}1{}}}"#, open.repeat(depth), close.repeat(depth))
        };
        let pattern = json!({"data": {"a": [1]}});
        assert!(takes(&pattern, &nested("[", "]", MAX_DEPTH - 2)));
        for depth in [MAX_DEPTH, 300_000] {
            assert!(!takes(&pattern, &nested("[", "]", depth)));
            assert!(!takes(&json!({"data": {"a": {"a": [1]}}}), &nested(r#"{"a":"#, "}", depth)));
            assert!(!takes(&json!({"data": {"b": [1]}}), &nested(r#"[{"b":"#, "}]", depth)));
        }
        // Brackets in a string are not nesting.
        assert!(takes(&json!({"data": {"a": ["[".repeat(2000)]}}), &json!({"a": "[".repeat(2000)}).to_string()));
    }

    #[test]
    fn filter_any_pattern_suffices_and_no_pattern_matches_all() {
        let criteria = json!({"Filters": [{"Pattern": r#"{"data":{"a":[1]}}"#}, {"Pattern": r#"{"data":{"a":[2]}}"#}]});
        let filter = Filter::new(&patterns(&criteria).unwrap()).unwrap();
        let takes = |data: &str| {
            filter.takes(&StreamRecord {
                sequence_number: "1".into(),
                partition_key: "k".into(),
                data: STANDARD.encode(data),
                arrival: 0.0,
            })
        };
        assert_eq!([r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#].map(takes), [true, true, false]);
        assert_eq!(patterns(&json!({})).unwrap(), [""; 0]);
    }

    #[test]
    fn filter_invalid_patterns_are_rejected() {
        for pattern in [
            "",
            "[]",
            "{}",
            r#"{"data":{}}"#,
            r#"{"data":["text"]}"#,
            r#"{"data":{"a":"text"}}"#,
            r#"{"data":{"a":[{"regexp":"x"}]}}"#,
            r#"{"data":{"a":[{"numeric":["~",1]}]}}"#,
            r#"{"data":{"$or":[{"a":[1]},{"b":[2]}]}}"#,
            &format!(r#"{{"data":{{"a":["{}"]}}}}"#, "x".repeat(MAX_PATTERN)),
        ] {
            let error = Filter::new(&[pattern.to_owned()]).err().unwrap();
            assert!(error.message.starts_with("Invalid filter pattern definition. ("), "{pattern}: {}", error.message);
        }
        let six = json!({"Filters": vec![json!({"Pattern": "{}"}); 6]});
        assert!(patterns(&six).is_err() && patterns(&json!({"Filters": [{}]})).is_err());
    }
}
