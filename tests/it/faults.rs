//! Faults on request: asked for at the start or later, by the owner only, and seen by every client as from AWS.

use crate::support::{Home, Stranger};

const LIST: &str = "Kinesis_20131202.ListStreams";

#[test]
fn faults_are_set_shown_and_taken_back_by_the_owner_alone() {
    let home = Home::with_local_cloud();
    let owner = Stranger::of(&home);
    owner.set_faults("kinesis:ListStreams=throttle@#2");
    assert_eq!(owner.control("GET /_sensorctl/faults", "").1["faults"], "kinesis:ListStreams=throttle@#2");
    let answers: Vec<u16> = (0..3).map(|_| owner.call(LIST, "{}").0).collect();
    assert_eq!(answers, [200, 400, 200]);
    assert_eq!(owner.seen().len(), 3);
    let (status, said) = owner.control("PUT /_sensorctl/faults", "kinesis:*=explode");
    assert!(status == 400 && said["message"].as_str().unwrap().contains("column 11"), "{said}");
    assert_eq!(owner.control("DELETE /_sensorctl/faults", "").0, 200);
    assert_eq!(owner.seen(), []);
    let stranger = owner.with_key("AKIAIOSFODNN7EXAMPLE");
    for line in
        ["GET /_sensorctl/faults", "PUT /_sensorctl/faults", "DELETE /_sensorctl/faults", "GET /_sensorctl/calls"]
    {
        assert_eq!(stranger.control(line, "*:*=drop").0, 403, "{line}");
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

#[test]
fn a_dropped_call_did_nothing_and_a_lost_one_did_it_all() {
    let home = Home::with_local_cloud();
    let owner = Stranger::of(&home);
    let create = |name: &str| {
        owner.call("Kinesis_20131202.CreateStream", &format!(r#"{{"StreamName":"{name}","ShardCount":1}}"#)).0
    };
    owner.set_faults("kinesis:CreateStream=drop@#1;kinesis:CreateStream=lost@#2");
    assert_eq!((create("dropped"), create("lost")), (0, 0));
    let streams = owner.call(LIST, "{}").1;
    assert!(streams.contains("lost") && !streams.contains("dropped"), "{streams}");
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
