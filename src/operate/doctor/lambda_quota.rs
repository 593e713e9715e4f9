//! The account's limits of Lambda against what the mapping runs at once.

use super::calls::LambdaAccount;
use super::finding::Verdict;
use crate::aws::AwsFailure;
use crate::error::Error;
use crate::operate::quotas::{CONCURRENCY_CODE, UNRESERVED_CONCURRENCY};
use crate::settings::Pipeline;
use crate::units;

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
    if settings.function.reserved_concurrency == Some(0) {
        return Verdict::failed(
            "`function.reserved_concurrency` is 0: the function never runs",
            "leave it out, or set it to what the mapping needs",
        );
    }
    let (Some(limit), Some(unreserved)) = (account.concurrency, account.unreserved) else {
        return Verdict::unknown(format!("{load}; GetAccountSettings does not say how many the account may run"));
    };
    let (limit, unreserved) = (i64::from(limit), i64::from(unreserved));
    let raise =
        format!("request more concurrent executions in the Service Quotas console (Lambda, {CONCURRENCY_CODE})");
    if let Some(reserved) = settings.function.reserved_concurrency {
        let now = reserved_now.unwrap_or_default();
        let left = unreserved + i64::from(now.unwrap_or_default()) - i64::from(reserved);
        return match i64::from(reserved) {
            _ if now != Some(reserved) && left < i64::from(UNRESERVED_CONCURRENCY) => match reserved_now {
                Ok(_) => Verdict::failed(
                    format!(
                        "`function.reserved_concurrency` = {reserved} would leave {left} of the account's {limit} \
                         unreserved; Lambda keeps {UNRESERVED_CONCURRENCY}"
                    ),
                    format!("leave `function.reserved_concurrency` out, or {raise}"),
                ),
                // The concurrency that the function has already may be all that it takes.
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
    let LambdaAccount { code_bytes: Some(code_bytes), most_code_bytes: Some(most_code_bytes), .. } = account else {
        return Verdict::unknown("GetAccountSettings does not say how much code the account has and may have");
    };
    let [used, most] = [code_bytes, most_code_bytes].map(|bytes| u64::try_from(bytes).unwrap_or_default());
    let evidence = format!("{} of the account's {} of code storage are used", units::bytes(used), units::bytes(most));
    let remedy = "delete unused functions and versions, or request more in the Service Quotas console (Lambda)";
    let verdict = match code_bytes.saturating_mul(100) / most_code_bytes {
        full if full >= 100 => Verdict::failed(evidence, remedy),
        full if full >= NEARLY_FULL => Verdict::warning(evidence, remedy),
        _ => Verdict::ok(evidence),
    };
    verdict.with_figure("code_bytes", used).with_figure("most_code_bytes", most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::FailureCause;
    use crate::operate::doctor::CheckResult::{self, Failed, Ok, Unknown, Warning};

    fn account(concurrency: i32, unreserved: i32) -> LambdaAccount {
        LambdaAccount {
            concurrency: Some(concurrency),
            unreserved: Some(unreserved),
            code_bytes: Some(1 << 20),
            most_code_bytes: Some(75 << 30),
        }
    }

    #[test]
    fn concurrency_is_compared_with_shards_times_parallelization() {
        let judged = |account, reserved_now: Option<i32>, reserved: Option<i32>, parallelization, shards| {
            let mut settings = Pipeline::by_default().unwrap();
            settings.function.reserved_concurrency = reserved;
            settings.mapping.parallelization = parallelization;
            judge_concurrency(account, Result::Ok(reserved_now), &settings, (shards, false))
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
        let judged = |code_bytes: Option<i64>, most_code_bytes: Option<i64>| {
            judge_storage(LambdaAccount { code_bytes, most_code_bytes, ..account(1, 1) }).result
        };
        let of = |used| judged(Some(used), Some(100));
        let results: [CheckResult; 5] = [of(94), of(95), of(100), judged(Some(0), None), judged(None, Some(100))];
        assert_eq!(results, [Ok, Warning, Failed, Unknown, Unknown]);
        let verdict = judge_storage(account(1, 1));
        assert_eq!(verdict.evidence, "1.0 MiB of the account's 75.0 GiB of code storage are used");
        assert_eq!(
            verdict.figures.into_iter().collect::<Vec<_>>(),
            [("code_bytes", 1 << 20), ("most_code_bytes", 75 << 30)]
        );
    }

    #[test]
    fn limits_that_the_answer_does_not_have_are_unknown() {
        let judged = |account, reserved| {
            let mut settings = Pipeline::by_default().unwrap();
            settings.function.reserved_concurrency = reserved;
            judge_concurrency(account, Result::Ok(None), &settings, (1, false)).result
        };
        for account in [
            LambdaAccount { concurrency: None, ..account(1, 1) },
            LambdaAccount { unreserved: None, ..account(1000, 1) },
        ] {
            assert_eq!([judged(account, None), judged(account, Some(5))], [Unknown; 2]);
            assert_eq!(judged(account, Some(0)), Failed, "certain without the account");
        }
    }
}
