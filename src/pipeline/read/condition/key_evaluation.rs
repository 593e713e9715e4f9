//! Evaluates conditions that name the table's key alone. No Query filters by it, and every item has it.

use std::cmp::Ordering;

use sensor_model::Decimal;

use super::literal::Literal;
use super::tree::{AttributePath, Comparison, Condition, Operand};
use crate::pipeline::read::item_decode::{SENSOR, TIME};

/// The key of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemKey<'a> {
    pub sensor: &'a str,
    /// `None` if only the sensor is known.
    pub time: Option<&'a Decimal>,
}

impl ItemKey<'_> {
    /// Returns a part of the key; `None` if it is no part that is known.
    fn part(&self, path: &AttributePath) -> Option<Literal> {
        if path.attribute == SENSOR {
            return Some(Literal::Text(self.sensor.to_owned()));
        }
        self.time.filter(|_| path.attribute == TIME).cloned().map(Literal::Number)
    }

    /// Returns the text of a part of the key, where it is one.
    fn text(&self, path: &AttributePath) -> Option<&str> {
        (path.attribute == SENSOR).then_some(self.sensor)
    }
}

impl Condition {
    /// Returns whether the condition holds for every item with this key, or for none; `None` if the key does not say.
    pub(crate) fn holds_for(&self, key: &ItemKey<'_>) -> Option<bool> {
        let all = |conditions: &[Condition], stops_at: bool| {
            let mut found = Some(!stops_at);
            for condition in conditions {
                match condition.holds_for(key) {
                    Some(holds) if holds == stops_at => return Some(stops_at),
                    Some(_) => {}
                    None => found = None,
                }
            }
            found
        };
        let compare = |path, value: &Literal, test: fn(Ordering) -> bool| {
            key.part(path).map(|part| part.order(value).is_some_and(test))
        };
        match self {
            Condition::All(conditions) => all(conditions, false),
            Condition::Any(conditions) => all(conditions, true),
            Condition::Not(inner) => inner.holds_for(key).map(|holds| !holds),
            Condition::Compare(path, comparison, Operand::Literal(value)) => match comparison {
                Comparison::Equal => compare(path, value, Ordering::is_eq),
                Comparison::NotEqual => compare(path, value, Ordering::is_eq).map(|is_equal| !is_equal),
                Comparison::Less => compare(path, value, Ordering::is_lt),
                Comparison::LessOrEqual => compare(path, value, Ordering::is_le),
                Comparison::Greater => compare(path, value, Ordering::is_gt),
                Comparison::GreaterOrEqual => compare(path, value, Ordering::is_ge),
            },
            Condition::Between(path, low, high) => {
                Some(compare(path, low, Ordering::is_ge)? && compare(path, high, Ordering::is_le)?)
            }
            Condition::In(path, values) => {
                let mut holds = false;
                for value in values {
                    holds |= compare(path, value, Ordering::is_eq)?;
                }
                Some(holds)
            }
            Condition::BeginsWith(path, prefix) => key.text(path).map(|text| text.starts_with(prefix.as_str())),
            Condition::Contains(path, Literal::Text(part)) => key.text(path).map(|text| text.contains(part.as_str())),
            Condition::Contains(path, _) => key.text(path).map(|_| false),
            Condition::Exists(path) => [SENSOR, TIME].contains(&path.attribute.as_str()).then_some(true),
            Condition::Compare(_, _, Operand::Attribute(_)) => None,
        }
    }

    /// Returns whether the key alone decides whether the condition holds.
    pub(crate) fn is_about_key(&self) -> bool {
        let is_of_key = |attribute: &&str| [SENSOR, TIME].contains(attribute);
        self.attributes().iter().all(is_of_key) && !self.compares_attributes()
    }

    /// Returns whether the sensor alone decides whether the condition holds.
    pub(crate) fn is_about_sensor(&self) -> bool {
        self.is_about_key() && self.attributes().iter().all(|attribute| *attribute == SENSOR)
    }

    fn compares_attributes(&self) -> bool {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                conditions.iter().any(Condition::compares_attributes)
            }
            Condition::Not(inner) => inner.compares_attributes(),
            Condition::Compare(_, _, Operand::Attribute(_)) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::read::condition::parse_condition;

    fn holds(text: &str, sensor: &str, time: Option<u64>) -> Option<bool> {
        let time = time.map(Decimal::from);
        parse_condition(text).unwrap().holds_for(&ItemKey { sensor, time: time.as_ref() })
    }

    #[test]
    fn condition_on_the_key_is_decided() {
        for (text, expected) in [
            ("sensor_id = 'a' and current_time = 7", true),
            ("current_time <> 7", false),
            ("not current_time > 7", true),
            ("current_time < 5 or current_time between 6 and 8", true),
            ("sensor_id in ('b', 'a')", true),
            ("begins_with(sensor_id, 'b') or contains(sensor_id, 'a')", true),
            ("contains(sensor_id, 5)", false),
            ("sensor_id >= 'b'", false),
            ("exists(current_time)", true),
        ] {
            assert_eq!(holds(text, "a", Some(7)), Some(expected), "{text}");
            assert!(parse_condition(text).unwrap().is_about_key(), "{text}");
        }
    }

    #[test]
    fn condition_on_more_than_the_key_is_open_unless_the_key_decides_it() {
        assert_eq!(holds("sensor_id = 'a' or humidity > 5", "a", Some(7)), Some(true));
        assert_eq!(holds("sensor_id = 'a' or humidity > 5", "b", Some(7)), None);
        assert_eq!(holds("current_time > 5", "a", None), None);
        for text in ["sensor_id = 'a' or humidity > 5", "exists(humidity)", "sensor_id > `current_time`"] {
            assert!(!parse_condition(text).unwrap().is_about_key(), "{text}");
        }
        let is_about_sensor = |text: &str| parse_condition(text).unwrap().is_about_sensor();
        assert!(is_about_sensor("sensor_id <> 'a'") && !is_about_sensor("sensor_id = 'a' or current_time > 5"));
    }
}
