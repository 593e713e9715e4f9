//! The AWS CLI on the PATH: one that is too old takes no notice of `AWS_ENDPOINT_URL`, and its calls go to the real
//! services.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long the CLI may take to say its version, counted from the moment when it is asked.
const WAIT_TIMEOUT: Duration = Duration::from_secs(1);

/// The first versions that know `AWS_ENDPOINT_URL` (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
const KNOWS_ENDPOINTS: [(u64, u64); 2] = [(1, 29), (2, 13)];

/// The comment in `local env` for a shell with an older CLI or SDK.
pub(super) const OLDER_TOOLS: &str = "The AWS CLI reads AWS_ENDPOINT_URL from 1.29 or 2.13 on, botocore from 1.31 and boto3 from \
                                      1.28 on; for an older one: aws --endpoint-url \"$AWS_ENDPOINT_URL\" ...";

/// Returns the version of the CLI on the PATH if it is too old; none when there is no CLI, or it does not answer in time.
pub(super) async fn outdated_version() -> Option<String> {
    let asked = Command::new("aws")
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .output();
    // A warning that cannot be given in time is not worth waiting for.
    let output = tokio::time::timeout(WAIT_TIMEOUT, asked).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.strip_prefix("aws-cli/")?.split_whitespace().next()?;
    is_outdated(version)?.then(|| version.to_owned())
}

/// Returns whether this version does not read `AWS_ENDPOINT_URL`; `None` if the text is not a version.
fn is_outdated(version: &str) -> Option<bool> {
    let mut parts = version.split('.').map(str::parse::<u64>);
    let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let first = KNOWS_ENDPOINTS.iter().find(|(known, _)| *known == major)?;
    Some(minor < first.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cli_is_outdated_before_the_versions_that_read_the_endpoint() {
        for (version, wanted) in [
            ("2.9.19", Some(true)),
            ("2.12.7", Some(true)),
            ("2.13.0", Some(false)),
            ("2.31.2", Some(false)),
            ("1.28.9", Some(true)),
            ("1.29.0", Some(false)),
            ("1.45.11", Some(false)),
            ("3.0.0", None),
            ("x", None),
        ] {
            assert_eq!(is_outdated(version), wanted, "{version}");
        }
    }
}
