//! Builds the `DynamoDB` expressions of a query. Pure functions.

use aws_sdk_dynamodb::types::AttributeValue;
use sensor_model::Decimal;

use super::condition::{Condition, ItemKey};
use super::expression::Placeholders;
use super::item_decode::{Item, SENSOR, TEMPERATURE, TIME};
use super::key_condition::Bound;

/// A query for stored readings.
#[expect(clippy::struct_excessive_bools, reason = "independent members of a request, not states")]
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadQuery {
    /// Readings of these sensors only, by a Query for each; of all, by a Scan, if there is none.
    pub sensors: Vec<String>,
    /// The lower end of the times.
    pub since: Option<Bound>,
    /// The upper end of the times. A Query takes both ends only where both are included.
    pub until: Option<Bound>,
    /// Minimum temperature (inclusive).
    pub min_temperature: Option<Decimal>,
    /// Maximum temperature (inclusive).
    pub max_temperature: Option<Decimal>,
    /// A further condition. That of a Query does not name the key.
    pub filter: Option<Condition>,
    /// Conditions that the key alone decides, each of which holds. A Query does not take them: its pages are filtered here.
    pub key_filter: Vec<Condition>,
    /// Attributes to read beside those of every reading; all if there is none.
    pub attributes: Vec<String>,
    /// True if the newest readings of a sensor come first. Needs sensors.
    pub newest_first: bool,
    /// True if reads are strongly consistent, at twice the read cost.
    pub consistent: bool,
    /// Maximum number of readings.
    pub limit: Option<u64>,
    /// Maximum number of items that a page looks at, whether they match or not.
    pub page_items: Option<u64>,
    /// True if readings are counted and not returned. Other items do not count.
    pub is_count: bool,
    /// True if the answers name the read units that they took.
    pub reports_capacity: bool,
}

/// The expressions of a query.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expressions {
    /// Key condition, for a Query.
    pub key: Option<String>,
    /// Filter, which the service evaluates after reading.
    pub filter: Option<String>,
    /// The attributes of each item, if not all.
    pub projection: Option<String>,
    pub placeholders: Placeholders,
}

impl ReadQuery {
    /// Returns the expressions of a Query of one sensor, or of a Scan.
    pub(crate) fn expressions(&self, sensor: Option<&str>) -> Expressions {
        let mut placeholders = Placeholders::default();
        let mut key = Vec::new();
        if let Some(sensor) = sensor {
            let name = placeholders.name(SENSOR);
            key.push(format!("{name} = {}", placeholders.value(AttributeValue::S(sensor.to_owned()))));
        }
        let mut filter = Vec::new();
        let times = range(&mut placeholders, TIME, self.since.as_ref(), self.until.as_ref());
        // A sort key is allowed only in a Query's key condition. A Scan does not have one.
        if sensor.is_some() {
            key.extend(times);
        } else {
            filter.extend(times);
        }
        let [low, high] = [&self.min_temperature, &self.max_temperature].map(|end| end.clone().map(Bound::from));
        filter.extend(range(&mut placeholders, TEMPERATURE, low.as_ref(), high.as_ref()));
        let key_filter = if sensor.is_none() { &self.key_filter[..] } else { &[] };
        let conditions: Vec<_> = self.filter.iter().chain(key_filter).collect();
        // `AND` binds closer than `OR`; redundant parentheses are refused.
        let is_alone = filter.is_empty() && conditions.len() == 1 && !self.is_count;
        for condition in conditions {
            let text = condition.expression(&mut placeholders);
            let is_joined = !is_alone && matches!(condition, Condition::Any(_));
            filter.push(if is_joined { format!("({text})") } else { text });
        }
        if self.is_count {
            // A row is shown only with these types; the types of the key are those of the table.
            let name = placeholders.name(TEMPERATURE);
            filter.push(format!("attribute_type({name},{})", placeholders.value(AttributeValue::S("N".to_owned()))));
        }
        let projection = self.projection(&mut placeholders);
        Expressions {
            projection,
            key: (!key.is_empty()).then(|| key.join(" AND ")),
            filter: (!filter.is_empty()).then(|| filter.join(" AND ")),
            placeholders,
        }
    }

    /// Returns the query of one sensor, without conditions that its name decides; `None` if one of them never holds.
    pub(super) fn of_sensor(&self, sensor: &str) -> Option<Self> {
        let key = ItemKey { sensor, time: None };
        let mut key_filter = Vec::new();
        for condition in &self.key_filter {
            match condition.holds_for(&key) {
                Some(true) => {}
                Some(false) => return None,
                None => key_filter.push(condition.clone()),
            }
        }
        Some(ReadQuery { key_filter, ..self.clone() })
    }

    /// Returns whether an item has a key that the Query could not ask for.
    pub(super) fn allows_key(&self, item: &Item) -> bool {
        let (Some(AttributeValue::S(sensor)), Some(AttributeValue::N(time))) = (item.get(SENSOR), item.get(TIME))
        else {
            return true;
        };
        let time = Decimal::parse(time).ok();
        let key = ItemKey { sensor, time: time.as_ref() };
        self.key_filter.iter().all(|condition| condition.holds_for(&key) != Some(false))
    }

    fn projection(&self, placeholders: &mut Placeholders) -> Option<String> {
        if self.attributes.is_empty() || self.is_count {
            return None;
        }
        // Without them an item is not known as a reading.
        let own = [SENSOR, TIME, TEMPERATURE];
        let further = self.attributes.iter().map(String::as_str).filter(|name| !own.contains(name));
        Some(own.into_iter().chain(further).map(|name| placeholders.name(name)).collect::<Vec<_>>().join(","))
    }

    /// Returns the items that a page of a sensor or of a Scan should hold: no more than needed, unless a filter removes
    /// some.
    pub(crate) fn page_limit(&self, sensor: Option<&str>) -> Option<i32> {
        let is_filtered = || !self.key_filter.is_empty() || self.expressions(sensor).filter.is_some();
        let limit = || self.limit.filter(|_| !is_filtered()).map(|limit| limit.clamp(1, 1000));
        self.page_items.or_else(limit).map(|limit| i32::try_from(limit).unwrap_or(i32::MAX))
    }
}

fn range(
    placeholders: &mut Placeholders,
    attribute: &str,
    low: Option<&Bound>,
    high: Option<&Bound>,
) -> Option<String> {
    let mut compared = |sign: &str, bound: &Bound| {
        let equal = if bound.is_exclusive { "" } else { "=" };
        let name = placeholders.name(attribute);
        format!("{name} {sign}{equal} {}", placeholders.value(AttributeValue::N(bound.value.to_string())))
    };
    match (low, high) {
        (None, None) => None,
        (Some(low), None) => Some(compared(">", low)),
        (None, Some(high)) => Some(compared("<", high)),
        (Some(low), Some(high)) if low.is_exclusive || high.is_exclusive => {
            Some(format!("{} AND {}", compared(">", low), compared("<", high)))
        }
        (Some(low), Some(high)) => {
            let name = placeholders.name(attribute);
            let mut value = |bound: &Bound| placeholders.value(AttributeValue::N(bound.value.to_string()));
            let low = value(low);
            Some(format!("{name} BETWEEN {low} AND {}", value(high)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::parse_condition;
    use super::*;

    fn number(text: &str) -> Option<Decimal> {
        Decimal::parse(text).ok()
    }

    fn bound(text: &str) -> Option<Bound> {
        number(text).map(Bound::from)
    }

    #[test]
    fn expressions_with_sensor_use_key_condition_for_time_and_filter_for_temperature() {
        let question = ReadQuery {
            since: bound("1"),
            until: bound("2.5"),
            min_temperature: number("-3.5"),
            ..ReadQuery::default()
        };
        let found = question.expressions(Some("s"));
        assert_eq!(found.key.as_deref(), Some("#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2"));
        assert_eq!(found.filter.as_deref(), Some("#n2 >= :v3"));
        assert_eq!(found.placeholders.names.len(), 3);
        assert_eq!(found.placeholders.values[":v3"], AttributeValue::N("-3.5".into()));
        assert_eq!(found.placeholders.values[":v2"], AttributeValue::N("2.5".into()));
    }

    #[test]
    fn expressions_without_sensor_use_only_a_filter() {
        let question = ReadQuery { until: bound("2"), max_temperature: number("9"), ..ReadQuery::default() };
        let found = question.expressions(None);
        assert_eq!(found.key, None);
        assert_eq!(found.filter.as_deref(), Some("#n0 <= :v0 AND #n1 <= :v1"));
        assert_eq!(ReadQuery::default().expressions(None), Expressions::default());
    }

    #[test]
    fn condition_joins_the_other_filters_and_no_value_is_in_the_text() {
        let filter = |text: &str| {
            let question = ReadQuery {
                min_temperature: number("1"),
                filter: Some(parse_condition(text).unwrap()),
                ..ReadQuery::default()
            };
            question.expressions(None).filter.unwrap()
        };
        assert_eq!(filter("size = 1 or `a b`[2].c = 'x'"), "#n0 >= :v0 AND (#n1 = :v1 OR #n2[2].#n3 = :v2)");
        assert_eq!(
            filter("not (a in (1, 2) and (b between 1 and 2 or exists(c))) and temperature < 5"),
            "#n0 >= :v0 AND NOT (#n1 IN (:v1,:v2) AND (#n2 BETWEEN :v3 AND :v4 OR attribute_exists(#n3))) AND #n0 < :v5"
        );
        let both = ReadQuery { filter: Some(parse_condition("a = 1 or a = 2").unwrap()), ..ReadQuery::default() };
        assert_eq!(both.expressions(None).filter.as_deref(), Some("#n0 = :v0 OR #n0 = :v1"));
        let counted = ReadQuery { is_count: true, ..both.clone() };
        let filter = "(#n0 = :v0 OR #n0 = :v1) AND attribute_type(#n1,:v2)";
        assert_eq!(counted.expressions(None).filter.as_deref(), Some(filter));
        let keys =
            ReadQuery { key_filter: vec![parse_condition("sensor_id = 'a' or current_time > 1").unwrap()], ..both };
        let filter = "(#n0 = :v0 OR #n0 = :v1) AND (#n1 = :v2 OR #n2 > :v3)";
        assert_eq!(keys.expressions(None).filter.as_deref(), Some(filter));
        assert_eq!(keys.expressions(Some("a")).filter.as_deref(), Some("#n1 = :v1 OR #n1 = :v2"));
    }

    #[test]
    fn fields_are_read_with_those_of_every_reading() {
        let mut question = ReadQuery { attributes: vec!["b".into(), TEMPERATURE.into()], ..ReadQuery::default() };
        let found = question.expressions(Some("s"));
        assert_eq!(found.projection.as_deref(), Some("#n0,#n1,#n2,#n3"));
        assert_eq!(found.placeholders.names["#n3"], "b");
        question.is_count = true;
        let found = question.expressions(None);
        assert_eq!((found.projection, found.filter.as_deref()), (None, Some("attribute_type(#n0,:v0)")));
    }

    #[test]
    fn page_limit_applies_only_without_filter() {
        let mut question = ReadQuery { limit: Some(3), ..ReadQuery::default() };
        assert_eq!(question.page_limit(None), Some(3));
        question.since = bound("5");
        assert_eq!((question.page_limit(Some("a")), question.page_limit(None)), (Some(3), None));
        question.min_temperature = number("1");
        assert_eq!((question.page_limit(Some("a")), question.page_limit(None)), (None, None));
        question.page_items = Some(8);
        assert_eq!(question.page_limit(None), Some(8));
    }
}
