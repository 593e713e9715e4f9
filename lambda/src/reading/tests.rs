//! What is a reading, what is none, and that nothing of one changes on the way.

use super::*;
use proptest::prelude::*;

fn code(json: &str) -> &'static str {
    match Reading::from_json(json.as_bytes()) {
        Ok(_) => "accepted",
        Err(refusal) => refusal.code(),
    }
}

fn with(extra: &str) -> String {
    format!("{{\"sensor_id\":\"s\",\"temperature\":1,\"current_time\":2{extra}}}")
}

fn nested(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn the_reading_of_the_walkthrough_is_read_and_written_exactly() {
    let given = "{\n    \"sensor_id\":\"sensor-2\",\n    \"temperature\":88.8,\"current_time\":987654321\n  }\n";
    let reading = Reading::from_json(given.as_bytes()).unwrap();
    assert_eq!(reading.to_json(), r#"{"sensor_id":"sensor-2","temperature":88.8,"current_time":987654321}"#);
    assert_eq!(serde_json::to_string(&reading).unwrap(), reading.to_json());
}

#[test]
fn further_keys_are_kept_sorted_and_where_it_came_from_is_dropped() {
    let json = with(
        r#","z":[1.50,null,{"b":true,"a":"\u00e9\""}],"humidity":40.0,"shard_id":"shardId-0","sequence_number":"49""#,
    );
    assert_eq!(
        Reading::from_json(json.as_bytes()).unwrap().to_json(),
        with(r#","humidity":40,"z":[1.5,null,{"a":"é\"","b":true}]"#)
    );
}

#[test]
fn what_is_no_reading_is_refused_with_its_reason() {
    for (json, expected) in [
        ("", "not-json"),
        ("{", "not-json"),
        ("hello", "not-json"),
        ("{\"sensor_id\":\"s\"} x", "not-json"),
        ("{\"sensor_id\":7,\"temperature\":", "not-json"),
        ("[]", "not-an-object"),
        ("42", "not-an-object"),
        ("{}", "missing-key"),
        (r#"{"sensor_id":"s","temperature":1}"#, "missing-key"),
        (r#"{"sensor_id":7,"temperature":1,"current_time":2}"#, "wrong-type"),
        (r#"{"sensor_id":"s","temperature":"1","current_time":2}"#, "wrong-type"),
        (r#"{"sensor_id":"s","temperature":null,"current_time":2}"#, "wrong-type"),
        (r#"{"sensor_id":"s","temperature":1e126,"current_time":2}"#, "number-out-of-range"),
        (r#"{"sensor_id":"s","temperature":1,"current_time":1e-131}"#, "number-out-of-range"),
        (
            r#"{"sensor_id":"s","temperature":123456789012345678901234567890123456789,"current_time":2}"#,
            "too-many-digits",
        ),
        (r#"{"sensor_id":"","temperature":1,"current_time":2}"#, "id-empty"),
        (r#"{"sensor_id":"\ud800","temperature":1,"current_time":2}"#, "not-json"),
        (r#"{"sensor_id":"s","temperature":1,"temperature":1,"current_time":2}"#, "duplicate-key"),
    ] {
        assert_eq!(code(json), expected, "{json}");
    }
    for (extra, expected) in [
        (",\"SensorId\":1", "reserved-name"),
        (",\"ShardID\":\"x\"", "reserved-name"),
        (",\"\":1", "name-empty"),
        (",\"a\":{\"\":1}", "name-empty"),
        (",\"a\":1,\"a\":2", "duplicate-key"),
        (",\"a\":{\"b\":1,\"b\":2}", "duplicate-key"),
        (",\"shard_id\":1,\"shard_id\":1", "duplicate-key"),
        (",\"a\":NaN", "not-json"),
        (",\"a\":[1e200]", "number-out-of-range"),
    ] {
        assert_eq!(code(&with(extra)), expected, "{extra}");
    }
    assert_eq!(Reading::from_json(b"{\"sensor_id\":\"\xff\"}"), Err(ReadingError::NotJson { at: 14 }));
}

#[test]
fn limits_hold_to_the_byte() {
    let id = |bytes: usize| format!(r#"{{"sensor_id":"{}","temperature":1,"current_time":2}}"#, "x".repeat(bytes));
    assert_eq!(code(&id(2048)), "accepted");
    assert_eq!(code(&id(2049)), "id-too-long");
    assert_eq!(code(&with(&format!(",\"a\":{}", nested(31)))), "accepted");
    assert_eq!(code(&with(&format!(",\"a\":{}", nested(32)))), "too-deep");
    // The innermost value of this one is the 32nd list.
    assert_eq!(code(&with(&format!(",\"a\":{}[]{}", "[".repeat(31), "]".repeat(31)))), "accepted");
    assert_eq!(code(&with(&format!(",\"a\":{}", nested(100_000)))), "too-deep");

    let values = |count: usize| with(&format!(",\"a\":[{}0]", "0,".repeat(count - 1)));
    assert_eq!(Reading::from_json(values(MAX_ITEM_BYTES).as_bytes()), Err(ReadingError::TooManyValues));
    assert_eq!(code(&values(MAX_ITEM_BYTES - 1)), "too-large");
    assert_eq!(code(&values(100_000)), "accepted");

    let blanks = |bytes: usize| with(&" ".repeat(bytes - with("").len()));
    assert_eq!(code(&blanks(MAX_JSON_BYTES)), "accepted");
    assert_eq!(code(&blanks(MAX_JSON_BYTES + 1)), "too-large");

    let empty = Reading::from_json(with(",\"a\":\"\"").as_bytes()).unwrap();
    let room = MAX_ITEM_BYTES - item_size::item_bytes(&empty);
    assert_eq!(code(&with(&format!(",\"a\":\"{}\"", "x".repeat(room)))), "accepted");
    assert_eq!(code(&with(&format!(",\"a\":\"{}\"", "x".repeat(room + 1)))), "too-large");
}

#[test]
fn a_refusal_never_shows_content() {
    let secret = "hunter2";
    for json in [
        format!("{{\"sensor_id\":\"{secret}"),
        format!("{{\"sensor_id\":{{\"a\":\"{secret}\"}},\"temperature\":1,\"current_time\":2}}"),
        with(&format!(",\"ShardID\":\"{secret}\"")),
    ] {
        let refusal = Reading::from_json(json.as_bytes()).unwrap_err();
        assert!(!refusal.to_string().contains(secret), "{refusal}");
    }
}

#[test]
fn a_made_reading_is_checked_like_a_read_one() {
    let mut reading = Reading::from_json(with("").as_bytes()).unwrap();
    assert_eq!(reading.check(), Ok(()));
    reading.fields.insert("temperature".into(), Value::Null);
    assert_eq!(reading.check().unwrap_err().code(), "reserved-name");
    reading.fields.clear();
    reading.sensor_id.clear();
    assert_eq!(reading.check(), Err(ReadingError::IdEmpty));
}

fn any_number() -> impl Strategy<Value = Decimal> {
    ("-?[0-9]{1,19}(\\.[0-9]{1,19})?", -90_i32..80)
        .prop_map(|(mantissa, exponent)| Decimal::parse(&format!("{mantissa}e{exponent}")).unwrap())
}

fn any_value() -> impl Strategy<Value = crate::Value> {
    let leaf = prop_oneof![
        Just(crate::Value::Null),
        any::<bool>().prop_map(crate::Value::Bool),
        any_number().prop_map(crate::Value::Number),
        any::<String>().prop_map(crate::Value::Text),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(crate::Value::List),
            prop::collection::btree_map(".{1,8}", inner, 0..5).prop_map(crate::Value::Map),
        ]
    })
}

fn any_reading() -> impl Strategy<Value = Reading> {
    (".{1,40}", any_number(), any_number(), prop::collection::btree_map("[a-zé\"\\\\]{1,9}", any_value(), 0..5))
        .prop_map(|(sensor_id, temperature, current_time, fields)| Reading {
            sensor_id,
            temperature,
            current_time,
            fields,
        })
}

proptest! {
    #[test]
    fn a_reading_survives_its_own_json(reading in any_reading()) {
        let json = reading.to_json();
        prop_assert_eq!(&Reading::from_json(json.as_bytes()).unwrap(), &reading);
        prop_assert_eq!(serde_json::to_string(&reading).unwrap(), json);
        prop_assert_eq!(reading.check(), Ok(()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Reading::from_json(&bytes);
    }

    #[test]
    fn a_damaged_reading_makes_no_panic(reading in any_reading(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = reading.to_json().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        let _ = Reading::from_json(&json);
    }
}

#[test]
fn time_in_another_unit_is_not_plausible() {
    let is_plausible = |time: &str| {
        let json = format!(r#"{{"sensor_id":"a","temperature":1,"current_time":{time}}}"#);
        Reading::from_json(json.as_bytes()).unwrap().has_plausible_time()
    };
    for time in ["0", "987654321", "1700000000.5", "4102444799.9", "2e9", "1e-3"] {
        assert!(is_plausible(time), "{time}");
    }
    for time in ["-1", "4102444800", "1700000000000", "1e20", "1e100", "-0.5"] {
        assert!(!is_plausible(time), "{time}");
    }
}
