//! What a function finds of the process that runs it, and of the user who started that.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{Home, Stranger, Thing};

/// Looks into the environment of its parent, writes down what it finds there, and ends.
const SPY: &str = "#!/bin/sh\n\
    echo the environment of the parent:\n\
    tr '\\0' '\\n' < /proc/$PPID/environ\n\
    echo that is all\n\
    exit 1\n";

#[test]
fn function_finds_no_credential_of_the_user_in_its_parents_environment() {
    let home = Home::new();
    let secrets = [
        ("AWS_ACCESS_KEY_ID", "AKIDOFTHEUSER"),
        ("AWS_SECRET_ACCESS_KEY", "secret-of-the-user"),
        ("AWS_SESSION_TOKEN", "token-of-the-user"),
        ("GITHUB_TOKEN", "another-secret-of-the-user"),
        ("SENSORCTL_PROFILE", "profile-of-the-user"),
    ];
    let started = home.command(["local", "start", "--port", "0"]).envs(secrets).output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let cloud = Stranger::of(&home);
    Thing::Role(Thing::ROLE.into()).make(&cloud).unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:*","Resource":"*"}}"#;
    let document: String = document.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!("Action=PutRolePolicy&RoleName={}&PolicyName=logs&PolicyDocument={document}", Thing::ROLE);
    let (status, said) = cloud.send("POST /", "iam", "Content-Type: application/x-www-form-urlencoded", &form);
    assert_eq!(status, 200, "{said}");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(SPY.as_bytes()).unwrap();
    let code = BASE64.encode(zip.finish().unwrap().into_inner());
    let input = json!({ "FunctionName": "spy", "Role": format!("arn:aws:iam::000000000000:role/{}", Thing::ROLE),
        "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": { "ZipFile": code } });
    let rest = "Content-Type: application/json";
    let (status, said) = cloud.send("POST /2015-03-31/functions", "lambda", rest, &input.to_string());
    assert_eq!(status, 201, "{said}");
    cloud.send("POST /2015-03-31/functions/spy/invocations", "lambda", rest, "{}");
    let deadline = Instant::now() + Duration::from_secs(60);
    let log = loop {
        let log = cloud.call("Logs_20140328.FilterLogEvents", r#"{"logGroupName":"/aws/lambda/spy"}"#).1;
        if log.contains("that is all") {
            break log;
        }
        assert!(Instant::now() < deadline, "{log}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(log.contains("the environment of the parent:"), "{log}");
    for (name, value) in secrets {
        assert!(!log.contains(value) && !log.contains(&format!("\"{name}=")), "{name}: {log}");
    }
}
