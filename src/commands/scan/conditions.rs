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
    /// True if rows are counted by the service and not read.
    pub is_count: bool,
}

/// The conditions as they are asked.
#[derive(Debug, Default, PartialEq)]
pub(super) struct AskedConditions {
    pub sensors: Vec<String>,
    pub since: Option<Bound>,
    pub until: Option<Bound>,
    pub key_filter: Vec<Condition>,
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
            self.check_query(&key)?;
            return Ok(asked(&self.sensors, key));
        }
        if let Some(named) = key.sensors.take() {
            if named.is_empty() {
                return Err(Error::usage(
                    "`--where` leaves no sensor: its conditions on `sensor_id` exclude each other",
                ));
            }
            // Their readings alone are read: a Scan would read the whole table for the same rows.
            if named.iter().all(|sensor| check_sensor(sensor).is_ok()) && self.check_query(&key).is_ok() {
                return Ok(asked(&named, key));
            }
        }
        Ok(AskedConditions {
            sensors: Vec::new(),
            since: self.since.map(Bound::from),
            until: self.until.map(Bound::from),
            key_filter: Vec::new(),
            filter: self.filter,
        })
    }

    fn check_query(&self, key: &KeyConditions) -> Result<(), Error> {
        let whole_table = "without `--sensor`, any condition works, and the whole table is read";
        if key.is_key_in_filter() {
            return Err(Error::usage(
                "with `--sensor`, `--where` joins conditions on `current_time` and `sensor_id` with others by `and` only",
            )
            .hint(whole_table));
        }
        if self.is_count && !key.key_filter.is_empty() {
            return Err(Error::usage(
                "with `--sensor`, `--count` takes `current_time` only in comparisons that are joined by `and`, and no \
                 `sensor_id`",
            )
            .hint("`--since` and `--until` are such comparisons")
            .hint(whole_table));
        }
        Ok(())
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
    let fits = key.sensors.is_none() && !key.is_key_in_filter();
    let key = key.closed();
    fits.then(|| ReadQuery {
        since: key.since,
        until: key.until,
        key_filter: key.key_filter,
        filter: key.filter,
        ..query.clone()
    })
}

fn asked(sensors: &[String], key: KeyConditions) -> AskedConditions {
    let mut once: Vec<String> = Vec::new();
    for sensor in sensors {
        // Twice the same sensor would be every row twice.
        if !once.contains(sensor) {
            once.push(sensor.clone());
        }
    }
    let KeyConditions { since, until, key_filter, filter, .. } = key.closed();
    AskedConditions { sensors: once, since, until, key_filter, filter }
}

fn check_sensor(sensor: &str) -> Result<(), Error> {
    let length = sensor.len();
    if (1..=MAX_SENSOR_ID_BYTES).contains(&length) {
        return Ok(());
    }
    Err(Error::usage(format!("`--sensor` has {length} bytes; an id has 1 to {MAX_SENSOR_ID_BYTES}"))
        .hint("leave it out to show all sensors"))
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
            is_count: false,
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
        for text in
            ["sensor_id = 'a' or humidity > 1", "sensor_id = 'a' and (current_time = 7 or a = 1)", "sensor_id = ''"]
        {
            let asked = settled(None, text).unwrap();
            assert_eq!(shown(&asked), (String::new(), "5..".to_owned(), parse_condition(text).unwrap().to_string()));
        }
        assert!(settled(None, "sensor_id = 'a' and sensor_id = 'b'").unwrap_err().contains("leaves no sensor"));
    }

    #[test]
    fn condition_that_the_key_decides_is_evaluated_beside_the_query() {
        for sensor in [None, Some("a")] {
            let named = if sensor.is_none() { "sensor_id = 'a' and " } else { "" };
            let asked = settled(sensor, &format!("{named}not current_time = 7 and humidity > 1")).unwrap();
            assert_eq!(shown(&asked), ("a".to_owned(), "5..".to_owned(), "humidity > 1".to_owned()));
            let own: Vec<_> = asked.key_filter.iter().map(ToString::to_string).collect();
            assert_eq!(own, ["current_time <> 7"]);
        }
        let asked = settled(Some("a"), "current_time < 9").unwrap();
        assert_eq!(shown(&asked).1, format!("5..8.{}", "9".repeat(37)));
        let counted = |sensors: &[&str]| {
            let typed = TypedConditions {
                sensors: sensors.iter().map(|&sensor| sensor.to_owned()).collect(),
                filter: parse_condition("sensor_id = 'a' and current_time <> 7").ok(),
                is_count: true,
                ..TypedConditions::default()
            };
            typed.settled()
        };
        assert!(counted(&[]).unwrap().sensors.is_empty(), "the service counts what a Scan finds");
    }

    #[test]
    fn condition_that_no_query_takes_is_refused_with_a_sensor() {
        for (text, part) in [
            ("current_time > 6 or humidity > 1", "by `and` only"),
            ("sensor_id = 'a'", "names `sensor_id` beside"),
            ("current_time < 5", "leave no time"),
        ] {
            let said = settled(Some("a"), text).unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
        assert!(settled(None, "current_time < 5").unwrap_err().contains("leave no time"));
        let typed = TypedConditions {
            sensors: vec!["a".to_owned()],
            filter: parse_condition("current_time <> 7").ok(),
            is_count: true,
            ..TypedConditions::default()
        };
        assert!(typed.settled().unwrap_err().full_message().contains("`--count` takes"));
    }
}
