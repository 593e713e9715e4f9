//! Faults on request: asked for at the start or later, by the owner only, and seen by every client as from AWS.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{Home, Stranger, Thing};

const LIST: &str = "Kinesis_20131202.ListStreams";

#[test]
fn faults_are_set_shown_and_taken_back_by_the_owner_alone() {
    let home = Home::with_local_cloud();
    let owner = Stranger::of(&home);
    let mode = std::fs::metadata(home.path("data/control.header")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the token is the owner's alone");
    owner.set_faults("kinesis:ListStreams=throttle@#2");
    assert_eq!(owner.control("GET /_sensorctl/faults", "").1["faults"], "kinesis:ListStreams=throttle@#2");
    let answers: Vec<u16> = (0..3).map(|_| owner.call(LIST, "{}").0).collect();
    assert_eq!(answers, [200, 400, 200]);
    assert_eq!(owner.seen().len(), 3);
    let (status, said) = owner.control("PUT /_sensorctl/faults", "kinesis:*=explode");
    assert!(status == 400 && said["message"].as_str().unwrap().contains("column 11"), "{said}");
    assert_eq!(owner.control("DELETE /_sensorctl/faults", "").0, 200);
    assert_eq!(owner.seen(), []);
    // The access key id is no secret: AWS tools write it into logs and presigned addresses.
    let key_id = home.endpoint()["access_key_id"].as_str().unwrap().to_owned();
    for key in ["AKIAIOSFODNN7EXAMPLE", &key_id, ""] {
        let stranger = owner.with_control(&format!("X-Sensorctl-Key: {key}"));
        for line in [
            "GET /_sensorctl/faults",
            "PUT /_sensorctl/faults",
            "DELETE /_sensorctl/faults",
            "GET /_sensorctl/calls",
            "GET /_sensorctl/health",
        ] {
            assert_eq!(stranger.control(line, "*:*=drop").0, 403, "{line} with {key:?}");
        }
    }
}

#[test]
fn a_start_takes_faults_and_refuses_wrong_ones_with_the_place() {
    let home = Home::new();
    home.run(["local", "start", "--port", "0", "--faults", "kinesis:*=explode"])
        .exited(2)
        .says(&["column 11", "throttle"]);
    home.run(["local", "start", "--port", "0", "--faults", "kinesis:*=error(503)@#1"]).succeeded();
    let owner = Stranger::of(&home);
    assert_eq!(owner.call(LIST, "{}").0, 503);
    assert_eq!(owner.call(LIST, "{}").0, 200);
    home.run(["local", "start", "--faults", "*:*=drop"]).succeeded().says(&["already runs", "durability stay"]);
}

#[test]
fn every_service_refuses_in_its_own_words() {
    let home = Home::with_local_cloud();
    let owner = Stranger::of(&home);
    let form = "Content-Type: application/x-www-form-urlencoded";
    let answers = || {
        [
            owner.call(LIST, "{}"),
            owner.call("Kinesis_20131202.PutRecord", "{}"),
            owner.call("DynamoDB_20120810.Scan", "{}"),
            owner.call("DynamoDB_20120810.ListTables", "{}"),
            owner.call("Logs_20140328.DescribeLogGroups", "{}"),
            owner.send("GET /2015-03-31/functions", "lambda", form, ""),
            owner.send("POST /", "iam", form, "Action=ListRoles"),
            owner.send("POST /", "sts", form, "Action=GetCallerIdentity"),
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
        owner.set_faults(&format!("*:*={fault}"));
        for ((found, body), words) in answers().into_iter().zip(words) {
            assert!(body.contains(words), "{fault}: {words}: {body}");
            assert!(found == status || (fault, found) == ("throttle", 429), "{fault} {found}: {body}");
        }
    }
}

/// What a client sees of a call.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Taken,
    Refused(u16),
    NoAnswer,
}

fn seen(answer: std::io::Result<(u16, String)>) -> Seen {
    match answer {
        Ok((200..300, _)) => Seen::Taken,
        Ok((status, _)) => Seen::Refused(status),
        Err(_) => Seen::NoAnswer,
    }
}

/// A call, what it makes, and the status of its refusal.
type Kind = (&'static str, fn(String) -> Thing, u16);

#[test]
fn every_fault_of_every_service_hits_the_nth_call_alone_and_does_what_it_says() {
    let home = Home::with_pipeline();
    let owner = Stranger::of(&home);
    let kinds: [Kind; 5] = [
        ("kinesis:CreateStream", Thing::Stream, 400),
        ("dynamodb:CreateTable", Thing::Table, 400),
        ("iam:CreateRole", Thing::Role, 400),
        ("logs:CreateLogGroup", Thing::LogGroup, 400),
        ("lambda:CreateFunction", Thing::Function, 429),
    ];
    for (call, thing, throttled) in kinds {
        for (number, (fault, expected, is_there)) in [
            ("throttle", Seen::Refused(throttled), false),
            ("error", Seen::Refused(500), false),
            ("error(503)", Seen::Refused(503), false),
            ("drop", Seen::NoAnswer, false),
            ("lost", Seen::NoAnswer, true),
            ("delay(5ms)", Seen::Taken, true),
        ]
        .into_iter()
        .enumerate()
        {
            owner.set_faults(&format!("{call}={fault}@#2"));
            let things = ["before", "hit", "after"].map(|place| thing(format!("f{number}-{place}")));
            let answers = things.clone().map(|thing| seen(thing.make(&owner)));
            assert_eq!(answers, [Seen::Taken, expected, Seen::Taken], "{call}={fault}");
            let there = things.map(|thing| thing.is_there(&owner));
            assert_eq!(there, [true, is_there, true], "{call}={fault}");
        }
        owner.set_faults(&format!("{call}=hang@#1"));
        let thing = thing("hung".to_owned());
        let (client, hung) = (owner.clone(), thing.clone());
        // It waits until the local cloud ends.
        std::thread::spawn(move || hung.make(&client));
        let deadline = Instant::now() + Duration::from_secs(60);
        while !owner.has_hung() {
            assert!(Instant::now() < deadline, "{call} does not hang");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(thing.is_there(&owner), "{call}: the work is done");
    }
    // STS makes nothing that could be looked for.
    let trust = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}"#;
    let trust: String = trust.bytes().map(|byte| format!("%{byte:02X}")).collect();
    owner.iam(&format!("Action=CreateRole&RoleName=assumable&AssumeRolePolicyDocument={trust}"));
    let assume = "Action=AssumeRole&RoleSessionName=me&RoleArn=arn:aws:iam::000000000000:role/assumable";
    let form = "Content-Type: application/x-www-form-urlencoded";
    for (fault, expected) in
        [("throttle", Seen::Refused(400)), ("error(503)", Seen::Refused(503)), ("drop", Seen::NoAnswer)]
    {
        owner.set_faults(&format!("sts:AssumeRole={fault}@#1"));
        assert_eq!(seen(owner.try_send("POST /", "sts", form, assume)), expected, "{fault}");
        assert_eq!(seen(owner.try_send("POST /", "sts", form, assume)), Seen::Taken, "{fault}");
    }
}

#[test]
fn put_stores_every_reading_whatever_fails_in_part() {
    let home = Home::with_pipeline();
    Stranger::of(&home).set_faults(
        "seed=3;kinesis:PutRecords=partial(30%)@50%;dynamodb:BatchWriteItem=unprocessed(30%)@50%;*:Put*=throttle@20%;\
         dynamodb:BatchWriteItem=lost@10%;kinesis:PutRecords=delay(5ms)",
    );
    let readings: String = (0..2000)
        .map(|n| format!("{{\"sensor_id\":\"s{}\",\"temperature\":1,\"current_time\":{n}}}\n", n % 20))
        .collect();
    let file = home.write("readings.ndjson", readings);
    let put = home.run(["put", "--local", "--file", file.to_str().unwrap(), "-o", "json"]).succeeded().json();
    assert_eq!((&put["read"], &put["accepted"], &put["failed"]), (&2000.into(), &2000.into(), &0.into()), "{put}");
    assert_eq!(home.rows(2000).len(), 2000);
}
