//! A generated file of readings, and the rows and rejects that are expected from it.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Sensor and time, as their JSON texts in the output.
pub type Key = (String, String);
/// Names and JSON texts of a reading's values, without shard and sequence number.
pub type Values = BTreeMap<String, String>;

/// Number of sensors.
const SENSORS: u32 = 1_000;
/// Number of distinct times; fewer than a sensor's readings, so that many readings replace earlier ones.
const MOMENTS: u32 = 60;
/// One in this many lines is invalid.
const BAD_EVERY: u32 = 40;

/// A generated file, and the expected result.
pub struct Generated {
    /// NDJSON.
    pub text: Vec<u8>,
    /// The last reading of each key.
    pub rows: BTreeMap<Key, Values>,
    /// Line, code and bytes of each invalid line, in order.
    pub bad: Vec<(u64, &'static str, Vec<u8>)>,
    /// Number of valid readings, including replaced ones.
    pub good: u64,
}

/// Generates a file with this many lines, not counting blank ones.
pub fn generate(seed: u64, lines: u64) -> Generated {
    let mut luck = StdRng::seed_from_u64(seed);
    let mut made = Generated { text: Vec::new(), rows: BTreeMap::new(), bad: Vec::new(), good: 0 };
    let mut line = 0;
    for number in 0..lines {
        line += 1;
        if luck.random_ratio(1, BAD_EVERY) {
            let (code, raw) = no_reading(&mut luck, number);
            made.text.extend_from_slice(&raw);
            made.bad.push((line, code, raw));
        } else {
            let (key, values, json) = reading(&mut luck, number);
            made.text.extend_from_slice(json.as_bytes());
            made.rows.insert(key, values);
            made.good += 1;
        }
        made.text.extend_from_slice(if luck.random_ratio(1, 50) { b"\r\n" } else { b"\n" });
        if luck.random_ratio(1, 200) {
            made.text.extend_from_slice(b"  \n");
            line += 1;
        }
    }
    made
}

/// Returns a number as a sensor may write it, and as the table returns it.
fn number(luck: &mut StdRng) -> (String, String) {
    let sign = if luck.random_ratio(1, 4) { "-" } else { "" };
    let whole = luck.random_range(1..120);
    let cents = luck.random_range(0..10) * 10 + luck.random_range(1..10);
    let exact = format!("{sign}{whole}.{cents:02}");
    let written = match luck.random_range(0..6) {
        0 => format!("{exact}0"),
        1 => format!("{sign}{whole}{cents:02}e-2"),
        2 => format!("{sign}0.{whole:03}{cents:02}E+3"),
        3 => {
            let whole = format!("{sign}{whole}");
            return (format!("{whole}.0"), whole);
        }
        _ => exact.clone(),
    };
    (written, exact)
}

fn reading(luck: &mut StdRng, number_of_line: u64) -> (Key, Values, String) {
    let sensor = match luck.random_range(0..SENSORS) {
        0 => "Außenfühler \\\"Süd\\\" 🌡".to_owned(),
        1 => "x".repeat(300),
        index => format!("sensor-{index}"),
    };
    let moment = luck.random_range(0..MOMENTS);
    let time =
        if moment % 3 == 0 { format!("{}.125", 1_700_000_000 + moment) } else { (1_700_000_000 + moment).to_string() };
    let (written, exact) = number(luck);
    let mut values = BTreeMap::from([
        ("sensor_id".to_owned(), format!("\"{sensor}\"")),
        ("temperature".to_owned(), exact),
        ("current_time".to_owned(), time.clone()),
        // Distinguishes readings of the same key.
        ("line".to_owned(), number_of_line.to_string()),
    ]);
    let mut json = format!("{{\"temperature\":{written},\"sensor_id\":\"{sensor}\",\"line\":{number_of_line}");
    if luck.random_ratio(1, 3) {
        let (written, exact) = number(luck);
        json.push_str(&format!(", \"humidity\" : {written}"));
        values.insert("humidity".to_owned(), exact);
    }
    if luck.random_ratio(1, 10) {
        let note = r#"{"a":[true,null,"ä"],"deep":{"n":12345678901234567890123456789}}"#;
        json.push_str(&format!(",\"note\":{note}"));
        values.insert("note".to_owned(), note.to_owned());
    }
    if luck.random_ratio(1, 20) {
        // The writer cannot set the origin.
        json.push_str(",\"shard_id\":\"shardId-7\",\"sequence_number\":\"7\"");
    }
    json.push_str(&format!(",\"current_time\":{time}}}"));
    ((format!("\"{sensor}\""), time), values, json)
}

/// Returns bytes that are not a reading, all different, and their error code.
pub fn no_reading(luck: &mut StdRng, number: u64) -> (&'static str, Vec<u8>) {
    let (code, text) = match luck.random_range(0..14) {
        0 => ("not-json", format!("{{\"sensor_id\":\"sensor-1\",\"temperature\":1,\"current_time\":{number}")),
        1 => ("not-json", format!("sensor-{number} is warm")),
        2 => ("not-json", format!("{{\"sensor_id\":\"a\",\"temperature\":NaN,\"current_time\":{number}}}")),
        3 => ("not-an-object", format!("[\"sensor-1\",21.5,{number}]")),
        4 => ("missing-key", format!("{{\"sensor_id\":\"a\",\"current_time\":{number}}}")),
        5 => ("missing-key", format!("{{\"temperature\":1,\"current_time\":{number}}}")),
        6 => ("wrong-type", format!("{{\"sensor_id\":\"a\",\"temperature\":\"21.5\",\"current_time\":{number}}}")),
        7 => ("wrong-type", format!("{{\"sensor_id\":{number},\"temperature\":1,\"current_time\":1}}")),
        8 => ("id-empty", format!("{{\"sensor_id\":\"\",\"temperature\":1,\"current_time\":{number}}}")),
        9 => {
            let long = "y".repeat(2049);
            ("id-too-long", format!("{{\"sensor_id\":\"{long}\",\"temperature\":1,\"current_time\":{number}}}"))
        }
        10 => {
            ("number-out-of-range", format!("{{\"sensor_id\":\"a\",\"temperature\":1e126,\"current_time\":{number}}}"))
        }
        11 => {
            let long = "1".repeat(39);
            ("too-many-digits", format!("{{\"sensor_id\":\"a\",\"temperature\":{long},\"current_time\":{number}}}"))
        }
        12 => {
            let twice =
                format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"temperature\":2,\"current_time\":{number}}}");
            ("duplicate-key", twice)
        }
        _ => {
            let mut bytes = format!("{{\"sensor_id\":\"{number}").into_bytes();
            bytes.extend_from_slice(b"\xff\xfe\",\"temperature\":1,\"current_time\":1}");
            return ("not-utf-8", bytes);
        }
    };
    (code, text.into_bytes())
}
