//! Fault injection: configured at the start or later, by the owner only. Every client gets AWS's errors.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{ApiClient, TestEnv, TestResource, eventually, percent_encode};

const LIST: &str = "Kinesis_20131202.ListStreams";

#[test]
fn control_api_faults_are_set_shown_and_deleted_by_owner_only() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    let mode = std::fs::metadata(env.path("data/control.header")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only the owner can read the token");
    api.set_faults("kinesis:ListStreams=throttle@#2");
    assert_eq!(api.control("GET /_sensorctl/faults", "").1["faults"], "kinesis:ListStreams=throttle@#2");
    let answers: Vec<u16> = (0..3).map(|_| api.call(LIST, "{}").0).collect();
    assert_eq!(answers, [200, 400, 200]);
    assert_eq!(api.recorded_calls().len(), 3);
    let (status, said) = api.control("PUT /_sensorctl/faults", "kinesis:*=explode");
    assert!(status == 400 && said["message"].as_str().unwrap().contains("column 11"), "{said}");
    assert_eq!(api.control("DELETE /_sensorctl/faults", "").0, 200);
    assert_eq!(api.recorded_calls(), []);
    // The access key id is not secret: AWS tools write it into logs and presigned URLs.
    let key_id = env.endpoint()["access_key_id"].as_str().unwrap().to_owned();
    for key in ["AKIAIOSFODNN7EXAMPLE", &key_id, ""] {
        let api = api.with_control_header(&format!("X-Sensorctl-Key: {key}"));
        for line in [
            "GET /_sensorctl/faults",
            "PUT /_sensorctl/faults",
            "DELETE /_sensorctl/faults",
            "GET /_sensorctl/calls",
            "GET /_sensorctl/health",
        ] {
            assert_eq!(api.control(line, "*:*=drop").0, 403, "{line} with {key:?}");
        }
    }
}

#[test]
fn local_start_invalid_faults_are_refused_with_column() {
    let env = TestEnv::new();
    env.run(["local", "start", "--port", "0", "--faults", "kinesis:*=explode"])
        .assert_code(2)
        .assert_stderr_contains(&["column 11", "throttle"]);
    env.run(["local", "start", "--port", "0", "--faults", "kinesis:*=error(503)@#1"]).assert_success();
    let api = ApiClient::new(&env);
    assert_eq!(api.call(LIST, "{}").0, 503);
    assert_eq!(api.call(LIST, "{}").0, 200);
}

#[test]
fn injected_errors_have_each_service_s_code() {
    let env = TestEnv::with_local_cloud();
    let api = ApiClient::new(&env);
    let answers = || {
        [
            api.call(LIST, "{}"),
            api.call("Kinesis_20131202.PutRecord", "{}"),
            api.call("DynamoDB_20120810.Scan", "{}"),
            api.call("DynamoDB_20120810.ListTables", "{}"),
            api.call("Logs_20140328.DescribeLogGroups", "{}"),
            api.send_lambda("GET /2015-03-31/functions", &Value::Null),
            api.query("iam", "Action=ListRoles"),
            api.query("sts", "Action=GetCallerIdentity"),
        ]
    };
    let throughput = "ProvisionedThroughputExceededException";
    let expected = [
        (
            "throttle",
            400,
            [
                "LimitExceededException",
                throughput,
                throughput,
                "ThrottlingException",
                "ThrottlingException",
                "CallerRateLimitExceeded",
                "<Code>Throttling</Code>",
                "<Code>Throttling</Code>",
            ],
        ),
        (
            "error",
            500,
            [
                "InternalFailure",
                "InternalFailure",
                "InternalServerError",
                "InternalServerError",
                "InternalFailure",
                "internal error",
                "<Code>ServiceFailure</Code>",
                "<Code>InternalFailure</Code>",
            ],
        ),
    ];
    for (fault, status, words) in expected {
        api.set_faults(&format!("*:*={fault}"));
        for ((found, body), words) in answers().into_iter().zip(words) {
            assert!(body.contains(words), "{fault}: {words}: {body}");
            assert!(found == status || (fault, found) == ("throttle", 429), "{fault} {found}: {body}");
        }
    }
}

/// The result of a call as its client sees it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Taken,
    Refused(u16),
    NoAnswer,
}

fn outcome(answer: std::io::Result<(u16, String)>) -> Outcome {
    match answer {
        Ok((200..300, _)) => Outcome::Taken,
        Ok((status, _)) => Outcome::Refused(status),
        Err(_) => Outcome::NoAnswer,
    }
}

/// A call, the resource that it creates, and the status when it is throttled.
type Kind = (&'static str, fn(String) -> TestResource, u16);

#[test]
fn fault_on_nth_call_affects_only_that_call_in_every_service() {
    let env = TestEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let kinds: [Kind; 5] = [
        ("kinesis:CreateStream", TestResource::Stream, 400),
        ("dynamodb:CreateTable", TestResource::Table, 400),
        ("iam:CreateRole", TestResource::Role, 400),
        ("logs:CreateLogGroup", TestResource::LogGroup, 400),
        ("lambda:CreateFunction", TestResource::Function, 429),
    ];
    for (call, resource, throttled) in kinds {
        for (number, (fault, expected, is_there)) in [
            ("throttle", Outcome::Refused(throttled), false),
            ("error", Outcome::Refused(500), false),
            ("error(503)", Outcome::Refused(503), false),
            ("drop", Outcome::NoAnswer, false),
            ("lost", Outcome::NoAnswer, true),
            ("delay(5ms)", Outcome::Taken, true),
        ]
        .into_iter()
        .enumerate()
        {
            api.set_faults(&format!("{call}={fault}@#2"));
            let resources = ["before", "hit", "after"].map(|place| resource(format!("f{number}-{place}")));
            let answers = resources.clone().map(|resource| outcome(resource.create(&api)));
            assert_eq!(answers, [Outcome::Taken, expected, Outcome::Taken], "{call}={fault}");
            let there = resources.map(|resource| resource.exists(&api));
            assert_eq!(there, [true, is_there, true], "{call}={fault}");
        }
        api.set_faults(&format!("{call}=hang@#1"));
        let resource = resource("hung".to_owned());
        let (client, hung) = (api.clone(), resource.clone());
        // This thread waits until the local cloud stops.
        std::thread::spawn(move || hung.create(&client));
        eventually(&format!("{call} hangs"), || api.has_hung_call(), |has_hung| *has_hung);
        assert!(resource.exists(&api), "{call} took effect");
    }
    // STS creates no resource whose existence could be checked.
    let trust = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}"#;
    let trust = percent_encode(trust);
    api.iam(&format!("Action=CreateRole&RoleName=assumable&AssumeRolePolicyDocument={trust}"));
    let assume = "Action=AssumeRole&RoleSessionName=me&RoleArn=arn:aws:iam::000000000000:role/assumable";
    for (fault, expected) in
        [("throttle", Outcome::Refused(400)), ("error(503)", Outcome::Refused(503)), ("drop", Outcome::NoAnswer)]
    {
        api.set_faults(&format!("sts:AssumeRole={fault}@#1"));
        assert_eq!(outcome(api.try_query("sts", assume)), expected, "{fault}");
        assert_eq!(outcome(api.try_query("sts", assume)), Outcome::Taken, "{fault}");
    }
}

#[test]
fn put_partial_failures_stores_every_reading() {
    let env = TestEnv::with_pipeline();
    ApiClient::new(&env).set_faults(
        "seed=3;kinesis:PutRecords=partial(30%)@50%;dynamodb:BatchWriteItem=unprocessed(30%)@50%;*:Put*=throttle@20%;\
         dynamodb:BatchWriteItem=lost@10%;kinesis:PutRecords=delay(5ms)",
    );
    let readings: String = (0..2000)
        .map(|n| format!("{{\"sensor_id\":\"s{}\",\"temperature\":1,\"current_time\":{n}}}\n", n % 20))
        .collect();
    let file = env.write("readings.ndjson", readings);
    let put = env.run(["put", "--local", "--file", file.to_str().unwrap(), "-o", "json"]).assert_success().json();
    assert_eq!((&put["read"], &put["accepted"], &put["failed"]), (&2000.into(), &2000.into(), &0.into()), "{put}");
    assert_eq!(env.rows(2000).len(), 2000);
}
