//! The lines of `local env`.

use std::path::Path;

use super::aws_cli::OLDER_TOOLS;
use sensorctl_local::DEFAULT_REGION;
use sensorctl_local::daemon::Running;

/// Variables that would send a tool elsewhere, or with another identity, if they stayed.
const NEUTRALIZED: [&str; 21] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    // Of keys that were in the environment before: botocore takes the new ones for as old as those.
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
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
    "AWS_ENDPOINT_URL_CLOUDWATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_LOGS",
    "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
];

/// The prefix of the endpoint variables of single services.
const ENDPOINT_OF_A_SERVICE: &str = "AWS_ENDPOINT_URL_";

/// Names the file with the header of the control paths.
const CONTROL_HEADER: &str = "SENSORCTL_CONTROL_HEADER";

/// An address of this machine without a listener, so that nothing leaves it. A tool's error names the address, and so the reason.
const DEAD_ENDPOINT: &str = "http://127.0.0.1:1/sensorctl-local-cloud-is-not-running";
const DEAD_KEY: &str = "none";

/// Returns the lines for a POSIX shell that point any AWS tool at the running local cloud. The token of the control paths
/// stays in its file: `curl -H @FILE` shows it to nobody.
pub(super) fn lines(running: &Running, control_header: &Path) -> String {
    let Running { endpoint, region, access_key, .. } = running;
    let control_header = quoted(&control_header.display().to_string());
    let lines = environment(endpoint, region, &access_key.key_id, &access_key.secret);
    // Last, so that a shell that is given the lines as one leaves nothing else out.
    format!("{lines}\nexport {CONTROL_HEADER}={control_header}\n# {OLDER_TOOLS}")
}

/// Returns the lines for the case that there is nothing to point at. `eval` fails by the last one; and where a shell goes
/// on all the same, AWS tools reach no account: neither a real one nor the one that the variables named before.
pub(super) fn failed_lines() -> String {
    format!("{}\nunset {CONTROL_HEADER}\nfalse", environment(DEAD_ENDPOINT, DEFAULT_REGION, DEAD_KEY, DEAD_KEY))
}

fn environment(endpoint: &str, region: &str, key_id: &str, secret: &str) -> String {
    let set = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", key_id),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    let mut lines: Vec<String> = set.iter().map(|(name, value)| format!("export {name}={}", quoted(value))).collect();
    let others = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| is_other(name));
    let unset: Vec<String> = NEUTRALIZED.map(str::to_owned).into_iter().chain(others).collect();
    lines.push(format!("unset {}", unset.join(" ")));
    lines.join("\n")
}

/// Returns whether a variable is the endpoint of a service and has a name that a shell can unset.
fn is_other(name: &str) -> bool {
    name.strip_prefix(ENDPOINT_OF_A_SERVICE)
        .is_some_and(|service| service.chars().all(|character| character.is_ascii_alphanumeric() || character == '_'))
}

/// A word that a POSIX shell takes as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use sensorctl_local::AccessKey;

    #[test]
    fn a_shell_takes_the_lines_as_they_are_meant() {
        let running = Running {
            endpoint: "http://127.0.0.1:4588".into(),
            region: "us-east-1".into(),
            pid: 1,
            version: "0".into(),
            notices: Vec::new(),
            timing: sensorctl_local::LatencyProfile::default(),
            durable: "process".into(),
            faults: String::new(),
            access_key: AccessKey { key_id: "AKIA".into(), secret: "it's $HOME; `a` \"b\"".into() },
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
