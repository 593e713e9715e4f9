//! The account's limits of Lambda against what the mapping runs at once.

use super::calls::LambdaAccount;
use super::finding::Verdict;
use crate::aws::AwsFailure;
use crate::error::Error;
use crate::settings::Pipeline;

/// Invocations that Lambda keeps unreserved (docs/facts/lambda.md, Function limits).
const KEPT_UNRESERVED: i64 = 100;
/// Code storage from which an account is nearly full, in percent.
const NEARLY_FULL: i64 = 95;

/// Judges the concurrency of the account. `reserved_now` is what the function has, unless the call failed; `shards` those
/// that are read at once and whether the number is assumed.
pub(super) fn judge_concurrency(
    account: LambdaAccount,
    reserved_now: Result<Option<i32>, &AwsFailure>,
    settings: &Pipeline,
    (shards, is_assumed): (i32, bool),
) -> Verdict {
    let parallel = i64::from(settings.mapping.parallelization);
    let needed = i64::from(shards) * parallel;
    let assumed = if is_assumed { ", assumed" } else { "" };
    let load =
        format!("the mapping runs up to {needed} at once (shards: {shards}{assumed}, parallelization: {parallel})");
    let limit = i64::from(account.concurrency);
    let unreserved = account.unreserved.map_or(limit, i64::from);
    let raise = "request more concurrent executions in the Service Quotas console (Lambda, L-B99A9384)";
    if let Some(reserved) = settings.function.reserved_concurrency {
        let now = reserved_now.unwrap_or_default();
        let left = unreserved + i64::from(now.unwrap_or_default()) - i64::from(reserved);
        return match i64::from(reserved) {
            0 => Verdict::failed(
                "`function.reserved_concurrency` is 0: the function never runs",
                "leave it out, or set it to what the mapping needs",
            ),
            _ if now != Some(reserved) && left < KEPT_UNRESERVED => match reserved_now {
                Ok(_) => Verdict::failed(
                    format!(
                        "`function.reserved_concurrency` = {reserved} would leave {left} of the account's {limit} \
                         unreserved; Lambda keeps {KEPT_UNRESERVED}"
                    ),
                    format!("leave `function.reserved_concurrency` out, or {raise}"),
                ),
                // What the function has already may be all that it takes.
                Err(failure) => Verdict::unknown_with(&Error::from(failure.clone())),
            },
            reserved if reserved < needed => Verdict::warning(
                format!(
                    "{load}, and `function.reserved_concurrency` allows {reserved}: it is throttled and falls behind"
                ),
                "raise `function.reserved_concurrency`, or leave it out",
            ),
            reserved => Verdict::ok(format!("{load}; {reserved} are reserved for it")),
        };
    }
    let evidence = format!("{load}; {unreserved} of the account's {limit} are unreserved");
    match unreserved {
        none if none <= 0 => Verdict::failed(evidence, raise),
        few if few < needed => Verdict::warning(
            format!("{evidence}: it is throttled and falls behind"),
            format!("{raise}, or use fewer shards or `mapping.parallelization`"),
        ),
        _ => Verdict::ok(evidence),
    }
}

/// Judges the room for code in the account.
pub(super) fn judge_storage(account: LambdaAccount) -> Verdict {
    let LambdaAccount { code_bytes, most_code_bytes, .. } = account;
    if most_code_bytes <= 0 {
        return Verdict::unknown("GetAccountSettings does not say it");
    }
    let evidence =
        format!("{} of {} MiB of the account's code storage are used", code_bytes >> 20, most_code_bytes >> 20);
    let remedy = "delete unused functions and versions, or request more in the Service Quotas console (Lambda)";
    match code_bytes.saturating_mul(100) / most_code_bytes {
        full if full >= 100 => Verdict::failed(evidence, remedy),
        full if full >= NEARLY_FULL => Verdict::warning(evidence, remedy),
        _ => Verdict::ok(evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::FailureCause;
    use crate::operate::doctor::CheckResult::{self, Failed, Ok, Unknown, Warning};

    fn account(concurrency: i32, unreserved: i32) -> LambdaAccount {
        LambdaAccount { concurrency, unreserved: Some(unreserved), code_bytes: 1 << 20, most_code_bytes: 75 << 30 }
    }

    #[test]
    fn concurrency_is_compared_with_shards_times_parallelization() {
        let judged = |account, reserved_now: Option<i32>, reserved: Option<i32>, parallelization, shards| {
            let mut settings = Pipeline::by_default().unwrap();
            settings.function.reserved_concurrency = reserved;
            settings.mapping.parallelization = parallelization;
            judge_concurrency(account, Ok(reserved_now), &settings, (shards, false))
        };
        for (verdict, result, says) in [
            (judged(account(1000, 1000), None, None, 1, 1), Ok, "up to 1 at once"),
            (judged(account(10, 10), None, None, 10, 1), Ok, "10 of the account's 10"),
            (
                judged(account(10, 10), None, None, 10, 2),
                Warning,
                "(shards: 2, parallelization: 10); 10 of the account's 10",
            ),
            (judged(account(1000, 0), None, None, 1, 1), Failed, "0 of the account's 1000"),
            (judged(account(1000, 1000), None, Some(0), 1, 1), Failed, "never runs"),
            (judged(account(10, 10), None, Some(5), 1, 1), Failed, "would leave 5 of the account's 10"),
            (judged(account(1000, 1000), None, Some(901), 1, 1), Failed, "would leave 99"),
            (judged(account(1000, 1000), None, Some(900), 1, 1), Ok, "900 are reserved"),
            (judged(account(1000, 100), Some(900), Some(900), 1, 1), Ok, "900 are reserved"),
            (judged(account(1000, 100), Some(800), Some(800), 1, 801), Warning, "allows 800"),
        ] {
            assert_eq!(verdict.result, result, "{verdict:?}");
            assert!(verdict.evidence.contains(says), "{verdict:?}");
        }
    }

    #[test]
    fn reserved_concurrency_that_cannot_be_read_is_unknown_where_it_decides() {
        let denied = AwsFailure {
            service: "Lambda",
            operation: "GetFunctionConcurrency",
            resource: "function f".into(),
            location: "eu-central-1".into(),
            code: Some("AccessDeniedException".into()),
            message: "no".into(),
            cause: FailureCause::Denied,
        };
        let judged = |unreserved, reserved: Option<i32>| {
            let mut settings = Pipeline::by_default().unwrap();
            settings.function.reserved_concurrency = reserved;
            judge_concurrency(account(1000, unreserved), Err(&denied), &settings, (1, false))
        };
        let verdict = judged(100, Some(900));
        assert_eq!(verdict.result, Unknown, "{verdict:?}");
        assert!(verdict.evidence.contains("GetFunctionConcurrency"), "{verdict:?}");
        // These hold whatever the function has now.
        assert_eq!([judged(1000, Some(900)).result, judged(100, None).result], [Ok, Ok]);
        assert_eq!(judged(1000, Some(0)).result, Failed);
    }

    #[test]
    fn code_storage_is_judged_by_its_share() {
        let judged = |used: i64, most: i64| {
            judge_storage(LambdaAccount { code_bytes: used, most_code_bytes: most, ..account(1, 1) }).result
        };
        let results: [CheckResult; 4] = [judged(94, 100), judged(95, 100), judged(100, 100), judged(0, 0)];
        assert_eq!(results, [Ok, Warning, Failed, Unknown]);
    }
}
