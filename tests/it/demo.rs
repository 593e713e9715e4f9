//! The newcomer's minute.

use crate::support::Home;

#[test]
fn the_demo_shows_both_rows_of_the_walkthrough_and_leaves_nothing() {
    let home = Home::new();
    let demo = home.run(["demo", "-o", "json"]).succeeded().says(&["start a local cloud", "nothing is left"]).json();
    let rows = demo["rows"].as_array().unwrap();
    let of = |row: &serde_json::Value| {
        (row["sensor_id"].clone(), row["temperature"].to_string(), row["current_time"].to_string())
    };
    assert_eq!(of(&rows[0]), ("sensor-1".into(), "99.9".into(), "123456789".into()));
    assert_eq!(of(&rows[1]), ("sensor-2".into(), "88.8".into(), "987654321".into()));
    for row in rows {
        assert!(row["shard_id"].as_str().unwrap().starts_with("shardId-"), "{row}");
        assert!(row["sequence_number"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()), "{row}");
    }
    assert!(demo["seconds"].as_f64().unwrap() < 30.0, "{demo}");
    assert!(!home.path("data").exists(), "the demo keeps its cloud to itself");
}
