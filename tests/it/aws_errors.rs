//! Errors of AWS as the user sees them: service, operation, resource, region, the service's code and message, and a
//! hint.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{ACCOUNT, CannedError, FakeAws, Run, TestEnv};

/// Each command that reads or writes data, with the service, operation and resource of its call.
const CALLS: [(&[&str], &str); 6] = [
    (&["scan"], "DynamoDB Scan of table SensorData"),
    (&["scan", "--sensor", "a"], "DynamoDB Query of table SensorData"),
    (&["put", "--sensor", "a", "--temp", "1"], "Kinesis PutRecord of stream temperature-sensor-data"),
    (&["put", "--file", "readings.ndjson"], "Kinesis PutRecords of stream temperature-sensor-data"),
    (&["invoke"], "Lambda Invoke of function ProcessKinesisRecords"),
    (&["invoke", "--event", "event.json"], "Lambda Invoke of function ProcessKinesisRecords"),
];
/// The commands that read the state of all resources.
const STACK: [&[&str]; 4] = [&["up"], &["plan"], &["status"], &["down", "--yes"]];

fn env_with_files() -> TestEnv {
    let env = TestEnv::new();
    env.write("readings.ndjson", "{\"sensor_id\":\"a\",\"temperature\":-71.25,\"current_time\":1}\n");
    env.write("event.json", "{\"Records\":[]}");
    env
}

fn failing_data_services(status: u16, code: &'static str, message: &'static str) -> Vec<FakeAws> {
    ["dynamodb", "kinesis", "lambda"]
        .map(|service| FakeAws::new(CannedError { service: Some(service), status, code, message }))
        .into()
}
/// Runs every data command against data services that fail with this error. Asserts that each message has all parts.
/// Runs every data command against data services that fail with this error, and asserts that each message has all parts.
#[track_caller]
fn assert_every_call_reports(status: u16, code: &'static str, message: &'static str, hints: &[&str]) {
    let env = env_with_files();
    let clouds = failing_data_services(status, code, message);
    for (command, call) in CALLS {
        let cloud = match call.split(' ').next().unwrap() {
            "DynamoDB" => &clouds[0],
            "Kinesis" => &clouds[1],
            _ => &clouds[2],
        };
        let run = cloud.run(&env, command.iter().copied()).assert_code(1);
        let run = run
            .assert_stderr_contains(&["error: ", call, "eu-west-1", &cloud.url, code, message, "hint: "])
            .assert_stderr_contains(hints);
        for secret in ["topsecret", "tokenoftoday", "-71.25"] {
            assert!(!run.stderr.contains(secret), "{}", run.stderr);
        }
        let run = cloud.run(&env, command.iter().copied().chain(["-o", "json"])).assert_code(1);
        let last = run.stderr.lines().last().unwrap();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
        assert_eq!(error["error"]["kind"], "failed");
        let text = error["error"]["message"].as_str().unwrap();
        assert!(text.contains(call) && text.contains(code) && text.contains(message), "{text}");
        assert!(!error["error"]["hints"].as_array().unwrap().is_empty(), "{error}");
    }
}

#[test]
fn access_denied_names_missing_permission_and_account() {
    let message = "User: arn:aws:iam::123456789012:user/deployer is not authorized to perform this";
    assert_every_call_reports(
        400,
        "AccessDeniedException",
        message,
        &["need permission for", "sts get-caller-identity", ACCOUNT],
    );
    let env = env_with_files();
    for (service, action) in [("dynamodb", "dynamodb:Scan"), ("lambda", "lambda:InvokeFunction")] {
        let cloud =
            FakeAws::new(CannedError { service: Some(service), status: 403, code: "AccessDeniedException", message });
        let command = if service == "lambda" { "invoke" } else { "scan" };
        cloud
            .run(&env, [command])
            .assert_code(1)
            .assert_stderr_contains(&[&format!("permission for {action}"), &format!("account {ACCOUNT}")]);
    }
    let forbidden = "not authorized to perform: dynamodb:Scan with an explicit deny in a service control policy";
    let cloud = FakeAws::new(CannedError {
        service: Some("dynamodb"),
        status: 400,
        code: "AccessDeniedException",
        message: forbidden,
    });
    cloud.run(&env, ["scan"]).assert_code(1).assert_stderr_contains(&["denies dynamodb:Scan explicitly"]);
}

#[test]
fn access_denied_of_every_service_is_reported_by_stack_commands() {
    let env = env_with_files();
    for (service, code, name) in [
        ("dynamodb", "AccessDeniedException", "DynamoDB "),
        ("kinesis", "AccessDeniedException", "Kinesis "),
        ("lambda", "AccessDeniedException", "Lambda "),
        ("iam", "AccessDenied", "IAM "),
        ("logs", "AccessDeniedException", "CloudWatch Logs "),
        ("sts", "AccessDenied", "STS GetCallerIdentity of the credentials"),
    ] {
        let message = "is not authorized to perform this";
        let cloud = FakeAws::new(CannedError { service: Some(service), status: 403, code, message });
        for command in STACK {
            let run = cloud.run(&env, command.iter().copied()).assert_code(1);
            let run = run.assert_stderr_contains(&[
                name,
                code,
                message,
                "eu-west-1",
                "hint: the credentials in use need permission for",
            ]);
            assert!(run.stdout.is_empty(), "{}", run.stdout);
            assert!(service == "sts" || run.stderr.contains(&format!("account {ACCOUNT}, ")), "{}", run.stderr);
        }
    }
}

#[test]
fn resource_not_found_is_reported_with_region_and_account() {
    let message = "Requested resource not found";
    assert_every_call_reports(
        400,
        "ResourceNotFoundException",
        message,
        &["sensorctl up", "--region", "--stage", ACCOUNT],
    );
}

#[test]
fn throttling_is_reported_after_sdk_retries() {
    let env = env_with_files();
    for (service, command) in
        [("dynamodb", &["scan", "--timeout", "1"][..]), ("kinesis", &["put", "--sensor", "a", "--temp", "1"])]
    {
        let code = "ProvisionedThroughputExceededException";
        let message = "Rate exceeded for something";
        let cloud = FakeAws::new(CannedError { service: Some(service), status: 400, code, message });
        cloud.run(&env, command.iter().copied()).assert_code(1).assert_stderr_contains(&[code, message, "throttles"]);
    }
    let message = "Rate Exceeded.";
    let cloud =
        FakeAws::new(CannedError { service: Some("lambda"), status: 429, code: "TooManyRequestsException", message });
    cloud.run(&env, ["invoke"]).assert_code(1).assert_stderr_contains(&[
        "TooManyRequestsException",
        message,
        "throttles",
        ACCOUNT,
    ]);
}

#[test]
fn credential_clock_and_region_errors_have_distinct_hints() {
    let env = env_with_files();
    let cases = [
        ("ExpiredTokenException", "The security token included in the request is expired", "aws sso login"),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", "recognize"),
        ("InvalidSignatureException", "The request signature we calculated does not match the signature", "key"),
        (
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z",
            "clock",
        ),
        ("InvalidSignatureException", "Credential should be scoped to a valid region, not 'eu-west-1'. ", "--region"),
    ];
    for (code, message, hint) in cases {
        let cloud = FakeAws::new(CannedError { service: None, status: 403, code, message });
        for command in [&["scan"][..], &["status"], &["up"], &["invoke"], &["put", "--sensor", "a", "--temp", "1"]] {
            let run = cloud.run(&env, command.iter().copied()).assert_code(1).assert_stderr_contains(&[
                code,
                message.trim_end(),
                "eu-west-1",
            ]);
            let said = run.stderr.split_once("hint: ").unwrap_or_else(|| panic!("no hint: {}", run.stderr)).1;
            assert!(said.contains(hint), "{command:?}: {}", run.stderr);
        }
    }
}

#[test]
fn unreachable_endpoint_fails_soon_with_its_address() {
    let env = env_with_files();
    // Nothing listens on port 1. A port that was free just now may belong to another test already.
    let unreachable = FakeAws { url: "http://127.0.0.1:1".to_owned() };
    let began = Instant::now();
    for (command, call) in CALLS {
        unreachable.run(&env, command.iter().copied()).assert_code(1).assert_stderr_contains(&[
            call,
            &unreachable.url,
            "hint: ",
        ]);
    }
    for command in STACK {
        unreachable
            .run(&env, command.iter().copied())
            .assert_code(1)
            .assert_stderr_contains(&[&unreachable.url, "hint: "]);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn missing_profile_is_named() {
    let env = env_with_files();
    let run = env.run(["scan", "--region", "eu-west-1", "--profile", "no-such-profile"]).assert_code(1);
    run.assert_stderr_contains(&["no-such-profile", "hint: ", "--profile"]);
}

#[test]
fn profile_flag_wins_over_environment_keys() {
    let env = TestEnv::with_local_cloud();
    let about = env.endpoint();
    let text = |name: &str| about[name].as_str().unwrap();
    std::fs::create_dir(env.path(".aws")).unwrap();
    let keys = format!(
        "[mine]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        text("access_key_id"),
        text("secret_access_key")
    );
    env.write(".aws/credentials", keys);
    let of_others = |arguments: &[&str]| {
        let mut command = env.command(["plan", "--region", "us-east-1", "--endpoint-url", text("endpoint")]);
        command.args(arguments).env("AWS_ACCESS_KEY_ID", "others").env("AWS_SECRET_ACCESS_KEY", "others");
        command.output().unwrap().status.code()
    };
    assert_eq!(of_others(&[]), Some(1), "the local cloud does not know the environment's keys");
    assert_eq!(of_others(&["--profile", "mine"]), Some(0));
    // The environment takes precedence over the settings file.
    env.write("sensorctl.toml", "profile = \"mine\"\n");
    assert_eq!(of_others(&[]), Some(1));
    assert_eq!(of_others(&["--profile", "mine"]), Some(0));
}

#[test]
fn unusable_ca_bundle_is_named() {
    let env = env_with_files();
    env.write("bundle.pem", "no certificate");
    env.write("broken.pem", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n");
    for bundle in ["bundle.pem", "broken.pem", "no-such.pem"] {
        env.run_with_env(["status", "--region", "eu-west-1"], &[("AWS_CA_BUNDLE", bundle)])
            .assert_code(2)
            .assert_stderr_contains(&["AWS_CA_BUNDLE", bundle]);
    }
}

mod slow {
    use super::{ACCOUNT, CannedError, FakeAws, Run, TestEnv, env_with_files};

    #[test]
    fn server_error_quota_and_unknown_code_have_hints() {
        let env = env_with_files();
        for (status, code, hint) in [
            (500, "InternalServerError", "run the same command again"),
            (400, "LimitExceededException", "quota"),
            (400, "SomethingNewException", "API reference"),
        ] {
            let cloud = FakeAws::new(CannedError { service: Some("dynamodb"), status, code, message: "so it is" });
            cloud.run(&env, ["scan"]).assert_code(1).assert_stderr_contains(&[
                code,
                "so it is",
                "DynamoDB Scan",
                ACCOUNT,
                hint,
            ]);
        }
    }

    #[test]
    fn response_not_from_aws_is_reported_with_endpoint() {
        let env = env_with_files();
        for (status, page) in
            [(200, "<html>Sign in to the guest network</html>"), (502, "<html>Bad Gateway</html>"), (404, "")]
        {
            let cloud = FakeAws::page(status, page);
            for command in [&["scan"][..], &["status"], &["invoke"], &["put", "--file", "readings.ndjson"]] {
                let Run { code, stderr, .. } = cloud.run(&env, command.iter().copied());
                assert_eq!(code, 1, "{command:?} {status}: {stderr}");
                assert!(stderr.contains(&cloud.url) && stderr.contains("hint: "), "{command:?} {status}: {stderr}");
            }
        }
    }

    #[test]
    fn profile_role_is_assumed_in_profile_region() {
        let env = TestEnv::new();
        std::fs::create_dir(env.path(".aws")).unwrap();
        let role =
            "[profile p]\nregion = eu-west-1\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n";
        let base = "[profile base]\naws_access_key_id = A\naws_secret_access_key = S\n";
        env.write(".aws/config", [role, base].concat());
        // The proxy refuses connections, so that nothing leaves this machine.
        let proxy = [("HTTPS_PROXY", "http://127.0.0.1:1")];
        let said = env.run_with_env(["scan", "--profile", "p"], &proxy).assert_code(1).stderr;
        assert!(!said.to_lowercase().contains("missing region"), "{said}");
        assert!(said.contains("eu-west-1") && said.contains("127.0.0.1:1") || said.contains("onnect"), "{said}");
    }
}
