//! What a person reads when AWS says no: who, what, where, the service's own words, and what to do.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{ACCOUNT, Answerer, Home, Saying};

/// Each command that reads or writes data, and what it asks of whom about what.
const CALLS: [(&[&str], &str); 6] = [
    (&["scan"], "DynamoDB Scan of table SensorData"),
    (&["scan", "--sensor", "a"], "DynamoDB Query of table SensorData"),
    (&["put", "--sensor", "a", "--temp", "1"], "Kinesis PutRecord of stream temperature-sensor-data"),
    (&["put", "--file", "readings.ndjson"], "Kinesis PutRecords of stream temperature-sensor-data"),
    (&["invoke"], "Lambda Invoke of function ProcessKinesisRecords"),
    (&["invoke", "--event", "event.json"], "Lambda Invoke of function ProcessKinesisRecords"),
];
/// The commands that look at everything.
const STACK: [&[&str]; 4] = [&["up"], &["plan"], &["status"], &["down", "--yes"]];

fn home() -> Home {
    let home = Home::new();
    home.write("readings.ndjson", "{\"sensor_id\":\"a\",\"temperature\":-71.25,\"current_time\":1}\n");
    home.write("event.json", "{\"Records\":[]}");
    home
}

fn of_all_but_sts(status: u16, code: &'static str, message: &'static str) -> Vec<Answerer> {
    ["dynamodb", "kinesis", "lambda"]
        .map(|service| Answerer::new(Saying { service: Some(service), status, code, message }))
        .into()
}

/// Runs every data command against a cloud whose data services say this, and looks for all parts in each error.
#[track_caller]
fn every_call_says(status: u16, code: &'static str, message: &'static str, hints: &[&str]) {
    let home = home();
    let clouds = of_all_but_sts(status, code, message);
    for (command, call) in CALLS {
        let cloud = match call.split(' ').next().unwrap() {
            "DynamoDB" => &clouds[0],
            "Kinesis" => &clouds[1],
            _ => &clouds[2],
        };
        let run = cloud.run(&home, command.iter().copied()).exited(1);
        let run = run.says(&["error: ", call, "eu-west-1", &cloud.url, code, message, "hint: "]).says(hints);
        for secret in ["topsecret", "tokenoftoday", "-71.25"] {
            assert!(!run.stderr.contains(secret), "{}", run.stderr);
        }
        let run = cloud.run(&home, command.iter().copied().chain(["-o", "json"])).exited(1);
        let last = run.stderr.lines().last().unwrap();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
        assert_eq!(error["error"]["kind"], "failed");
        let text = error["error"]["message"].as_str().unwrap();
        assert!(text.contains(call) && text.contains(code) && text.contains(message), "{text}");
        assert!(!error["error"]["hints"].as_array().unwrap().is_empty(), "{error}");
    }
}

#[test]
fn denied_names_the_missing_permission_and_the_account() {
    let message = "User: arn:aws:iam::123456789012:user/somebody is not authorized to perform this";
    every_call_says(
        400,
        "AccessDeniedException",
        message,
        &["need permission for", "sts get-caller-identity", ACCOUNT],
    );
    let home = home();
    for (service, action) in [("dynamodb", "dynamodb:Scan"), ("lambda", "lambda:InvokeFunction")] {
        let cloud =
            Answerer::new(Saying { service: Some(service), status: 403, code: "AccessDeniedException", message });
        let command = if service == "lambda" { "invoke" } else { "scan" };
        cloud
            .run(&home, [command])
            .exited(1)
            .says(&[&format!("permission for {action}"), &format!("account {ACCOUNT}")]);
    }
    let forbidden = "not authorized to perform: dynamodb:Scan with an explicit deny in a service control policy";
    let cloud = Answerer::new(Saying {
        service: Some("dynamodb"),
        status: 400,
        code: "AccessDeniedException",
        message: forbidden,
    });
    cloud.run(&home, ["scan"]).exited(1).says(&["denies dynamodb:Scan outright"]);
}

#[test]
fn every_service_s_denial_reaches_the_person_in_all_commands_that_look_at_the_stack() {
    let home = home();
    for (service, code, name) in [
        ("dynamodb", "AccessDeniedException", "DynamoDB "),
        ("kinesis", "AccessDeniedException", "Kinesis "),
        ("lambda", "AccessDeniedException", "Lambda "),
        ("iam", "AccessDenied", "IAM "),
        ("logs", "AccessDeniedException", "CloudWatch Logs "),
        ("sts", "AccessDenied", "STS GetCallerIdentity of the credentials"),
    ] {
        let message = "is not authorized to perform this";
        let cloud = Answerer::new(Saying { service: Some(service), status: 403, code, message });
        for command in STACK {
            let run = cloud.run(&home, command.iter().copied()).exited(1);
            let run = run.says(&[name, code, message, "eu-west-1", "hint: the credentials in use need permission for"]);
            assert!(run.stdout.is_empty(), "{}", run.stdout);
            assert!(service == "sts" || run.stderr.contains(&format!("account {ACCOUNT}, ")), "{}", run.stderr);
        }
    }
}

#[test]
fn what_is_not_there_is_named_with_where_it_was_looked_for() {
    let message = "Requested resource not found";
    every_call_says(400, "ResourceNotFoundException", message, &["sensorctl up", "--region", "--stage", ACCOUNT]);
}

#[test]
fn throttling_is_said_after_the_sdk_s_own_tries() {
    let home = home();
    for (service, command) in [("dynamodb", &["scan"][..]), ("kinesis", &["put", "--sensor", "a", "--temp", "1"])] {
        let code = "ProvisionedThroughputExceededException";
        let message = "Rate exceeded for something";
        let cloud = Answerer::new(Saying { service: Some(service), status: 400, code, message });
        cloud.run(&home, command.iter().copied()).exited(1).says(&[code, message, "slow down"]);
    }
    let message = "Rate Exceeded.";
    let cloud =
        Answerer::new(Saying { service: Some("lambda"), status: 429, code: "TooManyRequestsException", message });
    cloud.run(&home, ["invoke"]).exited(1).says(&["TooManyRequestsException", message, "slow down", ACCOUNT]);
}

#[test]
fn expired_unknown_and_wrong_credentials_a_wrong_clock_and_a_wrong_region_are_told_apart() {
    let home = home();
    let cases = [
        ("ExpiredTokenException", "The security token included in the request is expired", "aws sso login"),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", "know"),
        ("InvalidSignatureException", "The request signature we calculated does not match the signature", "key"),
        (
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z",
            "clock",
        ),
        ("InvalidSignatureException", "Credential should be scoped to a valid region, not 'eu-west-1'. ", "--region"),
    ];
    for (code, message, hint) in cases {
        let cloud = Answerer::new(Saying { service: None, status: 403, code, message });
        for command in [&["scan"][..], &["status"], &["up"], &["invoke"], &["put", "--sensor", "a", "--temp", "1"]] {
            let run =
                cloud.run(&home, command.iter().copied()).exited(1).says(&[code, message.trim_end(), "eu-west-1"]);
            let said = run.stderr.split_once("hint: ").unwrap_or_else(|| panic!("no hint: {}", run.stderr)).1;
            assert!(said.contains(hint), "{command:?}: {}", run.stderr);
        }
    }
}

#[test]
fn a_failing_service_a_used_up_quota_and_an_unknown_code_have_a_hint_too() {
    let home = home();
    for (status, code, hint) in [
        (500, "InternalServerError", "run the same command again"),
        (400, "LimitExceededException", "quota"),
        (400, "SomethingNewException", "API reference"),
    ] {
        let cloud = Answerer::new(Saying { service: Some("dynamodb"), status, code, message: "so it is" });
        cloud.run(&home, ["scan"]).exited(1).says(&[code, "so it is", "DynamoDB Scan", ACCOUNT, hint]);
    }
}

#[test]
fn what_answers_but_is_not_aws_is_said_so() {
    let home = home();
    for (status, page) in
        [(200, "<html>Sign in to the guest network</html>"), (502, "<html>Bad Gateway</html>"), (404, "")]
    {
        let cloud = Answerer::page(status, page);
        for command in [&["scan"][..], &["status"], &["invoke"], &["put", "--file", "readings.ndjson"]] {
            let run = cloud.command(&home, command.iter().copied()).output().unwrap();
            let stderr = String::from_utf8_lossy(&run.stderr);
            assert_eq!(run.status.code(), Some(1), "{command:?} {status}: {stderr}");
            assert!(stderr.contains(&cloud.url) && stderr.contains("hint: "), "{command:?} {status}: {stderr}");
        }
    }
}

#[test]
fn without_a_network_it_ends_soon_and_names_the_address() {
    let home = home();
    // Port 1 is nobody's; a port that was free a moment ago may be another test's by now.
    let nobody = Answerer { url: "http://127.0.0.1:1".to_owned() };
    let began = Instant::now();
    for (command, call) in CALLS {
        nobody.run(&home, command.iter().copied()).exited(1).says(&[call, &nobody.url, "hint: "]);
    }
    for command in STACK {
        nobody.run(&home, command.iter().copied()).exited(1).says(&[&nobody.url, "hint: "]);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn a_profile_that_is_not_there_or_broken_is_named() {
    let home = home();
    let run = home.run(["scan", "--region", "eu-west-1", "--profile", "no-such-profile"]).exited(1);
    run.says(&["no-such-profile", "hint: ", "--profile"]);
}

#[test]
fn a_profile_that_was_named_wins_over_keys_in_the_environment() {
    let home = Home::with_local_cloud();
    let about = home.endpoint();
    let text = |name: &str| about[name].as_str().unwrap();
    std::fs::create_dir(home.path(".aws")).unwrap();
    let keys = format!(
        "[mine]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        text("access_key_id"),
        text("secret_access_key")
    );
    home.write(".aws/credentials", keys);
    let of_others = |arguments: &[&str]| {
        let mut command = home.command(["plan", "--region", "us-east-1", "--endpoint-url", text("endpoint")]);
        command.args(arguments).env("AWS_ACCESS_KEY_ID", "others").env("AWS_SECRET_ACCESS_KEY", "others");
        command.output().unwrap().status.code()
    };
    assert_eq!(of_others(&[]), Some(1), "the keys of the environment are not known there");
    assert_eq!(of_others(&["--profile", "mine"]), Some(0));
    // The environment stands above the file.
    home.write("sensorctl.toml", "profile = \"mine\"\n");
    assert_eq!(of_others(&[]), Some(1));
    assert_eq!(of_others(&["--profile", "mine"]), Some(0));
}

#[test]
fn the_role_of_a_profile_is_assumed_in_the_profile_s_region() {
    let home = Home::new();
    std::fs::create_dir(home.path(".aws")).unwrap();
    let role = "[profile p]\nregion = eu-west-1\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n";
    let base = "[profile base]\naws_access_key_id = A\naws_secret_access_key = S\n";
    home.write(".aws/config", [role, base].concat());
    // The only way out leads to nobody, so that nothing leaves this machine.
    let nobody = "http://127.0.0.1:1";
    let run = home.command(["scan", "--profile", "p"]).env("HTTPS_PROXY", nobody).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(!said.to_lowercase().contains("missing region"), "{said}");
    assert!(said.contains("eu-west-1") && said.contains("127.0.0.1:1") || said.contains("onnect"), "{said}");
}

#[test]
fn a_bundle_of_certificates_that_cannot_be_used_is_named() {
    let home = home();
    home.write("bundle.pem", "no certificate");
    home.write("broken.pem", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n");
    for bundle in ["bundle.pem", "broken.pem", "no-such.pem"] {
        let run = home.command(["status", "--region", "eu-west-1"]).env("AWS_CA_BUNDLE", bundle).output().unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("AWS_CA_BUNDLE") && stderr.contains(bundle), "{stderr}");
    }
}
