//! Files of devices, brokers and databases, as a user puts and inspects them. All values are made up.

use std::io::Write as _;

use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::{Run, TestEnv};

const HEADER: &str = "sensor_id,temperature,current_time";
const READING: &str = r#"{"sensor_id":"a","temperature":21.5,"current_time":1700000000}"#;

fn dry_run(env: &TestEnv, file: &str, flags: &[&str]) -> Run {
    let arguments = ["put", "--dry-run", "-o", "json", "--file", file];
    env.run(arguments.into_iter().chain(flags.iter().copied()))
}

/// Puts a file without sending, and returns the report.
fn report(content: impl AsRef<[u8]>, flags: &[&str], code: i32) -> Value {
    let env = TestEnv::new();
    env.write("file", content);
    dry_run(&env, "file", flags).assert_code(code).json()
}

fn counts(report: &Value) -> (u64, u64) {
    (report["accepted"].as_u64().unwrap(), report["rejected"].as_u64().unwrap())
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn put_recognized_files_needs_no_flag() {
    let semicolons =
        "sensor_id;temperature;current_time;humidity\nkeller;21,5;1700000000;40,25\nkeller;-3,0;1700000060;41\n";
    let utf_16 = format!("\u{feff}{semicolons}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let later = READING.replace("00000}", "00060}");
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("semicolons and decimal commas", semicolons.into()),
        ("tabs", semicolons.replace(';', "\t").into()),
        ("a spreadsheet's sep line", format!("sep=;\r\n{}", semicolons.replace('\n', "\r\n")).into()),
        ("carriage returns", semicolons.replace('\n', "\r").into()),
        ("trailing commas", format!("{HEADER},\na,1,1700000000,\na,2,1700000060,\n").into()),
        ("gzip", gzip(semicolons.as_bytes())),
        ("UTF-16", utf_16),
        ("an array", format!("[\n{READING},\n{later}\n]").into()),
        ("glued objects", format!("{READING}{later}").into()),
        ("commas at line ends", format!("{READING},\n{later},\n").into()),
        ("milliseconds", format!("{HEADER}\na,1,1700000000000\na,2,1700000060000\n").into()),
        (
            "blanks before quotes",
            format!(
                "\"{}\"\n\"a\", \"1\", \"1700000000\"\n\"a\", \"2\", \"1700000060\"\n",
                HEADER.replace(',', "\", \"")
            )
            .into(),
        ),
        ("a preamble", format!("Plot Title: cellar\n\n{HEADER}\na,1,1700000000\na,2,1700000060\n").into()),
        ("units", format!("{HEADER}\n,°C,s\na,1,1700000000\na,2,1700000060\n").into()),
    ];
    for (what, content) in files {
        let report = report(content, &[], 0);
        assert_eq!(counts(&report), (2, 0), "{what}: {report}");
    }
}

#[test]
fn put_reports_what_may_be_wrong_and_strict_fails() {
    let env = TestEnv::new();
    env.write(
        "replaced.csv",
        "sensor_id,date,clock,temperature\nk,2023-11-14,22:13:20,21.5\nk,2023-11-14,22:14:20,21.6\n",
    );
    let map = ["--map", "current_time=date"];
    let run = dry_run(&env, "replaced.csv", &map).assert_success();
    run.assert_stderr_contains(&["1 reading has the sensor and time of another", "2 times have no zone"]);
    assert_eq!(
        (&run_json(&env, &map)["replaced_in_input"], &run_json(&env, &map)["assumed_utc"]),
        (&1.into(), &2.into())
    );
    dry_run(&env, "replaced.csv", &["--map", "current_time=date", "--strict"])
        .assert_code(3)
        .assert_stderr_contains(&["--strict"]);
    let joined = ["--map", "current_time=date+clock", "--time-zone", "Europe/Berlin", "--strict"];
    dry_run(&env, "replaced.csv", &joined).assert_success();

    let cut = report(format!("{HEADER}\nk,21.5,1700000000\nk,21.6,17000"), &[], 3);
    assert_eq!(
        (counts(&cut), &cut["last_line_unterminated"], &cut["reasons"]["cut-line"]),
        ((1, 1), &true.into(), &1.into())
    );
    let units = report(format!("{HEADER}\nk,1,1700000000\nk,2,1700000060000\n"), &[], 0);
    assert_eq!(units["time_units"], serde_json::json!({"ms": 1, "s": 1}));
    report(format!("{HEADER}\nk,1,1700000000\nk,2,1700000060000\n"), &["--strict"], 3);
}

fn run_json(env: &TestEnv, flags: &[&str]) -> Value {
    dry_run(env, "replaced.csv", flags).assert_success().json()
}

#[test]
fn put_times_of_uncertain_unit_are_rejected_with_the_flag() {
    let env = TestEnv::new();
    env.write("file", format!("{HEADER}\nk,1,45244.9259\nk,3,20231114221320\nk,4,20231114\nk,5,-5\nk,6,1700000000\n"));
    let run = dry_run(&env, "file", &[]).assert_code(3).assert_stderr_contains(&["--time-unit", "--time-format"]);
    assert_eq!(run.json()["reasons"], serde_json::json!({"time-unit": 4}));
    let single = ["put", "--dry-run", "--sensor", "a", "--temp", "1", "--time", "1700000000000", "-o", "json"];
    assert_eq!(env.run(single).assert_success().json()["current_time"], 1_700_000_000);
    let german = "sensor_id;temperature;current_time\nk;21,5;14.11.2023 23:13\n";
    let flags = ["--time-format", "%d.%m.%Y %H:%M", "--time-zone", "Europe/Berlin"];
    assert_eq!(counts(&report(german, &flags, 0)), (1, 0));
    assert_eq!(counts(&report(german, &[], 3)), (0, 1));
}

#[test]
fn put_names_the_flag_that_reads_a_file() {
    let cases: [(&str, Vec<u8>, &[&str]); 7] = [
        (
            "latin-1 header",
            b"sensor_id,temperature,current_time,Temp(\xb0C)\nk,1,1700000000,2\n".to_vec(),
            &["--encoding windows-1252"],
        ),
        ("no header", b"1700000000,nan,14.4,nan,0\n".to_vec(), &["holds values and no names", "--columns"]),
        ("other names", b"date,celsius\n2023-11-14,2\n".to_vec(), &["there are: date, celsius", "sensorctl inspect"]),
        (
            "a header below",
            b"\"Plot Title: Cellar\"\n\"#\",\"Date Time\",\"Temp\"\n1,2023-11-14 22:13:20,70.7\n".to_vec(),
            &["line 2 looks like the header"],
        ),
        ("doubled columns", format!("{HEADER},note,note\nk,1,1700000000,x,y\n").into(), &["columns 4 and 5", "--drop"]),
        ("a workbook", b"PK\x03\x04".to_vec(), &["workbook"]),
        (
            "scan -o csv",
            format!("{HEADER},serial,shard_id,sequence_number\nk,1,2,42,s,1\n").into(),
            &["--untyped", "scan -o ndjson"],
        ),
    ];
    let env = TestEnv::new();
    for (what, content, said) in cases {
        env.write("file", content);
        let run = dry_run(&env, "file", &[]).assert_code(2).assert_stderr_contains(said);
        assert!(!run.stderr.contains("14.4") && !run.stderr.contains("70.7"), "{what}: {}", run.stderr);
    }
    env.write("file", format!("{HEADER}\nk,1,1700000000\n"));
    dry_run(&env, "file", &["--map", "foo=temperature"])
        .assert_code(2)
        .assert_stderr_contains(&["`temperature` is mapped to `foo`; nothing gives `temperature`"]);
    env.write("file", READING);
    dry_run(&env, "file", &["--skip-lines", "2"]).assert_code(2).assert_stderr_contains(&["`--skip-lines` is for CSV"]);
}

#[test]
fn put_damaged_gzip_fails_after_what_stands_before() {
    let env = TestEnv::new();
    let lines: String =
        (0..20_000).map(|n| READING.replace("1700000000", &(1_700_000_000 + n).to_string()) + "\n").collect();
    let whole = gzip(lines.as_bytes());
    env.write("cut.gz", &whole[..whole.len() / 2]);
    let run = dry_run(&env, "cut.gz", &[])
        .assert_code(1)
        .assert_stderr_contains(&["the gzip data ends early: the file is cut"]);
    assert!(run.json()["accepted"].as_u64().unwrap() > 1000);
}

#[test]
fn put_reasons_say_what_data_is_instead() {
    let env = TestEnv::new();
    let nan = READING.replace("21.5", "NaN");
    env.write("file", format!("{READING}\n{nan}\neyJzZW5zb3JfaWQiOiJhIn0=\n{{'sensor_id': 'a'}}\n[1]\n"));
    let run = dry_run(&env, "file", &[]).assert_code(3);
    let reasons = &run.json()["reasons"];
    assert_eq!(*reasons, serde_json::json!({"base64": 1, "not-an-object": 1, "not-json": 1, "single-quotes": 1}));
    run.assert_stderr_contains(&["NaN is not a JSON number", "encoded twice", "single quotes"]);
}

#[test]
fn put_mapped_json_and_layout_store_readings() {
    let env = TestEnv::with_pipeline();
    let uplink = r#"{"end_device_ids":{"device_id":"barn-3"},"received_at":"2031-03-02T07:15:00.5Z","uplink_message":{"decoded_payload":{"temperature":6.25,"humidity":80}}}"#;
    env.write("up.json", uplink);
    let flags = [
        "--map",
        "sensor_id=end_device_ids.device_id",
        "--map",
        "temperature=uplink_message.decoded_payload.temperature",
        "--map",
        "current_time=received_at",
        "--field",
        "site=lab",
    ];
    env.run(["put", "--local", "--file", "up.json"].into_iter().chain(flags)).assert_success();
    env.write("line.lp", "climate,room=attic temperature=19.4,humidity=51i 1930202100000000000\n");
    env.run(["put", "--local", "--file", "line.lp", "--map", "sensor_id=room", "--drop", "measurement"])
        .assert_success();
    let mut rows: Vec<_> = env
        .rows(2)
        .into_iter()
        .map(|mut row| {
            let members = row.as_object_mut().unwrap();
            members.remove("shard_id");
            members.remove("sequence_number");
            row.to_string()
        })
        .collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            r#"{"sensor_id":"attic","temperature":19.4,"current_time":1930202100,"humidity":51}"#,
            r#"{"sensor_id":"barn-3","temperature":6.25,"current_time":1930202100.5,"humidity":80,"site":"lab"}"#,
        ]
        .map(|row| serde_json::from_str::<Value>(row).unwrap().to_string())
    );
}

#[test]
fn inspect_command_puts_the_readings_that_it_shows() {
    let env = TestEnv::with_pipeline();
    env.write("cellar.csv", "Date;Temp (°C);RH\n2031-03-02 08:15:00;19,4;51\n2031-03-02 08:16:00;19,5;\n");
    let report = env.run(["inspect", "cellar.csv", "-o", "json", "--local"]).assert_success().json();
    assert_eq!(
        (&report["format"], &report["delimiter"], &report["decimal"]),
        (&"csv".into(), &"semicolon".into(), &"comma".into())
    );
    assert_eq!(
        report["columns"][1],
        serde_json::json!({"name": "Temp (°C)", "type": "number", "min": "19.4", "max": "19.5", "empty": 0})
    );
    let command = report["command"].as_str().unwrap().strip_prefix("sensorctl ").unwrap().to_owned();
    env.run(shell_words(&command).iter().map(String::as_str)).assert_success();
    let stored: Vec<_> =
        env.rows(2).iter().map(|row| (row["temperature"].to_string(), row["current_time"].to_string())).collect();
    let mut shown: Vec<_> = report["readings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["temperature"].to_string(), row["current_time"].to_string()))
        .collect();
    let mut stored = stored;
    stored.sort();
    shown.sort();
    assert_eq!(stored, shown);

    env.write("unknown.txt", "hello\nworld\n");
    let run = env.run(["inspect", "unknown.txt", "-o", "json"]).assert_code(3);
    assert!(run.json()["command"].is_null());
    env.write("other.json", "{\"a\":1}\n");
    let run = env
        .run(["inspect", "other.json", "-o", "json"])
        .assert_code(3)
        .assert_stderr_contains(&["no reading was found"]);
    assert_eq!((&run.json()["command"], &run.json()["rejected"]), (&Value::Null, &1.into()));
    let text = env.run(["inspect", "cellar.csv", "-o", "table"]).assert_success().stdout;
    assert!(text.contains("command      `sensorctl put --file cellar.csv --map 'temperature=Temp (°C)'"), "{text}");
}

/// Returns the words of a shell's command line with single quotes.
pub fn shell_words(command: &str) -> Vec<String> {
    let (mut words, mut is_quoted) = (vec![String::new()], false);
    for character in command.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

#[test]
fn put_that_leaves_every_row_out_is_no_success() {
    let history = "entity_id,state,last_changed\nsensor.hall_power,19.5,2031-03-02T07:15:00.000Z\n";
    let humidity = "entity_id,state,last_changed\nsensor.hall_humidity,50,2031-03-02T07:15:00.000Z\n";
    let other = "{\"topic\":\"a\",\"t\":1,\"ts\":1930202100}\n";
    let flags =
        ["--match", "topic=b", "--map", "sensor_id=topic", "--map", "temperature=t", "--map", "current_time=ts"];
    for (content, flags) in [
        (history, ["--layout", "home-assistant"].as_slice()),
        (humidity, &["--layout", "home-assistant"]),
        (other, &flags),
    ] {
        let env = TestEnv::new();
        env.write("file", content);
        dry_run(&env, "file", flags).assert_code(3).assert_stderr_contains(&["nothing was put", "sensorctl inspect"]);
    }
    // A file without rows is no mistake.
    assert_eq!(counts(&report(format!("# comment\n{HEADER}\n"), &[], 0)), (0, 0));
}
