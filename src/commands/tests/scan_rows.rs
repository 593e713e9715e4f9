//! Which rows `scan` shows, and by how many requests: newest rows, several sensors, counts, orders, throttles.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::in_process_runner::InProcessEnv;
use super::support::ApiClient;

const TABLE: &str = "SensorData";

/// Creates the table of readings as the pipeline has it.
pub(super) fn create_table(api: &ApiClient) {
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [key("SensorId", "HASH"), key("CurrentTime", "RANGE")],
        "AttributeDefinitions": [attribute("SensorId", "S"), attribute("CurrentTime", "N")],
    });
    api.json("DynamoDB_20120810.CreateTable", &table);
    let describe = || api.json("DynamoDB_20120810.DescribeTable", &json!({"TableName": TABLE}));
    super::support::eventually("the table is active", describe, |found| found["Table"]["TableStatus"] == "ACTIVE");
}

pub(super) fn put_items(api: &ApiClient, items: &[Value]) {
    for items in items.chunks(25) {
        let puts: Vec<_> = items.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
        let answer = api.json("DynamoDB_20120810.BatchWriteItem", &json!({"RequestItems": {TABLE: puts}}));
        assert_eq!(answer["UnprocessedItems"], json!({}));
    }
}

fn item(sensor: &str, time: i64) -> Value {
    let temperature = (time * 7 % 31 - 10).to_string();
    json!({
        "SensorId": {"S": sensor},
        "CurrentTime": {"N": time.to_string()},
        "Temperature": {"N": temperature},
        "ShardID": {"S": "shardId-000000000000"},
        "SequenceNumber": {"S": "1"},
        "humidity": {"N": (time % 10).to_string()},
    })
}

/// Times of the rows of each sensor, in order.
type Times = BTreeMap<String, Vec<i64>>;

/// A local cloud whose table has these rows of each sensor.
fn env_of(sizes: &[(&str, i64)]) -> (InProcessEnv, ApiClient, Times) {
    let env = InProcessEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    create_table(&api);
    let times: Times = sizes.iter().map(|(sensor, rows)| ((*sensor).to_owned(), (1..=*rows).collect())).collect();
    let items: Vec<_> = times.iter().flat_map(|(sensor, times)| times.iter().map(|time| item(sensor, *time))).collect();
    put_items(&api, &items);
    (env, api, times)
}

fn rows(env: &InProcessEnv, flags: &[&str]) -> Vec<(String, i64)> {
    let arguments = ["scan", "--local", "-o", "ndjson"].iter().chain(flags).copied();
    let run = env.run(arguments).assert_success();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        (row["sensor_id"].as_str().unwrap().to_owned(), row["current_time"].as_i64().unwrap())
    };
    run.stdout.lines().map(row).collect()
}

fn newest(times: &Times, count: usize, accepts: impl Fn(i64) -> bool) -> Vec<(String, i64)> {
    let of = |(sensor, times): (&String, &Vec<i64>)| {
        let matching: Vec<_> = times.iter().copied().filter(|time| accepts(*time)).collect();
        let first = matching.len().saturating_sub(count);
        matching[first..].iter().map(|time| (sensor.clone(), *time)).collect::<Vec<_>>()
    };
    times.iter().flat_map(of).collect()
}

fn reads_since(api: &ApiClient, before: usize) -> usize {
    let calls = api.recorded_calls();
    calls[before..].iter().filter(|call| ["dynamodb:Scan", "dynamodb:Query"].contains(&call.call.as_str())).count()
}

#[test]
fn latest_shows_the_newest_rows_of_long_and_short_sensors() {
    let sizes = [("a", 400), ("b", 1), ("c", 30), ("long", 3000), ("z", 2), ("zz", 1)];
    let (env, _, times) = env_of(&sizes);
    assert_eq!(rows(&env, &["--latest"]), newest(&times, 1, |_| true));
    assert_eq!(rows(&env, &["--latest", "3"]), newest(&times, 3, |_| true));
    let mut backwards = newest(&times, 3, |_| true);
    backwards.reverse();
    assert_eq!(rows(&env, &["--latest", "3", "--reverse"]), backwards);
    assert_eq!(rows(&env, &["--latest", "2", "--until", "25"]), newest(&times, 2, |time| time <= 25));
    assert_eq!(rows(&env, &["--latest", "2", "--where", "humidity = 7"]), newest(&times, 2, |time| time % 10 == 7));
    // No Query takes this condition; it is evaluated for the rows of each.
    let whole = ["--latest", "2", "--where", "current_time < 5 or current_time between 20 and 30"];
    assert_eq!(rows(&env, &whole), newest(&times, 2, |time| time < 5 || (20..=30).contains(&time)));
    let one = rows(&env, &["--latest", "2", "--sensor", "long", "--sensor", "b"]);
    assert_eq!(one, [("b".to_owned(), 1), ("long".to_owned(), 2999), ("long".to_owned(), 3000)]);
}

#[test]
fn latest_does_not_read_the_rows_before() {
    let (env, api, times) = env_of(&[("a", 2000), ("b", 2000), ("c", 2000)]);
    let before = api.recorded_calls().len();
    let run = env.run(["scan", "--local", "--latest", "-v", "-o", "ndjson"]).assert_success();
    assert_eq!(run.stdout.lines().count(), times.len());
    // Four segments, and for each sensor one request that finds it and one that reads its newest row.
    let reads = reads_since(&api, before);
    assert!(reads <= 4 + 2 * times.len(), "{reads} requests");
    assert!(run.stderr.contains("for each of 3 sensors)"), "{}", run.stderr);
    let items: u64 = run.stderr.split("Read ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(items < 100, "{items} of 6,000 items were read");
}

#[test]
fn latest_with_a_condition_on_the_key_reads_no_more_than_it_needs() {
    let (env, api, times) = env_of(&[("a", 2000), ("b", 2000), ("c", 2000)]);
    // Each condition, the times that it allows, and the items that are read at most: a Query that filters reads a page.
    let all: fn(&str, i64) -> bool = |_, _| true;
    for (condition, allows, most) in [
        (
            "current_time > 500 and current_time < 1000",
            (|_, time| time > 500 && time < 1000) as fn(&str, i64) -> bool,
            100,
        ),
        ("not (current_time < 500 or current_time >= 900)", |_, time| (500..900).contains(&time), 100),
        ("sensor_id <> 'b'", |sensor, _| sensor != "b", 100),
        ("begins_with(sensor_id, 'c') or sensor_id = 'a'", |sensor, _| sensor != "b", 100),
        ("sensor_id = 'a' or sensor_id = 'c'", |sensor, _| sensor != "b", 100),
        (
            "sensor_id = 'a' and current_time <> '1970-01-01T00:33:20Z'",
            |sensor, time| sensor == "a" && time != 2000,
            2000,
        ),
        ("exists(current_time)", all, 6100),
    ] {
        let before = api.recorded_calls().len();
        let run = env.run(["scan", "--local", "--latest", "-v", "-o", "ndjson", "--where", condition]).assert_success();
        let items = run.stderr.split("Read ").nth(1).unwrap().split(' ').next().unwrap().replace(',', "");
        assert!(items.parse::<u64>().unwrap() <= most, "{condition}: {items} items");
        assert!(reads_since(&api, before) <= 4 + 2 * times.len(), "{condition}");
        let expected: Vec<_> = times
            .iter()
            .filter_map(|(sensor, all)| {
                all.iter().rev().find(|time| allows(sensor, **time)).map(|time| (sensor.clone(), *time))
            })
            .collect();
        assert_eq!(rows(&env, &["--latest", "--where", condition]), expected, "{condition}");
    }
}

#[test]
fn query_of_a_sensor_takes_every_condition_on_the_key() {
    let (env, api, _) = env_of(&[("a", 40), ("b", 30)]);
    for (condition, expected) in [
        ("current_time > 3 and current_time < 6", &[4, 5][..]),
        ("current_time <> 2 and current_time < 4", &[1, 3]),
        ("current_time = 7 or current_time between 38 and 39", &[7, 38, 39]),
        ("begins_with(sensor_id, 'b') and humidity = 1", &[]),
    ] {
        let before = api.recorded_calls().len();
        let found = rows(&env, &["--sensor", "a", "--where", condition]);
        assert_eq!(found, expected.iter().map(|time| ("a".to_owned(), *time)).collect::<Vec<_>>(), "{condition}");
        assert_eq!(reads_since(&api, before), 1, "{condition}");
        let limited = rows(&env, &["--sensor", "a", "--where", condition, "--limit", "1"]);
        assert_eq!(limited, found[..found.len().min(1)], "{condition}");
    }
    let run = env.run(["scan", "--local", "--where", "sensor_id = 'a' and sensor_id = 'b'"]).assert_code(2);
    assert!(run.stderr.contains("leaves no sensor"), "{}", run.stderr);
    let counted = ["scan", "--local", "-o", "json", "--count", "--where", "sensor_id = 'a' and current_time <> 7"];
    assert_eq!(env.run(counted).assert_success().json(), json!({"count": 39}));
}

#[test]
fn attributes_that_a_row_leaves_out_are_counted_and_shown_raw() {
    let (env, api, _) = env_of(&[("a", 2)]);
    let mut foreign = item("b", 1);
    foreign["temperature"] = json!({"S": "cold"});
    foreign["shard_id"] = json!({"N": "5"});
    let mut other = item("b", 2);
    other["SequenceNumber"] = json!({"N": "7"});
    put_items(&api, &[foreign, other]);
    for flags in
        [&["--sensor", "b"][..], &["--latest", "5"], &[], &["--latest", "5", "--where", "not humidity = `missing`"]]
    {
        let run = env.run(["scan", "--local", "-o", "ndjson"].iter().chain(flags).copied()).assert_success();
        let said = "warning: 2 rows of table SensorData have attributes of another writer that were left out, because readings \
                    have keys of these names: `SequenceNumber`, `shard_id`, `temperature`";
        assert!(run.stderr.contains(said), "{flags:?}: {}", run.stderr);
        assert!(run.stderr.contains("`sensorctl scan --local --raw` shows every item as it is"), "{}", run.stderr);
    }
    let raw = env.run(["scan", "--local", "--raw", "--sensor", "b"]).assert_success();
    assert!(raw.stdout.contains(r#""temperature":{"S":"cold"}"#) && raw.stderr.is_empty(), "{}", raw.stderr);
    let clean = env.run(["scan", "--local", "--sensor", "a"]).assert_success();
    assert!(!clean.stderr.contains("left out"), "{}", clean.stderr);
    let chosen = env.run(["scan", "--local", "--sensor", "b", "--fields", "Temperature,humidity"]).assert_success();
    assert!(!chosen.stderr.contains("`temperature`"), "attributes that nobody asked for: {}", chosen.stderr);
}

#[test]
fn fields_are_keys_attributes_of_the_table_and_parts() {
    let (env, api, _) = env_of(&[]);
    let mut odd = item("a", 1);
    odd["site"] = json!({"M": {"room": {"S": "lab"}, "tags": {"L": [{"S": "x"}, {"N": "2.50"}]}}});
    odd["site.room"] = json!({"S": "flat"});
    put_items(&api, &[odd, item("b", 2)]);
    let scan = |fields: &str, format: &str| {
        env.run(["scan", "--local", "--sort", "sensor", "--fields", fields, "-o", format]).assert_success()
    };
    let fields = "SensorId,site.room,site.tags[1],Temperature";
    assert_eq!(
        scan(fields, "ndjson").stdout,
        "{\"SensorId\":\"a\",\"site.room\":\"lab\",\"site.tags[1]\":2.5,\"Temperature\":-3}\n{\"SensorId\":\"b\",\"Temperature\":4}\n"
    );
    assert_eq!(scan(fields, "csv").stdout, "SensorId,site.room,site.tags[1],Temperature\na,lab,2.5,-3\nb,,,4\n");
    assert_eq!(scan("\"site.room\"", "csv").stdout, "site.room\nflat\n\"\"\n");
    assert_eq!(scan("`site.room`,site", "ndjson").stdout.lines().next().unwrap().matches("room").count(), 2);
    let unseen = scan("sensor_id,site.nothing", "ndjson").stderr;
    assert!(
        unseen.contains("no row has a field `site.nothing`; a field of that name stands in double quotes"),
        "{unseen}"
    );
    for (wrong, part) in [
        ("sensor_id,SensorId", "names `SensorId` twice"),
        ("site.room,`site.room`", "names `site.room` twice"),
        ("sensor_id.x", "`sensor_id.x` asks for a part"),
        ("site.", "empty name"),
    ] {
        let run = env.run(["scan", "--local", "--fields", wrong]).assert_code(2);
        assert!(run.stderr.contains(part), "{wrong}: {}", run.stderr);
    }
}

#[test]
fn sensors_are_read_by_a_query_each() {
    let (env, api, times) = env_of(&[("a", 40), ("b", 30), ("c", 20)]);
    let before = api.recorded_calls().len();
    let mut found = rows(&env, &["--sensor", "a", "--sensor", "c", "--sensor", "a", "--since", "19"]);
    assert_eq!(reads_since(&api, before), 2);
    found.sort();
    let expected: Vec<_> = newest(&times, 99, |time| time >= 19).into_iter().filter(|(id, _)| id != "b").collect();
    assert_eq!(found, expected);
    let reversed = rows(&env, &["--sensor", "a", "--reverse", "--limit", "2"]);
    assert_eq!(reversed, [("a".to_owned(), 40), ("a".to_owned(), 39)]);
    assert_eq!(rows(&env, &["--sensor", "a", "--sensor", "b", "--limit", "7"]).len(), 7);
}

#[test]
fn count_counts_readings_only() {
    let (env, api, _) = env_of(&[("a", 40), ("b", 30)]);
    put_items(&api, &[json!({"SensorId": {"S": "a"}, "CurrentTime": {"N": "999"}, "note": {"S": "no reading"}})]);
    let count = |flags: &[&str]| {
        let arguments = ["scan", "--local", "--count", "-o", "json"].iter().chain(flags).copied();
        let run = env.run(arguments).assert_success();
        (run.json()["count"].as_u64().unwrap(), run.stderr)
    };
    let (all, said) = count(&[]);
    assert_eq!(all, 70);
    assert!(said.contains("1 item of table SensorData is not a reading"), "{said}");
    assert_eq!(count(&["--sensor", "a"]).0, 40);
    assert_eq!(count(&["--sensor", "a", "--sensor", "b", "--where", "humidity = 7"]).0, 7);
    assert_eq!(count(&["--where", "humidity = 7 or humidity = 8"]).0, 14);
    assert_eq!(count(&["--where", "exists(note) or humidity = 7"]).0, 7, "an item that is no reading does not count");
    assert_eq!(env.run(["scan", "--local", "--count", "-o", "table"]).assert_success().stdout, "70\n");
    env.run(["scan", "--local", "--count", "-v"]).assert_success().assert_stderr_contains(&["read units", "USD"]);
}

#[test]
fn fields_are_shown_in_their_order_in_every_format() {
    let (env, api, _) = env_of(&[("a", 1)]);
    let mut with_more = item("b", 2);
    with_more["site, room"] = json!({"M": {"x": {"N": "1.50"}}});
    with_more["humidity"] = json!({"NULL": true});
    put_items(&api, &[with_more]);
    let scan = |flags: &[&str]| {
        let arguments = ["scan", "--local", "--sort", "sensor", "--fields"].iter().chain(flags).copied();
        env.run(arguments).assert_success()
    };
    let fields = "\"site, room\",sensor_id,humidity";
    assert_eq!(
        scan(&[fields, "-o", "ndjson"]).stdout,
        "{\"sensor_id\":\"a\",\"humidity\":1}\n{\"site, room\":{\"x\":1.5},\"sensor_id\":\"b\",\"humidity\":null}\n"
    );
    assert_eq!(
        scan(&[fields, "-o", "csv"]).stdout,
        "\"site, room\",sensor_id,humidity\n,a,1\n\"{\"\"x\"\":1.5}\",b,null\n"
    );
    assert_eq!(
        scan(&[fields, "-o", "table"]).stdout,
        "SITE, ROOM  SENSOR_ID  HUMIDITY\n            a          1\n{\"x\":1.5}   b          null\n"
    );
    let unknown = scan(&["sensor_id,humidty", "-o", "ndjson"]);
    assert_eq!(unknown.stdout.lines().next(), Some("{\"sensor_id\":\"a\"}"));
    assert!(unknown.stderr.contains("no row has a field `humidty`"), "{}", unknown.stderr);
    for wrong in ["a,,b", "a,a"] {
        env.run(["scan", "--local", "--fields", wrong]).assert_code(2);
    }
}

#[test]
fn raw_items_are_as_the_service_returned_them() {
    let (env, api, _) = env_of(&[("a", 30)]);
    let odd = json!({
        "SensorId": {"S": "b\u{9b}"},
        "CurrentTime": {"N": "-1.5"},
        "set": {"NS": ["2.5"]},
        "bytes": {"B": "//4="},
        "deep": {"M": {"list": {"L": [{"NULL": true}, {"BOOL": false}]}, "ss": {"SS": ["x"]}}},
    });
    put_items(&api, std::slice::from_ref(&odd));
    let mut expected: Vec<_> = (1..=30).map(|time| item("a", time)).collect();
    expected.push(odd);
    let run = env.run(["scan", "--local", "--raw", "--sort", "sensor"]).assert_success();
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, expected);
    assert!(!run.stderr.contains("not a reading"), "{}", run.stderr);
    let mut document = env.run(["scan", "--local", "--raw", "-o", "json"]).assert_success().json();
    assert_eq!(document["Count"], 31);
    document["Items"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(document["Items"], Value::from(expected));
    let none = env.run(["scan", "--local", "--raw", "-o", "json", "--sensor", "none"]).assert_success();
    assert_eq!(none.json(), json!({"Items": [], "Count": 0}));
    env.run(["scan", "--local", "--raw", "-o", "csv"]).assert_code(2);
    env.run(["scan", "--local", "--raw", "--latest", "1"]).assert_success();
}

#[test]
fn file_gets_the_rows_in_the_form_of_its_ending() {
    let (env, api, _) = env_of(&[("a", 3)]);
    let scan = |flags: &[&str]| env.run(["scan", "--local", "--sensor", "a"].iter().chain(flags).copied());
    let path = |name: &str| env.path(name).to_str().unwrap().to_owned();
    let shown = scan(&["-o", "csv"]).assert_success().stdout;
    let target = path("rows.csv");
    let run = scan(&["--to", &target]).assert_success().assert_stderr_contains(&["Wrote ", "rows.csv."]);
    assert_eq!((run.stdout.as_str(), std::fs::read_to_string(&target).unwrap()), ("", shown));
    scan(&["--to", &target]).assert_code(2).assert_stderr_contains(&["not empty", "`--force` overwrites it"]);
    scan(&["--to", &target, "--force", "-o", "ndjson"]).assert_success();
    assert!(std::fs::read_to_string(&target).unwrap().starts_with("{\"sensor_id\":\"a\""));
    // A scan that fails leaves no file.
    api.set_faults("dynamodb:Query=denied");
    scan(&["--to", &path("never.ndjson.zst")]).assert_code(1);
    let left = std::fs::read_dir(env.path(".")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = left.filter(|name| name.contains("never")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn times_and_formulas_have_the_form_that_was_asked_for() {
    let (env, api, _) = env_of(&[]);
    let mut formula = item("=cmd", 1_262_307_600);
    formula["humidity"] = json!({"S": "-1+1"});
    put_items(&api, &[formula]);
    let scan = |flags: &[&str]| env.run(["scan", "--local"].iter().chain(flags).copied());
    let berlin = ["-o", "table", "--time-zone", "Europe/Berlin"];
    assert!(scan(&berlin).assert_success().stdout.contains(" 2010-01-01T02:00:00+01:00 "));
    let pattern = scan(&[&berlin[..], &["--time-format", "%d.%m.%Y %H:%M"]].concat()).assert_success().stdout;
    assert!(pattern.contains(" 01.01.2010 02:00 "), "{pattern}");
    let safe = scan(&["-o", "csv", "--csv-safe", "--fields", "sensor_id,humidity"]).assert_success().stdout;
    assert_eq!(safe, "sensor_id,humidity\n'=cmd,'-1+1\n");
    for wrong in [&["-o", "json", "--csv-safe"][..], &["-o", "csv", "--time-zone", "UTC"]] {
        scan(wrong).assert_code(2);
    }
}

#[test]
fn rows_are_sorted_whatever_their_number() {
    let (env, _, times) = env_of(&[("a", 500), ("b", 300), ("ab", 200)]);
    let all = newest(&times, 999, |_| true);
    assert_eq!(rows(&env, &["--sort", "sensor"]), all);
    let mut by_time = all.clone();
    by_time.sort_by(|(one, at), (other, then)| at.cmp(then).then(one.cmp(other)));
    assert_eq!(rows(&env, &["--sort", "time", "--limit", "450"]), by_time[..450]);
    by_time.reverse();
    assert_eq!(rows(&env, &["--sort", "time", "--reverse"]), by_time);
    let mut by_temperature = all;
    by_temperature.sort_by_key(|(sensor, time)| (time * 7 % 31, *time, sensor.clone()));
    assert_eq!(rows(&env, &["--sort", "temp"]), by_temperature);
    assert_eq!(rows(&env, &["--sort", "temp", "--limit", "7"]), by_temperature[..7]);
    by_temperature.reverse();
    assert_eq!(rows(&env, &["--sort", "temp", "--reverse", "--limit", "999"]), by_temperature[..999]);
}

mod slow {
    use super::*;

    #[test]
    fn throttled_pages_and_lost_connections_change_nothing() {
        let (env, api, times) = env_of(&[("a", 9000), ("b", 9000), ("c", 2)]);
        let all = newest(&times, 99_999, |_| true);
        for faults in ["dynamodb:Scan=throttle@50%", "dynamodb:Scan=lost@40%", "dynamodb:DescribeTable=denied"] {
            api.set_faults(&format!("seed=5;{faults}"));
            let mut found = rows(&env, &[]);
            found.sort();
            assert!(found == all, "{faults}: {} rows", found.len());
        }
    }
}
