//! Tests of the judgment of verdicts.

use super::*;

fn findings(verdict: impl Fn(&str) -> Option<Verdict>) -> Findings {
    let verdicts = all_questions().filter_map(|(on, action)| Some(((on, action), verdict(action)?))).collect();
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
    for command in COMMANDS.iter().filter(|command| !command.is_empty()) {
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
    let limited = Limitation { actions: vec!["dynamodb:GetItem".to_owned()], effect: "`--wait` fails".to_owned() };
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
    assert!(scan.missing.contains(&"dynamodb:Query".to_owned()), "{scan:?}");
}

#[test]
fn action_without_verdict_is_unknown_and_named() {
    let reads = findings(|action| action.contains("Describe").then_some(Verdict::Allowed));
    let put = judged("put", &reads);
    assert_eq!(put.result, PermissionResult::Unknown);
    assert!(put.evidence.contains("kinesis:PutRecord") && put.evidence.ends_with("(not asked)"), "{}", put.evidence);
    // A denial is certain, whatever else is unknown.
    let check = judged("put", &findings(|action| (action == "kinesis:PutRecord").then(denied)));
    assert_eq!(check.result, PermissionResult::Missing);
    assert_eq!(judged("status", &findings(|_| None)).result, PermissionResult::Unknown);
    assert!(judged("status", &findings(|_| None)).evidence.contains("lambda:GetFunction"));
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
        assert!(check.evidence.ends_with(&format!("; unknown: {unknown_one} (not asked)")), "{check:?}");
    }
    // What a command can do without leaves it ok, and is named.
    let put = judged("put", &findings(|action| (action != "lambda:ListTags").then_some(Verdict::Allowed)));
    assert_eq!(put.result, PermissionResult::Ok);
    assert!(put.evidence.ends_with("; not tested, and not always needed: lambda:ListTags (not asked)"), "{put:?}");
}

#[test]
fn log_group_needs_one_of_its_arns_and_tables_need_both() {
    let both = || [Verdict::Allowed, denied()].into_iter();
    for on in [ActionResource::LogGroup, ActionResource::Tables] {
        let expected = if on == ActionResource::LogGroup { Verdict::Allowed } else { denied() };
        assert_eq!(combined(on, both()), Some(expected.clone()));
        assert_eq!(combined(on, both().rev()), Some(expected));
        assert_eq!(combined(on, std::iter::empty()), None);
    }
}

#[test]
fn evaluated_resources_are_no_patterns() {
    let place = Place { account: "123456789012", region: "eu-central-1" };
    let settings = Pipeline::by_default().unwrap();
    for on in ActionResource::ALL {
        for arn in real_arns(on, &settings, place, "arn:aws:iam::123456789012:role/me") {
            let is_plain = !arn.contains('*') || on == ActionResource::Everything || on == ActionResource::LogGroup;
            assert!(is_plain, "{arn}");
        }
    }
}
