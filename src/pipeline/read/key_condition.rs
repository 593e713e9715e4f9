//! The parts of a condition that name the table's key.
//!
//! A Query takes them in its key condition only, and there just one condition on the time (API reference of `DynamoDB`,
//! Query, `KeyConditionExpression` and `FilterExpression`).

use sensor_model::Decimal;

use super::condition::{Comparison, Condition, Literal, Operand};
use super::item_decode::{SENSOR, TIME};

/// An end of a range of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub value: Decimal,
    /// True if the value itself is outside.
    pub is_exclusive: bool,
}

impl From<Decimal> for Bound {
    fn from(value: Decimal) -> Self {
        Bound { value, is_exclusive: false }
    }
}

/// A condition, by the part of a Query that can take it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KeyConditions {
    /// The sensors that it allows; `None` if it names none by `=` or `in`.
    pub sensors: Option<Vec<String>>,
    /// The lower end of the times that it allows.
    pub since: Option<Bound>,
    /// The upper end.
    pub until: Option<Bound>,
    /// The rest.
    pub filter: Option<Condition>,
}

impl KeyConditions {
    /// Takes the conditions on the key out of a condition. Only those count that hold for every row it allows.
    pub(crate) fn of(condition: Condition) -> Self {
        let conditions = match condition {
            Condition::All(conditions) => conditions,
            other => vec![other],
        };
        let mut found = KeyConditions::default();
        let rest: Vec<_> = conditions.into_iter().filter_map(|condition| found.take(condition)).collect();
        found.filter = (!rest.is_empty()).then(|| Condition::all(rest));
        found
    }

    /// Returns whether the filter still names the key, which no filter of a Query may.
    pub(crate) fn is_key_in_filter(&self) -> bool {
        let attributes = self.filter.iter().flat_map(Condition::attributes);
        attributes.into_iter().any(|attribute| [SENSOR, TIME].contains(&attribute))
    }

    /// Takes a condition on the key, or gives it back.
    fn take(&mut self, condition: Condition) -> Option<Condition> {
        match &condition {
            Condition::Compare(path, comparison, Operand::Literal(Literal::Number(time))) if path.attribute == TIME => {
                let bound = |is_exclusive| Some(Bound { value: time.clone(), is_exclusive });
                let (since, until) = match comparison {
                    Comparison::Equal => (bound(false), bound(false)),
                    Comparison::Greater => (bound(true), None),
                    Comparison::GreaterOrEqual => (bound(false), None),
                    Comparison::Less => (None, bound(true)),
                    Comparison::LessOrEqual => (None, bound(false)),
                    Comparison::NotEqual => return Some(condition),
                };
                self.narrow(since, until);
                None
            }
            Condition::Between(path, Literal::Number(low), Literal::Number(high)) if path.attribute == TIME => {
                self.narrow(Some(low.clone().into()), Some(high.clone().into()));
                None
            }
            Condition::Compare(path, Comparison::Equal, Operand::Literal(Literal::Text(sensor)))
                if path.attribute == SENSOR && self.sensors.is_none() =>
            {
                self.sensors = Some(vec![sensor.clone()]);
                None
            }
            Condition::In(path, values) if path.attribute == SENSOR && self.sensors.is_none() => {
                let texts = values.iter().filter_map(|value| match value {
                    Literal::Text(text) => Some(text.clone()),
                    _ => None,
                });
                self.sensors = Some(texts.collect());
                None
            }
            _ => Some(condition),
        }
    }

    /// Narrows the range of times.
    pub(crate) fn narrow(&mut self, since: Option<Bound>, until: Option<Bound>) {
        // Of equal times, the bound that leaves the time out is the narrower one.
        self.since = self
            .since
            .take()
            .into_iter()
            .chain(since)
            .max_by(|one, other| one.value.cmp(&other.value).then(one.is_exclusive.cmp(&other.is_exclusive)));
        self.until = self
            .until
            .take()
            .into_iter()
            .chain(until)
            .min_by(|one, other| one.value.cmp(&other.value).then(other.is_exclusive.cmp(&one.is_exclusive)));
    }

    /// Returns whether no time is in the range.
    pub(crate) fn is_empty(&self) -> bool {
        match (&self.since, &self.until) {
            (Some(since), Some(until)) => {
                since.value > until.value || since.value == until.value && (since.is_exclusive || until.is_exclusive)
            }
            _ => false,
        }
    }

    /// Returns whether a Query can take the range: `BETWEEN` includes both ends.
    pub(crate) fn fits_query(&self) -> bool {
        let is_exclusive = |bound: &Option<Bound>| bound.as_ref().is_some_and(|bound| bound.is_exclusive);
        self.since.is_none() || self.until.is_none() || !is_exclusive(&self.since) && !is_exclusive(&self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::parse_condition;
    use super::*;

    fn split(text: &str) -> KeyConditions {
        KeyConditions::of(parse_condition(text).unwrap())
    }

    fn bound(time: &str, is_exclusive: bool) -> Option<Bound> {
        Decimal::parse(time).ok().map(|value| Bound { value, is_exclusive })
    }

    #[test]
    fn key_conditions_leave_the_filter() {
        let found = split(r#"current_time >= 5 and site = "lab" and 9 > current_time and sensor_id in ("a", "b")"#);
        assert_eq!((&found.since, &found.until), (&bound("5", false), &bound("9", true)));
        assert_eq!(found.sensors, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(found.filter.as_ref().map(ToString::to_string).as_deref(), Some(r#"site = "lab""#));
        assert!(!found.is_key_in_filter() && !found.fits_query());
        let found = split("current_time between 1 and 7 and current_time > 1 and current_time <= 9");
        assert_eq!((found.since, found.until, found.filter), (bound("1", true), bound("7", false), None));
    }

    #[test]
    fn key_below_or_and_not_stays_in_the_filter() {
        for text in [
            "current_time > 5 or humidity > 1",
            "not current_time > 5",
            "current_time <> 5",
            r#"sensor_id <> "a""#,
            r#"begins_with(sensor_id, "a")"#,
            r#"sensor_id = "a" and sensor_id = "b""#,
            "humidity > `current_time`",
        ] {
            assert!(split(text).is_key_in_filter(), "{text}");
        }
        assert!(!split("humidity > 5 and not exists(site)").is_key_in_filter());
    }

    #[test]
    fn empty_range_is_known() {
        for (text, is_empty) in [
            ("current_time > 5 and current_time < 5", true),
            ("current_time >= 5 and current_time < 5", true),
            ("current_time = 5 and current_time <= 5", false),
            ("current_time = 5 and current_time = 6", true),
            ("current_time > 5", false),
        ] {
            assert_eq!(split(text).is_empty(), is_empty, "{text}");
        }
    }
}
