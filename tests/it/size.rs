//! `size`: settings that hold, sums that are right, and loads that are refused.

use serde_json::Value;

use crate::input_files::shell_words;
use crate::support::{Run, TestEnv};

fn size(env: &TestEnv, arguments: &[&str]) -> Run {
    env.run(["size", "-o", "json"].into_iter().chain(arguments.iter().copied()))
}

/// Runs `size` with the settings of the printed command: it reads them as `up` does.
fn same_settings(env: &TestEnv, command: &str, load: &[&str]) -> Run {
    let words = shell_words(command);
    assert_eq!(words[..2], ["sensorctl", "up"], "{command}");
    let settings: Vec<_> = words[2..].iter().map(String::as_str).collect();
    size(env, &[load, &settings].concat())
}

fn cents(usd: &Value) -> u64 {
    let text = usd.to_string();
    let (whole, cents) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{cents:0<2}").parse().unwrap_or_else(|_| panic!("{text} has more than cents"))
}

#[test]
fn size_needs_no_credentials_and_its_total_is_the_sum_of_its_items() {
    let env = TestEnv::new();
    let sizing = size(&env, &["--sensors", "5000", "--rate", "1234.5", "--peak", "4000"]).assert_success().json();
    let costs = sizing["costs"].as_array().unwrap();
    let sum: u64 = costs.iter().map(|cost| cents(&cost["usd"])).sum();
    assert_eq!(sum, cents(&sizing["total_usd"]), "{sizing}");
    let items: Vec<_> = costs.iter().map(|cost| cost["item"].as_str().unwrap()).collect();
    for item in ["CloudWatch, embedded metrics", "CloudWatch, log lines in", "DynamoDB, writes", "Lambda, time"] {
        assert!(items.contains(&item), "{items:?}");
    }
    let limits = sizing["bottlenecks"].as_array().unwrap();
    assert!(limits.iter().all(|limit| limit["percent"].as_f64().unwrap() <= 100.0), "{sizing}");
    assert_eq!(sizing["prices"]["region"], "us-east-1");
    assert_eq!((&sizing["load"]["readings_per_second"], &sizing["sample"]), (&1234.5.into(), &Value::Null));
}

#[test]
fn size_command_and_toml_set_what_the_load_needs() {
    let env = TestEnv::new();
    let table = ["--set", "table.billing={read_units=1,write_units=1}"];
    let refused = size(&env, &[&["--sensors", "100000", "--rate", "50000"], &table[..]].concat()).assert_code(2);
    assert!(refused.stderr.contains("a provisioned table has at most 40000"), "{}", refused.stderr);
    let load = ["--sensors", "100000", "--rate", "20000"];
    let sizing = size(&env, &[&load[..], &table].concat()).assert_success().json();
    let command = sizing["command"].as_str().unwrap();
    let set = [
        "--set stream.shards=",
        "--set mapping.parallelization=",
        "--set 'table.billing={ read_units = 1, write_units = 25000 }'",
    ];
    assert!(command.starts_with("sensorctl up ") && set.iter().all(|part| command.contains(part)), "{command}");

    let file = env.path("sensorctl.toml");
    std::fs::write(&file, sizing["toml"].as_str().unwrap()).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let again = size(&env, &[&load[..], &config].concat()).assert_success().json();
    assert_eq!((&again["command"], &again["toml"]), (&Value::Null, &Value::Null), "{again}");
    assert_eq!(again["total_usd"], sizing["total_usd"]);
}

#[test]
fn size_command_is_accepted_whatever_flags_it_repeats() {
    let env = TestEnv::new();
    let peaks = ["--sensors", "10000", "--rate", "1", "--peak", "100000"];
    let steady = ["--sensors", "100000", "--rate", "20000"];
    let few = ["--sensors", "20193", "--rate", "23", "--aggregation", "never"];
    let slow = ["--sensors", "588", "--rate", "294.54", "--aggregation", "never"];
    let provisioned = ["--set", "table.billing={read_units=1,write_units=1}"];
    let one_by_one = ["--set", "table.billing.read_units=1", "--set", "table.billing.write_units=1"];
    for (load, given) in [
        (&peaks[..], &[][..]),
        (&steady[..], &["--set", "stream.mode=on-demand"][..]),
        (&steady[..], &["--set", "stream.shards=2", "--set", "mapping.batch_size=7"][..]),
        (&steady[..], &provisioned[..]),
        (&steady[..], &one_by_one[..]),
        // The batches of one record made the other mode of the stream seem the cheaper.
        (&few[..], &["--set", "mapping.batch_size=1"][..]),
        (&slow[..], &["--set", "mapping.window_seconds=300", "--set", "mapping.batch_size=1"][..]),
    ] {
        let sizing = size(&env, &[load, given].concat()).assert_success().json();
        let command = sizing["command"].as_str().unwrap();
        let again = same_settings(&env, command, load).assert_success().json();
        assert_eq!((&again["command"], &again["toml"]), (&Value::Null, &Value::Null), "{command}: {again}");
    }
}

#[test]
fn size_sets_each_key_once_and_its_quota_commands_reach_the_cloud_of_the_user() {
    let env = TestEnv::new();
    let load = ["--sensors", "100000", "--rate", "1000000", "--set", "mapping.filters=[]", "--region", "eu-north-1"];
    let given = ["--set", "stream.shards=2", "--set", "mapping.batch_size=7", "--profile", "work"];
    for output in ["json", "table"] {
        let run = env.run(["size", "-o", output].into_iter().chain(load).chain(given)).assert_success();
        let text = run.stdout.replace("\\\"", "\"");
        assert!(text.contains("`aws --profile work --region eu-north-1 dynamodb update-table "), "{text}");
        for once in ["--set stream.shards=", "--set 'mapping.filters=[]'"] {
            assert_eq!(text.matches(once).count(), 1, "{once}: {text}");
        }
    }
}

#[test]
fn size_prints_no_command_that_leaves_a_given_setting_out() {
    let env = TestEnv::new();
    let load = ["--sensors", "10000", "--rate", "1", "--peak", "100000"];
    let shards = ["--set", "stream.shards=2"];
    let run = size(&env, &[&load[..], &shards].concat()).assert_success();
    let sizing = run.json();
    assert_eq!(sizing["command"], Value::Null, "{sizing}");
    assert!(run.stderr.contains("`stream.shards` (--set) must be left out"), "{}", run.stderr);
    let file = env.path("sensorctl.toml");
    std::fs::write(&file, sizing["toml"].as_str().unwrap()).unwrap();
    let again = size(&env, &[&load[..], &["--config", file.to_str().unwrap()]].concat()).assert_success().json();
    assert_eq!(again["toml"], Value::Null, "{again}");

    std::fs::write(&file, "[stream]\nshards = 2\n").unwrap();
    let run = env.run(["size", "-o", "table"].into_iter().chain(load)).assert_success();
    assert!(run.stderr.contains("sensorctl.toml:2) must be left out"), "{}", run.stderr);
    assert!(
        run.stdout.contains("to set them, in sensorctl.toml\n  [stream]\n  mode = \"on-demand\"\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn size_measures_sample_as_put_reads_it() {
    let env = TestEnv::new();
    let file = env.path("sample.csv");
    let rows = (0..100).map(|at| format!("s{},{at}.5,{}\n", at % 4, 1_700_000_000 + at)).collect::<String>();
    std::fs::write(&file, format!("probe,temp,when\n{rows}nothing\n")).unwrap();
    let map = ["--map", "sensor_id=probe", "--map", "temperature=temp", "--map", "current_time=when"];
    let arguments = [&["--rate", "10", "--file", file.to_str().unwrap()][..], &map].concat();
    let run = size(&env, &arguments).assert_success();
    assert!(run.stderr.contains("note: not readings, and left out: 1 line of "), "{}", run.stderr);
    let sizing = run.json();
    assert_eq!(sizing["sample"]["readings"], 100);
    assert_eq!((&sizing["load"]["sensors"], &sizing["load"]["key_bytes"]), (&4.into(), &2.into()), "{sizing}");
    // Ten temperatures have a digit less than {"sensor_id":"s0","temperature":10.5,"current_time":1700000000}.
    assert_eq!(sizing["load"]["reading_bytes"], 62.9, "{sizing}");

    std::fs::write(&file, "a,b\n1,2\n").unwrap();
    let run = size(&env, &["--rate", "10", "--file", file.to_str().unwrap(), "--sensor", "x"]);
    assert!(run.code == 2 || run.code == 3, "{}", run.stderr);
}

#[test]
fn size_refuses_loads_that_contradict_themselves_or_that_nothing_carries() {
    let env = TestEnv::new();
    let refused: [(&[&str], &str); 9] = [
        (&["--sensors", "10", "--rate", "5", "--peak", "4"], "`--peak` (4) is below `--rate` (5)"),
        (&["--sensors", "10", "--rate", "0"], "a number above 0"),
        (&["--sensors", "10", "--rate", "2e9"], "at most 1000000000"),
        (&["--rate", "5"], "--sensors"),
        (&["--sensors", "0", "--rate", "5"], "0"),
        (&["--sensors", "1", "--rate", "5", "--reading-bytes", "10"], "10 is not in"),
        (&["--sensors", "1", "--rate", "5", "--reading-bytes", "100", "--file", "x"], "cannot be used with"),
        (&["--sensors", "1", "--rate", "5", "--format", "csv"], "there is no `--file`"),
        (&["--sensors", "1", "--rate", "900"], "one sensor takes 1,125 write units a second"),
    ];
    for (arguments, part) in refused {
        let run = size(&env, arguments).assert_code(2);
        assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
    }
}
