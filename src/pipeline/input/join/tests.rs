use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn row(sensor_id: &str, time: &str, key: &str, value: i64, line: u64) -> QuantityRow {
    QuantityRow {
        sensor_id: sensor_id.to_owned(),
        time: Decimal::parse(time).unwrap(),
        key: key.to_owned(),
        value: Value::Number(Decimal::parse(&value.to_string()).unwrap()),
        line,
        name: None,
    }
}

fn shown(reading: &JoinedReading) -> String {
    let mut text = format!("{} {} {}", reading.sensor_id, reading.time, number(&reading.temperature));
    reading.fields.iter().for_each(|(key, value)| text.push_str(&format!(" {key}={}", number(value))));
    text
}

fn number(value: &Value) -> &str {
    let Value::Number(number) = value else { panic!("{value:?}") };
    number.as_str()
}

fn joined(rows: &[QuantityRow], within: Option<&str>) -> (Vec<String>, JoinCounts) {
    let mut join = Join::new(within.map(|within| Decimal::parse(within).unwrap()));
    for row in rows {
        join.push(row).unwrap();
    }
    let mut readings = join.finish().unwrap();
    let mut found = Vec::new();
    while let Some(row) = readings.next_row().unwrap() {
        match row {
            JoinedRow::Reading(reading) if reading.is_ambiguous => found.push(format!("ambiguous {}", shown(&reading))),
            JoinedRow::Reading(reading) => found.push(shown(&reading)),
            JoinedRow::SecondQuantity { key, line } => found.push(format!("second {key} {line}")),
        }
    }
    (found, readings.counts())
}

#[test]
fn equal_sensor_and_time_are_joined_whatever_their_order() {
    let rows = [
        row("a", "20", "humidity", 52, 1),
        row("b", "10", "humidity", 60, 2),
        row("a", "10", "humidity", 51, 3),
        row("a", "10.0", "temperature", 1, 4),
        row("a", "20", "temperature", 2, 5),
        row("a", "20", "pressure", 1013, 6),
        row("a", "20.5", "pressure", 1014, 7),
        row("b", "11", "temperature", 3, 8),
    ];
    let (readings, counts) = joined(&rows, None);
    assert_eq!(readings, ["a 10 1 humidity=51", "a 20 2 humidity=52 pressure=1013", "b 11 3"]);
    assert_eq!(counts, JoinCounts { unjoined: 2, replaced: 0 });
}

#[test]
fn the_last_row_of_a_quantity_at_one_time_replaces_the_others() {
    let rows = [
        row("a", "1", "humidity", 50, 1),
        row("a", "1", "temperature", 1, 2),
        row("a", "1", "humidity", 51, 3),
        row("a", "1", "temperature", 2, 4),
        row("a", "1", "humidity", 52, 5),
    ];
    assert_eq!(joined(&rows, None), (vec!["a 1 2 humidity=52".to_owned()], JoinCounts { unjoined: 0, replaced: 3 }));
}

#[test]
fn nearest_row_within_the_span_is_taken_and_the_earlier_of_two() {
    let rows = [
        row("a", "100", "temperature", 1, 1),
        row("a", "110", "temperature", 2, 2),
        row("a", "95", "humidity", 50, 3),
        row("a", "105", "humidity", 51, 4),
        row("a", "200", "humidity", 52, 5),
        row("b", "100", "humidity", 99, 6),
        row("a", "120.000000001", "pressure", 7, 7),
        row("a", "119.999999999", "light", 8, 8),
    ];
    let (readings, counts) = joined(&rows, Some("10"));
    assert_eq!(readings, ["a 100 1 humidity=50", "a 110 2 humidity=51 light=8"]);
    assert_eq!(counts, JoinCounts { unjoined: 3, replaced: 0 });
}

#[test]
fn span_with_too_many_temperatures_is_refused_by_its_option() {
    let refusal = |rows: &mut dyn Iterator<Item = QuantityRow>| {
        let mut join = Join::new(Some(Decimal::from(1_000_000)));
        rows.for_each(|row| join.push(&row).unwrap());
        let mut readings = join.finish().unwrap();
        loop {
            match readings.next_row() {
                Ok(reading) => assert!(reading.is_some(), "not refused"),
                Err(error) => break error.to_string(),
            }
        }
    };
    let temperature = |time: u64| row("a", &time.to_string(), "temperature", 1, time);
    let error = refusal(&mut (0..20_000).map(temperature));
    assert!(error.contains("--join-within") && error.contains("16384 temperatures"), "{error}");
    // Fewer temperatures, with many values for each: before them and behind them.
    for time in ["0", "1000"] {
        let others = (0..500).map(|key| row("a", time, &format!("key{key}"), 1, key));
        let error = refusal(&mut others.chain((1..300).map(temperature)));
        assert!(error.contains("--join-within") && error.contains("131072 values"), "{error}");
    }
}

#[test]
fn second_quantity_of_a_key_is_known_whatever_its_time() {
    let named = |sensor_id, time, key, value, line, hash| {
        let name = Some(QuantityName { place: 0, hash });
        QuantityRow { name, ..row(sensor_id, time, key, value, line) }
    };
    let rows = [
        named("a", "9", "temperature", 1, 1, 7),
        named("a", "5", "temperature", 2, 2, 8),
        named("a", "9", "humidity", 50, 3, 9),
        named("b", "9", "humidity", 51, 4, 1),
        named("b", "1", "humidity", 52, 5, 2),
        named("b", "9", "temperature", 3, 6, 3),
    ];
    let (found, counts) = joined(&rows, None);
    assert_eq!(
        found,
        ["second temperature 2", "ambiguous a 9 1 humidity=50", "second humidity 5", "b 9 3 humidity=51"]
    );
    assert_eq!(counts, JoinCounts::default());
}

/// Every row against every other.
fn naive(rows: &[QuantityRow], within: i64) -> (Vec<String>, JoinCounts) {
    // The last row of each sensor, time and key.
    let mut last: BTreeMap<(&str, i64, &str), &QuantityRow> = BTreeMap::new();
    let mut counts = JoinCounts::default();
    for row in rows {
        let time = row.time.as_str().parse().unwrap();
        counts.replaced += u64::from(last.insert((&row.sensor_id, time, &row.key), row).is_some());
    }
    let mut used = std::collections::BTreeSet::new();
    let mut readings = Vec::new();
    for ((sensor, time, _), temperature) in last.iter().filter(|((_, _, key), _)| *key == TEMPERATURE) {
        let mut nearest: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (other_sensor, other_time, key) in last.keys() {
            let distance = (other_time - time).abs();
            if other_sensor == sensor && *key != TEMPERATURE && distance <= within {
                let best = nearest.entry(key).or_insert((distance, *other_time));
                *best = (*best).min((distance, *other_time));
            }
        }
        let mut reading = format!("{sensor} {time} {}", number(&temperature.value));
        for (key, (_, at)) in nearest {
            used.insert((*sensor, at, key));
            reading.push_str(&format!(" {key}={}", number(&last[&(*sensor, at, key)].value)));
        }
        readings.push(reading);
    }
    counts.unjoined = (last.keys().filter(|(_, _, key)| *key != TEMPERATURE).count() - used.len()) as u64;
    (readings, counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn join_is_that_of_every_row_against_every_other(
        rows in prop::collection::vec(
            (prop::sample::select(vec!["a", "b"]), 0_i64..30, prop::sample::select(vec!["temperature", "humidity", "light"]), any::<i16>()), 0..60),
        within in 0_i64..8,
    ) {
        let rows: Vec<_> = rows.iter().zip(1..).map(|((sensor, time, key, value), line)| row(sensor, &time.to_string(), key, (*value).into(), line)).collect();
        let span = within.to_string();
        prop_assert_eq!(joined(&rows, Some(&span).filter(|_| within > 0).map(String::as_str)), naive(&rows, within));
    }
}

#[test]
fn readings_can_be_taken_in_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Join>();
    is_send::<JoinedReadings>();
}
