//! Whose credentials they are, and whether AWS takes them.

use super::calls::Identity;
use super::finding::Verdict;
use crate::aws::{AwsFailure, FailureCause};
use crate::error::Error;

/// The uses of the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usable {
    /// Calls can be signed and may be taken.
    Yes,
    /// Calls can be signed and are refused.
    Refused,
    /// There are none.
    Missing,
}

/// Returns what the credentials are good for. A private network may reach other services and not STS.
pub(super) fn usable(identity: &Result<Identity, AwsFailure>) -> Usable {
    match identity.as_ref().map_err(|failure| failure.cause) {
        Err(FailureCause::NoCredentials) => Usable::Missing,
        Err(FailureCause::Credentials) => Usable::Refused,
        _ => Usable::Yes,
    }
}

/// Judges the answer to `GetCallerIdentity`.
pub(super) fn judge(identity: &Result<Identity, AwsFailure>) -> Verdict {
    match identity {
        Ok(Identity { account, arn }) if account.is_empty() || arn.is_empty() => {
            Verdict::unknown("the answer to GetCallerIdentity does not say whose they are")
        }
        Ok(Identity { account, arn }) => Verdict::ok(format!("account {account}, {arn}")),
        Err(failure) => {
            let error = Error::from(failure.clone());
            match usable(identity) {
                Usable::Yes => Verdict::unknown_with(&error),
                Usable::Refused | Usable::Missing => Verdict::failed_with(&error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::CheckResult;

    #[test]
    fn credentials_fail_only_when_they_are_missing_or_refused() {
        let of = |cause| {
            judge(&Err(AwsFailure {
                service: "STS",
                operation: "GetCallerIdentity",
                resource: "the credentials".into(),
                location: "eu-central-1".into(),
                code: None,
                message: "said".into(),
                cause,
            }))
        };
        for (cause, result) in [
            (FailureCause::NoCredentials, CheckResult::Failed),
            (FailureCause::Credentials, CheckResult::Failed),
            (FailureCause::Unreachable, CheckResult::Unknown),
            (FailureCause::Throttled, CheckResult::Unknown),
        ] {
            let verdict = of(cause);
            assert_eq!(verdict.result, result, "{verdict:?}");
            assert!(verdict.remedy.is_some(), "{verdict:?}");
        }
        let known = judge(&Ok(Identity { account: "1".into(), arn: "arn:aws:iam::1:user/u".into() }));
        assert_eq!(known, Verdict::ok("account 1, arn:aws:iam::1:user/u"));
    }
}
