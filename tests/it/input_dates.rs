//! Times that are not certain: the order of day and month, and zones.

use serde_json::Value;

use crate::support::TestEnv;

const HOBO: &str = "\"Plot Title: pond\"\n\"#\",\"Date Time\",\"Temp, °C (LGR S/N: 555, SEN S/N: 555)\"\n\
    1,03/22/31 08:15:00 AM,4.311\n2,03/22/31 08:20:00 AM,4.25\n";

#[test]
fn put_strict_hoboware_without_offset_fails_on_assumed_utc() {
    let env = TestEnv::new();
    env.write("pond.csv", HOBO);
    let put = |flags: &[&str]| {
        let own = ["put", "--dry-run", "-o", "json", "--file", "pond.csv", "--layout", "hoboware", "--sensor", "pond"];
        env.run(own.into_iter().chain(flags.iter().copied()))
    };
    let run = put(&[]).assert_success().assert_stderr_contains(&["2 times have no zone and count as UTC"]);
    assert_eq!(run.json()["assumed_utc"], 2);
    put(&["--strict"]).assert_code(3).assert_stderr_contains(&["2 times have no zone", "--strict"]);
    put(&["--strict", "--time-zone", "+01:00"]).assert_success();
    env.write("pond.csv", HOBO.replace("Date Time", "Date Time, GMT+01:00"));
    put(&["--strict"]).assert_success();
}

#[test]
fn put_and_inspect_leave_an_order_that_no_time_shows_to_the_user() {
    let env = TestEnv::new();
    env.write("pond.csv", HOBO.replace("/22/", "/04/"));
    let put = ["put", "--dry-run", "--file", "pond.csv", "--layout", "hoboware", "--sensor", "pond"];
    env.run(put).assert_code(2).assert_stderr_contains(&[
        "none of its first times tells the day from the month",
        "`--time-format '%m/%d/%y %I:%M:%S %p'` reads them",
        "`--time-format '%d/%m/%y %I:%M:%S %p'` reads them",
    ]);
    let run = env.run(["inspect", "pond.csv", "-o", "json"]).assert_code(3).assert_stderr_contains(&[
        "none of its times tells the day from the month",
        "run the command that is the right one",
    ]);
    let report = run.json();
    assert_eq!((&report["command"], &report["readings"]), (&Value::Null, &serde_json::json!([])));
    let commands: Vec<_> =
        report["choices"].as_array().unwrap().iter().map(|choice| choice["command"].as_str().unwrap()).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for (command, form) in commands.iter().zip(["%d/%m/%y", "%m/%d/%y"]) {
        let expected =
            format!("sensorctl put --file pond.csv --layout hoboware --time-format '{form} %I:%M:%S %p' --sensor pond");
        assert_eq!(*command, expected);
    }
    let text = env.run(["inspect", "pond.csv", "-o", "table"]).assert_code(3).stdout;
    assert!(text.contains("\neither       sensorctl put") && text.contains("\nor           sensorctl put"), "{text}");
}
