//! The permissions that each command needs of the caller.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::finding::{CheckFinding, CheckResult, Verdict};
use crate::aws::Clients;
use crate::operate::permissions::{CommandCheck, CommandPermissions, PermissionResult, check_permissions};
use crate::settings::Pipeline;

/// Maximum time for all commands: up to three calls, one after the other, of which IAM takes seconds for the last.
const LIMIT: Duration = Duration::from_secs(10);

/// Checks the permissions of these commands at once.
pub(super) async fn examine(
    clients: &Clients,
    settings: &Pipeline,
    commands: &[&CommandPermissions],
) -> Vec<CheckFinding> {
    let began = Instant::now();
    match timeout(LIMIT, check_permissions(clients, settings, commands)).await {
        Ok(checks) => checks.iter().map(|check| judge(check).named(name(check.command), began.elapsed())).collect(),
        Err(_) => not_checked(commands, &format!("no answer in {} s", LIMIT.as_secs()), began.elapsed()),
    }
}

/// Returns the checks without a result.
pub(super) fn not_checked(commands: &[&CommandPermissions], why: &str, took: Duration) -> Vec<CheckFinding> {
    commands.iter().map(|command| Verdict::unknown(why).named(name(command.command), took)).collect()
}

fn name(command: &str) -> String {
    format!("permissions-{command}")
}

fn judge(check: &CommandCheck) -> Verdict {
    let allow = || format!("`sensorctl export policy --for {}` prints a policy that allows it", check.command);
    let limited: Vec<_> =
        check.limited.iter().map(|limited| format!("{}: {}", limited.actions.join(", "), limited.effect)).collect();
    match check.result {
        PermissionResult::Missing => {
            Verdict::failed(format!("denied: {} ({})", check.missing.join(", "), check.evidence), allow())
        }
        PermissionResult::Unknown => {
            let denied = if limited.is_empty() { String::new() } else { format!("denied: {}; ", limited.join("; ")) };
            Verdict::unknown(format!("{denied}{}", check.evidence))
        }
        PermissionResult::Ok if limited.is_empty() => Verdict::ok(check.evidence.clone()),
        PermissionResult::Ok => Verdict {
            result: CheckResult::Warning,
            ..Verdict::failed(format!("denied: {}", limited.join("; ")), allow())
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::permissions::Limitation;

    #[test]
    fn missing_permission_fails_limited_one_warns_and_unasked_one_is_unknown() {
        let limited = || Limitation { actions: vec!["tag:GetResources".into()], effect: "slower".into() };
        let check = |result, missing: &[&str], limited: Vec<Limitation>| CommandCheck {
            command: "up",
            result,
            missing: missing.iter().map(|&action| action.to_owned()).collect(),
            limited,
            evidence: "asked".into(),
        };
        for (check, result, says) in [
            (check(PermissionResult::Ok, &[], Vec::new()), CheckResult::Ok, "asked"),
            (check(PermissionResult::Ok, &[], vec![limited()]), CheckResult::Warning, "tag:GetResources: slower"),
            (check(PermissionResult::Unknown, &[], vec![limited()]), CheckResult::Unknown, "slower; asked"),
            (
                check(PermissionResult::Missing, &["iam:PassRole"], Vec::new()),
                CheckResult::Failed,
                "denied: iam:PassRole",
            ),
        ] {
            let verdict = judge(&check);
            assert_eq!(verdict.result, result, "{verdict:?}");
            assert!(verdict.evidence.contains(says), "{verdict:?}");
        }
    }

    #[test]
    fn every_command_that_needs_permissions_has_a_check() {
        let names: Vec<_> = not_checked(&CommandPermissions::needing(), "why", Duration::ZERO)
            .into_iter()
            .map(|finding| finding.name)
            .collect();
        assert!(
            names.contains(&"permissions-up".to_owned()) && !names.contains(&"permissions-init".to_owned()),
            "{names:?}"
        );
    }
}
