//! Builds the `DynamoDB` expressions of a query. Pure functions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sensor_model::Decimal;

use super::item_decode::{SENSOR, TEMPERATURE, TIME};

/// A query for stored readings.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadQuery {
    /// Readings of this sensor only. Then the request is a Query, never a full Scan.
    pub sensor: Option<String>,
    /// Minimum time (inclusive), in seconds since 1970.
    pub since: Option<Decimal>,
    /// Maximum time (inclusive), in seconds since 1970.
    pub until: Option<Decimal>,
    /// Minimum temperature (inclusive).
    pub min_temperature: Option<Decimal>,
    /// Maximum temperature (inclusive).
    pub max_temperature: Option<Decimal>,
    /// True if the newest readings come first. Needs a sensor.
    pub newest_first: bool,
    /// True if reads are strongly consistent, at twice the read cost.
    pub consistent: bool,
    /// Maximum number of readings.
    pub limit: Option<u64>,
}

/// The expressions of a query.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expressions {
    /// Key condition, for a Query.
    pub key: Option<String>,
    /// Filter, which the service evaluates after reading.
    pub filter: Option<String>,
    pub names: HashMap<String, String>,
    pub values: HashMap<String, AttributeValue>,
}

impl ReadQuery {
    pub(crate) fn expressions(&self) -> Expressions {
        let mut found = Expressions::default();
        let mut key = Vec::new();
        if let Some(sensor) = &self.sensor {
            found.names.insert("#sensor".to_owned(), SENSOR.to_owned());
            found.values.insert(":sensor".to_owned(), AttributeValue::S(sensor.clone()));
            key.push("#sensor = :sensor".to_owned());
        }
        let mut filter = Vec::new();
        let times = found.range("time", TIME, self.since.as_ref(), self.until.as_ref());
        // A sort key is allowed only in a Query's key condition. A Scan does not have one.
        if self.sensor.is_some() {
            key.extend(times);
        } else {
            filter.extend(times);
        }
        filter.extend(found.range(
            "temperature",
            TEMPERATURE,
            self.min_temperature.as_ref(),
            self.max_temperature.as_ref(),
        ));
        found.key = (!key.is_empty()).then(|| key.join(" AND "));
        found.filter = (!filter.is_empty()).then(|| filter.join(" AND "));
        found
    }

    /// Returns the items that a page should hold: no more than needed, unless a filter removes some.
    pub(crate) fn page_limit(&self) -> Option<i32> {
        let filtered = self.expressions().filter.is_some();
        self.limit.filter(|_| !filtered).map(|limit| i32::try_from(limit.clamp(1, 1000)).unwrap_or(1000))
    }
}

impl Expressions {
    fn range(&mut self, name: &str, attribute: &str, low: Option<&Decimal>, high: Option<&Decimal>) -> Option<String> {
        let mut value = |end: &str, number: &Decimal| {
            let placeholder = format!(":{end}_{name}");
            self.values.insert(placeholder.clone(), AttributeValue::N(number.to_string()));
            placeholder
        };
        let condition = match (low, high) {
            (None, None) => return None,
            (Some(low), None) => format!("#{name} >= {}", value("low", low)),
            (None, Some(high)) => format!("#{name} <= {}", value("high", high)),
            (Some(low), Some(high)) => format!("#{name} BETWEEN {} AND {}", value("low", low), value("high", high)),
        };
        self.names.insert(format!("#{name}"), attribute.to_owned());
        Some(condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Decimal> {
        Decimal::parse(text).ok()
    }

    #[test]
    fn expressions_with_sensor_use_key_condition_for_time_and_filter_for_temperature() {
        let question = ReadQuery {
            sensor: Some("s".into()),
            since: number("1"),
            until: number("2.5"),
            min_temperature: number("-3.5"),
            ..ReadQuery::default()
        };
        let found = question.expressions();
        assert_eq!(found.key.as_deref(), Some("#sensor = :sensor AND #time BETWEEN :low_time AND :high_time"));
        assert_eq!(found.filter.as_deref(), Some("#temperature >= :low_temperature"));
        assert_eq!(found.names.len(), 3);
        assert_eq!(found.values[":low_temperature"], AttributeValue::N("-3.5".into()));
        assert_eq!(found.values[":high_time"], AttributeValue::N("2.5".into()));
    }

    #[test]
    fn expressions_without_sensor_use_only_a_filter() {
        let question = ReadQuery { until: number("2"), max_temperature: number("9"), ..ReadQuery::default() };
        let found = question.expressions();
        assert_eq!(found.key, None);
        assert_eq!(found.filter.as_deref(), Some("#time <= :high_time AND #temperature <= :high_temperature"));
        assert_eq!(ReadQuery::default().expressions(), Expressions::default());
    }

    #[test]
    fn page_limit_applies_only_without_filter() {
        let mut question = ReadQuery { limit: Some(3), ..ReadQuery::default() };
        assert_eq!(question.page_limit(), Some(3));
        question.min_temperature = number("1");
        assert_eq!(question.page_limit(), None);
    }
}
