//! Tests of the judgment of verdicts.

use super::*;

fn findings(verdict: impl Fn(&str) -> Option<Verdict>) -> Findings {
    let verdicts = all_questions(&CommandPermissions::needing())
        .filter_map(|(on, action)| Some(((on, action), verdict(action)?)))
        .collect();
    Findings { verdicts, evidence: "asked".to_owned(), unknown: "not asked".to_owned() }
}

fn judged(command: &str, findings: &Findings) -> CommandCheck {
    judge(CommandPermissions::of(command).unwrap(), &Pipeline::by_default().unwrap(), findings)
}

fn denied() -> Verdict {
    Verdict::Denied("implicitDeny".to_owned())
}

#[test]
fn caller_is_told_by_its_arn() {
    let role = |partition: &str| Caller::Role {
        partition: partition.to_owned(),
        account: "123456789012".to_owned(),
        name: "deployer".to_owned(),
    };
    assert_eq!(Caller::of("arn:aws:sts::123456789012:assumed-role/deployer/me"), role("aws"));
    assert_eq!(Caller::of("arn:aws-cn:sts::123456789012:assumed-role/deployer/me"), role("aws-cn"));
    assert_eq!(Caller::of("arn:aws:iam::123456789012:root"), Caller::Root);
    let user = "arn:aws:iam::123456789012:user/team/ada";
    assert_eq!(Caller::of(user), Caller::User(user.to_owned()));
    for other in ["arn:aws:sts::123456789012:federated-user/ada", "", "arn:aws"] {
        assert_eq!(Caller::of(other), Caller::Other(other.to_owned()));
    }
}

#[test]
fn command_is_ok_when_all_is_allowed() {
    let all = findings(|_| Some(Verdict::Allowed));
    for command in CommandPermissions::needing() {
        let check = judged(command.command, &all);
        assert_eq!((check.result, check.missing, check.limited), (PermissionResult::Ok, vec![], vec![]));
        assert_eq!(check.evidence, "asked");
    }
}

#[test]
fn denied_action_is_missing_and_one_of_a_part_limits_the_command() {
    let without = |lacking: &'static str| {
        findings(move |action| if action == lacking { Some(denied()) } else { Some(Verdict::Allowed) })
    };
    let put = judged("put", &without("kinesis:PutRecord"));
    assert_eq!((put.result, put.missing), (PermissionResult::Missing, vec!["kinesis:PutRecord".to_owned()]));
    let put = judged("put", &without("dynamodb:GetItem"));
    let effect = "needed for `--wait`".to_owned();
    let limited = Limitation { actions: vec!["dynamodb:GetItem".to_owned()], effect };
    assert_eq!((put.result, put.missing, put.limited), (PermissionResult::Ok, vec![], vec![limited]));
    let plan = judged("plan", &without("tag:GetResources"));
    assert_eq!(plan.result, PermissionResult::Ok);
    assert_eq!(plan.limited[0].effect, "the tags of all candidates are read one by one");
    // Each of these is needed by a part only, but no part is left.
    let scan = judged(
        "scan",
        &findings(|action| if action.ends_with("Query") { Some(denied()) } else { Some(Verdict::Allowed) }),
    );
    assert_eq!((scan.result, scan.limited.len()), (PermissionResult::Ok, 1));
    let scan = judged("scan", &findings(|_| Some(denied())));
    assert_eq!(scan.result, PermissionResult::Missing);
    assert_eq!(scan.missing, ["dynamodb:Query", "dynamodb:Scan"], "DescribeTable is not needed");
}

#[test]
fn action_without_verdict_is_unknown_and_named() {
    let reads = findings(|action| action.contains("Describe").then_some(Verdict::Allowed));
    let put = judged("put", &reads);
    assert_eq!(put.result, PermissionResult::Unknown);
    assert!(
        put.evidence.contains("kinesis:PutRecord") && put.evidence.ends_with("(not asked); asked"),
        "{}",
        put.evidence
    );
    // A denial is certain, whatever else is unknown.
    let check = judged("put", &findings(|action| (action == "kinesis:PutRecord").then(denied)));
    assert_eq!(check.result, PermissionResult::Missing);
    let status = judged("status", &findings(|action| (action == "iam:GetRole").then_some(Verdict::Allowed)));
    assert_eq!(status.result, PermissionResult::Unknown);
    assert!(status.evidence.starts_with("not known: ") && status.evidence.contains("lambda:GetFunction"), "{status:?}");
    let nothing = judged("status", &findings(|_| None));
    assert_eq!((nothing.result, nothing.evidence.as_str()), (PermissionResult::Unknown, "asked"));
}

#[test]
fn command_with_optional_actions_only_is_unknown_where_one_of_them_is() {
    for command in ["why", "doctor"] {
        let check = judged(command, &findings(|_| None));
        assert_eq!(check.result, PermissionResult::Unknown, "{check:?}");
        let (denied_one, unknown_one) = match command {
            "why" => ("iam:GetRole", "logs:FilterLogEvents"),
            _ => ("iam:SimulatePrincipalPolicy", "tag:ListRequiredTags"),
        };
        let mixed = findings(|action| match action {
            _ if action == denied_one => Some(denied()),
            _ if action == unknown_one => None,
            _ => Some(Verdict::Allowed),
        });
        let check = judged(command, &mixed);
        assert_eq!((check.result, check.limited[0].actions[0].as_str()), (PermissionResult::Unknown, denied_one));
        assert!(check.evidence.starts_with(&format!("not known: {unknown_one} (not asked); ")), "{check:?}");
    }
    // An action that a command can do without leaves it ok, and is named.
    let put = judged("put", &findings(|action| (action != "lambda:ListTags").then_some(Verdict::Allowed)));
    assert_eq!(put.result, PermissionResult::Ok);
    assert!(put.evidence.starts_with("not known, and not always needed: lambda:ListTags (not asked); "), "{put:?}");
}

#[test]
fn tags_of_single_resources_are_missing_only_without_those_of_all() {
    let judged_without = |lacking: &'static [&'static str], unknown: &'static [&'static str]| {
        let verdict = move |action: &str| match action {
            _ if lacking.contains(&action) => Some(denied()),
            _ if unknown.contains(&action) => None,
            _ => Some(Verdict::Allowed),
        };
        judged("status", &findings(verdict))
    };
    let limited = judged_without(&["lambda:ListTags"], &[]);
    assert_eq!((limited.result, limited.missing.len()), (PermissionResult::Ok, 0));
    assert!(limited.limited[0].effect.starts_with("needed for resources that `tag:GetResources` does not list"));
    let denied = judged_without(&["lambda:ListTags", "tag:GetResources"], &[]);
    assert_eq!(
        (denied.result, denied.missing),
        (PermissionResult::Missing, vec!["lambda:ListTags".to_owned(), "tag:GetResources".to_owned()])
    );
    let unknown = judged_without(&["lambda:ListTags"], &["tag:GetResources"]);
    assert_eq!((unknown.result, unknown.missing.len()), (PermissionResult::Unknown, 0));
    assert!(unknown.evidence.contains("tag:GetResources"), "{unknown:?}");
}

#[test]
fn several_resources_must_all_be_allowed_and_a_denial_counts_before_what_is_unknown() {
    let unknown = || Verdict::Unknown("no answer".to_owned());
    let all = [Verdict::Allowed, unknown(), denied()];
    for (verdicts, expected) in
        [(&all[..1], Verdict::Allowed), (&all[..2], unknown()), (&all[..], denied()), (&all[1..], denied())]
    {
        assert_eq!(combined(verdicts.iter().cloned()), Some(expected.clone()));
        assert_eq!(combined(verdicts.iter().rev().cloned()), Some(expected));
    }
    assert_eq!(combined(std::iter::empty()), None);
}

#[test]
fn log_group_is_evaluated_by_the_form_that_the_action_takes() {
    let place = Place { account: "123456789012", region: "eu-central-1" };
    let settings = Pipeline::by_default().unwrap();
    let group = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/ProcessKinesisRecords";
    let of = |action| real_arns(ActionResource::LogGroup, action, &settings, place, "me");
    assert_eq!(of("logs:ListTagsForResource"), [group]);
    assert_eq!(of("logs:FilterLogEvents"), [format!("{group}:log-stream:")]);
    let policies = real_arns(ActionResource::ManagedPolicies, "iam:GetPolicy", &settings, place, "me");
    assert_eq!(policies, ["123456789012", "aws"].map(|of| format!("arn:aws:iam::{of}:policy/sensorctl-check")));
}

#[test]
fn evaluated_resources_are_no_patterns() {
    let place = Place { account: "123456789012", region: "eu-central-1" };
    let settings = Pipeline::by_default().unwrap();
    for (on, action) in all_questions(&CommandPermissions::needing()) {
        for arn in real_arns(on, action, &settings, place, "arn:aws:iam::123456789012:role/me") {
            assert!(!arn.contains('*') || on == ActionResource::Everything, "{arn}");
        }
    }
}
