//! Functions cannot read credentials of the user who started the local cloud.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{ApiClient, TestEnv, TestResource, eventually, percent_encode};

/// Prints the environment of its parent process and exits.
const SPY: &str = "#!/bin/sh\n\
    echo the environment of the parent:\n\
    tr '\\0' '\\n' < /proc/$PPID/environ\n\
    echo that is all\n\
    exit 1\n";

#[test]
fn function_finds_no_credential_of_the_user_in_its_parents_environment() {
    let env = TestEnv::new();
    let secrets = [
        ("AWS_ACCESS_KEY_ID", "AKIDOFTHEUSER"),
        ("AWS_SECRET_ACCESS_KEY", "secret-of-the-user"),
        ("AWS_SESSION_TOKEN", "token-of-the-user"),
        ("GITHUB_TOKEN", "another-secret-of-the-user"),
        ("SENSORCTL_PROFILE", "profile-of-the-user"),
    ];
    let started = env.command(["local", "start", "--port", "0"]).envs(secrets).output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let api = ApiClient::new(&env);
    TestResource::Role(TestResource::ROLE.into()).create(&api).unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:*","Resource":"*"}}"#;
    let document = percent_encode(document);
    api.iam(&format!("Action=PutRolePolicy&RoleName={}&PolicyName=logs&PolicyDocument={document}", TestResource::ROLE));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(SPY.as_bytes()).unwrap();
    let code = BASE64.encode(zip.finish().unwrap().into_inner());
    let role = format!("arn:aws:iam::000000000000:role/{}", TestResource::ROLE);
    let input = json!({ "FunctionName": "spy", "Role": role,
        "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": { "ZipFile": code } });
    let (status, answer) = api.send_lambda("POST /2015-03-31/functions", &input);
    assert_eq!(status, 201, "{answer}");
    api.send_lambda("POST /2015-03-31/functions/spy/invocations", &json!({}));
    let read_log = || api.call("Logs_20140328.FilterLogEvents", r#"{"logGroupName":"/aws/lambda/spy"}"#).1;
    let log = eventually("the function has logged all", read_log, |log| log.contains("that is all"));
    assert!(log.contains("the environment of the parent:"), "{log}");
    for (name, value) in secrets {
        assert!(!log.contains(value) && !log.contains(&format!("\"{name}=")), "{name}: {log}");
    }
}
