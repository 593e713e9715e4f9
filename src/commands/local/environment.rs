//! The lines of `local env`.

use std::path::Path;

use crate::local::daemon::Running;

/// Variables that would send a tool elsewhere, or as somebody else, if they stayed.
const NEUTRALISED: [&str; 17] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ENDPOINT_URL_KINESIS",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_LOGS",
];

/// Lines for a POSIX shell. The token of the control paths stays in its file: `curl -H @FILE` shows it to nobody.
pub(super) fn lines(running: &Running, control_header: &Path) -> String {
    let set = [
        ("AWS_ENDPOINT_URL", &running.endpoint),
        ("AWS_REGION", &running.region),
        ("AWS_DEFAULT_REGION", &running.region),
        ("AWS_ACCESS_KEY_ID", &running.access.key_id),
        ("AWS_SECRET_ACCESS_KEY", &running.access.secret),
    ];
    let control_header = control_header.display().to_string();
    let set = set.into_iter().chain([("SENSORCTL_CONTROL_HEADER", &control_header)]);
    let mut lines: Vec<String> = set.map(|(name, value)| format!("export {name}={}", quoted(value))).collect();
    lines.push(format!("unset {}", NEUTRALISED.join(" ")));
    lines.join("\n")
}

/// A word that a POSIX shell takes as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::aws::Access;

    #[test]
    fn a_shell_takes_the_lines_as_they_are_meant() {
        let running = Running {
            endpoint: "http://127.0.0.1:4588".into(),
            region: "us-east-1".into(),
            pid: 1,
            version: "0".into(),
            notices: Vec::new(),
            access: Access { key_id: "AKIA".into(), secret: "it's $HOME; `a` \"b\"".into() },
        };
        let script = "eval \"$LINES_OF\"\nprintf '%s|%s|%s|%s' \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_ENDPOINT_URL\" \
             \"${AWS_PROFILE-unset}\" \"$SENSORCTL_CONTROL_HEADER\"";
        let output = Command::new("sh")
            .args(["-c", script])
            .env("LINES_OF", lines(&running, Path::new("/a b/it's here")))
            .env("AWS_PROFILE", "production")
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "it's $HOME; `a` \"b\"|http://127.0.0.1:4588|unset|/a b/it's here"
        );
    }
}
