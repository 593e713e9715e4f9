//! May Lambda assume the role, and does the role allow what the function and its mapping need?

use std::collections::BTreeMap;

use super::super::finding::{CauseName, Finding};
use super::super::observations::Observations;
use super::mapping::{has_problem, outdated};
use super::text::{UP, brief, time};
use crate::stack::{Permission, RoleAccess, RolePolicy};

/// Lambda's own error where it cannot decrypt the variables of a function, and the beginning of its text.
const KEY_DENIED: [&str; 2] = ["KMSAccessDenied", "unable to decrypt the environment variables"];
/// Actions that Lambda certainly needs to read a stream (docs/facts/event-source-mapping.md, Permissions).
const READING: [&str; 3] = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator"];

/// Judges the role's documents.
pub(super) fn access(seen: &Observations) -> Vec<Finding> {
    let (missing, untrusted, lacks) = (CauseName::RoleMissing, CauseName::RoleNotAssumable, CauseName::RoleLacksAction);
    let name = &seen.settings.role.name;
    let role = match &seen.role {
        Err(why) => return [missing, untrusted, lacks].map(|cause| Finding::unknown(cause, why)).into(),
        Ok(None) => {
            let evidence = format!("role {name} does not exist, so that Lambda can run nothing");
            return vec![Finding::proven(missing, evidence, format!("{UP} creates it, and replaces the function"))];
        }
        Ok(Some(role)) => role,
    };
    let account = role.arn.split(':').nth(4).unwrap_or_default();
    let trust = match role.trust_failure(account) {
        Some(reason) => Finding::proven(untrusted, reason, remedy(seen)),
        None => Finding::Excluded(untrusted),
    };
    vec![Finding::Excluded(missing), trust, actions(seen, role)]
}

fn remedy(seen: &Observations) -> String {
    if seen.settings.role.existing {
        format!(
            "{UP} does not change an existing role: have its owner add the statement, or name another in `role.name`"
        )
    } else {
        format!("{UP} restores it; a running execution environment keeps its old credentials for some minutes")
    }
}

fn actions(seen: &Observations, role: &RoleAccess) -> Finding {
    let name = CauseName::RoleLacksAction;
    let (mut refused, mut uncertain): (BTreeMap<String, Vec<String>>, Vec<String>) = Default::default();
    let mut mends: Vec<String> = Vec::new();
    for (action, resource) in needed(seen) {
        let permission = role.permits(action, &resource);
        if matches!(permission, Permission::Lacking | Permission::Denied) {
            let of_action = mend(seen, role, action, &resource);
            mends.extend(of_action.into_iter().filter(|mend| !mends.contains(mend)).collect::<Vec<_>>());
        }
        match permission {
            Permission::Allowed => {}
            Permission::Uncertain => uncertain.push(action.to_owned()),
            Permission::Lacking => refused.entry(format!("lack|{resource}")).or_default().push(action.to_owned()),
            Permission::Denied => refused.entry(format!("deny|{resource}")).or_default().push(action.to_owned()),
        }
    }
    if !refused.is_empty() {
        let parts = refused.iter().map(|(key, actions)| {
            let (verb, resource) = key.split_once('|').unwrap_or(("lack", key));
            format!("{verb} {} on {resource}", actions.join(", "))
        });
        let parts = parts.collect::<Vec<_>>().join("; ");
        return Finding::proven(name, format!("the policies of role {} {parts}", role.name), mends.join("; "));
    }
    if uncertain.is_empty() {
        return match not_known(seen) {
            Some(why) => Finding::unknown(name, why),
            None => Finding::Excluded(name),
        };
    }
    let why = format!("conditions in its policies decide whether role {} may {}", role.name, uncertain.join(", "));
    Finding::unknown(name, why)
}

/// Returns what mends a refused action: `up` restores only what sensorctl writes.
fn mend(seen: &Observations, role: &RoleAccess, action: &str, resource: &str) -> Vec<String> {
    let name = &role.name;
    let removal = |policy: &RolePolicy| {
        let policy_name = &policy.name;
        if policy.is_inline {
            format!(
                "policy {policy_name} of the role denies it: `aws iam delete-role-policy --role-name {name} --policy-name \
                 {policy_name}`, or take its Deny out"
            )
        } else {
            format!(
                "policy {policy_name} denies it: `aws iam detach-role-policy --role-name {name} --policy-arn \
                 {policy_name}`, or take its Deny out"
            )
        }
    };
    let denying = role.denying(action, resource);
    if !denying.is_empty() {
        return denying.into_iter().map(removal).collect();
    }
    if role.is_bounded(action, resource) {
        return vec![format!(
            "have the owner of the permissions boundary of role {name} allow it: `up` does not change it"
        )];
    }
    vec![remedy(seen)]
}

/// Returns why not all actions that are needed are known, if so.
fn not_known(seen: &Observations) -> Option<String> {
    let denied = [seen.stream.as_ref().err(), seen.function.as_ref().err(), seen.mapping.as_ref().err()];
    if let Some(why) = denied.into_iter().flatten().next() {
        return Some(why.clone());
    }
    let function = seen.function.as_ref().ok().and_then(Option::as_ref)?;
    function
        .variables
        .is_none()
        .then(|| "the variables of the function cannot be decrypted, so that its tables are not known".to_owned())
}

/// Returns the actions that the function and its mapping need, with their resources.
fn needed(seen: &Observations) -> Vec<(&'static str, String)> {
    let settings = &seen.settings;
    let mut needed: Vec<(&'static str, String)> = Vec::new();
    let mapping = seen.mapping.as_ref().ok().and_then(Option::as_ref);
    if let Ok(Some(stream)) = &seen.stream {
        needed.extend(READING.map(|action| (action, stream.arn.clone())));
        needed.extend(stream.key_arn.iter().map(|key| ("kms:Decrypt", key.clone())));
        // ARNs of the other resources have the stream's region and account.
        let place: Vec<&str> = stream.arn.split(':').collect();
        if let [_, partition, _, region, account, ..] = place[..] {
            let table = |name: &str| format!("arn:{partition}:dynamodb:{region}:{account}:table/{name}");
            if let Some(variables) = written_tables(seen) {
                needed.extend(variables.into_iter().map(|name| ("dynamodb:BatchWriteItem", table(&name))));
            }
            let streams = format!("arn:{partition}:logs:{region}:{account}:log-group:{}:*", settings.log_group_name());
            needed.push(("logs:PutLogEvents", streams));
        }
    }
    if let Some(mapping) = mapping {
        if mapping.source_arn.contains("/consumer/") {
            needed.push(("kinesis:SubscribeToShard", mapping.source_arn.clone()));
        }
        // A Kafka topic (`kafka://`) needs no permission of IAM.
        if let Some(destination) = mapping.on_failure.as_ref().filter(|arn| arn.starts_with("arn:")) {
            needed.extend(RoleAccess::failure_destination_actions(destination));
        }
    }
    needed
}

/// Returns the names of the tables that the function writes. What another program than ours writes is not known.
fn written_tables(seen: &Observations) -> Option<Vec<String>> {
    let function = seen.function.as_ref().ok()?.as_ref()?;
    let variables = function.variables.as_ref()?;
    let names = ["SENSORCTL_TABLE", "SENSORCTL_REJECTS_TABLE"].map(|name| variables.get(name));
    let name = |table: &String| table.rsplit('/').next().unwrap_or(table).to_owned();
    Some(names.into_iter().flatten().map(name).collect())
}

/// Judges whether Lambda can decrypt the function's variables. The key is granted to a role, not to its name: a role that
/// was deleted and created again under its name has no grant. Only an invocation proves more, and this reads only.
pub(super) fn stale_grant(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::StaleKmsGrant;
    let function = match &seen.function {
        Err(why) => return vec![Finding::unknown(name, why)],
        Ok(None) => return Vec::new(),
        Ok(Some(function)) => function,
    };
    let result = match &seen.mapping {
        Err(why) => return vec![Finding::unknown(name, why)],
        Ok(Some(mapping)) => mapping.last_result.as_str(),
        Ok(None) => "",
    };
    if KEY_DENIED.iter().any(|text| result.contains(text)) {
        let evidence = format!("the last result of the mapping is `{}`", brief(result));
        return vec![match outdated(seen) {
            Some(why) => Finding::unknown(name, format!("{evidence}: {why}")),
            None => Finding::proven(name, evidence, renew(seen)),
        }];
    }
    if !function.has_variables || !has_problem(&seen.mapping) {
        return vec![Finding::Excluded(name)];
    }
    match &seen.log {
        Err(why) => return vec![Finding::unknown(name, why)],
        // It ran, so that its variables could be decrypted.
        Ok(log) if log.lines > 0 => return vec![Finding::Excluded(name)],
        Ok(_) => {}
    }
    if let Some(why) = outdated(seen) {
        return vec![Finding::unknown(name, format!("the event source mapping reports a problem: {why}"))];
    }
    let role_created = seen.role.as_ref().ok().and_then(Option::as_ref).and_then(|role| role.created_ms);
    vec![match role_created.zip(function.changed_ms) {
        Some((created, changed)) if created > changed => Finding::proven(
            name,
            format!(
                "the role was created at {} and the function was changed last before that, at {}; its batches fail and \
                 it wrote no line into its log",
                time(created),
                time(changed)
            ),
            renew(seen),
        ),
        _ => Finding::unknown(
            name,
            "batches fail and the function wrote no line into its log: `sensorctl invoke` shows whether Lambda can \
             decrypt its variables (KMSAccessDeniedException)",
        ),
    }]
}

fn renew(seen: &Observations) -> String {
    let name = &seen.settings.function.name;
    format!("`aws lambda delete-function --function-name {name}`, then {UP} creates it for the present role")
}
