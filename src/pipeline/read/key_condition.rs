//! The parts of a condition that name the table's key.
//!
//! A Query takes them in its key condition only, and there just one condition on the time (API reference of `DynamoDB`,
//! Query, `KeyConditionExpression` and `FilterExpression`). Others on the key alone are evaluated here.

use sensor_model::Decimal;

use super::condition::{Comparison, Condition, ItemKey, Literal, Operand};
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
    /// The sensors that it allows; `None` if it names none by `=` or `in`. They may be none of several.
    pub sensors: Option<Vec<String>>,
    /// The lower end of the times that it allows.
    pub since: Option<Bound>,
    /// The upper end.
    pub until: Option<Bound>,
    /// Other conditions that the key alone decides. Each holds.
    pub key_filter: Vec<Condition>,
    /// The rest.
    pub filter: Option<Condition>,
}

impl KeyConditions {
    /// Takes the conditions on the key out of a condition. Only those count that hold for every row it allows.
    pub(crate) fn of(condition: Condition) -> Self {
        let mut found = KeyConditions::default();
        let rest: Vec<_> = joined_by_and(condition).into_iter().filter_map(|condition| found.take(condition)).collect();
        found.filter = (!rest.is_empty()).then(|| Condition::all(rest));
        if let Some(sensors) = &mut found.sensors {
            let (of_sensor, others): (Vec<_>, _) = found.key_filter.drain(..).partition(Condition::is_about_sensor);
            found.key_filter = others;
            sensors.retain(|sensor| {
                let key = ItemKey { sensor, time: None };
                of_sensor.iter().all(|condition| condition.holds_for(&key) == Some(true))
            });
        }
        found
    }

    /// Returns whether the filter still names the key, which no filter of a Query may.
    pub(crate) fn is_key_in_filter(&self) -> bool {
        let attributes = self.filter.iter().flat_map(Condition::attributes);
        attributes.into_iter().any(|attribute| [SENSOR, TIME].contains(&attribute))
    }

    /// Takes a condition on the key, or gives it back.
    fn take(&mut self, condition: Condition) -> Option<Condition> {
        if let Some(named) = named_sensors(&condition) {
            match &mut self.sensors {
                Some(sensors) => sensors.retain(|sensor| named.contains(sensor)),
                None => self.sensors = Some(named),
            }
            return None;
        }
        match &condition {
            Condition::Compare(path, comparison, Operand::Literal(Literal::Number(time))) if path.attribute == TIME => {
                let bound = |is_exclusive| Some(Bound { value: time.clone(), is_exclusive });
                let (since, until) = match comparison {
                    Comparison::Equal => (bound(false), bound(false)),
                    Comparison::Greater => (bound(true), None),
                    Comparison::GreaterOrEqual => (bound(false), None),
                    Comparison::Less => (None, bound(true)),
                    Comparison::LessOrEqual => (None, bound(false)),
                    Comparison::NotEqual => {
                        self.key_filter.push(condition);
                        return None;
                    }
                };
                self.narrow(since, until);
                None
            }
            Condition::Between(path, Literal::Number(low), Literal::Number(high)) if path.attribute == TIME => {
                self.narrow(Some(low.clone().into()), Some(high.clone().into()));
                None
            }
            _ if condition.is_about_key() => {
                self.key_filter.push(condition);
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

    /// Includes both ends of a range that has two, as `BETWEEN` of a Query does; the same numbers stay in it.
    #[must_use]
    pub(crate) fn closed(mut self) -> Self {
        if let (Some(since), Some(until)) = (&mut self.since, &mut self.until) {
            since.include(true);
            until.include(false);
        }
        self
    }
}

impl Bound {
    /// Moves an end that is outside by one place into the range.
    fn include(&mut self, is_lower: bool) {
        if let Some(neighbor) = neighbor(&self.value, is_lower).filter(|_| self.is_exclusive) {
            *self = neighbor.into();
        }
    }
}

/// Returns the conditions that are joined by `and`. None of `or` is the opposite of each.
fn joined_by_and(condition: Condition) -> Vec<Condition> {
    match condition {
        Condition::All(conditions) => conditions.into_iter().flat_map(joined_by_and).collect(),
        Condition::Not(inner) => match *inner {
            Condition::Any(conditions) => {
                conditions.into_iter().flat_map(|each| joined_by_and(each.negated())).collect()
            }
            Condition::Compare(path, comparison, operand) if path.attribute == TIME && is_number(&operand) => {
                vec![Condition::Compare(path, comparison.negated(), operand)]
            }
            inner => vec![Condition::Not(Box::new(inner))],
        },
        other => vec![other],
    }
}

/// Returns whether a time compares with it in every item.
fn is_number(operand: &Operand) -> bool {
    matches!(operand, Operand::Literal(Literal::Number(_)))
}

/// Returns the sensors of a condition that names nothing else.
fn named_sensors(condition: &Condition) -> Option<Vec<String>> {
    let of_value = |value: &Literal| match value {
        Literal::Text(text) => Some(text.clone()),
        _ => None,
    };
    match condition {
        Condition::Compare(path, Comparison::Equal, Operand::Literal(value)) if path.attribute == SENSOR => {
            of_value(value).map(|sensor| vec![sensor])
        }
        Condition::In(path, values) if path.attribute == SENSOR => values.iter().map(of_value).collect(),
        Condition::Any(conditions) => {
            let named: Option<Vec<_>> = conditions.iter().map(named_sensors).collect();
            named.map(|named| named.concat())
        }
        _ => None,
    }
}

/// Significant digits of a stored number.
const DIGITS: usize = sensor_model::decimal::MAX_DIGITS;
/// The smallest number above zero (docs/facts/dynamodb.md, Numbers).
const SMALLEST: &str = "1E-130";

/// Returns the next number that `DynamoDB` can store, above or below; `None` behind the last one.
fn neighbor(value: &Decimal, is_up: bool) -> Option<Decimal> {
    let text = value.as_str();
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()?;
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let exponent = exponent + i64::try_from(all.len() - digits.len()).ok()?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Decimal::parse(&format!("{}{SMALLEST}", if is_up { "" } else { "-" })).ok();
    }
    let missing = DIGITS.checked_sub(digits.len())?;
    let number = digits.parse::<u128>().ok()? * 10_u128.pow(u32::try_from(missing).ok()?);
    let exponent = exponent - i64::try_from(missing).ok()?;
    let sign = if is_negative { "-" } else { "" };
    if is_up != is_negative {
        return Decimal::parse(&format!("{sign}{}E{exponent}", number + 1)).ok();
    }
    // Below a power of ten the numbers are ten times as close.
    let is_power = number == 10_u128.pow(u32::try_from(DIGITS - 1).ok()?);
    let (number, exponent) = if is_power { (number * 10 - 1, exponent - 1) } else { (number - 1, exponent) };
    Some(Decimal::parse(&format!("{sign}{number}E{exponent}")).unwrap_or_else(|_| Decimal::from(0)))
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
        assert!(!found.is_key_in_filter());
        let found = split("current_time between 1 and 7 and current_time > 1 and current_time <= 9");
        assert_eq!((found.since, found.until, found.filter), (bound("1", true), bound("7", false), None));
        let found = split("not (current_time < 5 or current_time > 7 or humidity = 1)");
        assert_eq!((&found.since, &found.until), (&bound("5", false), &bound("7", false)));
        assert_eq!(found.filter.map(|filter| filter.to_string()).as_deref(), Some("not humidity = 1"));
    }

    #[test]
    fn sensors_are_those_that_every_condition_allows() {
        let sensors = |text: &str| split(text).sensors.map(|sensors| sensors.join(" "));
        for (text, expected) in [
            ("sensor_id = 'a' or sensor_id in ('b', 'c')", Some("a b c")),
            ("sensor_id in ('a', 'b') and sensor_id in ('b', 'c')", Some("b")),
            ("sensor_id = 'a' and sensor_id = 'b'", Some("")),
            ("sensor_id in ('a', 'ab', 'b') and begins_with(sensor_id, 'a') and not sensor_id = 'a'", Some("ab")),
            ("sensor_id = 'a' or humidity = 1", None),
            ("sensor_id <> 'a'", None),
        ] {
            assert_eq!(sensors(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn condition_that_the_key_decides_leaves_the_filter() {
        for text in [
            "current_time > 5 or sensor_id = 'a'",
            "current_time <> 5",
            "sensor_id <> 'a'",
            "begins_with(sensor_id, 'a')",
        ] {
            let found = split(&format!("({text}) and humidity > 1"));
            assert!(!found.is_key_in_filter(), "{text}");
            assert_eq!(Condition::all(found.key_filter), parse_condition(text).unwrap(), "{text}");
        }
        for text in ["current_time > 5 or humidity > 1", "humidity > `current_time`", "sensor_id > `current_time`"] {
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

    #[test]
    fn closed_range_has_the_same_numbers() {
        let closed = |text: &str| {
            let KeyConditions { since, until, .. } = split(text).closed();
            [since, until].map(|bound| bound.map(|bound| (bound.value.to_string(), bound.is_exclusive)))
        };
        let included = |number: &str| Some((number.to_owned(), false));
        let nines = "9".repeat(37);
        assert_eq!(
            closed("current_time > 5 and current_time < 9.5"),
            [included(&format!("5.{}1", "0".repeat(36))), included(&format!("9.4{}", &nines[1..]))]
        );
        assert_eq!(closed("current_time > 5"), [Some(("5".to_owned(), true)), None]);
        assert_eq!(closed("current_time > 5 and current_time <= 9")[1], included("9"));
    }

    #[test]
    fn neighbor_is_the_next_number_of_38_digits() {
        let nines = |count: usize| "9".repeat(count);
        let of = |text: &str, is_up| neighbor(&Decimal::parse(text).unwrap(), is_up).map(|number| number.to_string());
        let plain = |text: &str| Decimal::parse(text).ok().map(|number| number.to_string());
        for (text, above, below) in [
            ("0", "1E-130".to_owned(), "-1E-130".to_owned()),
            ("1", format!("1.{}1", "0".repeat(36)), format!("0.{}", nines(38))),
            ("-1", format!("-0.{}", nines(38)), format!("-1.{}1", "0".repeat(36))),
            ("1E60", format!("1{}1E23", "0".repeat(36)), format!("{}E22", nines(38))),
            ("1E-130", format!("1.{}1E-130", "0".repeat(36)), "0".to_owned()),
            ("100000000000000000000000000000000000000", format!("1{}10", "0".repeat(36)), nines(38)),
            (&nines(38), format!("1E{}", 38), format!("{}8", nines(37))),
        ] {
            assert_eq!((of(text, true), of(text, false)), (plain(&above), plain(&below)), "{text}");
        }
        assert_eq!(of(&format!("9.{}E125", nines(37)), true), None);
    }
}
