//! The conditions of a scan: what goes to the key condition of a Query and what to the filter.

use sensor_model::{Decimal, MAX_SENSOR_ID_BYTES};

use crate::error::Error;
use crate::pipeline::{Bound, Condition, KeyConditions, ReadQuery};

/// The conditions as they were typed.
#[derive(Clone, Debug, Default)]
pub(super) struct TypedConditions {
    pub sensors: Vec<String>,
    pub since: Option<Decimal>,
    pub until: Option<Decimal>,
    pub filter: Option<Condition>,
}

/// The conditions as they are asked.
#[derive(Debug, Default, PartialEq)]
pub(super) struct AskedConditions {
    pub sensors: Vec<String>,
    pub since: Option<Bound>,
    pub until: Option<Bound>,
    pub filter: Option<Condition>,
}

impl TypedConditions {
    /// Returns the conditions of a Query where there is a sensor, also one in `--where`; otherwise those of a Scan.
    ///
    /// # Errors
    /// If a Query cannot ask them, or no row can match.
    pub(super) fn settled(self) -> Result<AskedConditions, Error> {
        let mut key = self.key_conditions();
        if key.is_empty() {
            let message = if self.filter.is_some() {
                "`--since`, `--until` and `--where` leave no time"
            } else {
                "`--since` is later than `--until`"
            };
            return Err(Error::usage(message));
        }
        if !self.sensors.is_empty() {
            if key.sensors.is_some() {
                return Err(Error::usage("`--where` names `sensor_id` beside `--sensor`")
                    .hint("name the sensor in one of them only"));
            }
            self.sensors.iter().try_for_each(|sensor| check_sensor(sensor))?;
            check_query(&key)?;
            return Ok(asked(&self.sensors, key));
        }
        if let Some(named) = key.sensors.take() {
            // Their readings alone are read: a Scan would read the whole table for the same rows.
            if named.iter().all(|sensor| check_sensor(sensor).is_ok()) && check_query(&key).is_ok() {
                return Ok(asked(&named, key));
            }
        }
        Ok(AskedConditions {
            sensors: Vec::new(),
            since: self.since.map(Bound::from),
            until: self.until.map(Bound::from),
            filter: self.filter,
        })
    }

    fn key_conditions(&self) -> KeyConditions {
        let mut key = self.filter.clone().map(KeyConditions::of).unwrap_or_default();
        key.narrow(self.since.clone().map(Bound::from), self.until.clone().map(Bound::from));
        key
    }
}

/// Returns a query whose conditions a Query of each sensor takes; `None` if there is no such query.
pub(super) fn per_sensor(query: &ReadQuery) -> Option<ReadQuery> {
    if !query.sensors.is_empty() {
        return Some(query.clone());
    }
    let mut key = query.filter.clone().map(KeyConditions::of).unwrap_or_default();
    key.narrow(query.since.clone(), query.until.clone());
    let fits = key.sensors.is_none() && check_query(&key).is_ok();
    fits.then(|| ReadQuery { since: key.since, until: key.until, filter: key.filter, ..query.clone() })
}

fn asked(sensors: &[String], key: KeyConditions) -> AskedConditions {
    let mut once: Vec<String> = Vec::new();
    for sensor in sensors {
        // Twice the same sensor would be every row twice.
        if !once.contains(sensor) {
            once.push(sensor.clone());
        }
    }
    AskedConditions { sensors: once, since: key.since, until: key.until, filter: key.filter }
}

fn check_sensor(sensor: &str) -> Result<(), Error> {
    let length = sensor.len();
    if (1..=MAX_SENSOR_ID_BYTES).contains(&length) {
        return Ok(());
    }
    Err(Error::usage(format!("`--sensor` has {length} bytes; an id has 1 to {MAX_SENSOR_ID_BYTES}"))
        .hint("leave it out to show all sensors"))
}

fn check_query(key: &KeyConditions) -> Result<(), Error> {
    if key.is_key_in_filter() {
        return Err(Error::usage(
            "with `--sensor`, `--where` takes `current_time` only in comparisons that are joined by `and`, and no \
             `sensor_id`",
        )
        .hint("`--since` and `--until` are such comparisons")
        .hint("without `--sensor`, any condition works, and the whole table is read"));
    }
    if !key.fits_query() {
        return Err(Error::usage("with `--sensor`, a range of times with two ends includes both")
            .hint("write `current_time between A and B`, or `--since A --until B`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::parse_condition;

    fn settled(sensor: Option<&str>, filter: &str) -> Result<AskedConditions, String> {
        let typed = TypedConditions {
            sensors: sensor.iter().map(|sensor| (*sensor).to_owned()).collect(),
            since: Decimal::parse("5").ok(),
            until: None,
            filter: parse_condition(filter).ok(),
        };
        typed.settled().map_err(|error| error.full_message())
    }

    fn shown(asked: &AskedConditions) -> (String, String, String) {
        let bound = |bound: &Option<Bound>| bound.as_ref().map(|bound| bound.value.to_string()).unwrap_or_default();
        let filter = asked.filter.as_ref().map(ToString::to_string).unwrap_or_default();
        (asked.sensors.join(" "), format!("{}..{}", bound(&asked.since), bound(&asked.until)), filter)
    }

    #[test]
    fn sensor_makes_key_conditions_of_times() {
        let asked = settled(Some("a"), "current_time <= 9 and humidity > 1 and current_time >= 7").unwrap();
        assert_eq!(shown(&asked), ("a".to_owned(), "7..9".to_owned(), "humidity > 1".to_owned()));
    }

    #[test]
    fn sensor_in_the_condition_is_asked_by_its_key() {
        let asked = settled(None, "sensor_id = 'a' and humidity > 1").unwrap();
        assert_eq!(shown(&asked), ("a".to_owned(), "5..".to_owned(), "humidity > 1".to_owned()));
        let asked = settled(None, "sensor_id in ('b', 'a', 'b')").unwrap();
        assert_eq!(shown(&asked), ("b a".to_owned(), "5..".to_owned(), String::new()));
        for text in ["sensor_id = 'a' or humidity > 1", "sensor_id = 'a' and not current_time = 7", "sensor_id = ''"] {
            let asked = settled(None, text).unwrap();
            assert_eq!(shown(&asked), (String::new(), "5..".to_owned(), parse_condition(text).unwrap().to_string()));
        }
    }

    #[test]
    fn condition_that_no_query_takes_is_refused_with_a_sensor() {
        for (text, part) in [
            ("current_time > 6 or humidity > 1", "joined by `and`"),
            ("begins_with(sensor_id, 'a')", "no `sensor_id`"),
            ("sensor_id = 'a'", "names `sensor_id` beside"),
            ("current_time < 9", "includes both"),
            ("current_time < 5", "leave no time"),
        ] {
            let said = settled(Some("a"), text).unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
        assert!(settled(None, "current_time < 5").unwrap_err().contains("leave no time"));
    }
}
