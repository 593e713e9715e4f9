//! The policy of a caller that may run some commands on one pipeline, and do nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::action_resource::{ActionResource, Place};
use super::command_permissions::CommandPermissions;
use crate::settings::Pipeline;

/// A place for a policy, with its limit in characters without white space (IAM User Guide, IAM and STS quotas). The
/// limit of inline policies is for all of an identity together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PolicyLimit {
    /// The place: `the inline policies of a role`.
    pub place: &'static str,
    /// The limit.
    pub characters: usize,
}

/// All places, the smallest first.
pub(crate) const LIMITS: [PolicyLimit; 4] = [
    PolicyLimit { place: "the inline policies of a user", characters: 2_048 },
    PolicyLimit { place: "the inline policies of a group", characters: 5_120 },
    MANAGED,
    PolicyLimit { place: "the inline policies of a role", characters: 10_240 },
];

/// A managed policy.
pub(crate) const MANAGED: PolicyLimit = PolicyLimit { place: "a managed policy", characters: 6_144 };

/// Returns the policy for some commands.
#[must_use]
pub(crate) fn caller_policy(commands: &[&CommandPermissions], settings: &Pipeline, place: Place<'_>) -> Value {
    let mut allowed: BTreeMap<ActionResource, BTreeSet<&str>> = BTreeMap::new();
    for grant in commands.iter().flat_map(|command| command.grants()) {
        allowed.entry(grant.on).or_default().extend(grant.actions);
    }
    let is_covered = |on: ActionResource, action: &str| {
        allowed.iter().any(|(other, actions)| on.is_within(*other) && actions.contains(action))
    };
    let mut statements = Vec::new();
    for on in ActionResource::ALL {
        let actions = allowed.get(&on).into_iter().flatten().filter(|action| !is_covered(on, action));
        let actions: Vec<&str> = actions.copied().collect();
        if actions.is_empty() {
            continue;
        }
        let resources = match on.arns(settings, place) {
            // The key of the service needs no permission.
            none if none.is_empty() => continue,
            one if one.len() == 1 => json!(one[0]),
            many => json!(many),
        };
        let mut statement = json!({"Sid": on.sid(), "Effect": "Allow", "Action": actions, "Resource": resources});
        if on == ActionResource::PassedRole {
            statement["Condition"] = json!({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}});
        }
        statements.push(statement);
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Returns the number of characters of a document that count for the limits.
#[must_use]
pub(crate) fn characters(document: &Value) -> usize {
    // Written without white space between its tokens, and no name holds any.
    document.to_string().chars().count()
}

/// Splits commands into groups whose policies each fit a managed policy. A command that does not fit alone is a group.
#[must_use]
pub(crate) fn groups_that_fit<'a>(
    commands: &[&'a CommandPermissions],
    settings: &Pipeline,
    place: Place<'_>,
) -> Vec<Vec<&'a CommandPermissions>> {
    let mut groups: Vec<Vec<&CommandPermissions>> = Vec::new();
    for command in commands.iter().filter(|command| !command.is_empty()) {
        let fitting = groups.iter().position(|group| {
            let with: Vec<_> = group.iter().chain([command]).copied().collect();
            characters(&caller_policy(&with, settings, place)) <= MANAGED.characters
        });
        match fitting {
            Some(at) => groups[at].push(command),
            None => groups.push(vec![command]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::command_permissions::COMMANDS;
    use super::*;

    const PLACE: Place<'static> = Place { account: "123456789012", region: "eu-central-1" };

    fn policy_for(commands: &[&str], settings: &Pipeline, place: Place<'_>) -> Value {
        let commands: Vec<_> = commands.iter().map(|name| CommandPermissions::of(name).unwrap()).collect();
        caller_policy(&commands, settings, place)
    }

    #[test]
    fn caller_policy_names_configured_resources_in_their_partition() {
        let mut settings = Pipeline::by_default().unwrap();
        settings.stream.key = Some("arn:aws-eusc:kms:eusc-de-east-1:1:key/k".into());
        let all: Vec<_> = COMMANDS.iter().collect();
        for (region, partition) in [
            ("eusc-de-east-1", "aws-eusc"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eu-central-1", "aws"),
        ] {
            let place = Place { region, ..PLACE };
            let text = caller_policy(&all, &settings, place).to_string();
            for part in [
                format!("arn:{partition}:dynamodb:{region}:123456789012:table/SensorDataRejects"),
                format!("arn:{partition}:kinesis:{region}:123456789012:stream/temperature-sensor-data"),
                format!("arn:{partition}:iam::123456789012:role/kinesis-lambda-dynamodb"),
                format!("arn:{partition}:iam::aws:policy/*"),
                "kms:GenerateDataKey".to_owned(),
            ] {
                assert!(text.contains(&part), "{part}: {text}");
            }
        }
    }

    #[test]
    fn stream_key_of_the_service_needs_no_permission() {
        let mut settings = Pipeline::by_default().unwrap();
        for key in [None, Some("alias/aws/kinesis")] {
            settings.stream.key = key.map(str::to_owned);
            assert!(!policy_for(&["put"], &settings, PLACE).to_string().contains("kms:"), "{key:?}");
        }
    }

    #[test]
    fn commands_that_read_records_may_decrypt_with_the_key_of_the_stream() {
        let mut settings = Pipeline::by_default().unwrap();
        settings.stream.key = Some("arn:aws:kms:eu-central-1:123456789012:key/k".into());
        for command in COMMANDS.iter().filter(|command| !command.is_empty()) {
            let actions: BTreeSet<_> = command.grants().flat_map(|grant| grant.actions).copied().collect();
            let document = policy_for(&[command.command], &settings, PLACE);
            let key = document["Statement"].as_array().unwrap().iter().find(|it| it["Sid"] == "StreamKey");
            for (call, key_action) in [
                ("kinesis:GetRecords", "kms:Decrypt"),
                ("kinesis:PutRecord", "kms:GenerateDataKey"),
                ("kinesis:PutRecords", "kms:GenerateDataKey"),
            ] {
                let is_allowed = key.is_some_and(|key| key["Action"].as_array().unwrap().contains(&json!(key_action)));
                assert!(!actions.contains(call) || is_allowed, "{} calls {call}: {document}", command.command);
            }
        }
    }

    #[test]
    fn caller_policy_holds_only_what_the_commands_need() {
        let settings = Pipeline::by_default().unwrap();
        let policy = policy_for(&["invoke", "logs"], &settings, PLACE);
        let sids: Vec<_> = policy["Statement"].as_array().unwrap().iter().map(|it| &it["Sid"]).collect();
        assert_eq!(sids, ["Stream", "Function", "LogGroup"]);
        let put = policy_for(&["put"], &settings, PLACE).to_string();
        assert!(put.contains("kinesis:PutRecord") && !put.contains("Create") && !put.contains("Delete"), "{put}");
        assert_eq!(policy_for(&["demo"], &settings, PLACE)["Statement"], json!([]));
    }

    #[test]
    fn action_on_both_tables_is_not_repeated_for_one() {
        let settings = Pipeline::by_default().unwrap();
        let both = policy_for(&["plan", "scan"], &settings, PLACE);
        let readings = both["Statement"].as_array().unwrap().iter().find(|it| it["Sid"] == "Readings").unwrap();
        assert_eq!(readings["Action"], json!(["dynamodb:Query", "dynamodb:Scan"]));
    }

    #[test]
    fn wildcard_stands_only_for_actions_without_arn() {
        let all: Vec<_> = COMMANDS.iter().collect();
        let policy = caller_policy(&all, &Pipeline::by_default().unwrap(), PLACE);
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Resource"] == "*", statement["Sid"] == "OnEverything", "{statement}");
        }
    }

    #[test]
    fn policy_that_is_too_long_is_split_by_commands() {
        let mut settings = Pipeline::by_default().unwrap();
        let all: Vec<_> = COMMANDS.iter().collect();
        let whole = caller_policy(&all, &settings, PLACE);
        assert!(characters(&whole) <= MANAGED.characters, "{}", characters(&whole));
        settings.table.name = "t".repeat(255);
        settings.rejects.table.name = "r".repeat(255);
        settings.stream.name = "s".repeat(128);
        settings.role.path = format!("/{}/", "p".repeat(510));
        assert!(characters(&caller_policy(&all, &settings, PLACE)) > MANAGED.characters);
        let groups = groups_that_fit(&all, &settings, PLACE);
        assert!(groups.len() > 1);
        let mut named: Vec<_> = groups.iter().flatten().map(|command| command.command).collect();
        named.sort_unstable();
        let mut wanted: Vec<_> =
            COMMANDS.iter().filter(|command| !command.is_empty()).map(|command| command.command).collect();
        wanted.sort_unstable();
        assert_eq!(named, wanted);
        for group in groups {
            assert!(characters(&caller_policy(&group, &settings, PLACE)) <= MANAGED.characters, "{group:?}");
        }
    }
}
