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

/// A policy document.
#[derive(Clone, Debug)]
pub(crate) struct CallerPolicy {
    /// The document.
    pub document: Value,
    /// A key of the stream that the document does not name, because the settings do not name it by its ARN.
    pub unnamed_key: Option<String>,
}

/// Returns the policy for some commands.
#[must_use]
pub(crate) fn caller_policy(commands: &[&CommandPermissions], settings: &Pipeline, place: Place<'_>) -> CallerPolicy {
    let mut allowed: BTreeMap<ActionResource, BTreeSet<&str>> = BTreeMap::new();
    for grant in commands.iter().flat_map(|command| command.grants()) {
        allowed.entry(grant.on).or_default().extend(grant.actions);
    }
    let is_covered = |on: ActionResource, action: &str| {
        allowed.iter().any(|(other, actions)| on.is_within(*other) && actions.contains(action))
    };
    let mut statements = Vec::new();
    let mut unnamed_key = None;
    for on in ActionResource::ALL {
        let actions = allowed.get(&on).into_iter().flatten().filter(|action| !is_covered(on, action));
        let actions: Vec<&str> = actions.copied().collect();
        if actions.is_empty() {
            continue;
        }
        let resources = match on.arns(settings, place) {
            none if none.is_empty() => {
                // The key of the service needs no permission.
                let is_own = |key: &&String| !key.trim_start_matches("alias/").starts_with("aws/");
                unnamed_key = settings.stream.key.as_ref().filter(is_own).cloned();
                continue;
            }
            one if one.len() == 1 => json!(one[0]),
            many => json!(many),
        };
        let mut statement = json!({"Sid": on.sid(), "Effect": "Allow", "Action": actions, "Resource": resources});
        if on == ActionResource::PassedRole {
            statement["Condition"] = json!({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}});
        }
        statements.push(statement);
    }
    CallerPolicy { document: json!({"Version": "2012-10-17", "Statement": statements}), unnamed_key }
}

impl CallerPolicy {
    /// Returns the number of characters that count for the limits.
    #[must_use]
    pub(crate) fn characters(&self) -> usize {
        characters(&self.document)
    }
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
            caller_policy(&with, settings, place).characters() <= MANAGED.characters
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

    fn policy_for(commands: &[&str], settings: &Pipeline, place: Place<'_>) -> CallerPolicy {
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
            let text = caller_policy(&all, &settings, place).document.to_string();
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
    fn stream_key_without_arn_is_told_and_that_of_the_service_is_not() {
        let mut settings = Pipeline::by_default().unwrap();
        for (key, told) in [(None, false), (Some("aws/kinesis"), false), (Some("alias/ours"), true)] {
            settings.stream.key = key.map(str::to_owned);
            let policy = policy_for(&["put"], &settings, PLACE);
            assert_eq!(policy.unnamed_key.is_some(), told, "{key:?}");
            assert!(!policy.document.to_string().contains("kms:"));
        }
    }

    #[test]
    fn commands_that_read_records_may_decrypt_with_the_key_of_the_stream() {
        let mut settings = Pipeline::by_default().unwrap();
        settings.stream.key = Some("arn:aws:kms:eu-central-1:123456789012:key/k".into());
        for command in COMMANDS.iter().filter(|command| !command.is_empty()) {
            let actions: BTreeSet<_> = command.grants().flat_map(|grant| grant.actions).copied().collect();
            let document = policy_for(&[command.command], &settings, PLACE).document;
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
        let sids: Vec<_> = policy.document["Statement"].as_array().unwrap().iter().map(|it| &it["Sid"]).collect();
        assert_eq!(sids, ["Stream", "Function", "LogGroup"]);
        let put = policy_for(&["put"], &settings, PLACE).document.to_string();
        assert!(put.contains("kinesis:PutRecord") && !put.contains("Create") && !put.contains("Delete"), "{put}");
        assert_eq!(policy_for(&["demo"], &settings, PLACE).document["Statement"], json!([]));
    }

    #[test]
    fn action_on_both_tables_is_not_repeated_for_one() {
        let settings = Pipeline::by_default().unwrap();
        let both = policy_for(&["plan", "scan"], &settings, PLACE).document;
        let readings = both["Statement"].as_array().unwrap().iter().find(|it| it["Sid"] == "Readings").unwrap();
        assert_eq!(readings["Action"], json!(["dynamodb:Query", "dynamodb:Scan"]));
    }

    #[test]
    fn wildcard_stands_only_for_actions_without_arn() {
        let all: Vec<_> = COMMANDS.iter().collect();
        let policy = caller_policy(&all, &Pipeline::by_default().unwrap(), PLACE).document;
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Resource"] == "*", statement["Sid"] == "OnEverything", "{statement}");
        }
    }

    #[test]
    fn policy_that_is_too_long_is_split_by_commands() {
        let mut settings = Pipeline::by_default().unwrap();
        let all: Vec<_> = COMMANDS.iter().collect();
        let whole = caller_policy(&all, &settings, PLACE);
        assert!(whole.characters() <= MANAGED.characters, "{}", whole.characters());
        settings.table.name = "t".repeat(255);
        settings.rejects.table.name = "r".repeat(255);
        settings.stream.name = "s".repeat(128);
        settings.role.path = format!("/{}/", "p".repeat(510));
        assert!(caller_policy(&all, &settings, PLACE).characters() > MANAGED.characters);
        let groups = groups_that_fit(&all, &settings, PLACE);
        assert!(groups.len() > 1);
        let mut named: Vec<_> = groups.iter().flatten().map(|command| command.command).collect();
        named.sort_unstable();
        let mut wanted: Vec<_> =
            COMMANDS.iter().filter(|command| !command.is_empty()).map(|command| command.command).collect();
        wanted.sort_unstable();
        assert_eq!(named, wanted);
        for group in groups {
            assert!(caller_policy(&group, &settings, PLACE).characters() <= MANAGED.characters, "{group:?}");
        }
    }
}
