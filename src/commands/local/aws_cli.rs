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

/// The note on a CLI whose version is not known in time.
pub(super) const SLOW: &str = "`aws --version` did not answer within 1 s; an AWS CLI before 1.29 or 2.13 does not read \
                               AWS_ENDPOINT_URL, and its calls go to AWS itself";

/// The AWS CLI on the PATH.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AwsCli {
    /// It reads `AWS_ENDPOINT_URL`, is of a version that is not known here, or is not there.
    Usable,
    /// Its version is too old.
    Outdated(String),
    /// It did not say its version in time.
    Slow,
}

/// Asks the CLI on the PATH for its version.
pub(super) async fn check_version() -> AwsCli {
    let asked = Command::new("aws")
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(WAIT_TIMEOUT, asked).await {
        Ok(Ok(output)) => {
            outdated(&output.stdout).map_or(AwsCli::Usable, |version| AwsCli::Outdated(version.to_owned()))
        }
        Ok(Err(_)) => AwsCli::Usable,
        Err(_) => AwsCli::Slow,
    }
}

/// Returns the version in the output of `aws --version` if it is too old.
fn outdated(output: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(output).ok()?;
    let version = text.strip_prefix("aws-cli/")?.split_whitespace().next()?;
    is_outdated(version)?.then_some(version)
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
