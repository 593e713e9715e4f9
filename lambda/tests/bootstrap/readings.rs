//! Tests of numbers, further keys, and readings that the table cannot hold.

use serde_json::{Value, json};

use crate::support::{Function, PARTIAL, REJECTS, Scripted, Tables, event, record, sent_items, stored as said_stored};

/// Returns the rows of these readings and the codes of their rejects, in the order of their sequence numbers.
async fn stored(readings: &[String]) -> (Vec<Value>, Vec<String>) {
    let tables = Tables::start().await;
    let mut function = Function::start(&tables.address, &[REJECTS, PARTIAL]).await;
    let records = (1..).zip(readings).map(|(number, json)| record(number, json.as_bytes()));
    assert_eq!(function.invoke(&event(records)).await.failures(), [""; 0]);
    let in_order = |mut rows: Vec<Value>| {
        rows.sort_by_key(|row| row["SequenceNumber"]["S"].as_str().unwrap().parse::<u128>().unwrap());
        rows
    };
    let rejects = in_order(tables.rows("SensorDataRejects"));
    let codes = rejects.iter().map(|reject| reject["Code"]["S"].as_str().unwrap().to_owned()).collect();
    (in_order(tables.rows("SensorData")), codes)
}

fn with_temperature(index: usize, number: &str) -> String {
    format!(r#"{{"sensor_id":"s","temperature":{number},"current_time":{index},"n":{number}}}"#)
}

fn with(index: usize, further: &str) -> String {
    format!(r#"{{"sensor_id":"s","temperature":1,"current_time":{index},{further}}}"#)
}

#[tokio::test]
async fn numbers_are_stored_to_the_last_digit() {
    let digits = "12345678901234567890123456789012345678";
    let (largest, smallest) = (format!("-{digits}{}", "0".repeat(88)), format!("0.{}1", "0".repeat(129)));
    let given = [
        ("88.8", "88.8"),
        ("1.10", "1.1"),
        ("-0.0", "0"),
        ("1e3", "1000"),
        ("-1.5E-3", "-0.0015"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        (digits, digits),
        ("-1.2345678901234567890123456789012345678e125", &*largest),
        (&*largest, &*largest),
        ("1E-130", &*smallest),
        (&*smallest, &*smallest),
    ];
    let readings: Vec<_> = (0..).zip(given).map(|(index, (number, _))| with_temperature(index, number)).collect();
    let (rows, rejects) = stored(&readings).await;
    assert_eq!(rejects, [""; 0]);
    let kept: Vec<_> = rows.iter().map(|row| (&row["Temperature"]["N"], &row["n"]["N"])).collect();
    let expected: Vec<_> = given.iter().map(|(_, kept)| json!(kept)).collect();
    assert_eq!(kept, expected.iter().map(|number| (number, number)).collect::<Vec<_>>());
}

#[tokio::test]
async fn long_zeros_are_sent_short_and_are_the_same_key_in_every_notation() {
    let dynamodb = Scripted::start(|_| said_stored()).await;
    let mut function = Function::start(&dynamodb.address, &[REJECTS, PARTIAL]).await;
    let reading =
        |time: &str| format!(r#"{{"sensor_id":"s","temperature":-1e-100,"current_time":{time},"n":[1e125]}}"#);
    let records = [record(1, reading("1e100").as_bytes()), record(2, reading(&format!("1{:0100}", 0)).as_bytes())];
    assert_eq!(function.invoke(&event(records)).await.failures(), [""; 0]);
    let requests = dynamodb.requests();
    let items = sent_items(&requests[0], "SensorData");
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0]["CurrentTime"]["N"], &items[0]["Temperature"]["N"]), (&json!("1E100"), &json!("-1E-100")));
    assert_eq!(items[0]["n"], json!({"L": [{"N": "1E125"}]}));
}

#[tokio::test]
async fn number_that_the_table_would_change_is_rejected() {
    let given = [
        "1234567890123456789012345678901234567.89",
        "1e126",
        "-1e126",
        "1e-131",
        "123456789012345678901234567890123456789",
    ];
    let readings: Vec<_> = (0..).zip(given).map(|(index, number)| with_temperature(index, number)).collect();
    let (rows, rejects) = stored(&readings).await;
    assert!(rows.is_empty(), "{rows:?}");
    let (digits, range) = ("too-many-digits", "number-out-of-range");
    assert_eq!(rejects, [digits, range, range, range, digits]);
}

#[tokio::test]
async fn time_key_is_compared_by_value() {
    let reading = |time: &str, temperature: u32| {
        format!(r#"{{"sensor_id":"s","temperature":{temperature},"current_time":{time}}}"#)
    };
    let (rows, _) = stored(&[reading("1.50", 1), reading("15e-1", 2), reading("1.5", 3)]).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["CurrentTime"]["N"], &rows[0]["Temperature"]["N"]), (&json!("1.5"), &json!("3")));
}

#[tokio::test]
async fn further_keys_become_attributes_and_reserved_or_oversized_ones_are_rejected() {
    let nested = |levels: usize| format!("\"a\":{}1{}", "[".repeat(levels), "]".repeat(levels));
    let readings = [
        with(1, r#""null":null,"true":true,"text":"\u00e9\n","empty":"","list":[],"map":{"a":{"b":[1,"x",null]}}"#),
        with(2, &nested(31)),
        with(3, &nested(32)),
        with(4, r#""SensorId":"x""#),
        with(5, r#""Temperature":1"#),
        with(6, r#""ShardID":"x""#),
        with(7, r#""SequenceNumber":"x""#),
        with(8, r#""CurrentTime":1"#),
        with(9, r#""shard_id":"x","sequence_number":"y","sensorid":"z""#),
        with(10, r#""":1"#),
        with(11, &format!(r#""a":"{}""#, "x".repeat(450_000))),
        with(12, r#""a":1,"a":2"#),
        with(13, &format!(r#""a":{}[]{}"#, "[".repeat(31), "]".repeat(31))),
    ];
    let (rows, rejects) = stored(&readings).await;
    let expected = ["too-deep", "reserved-name", "reserved-name", "reserved-name", "reserved-name", "reserved-name"];
    assert_eq!(rejects[..6], expected);
    // The one larger than an item is kept in two parts.
    assert_eq!(rejects[6..], ["name-empty", "too-large", "too-large", "duplicate-key"]);
    assert_eq!(rows.len(), 4);
    let lists = |row: &Value| row["a"].to_string().matches("\"L\"").count();
    assert_eq!((lists(&rows[1]), lists(&rows[3])), (31, 32));
    for (name, value) in [
        ("null", json!({"NULL": true})),
        ("true", json!({"BOOL": true})),
        ("text", json!({"S": "é\n"})),
        ("empty", json!({"S": ""})),
        ("list", json!({"L": []})),
        ("map", json!({"M": {"a": {"M": {"b": {"L": [{"N": "1"}, {"S": "x"}, {"NULL": true}]}}}}})),
    ] {
        assert_eq!(rows[0][name], value);
    }
    assert_eq!(rows[2]["sensorid"]["S"], "z");
    assert!(rows[2].get("shard_id").is_none() && rows[2]["ShardID"]["S"] != "x");
}
