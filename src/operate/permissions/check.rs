//! Checks that the caller has the permissions that each command needs.

use std::collections::{BTreeMap, BTreeSet};

use futures::future;
use serde::Serialize;

use super::action_resource::{ActionResource, Place};
use super::command_permissions::CommandPermissions;
use super::grants::Need;
use super::probe::probe;
use super::simulation::{Answers, Question, caller_arn, role_arn, simulate};
use super::verdict::{Verdict, Verdicts};
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::settings::Pipeline;

/// The permissions of the caller for one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CommandCheck {
    /// Name of the subcommand.
    pub command: &'static str,
    /// The result.
    pub result: PermissionResult,
    /// The denied actions without which the command fails.
    pub missing: Vec<String>,
    /// Parts of the command that fail, or are done in another way, without other denied actions.
    pub limited: Vec<Limitation>,
    /// How it was found out, and what remains unknown.
    pub evidence: String,
}

/// Denied actions that only a part of a command needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Limitation {
    /// The denied actions.
    pub actions: Vec<String>,
    /// The effect of their absence.
    pub effect: String,
}

/// The caller's permissions for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PermissionResult {
    /// All that it always needs is allowed.
    Ok,
    /// Something that it always needs is denied.
    Missing,
    /// Not all of it could be found out.
    Unknown,
}

/// The action that tests all others.
const SIMULATION: &str = "iam:SimulatePrincipalPolicy";

/// The actions on a log group that take its ARN without `:*` (docs/permissions.md, A policy for the caller). The others are
/// evaluated on its log streams, as their denials say.
const TAKE_PLAIN_LOG_GROUP: [&str; 2] = ["logs:ListTagsForResource", "logs:TagResource"];

/// The caller, as its ARN tells.
#[derive(Debug, PartialEq, Eq)]
enum Caller {
    /// The root user, whom no policy of its account limits.
    Root,
    User(String),
    /// A session of the role of this name.
    Role {
        partition: String,
        account: String,
        name: String,
    },
    /// Another kind of session, which cannot be simulated.
    Other(String),
}

impl Caller {
    fn of(arn: &str) -> Self {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, _, account, name] = parts.as_slice() else {
            return Caller::Other(arn.to_owned());
        };
        match (*service, name.split('/').collect::<Vec<_>>().as_slice()) {
            ("iam", ["root"]) => Caller::Root,
            ("iam", ["user", ..]) => Caller::User(arn.to_owned()),
            ("sts", ["assumed-role", role, _]) => {
                let (partition, account) = ((*partition).to_owned(), (*account).to_owned());
                Caller::Role { partition, account, name: (*role).to_owned() }
            }
            _ => Caller::Other(arn.to_owned()),
        }
    }
}

/// The verdicts on all actions, and how they were found out.
struct Findings {
    verdicts: Verdicts,
    evidence: String,
    /// Why an action without verdict has none.
    unknown: String,
}

/// Returns for each of these commands whether the caller may run it. Makes only reads.
///
/// IAM is asked first. Where the caller may not ask, or the endpoint does not answer, reads are tried; what only a
/// change would show stays unknown.
pub(crate) async fn check_permissions(
    clients: &Clients,
    settings: &Pipeline,
    commands: &[&CommandPermissions],
) -> Vec<CommandCheck> {
    let findings = find_out(clients, settings, commands).await;
    commands.iter().map(|command| judge(command, settings, &findings)).collect()
}

async fn find_out(clients: &Clients, settings: &Pipeline, commands: &[&CommandPermissions]) -> Findings {
    let arn = match caller_arn(clients).await {
        Ok(arn) => arn,
        Err(failure) => {
            let why = failure.to_string();
            return Findings { verdicts: Verdicts::new(), evidence: why.clone(), unknown: why };
        }
    };
    let principal = match Caller::of(&arn) {
        Caller::Root => {
            let verdicts = all_questions(commands).map(|key| (key, Verdict::Allowed)).collect();
            return Findings { verdicts, evidence: format!("{arn} may do everything"), unknown: String::new() };
        }
        Caller::User(arn) => arn,
        Caller::Role { partition, account, name } => {
            // The ARN of a session lacks the role's path.
            let built = format!("arn:{partition}:iam::{account}:role/{name}");
            role_arn(clients, &name).await.ok().filter(|arn| !arn.is_empty()).unwrap_or(built)
        }
        Caller::Other(arn) => {
            let why = if arn.is_empty() {
                "GetCallerIdentity does not say who the caller is".to_owned()
            } else {
                format!("{SIMULATION} does not take {arn}")
            };
            return tried(clients, settings, &why).await;
        }
    };
    let account = arn.split(':').nth(4).unwrap_or_default();
    let place = Place { account, region: &clients.region };
    match ask(clients, settings, commands, place, &principal).await {
        Ok(verdicts) => Findings {
            verdicts,
            evidence: format!("{SIMULATION} of {principal}"),
            unknown: format!("not in the answer of {SIMULATION}"),
        },
        Err(failure) => {
            let mut findings = tried(clients, settings, &failure.to_string()).await;
            if failure.cause == FailureCause::Denied {
                let denied = Verdict::Denied(failure.said());
                findings.verdicts.insert((ActionResource::Callers, SIMULATION), denied);
            }
            findings
        }
    }
}

/// Tries reads, for the reason that IAM could not be asked.
async fn tried(clients: &Clients, settings: &Pipeline, why: &str) -> Findings {
    let verdicts = probe(clients, settings).await;
    let evidence = format!("{} reads were tried, because {why}", verdicts.len());
    Findings { verdicts, evidence, unknown: "no read that was tried shows it".to_owned() }
}

/// Returns all pairs of actions and resources that the commands need.
fn all_questions(commands: &[&CommandPermissions]) -> impl Iterator<Item = (ActionResource, &'static str)> {
    let grants = commands.iter().flat_map(|command| command.grants());
    grants.flat_map(|grant| grant.actions.iter().map(|action| (grant.on, *action)))
}

/// Asks IAM in one call for each service, and one for what takes no ARN.
async fn ask(
    clients: &Clients,
    settings: &Pipeline,
    commands: &[&CommandPermissions],
    place: Place<'_>,
    principal: &str,
) -> Result<Verdicts, AwsFailure> {
    let asked: BTreeSet<_> = all_questions(commands).collect();
    let mut calls: BTreeMap<&str, (BTreeSet<&'static str>, BTreeSet<String>)> = BTreeMap::new();
    for (on, action) in &asked {
        let service = action.split(':').next().unwrap_or_default();
        let call = if *on == ActionResource::Everything { "*" } else { service };
        let resources = real_arns(*on, action, settings, place, principal);
        if !resources.is_empty() {
            let (actions, arns) = calls.entry(call).or_default();
            actions.insert(action);
            arns.extend(resources);
        }
    }
    let questions = calls.into_values().map(|(actions, resources)| Question {
        actions: actions.into_iter().collect(),
        resources: resources.into_iter().collect(),
    });
    let answers = questions.map(async |question| simulate(clients, principal, &question).await);
    let answers = future::try_join_all(answers).await?;
    let answers: Answers = answers.into_iter().flatten().collect();
    let verdict = |on: ActionResource, action: &str| {
        let missing = || Verdict::Unknown("no answer for one of the resources".to_owned());
        let of_each = real_arns(on, action, settings, place, principal)
            .into_iter()
            .map(|arn| answers.get(&(action.to_owned(), arn)).cloned().unwrap_or_else(missing));
        combined(of_each)
    };
    Ok(asked.into_iter().filter_map(|(on, action)| Some(((on, action), verdict(on, action)?))).collect())
}

/// Returns the ARNs on which a call with an action is evaluated, in place of the patterns of a policy.
fn real_arns(on: ActionResource, action: &str, settings: &Pipeline, place: Place<'_>, principal: &str) -> Vec<String> {
    let with = |end: &str| {
        let arns = on.arns(settings, place).into_iter();
        arns.map(|arn| format!("{}{end}", arn.trim_end_matches('*'))).collect()
    };
    match on {
        ActionResource::Consumers => with("sensorctl-tail-check:1"),
        ActionResource::EventSourceMappings => with("00000000-0000-0000-0000-000000000000"),
        ActionResource::ManagedPolicies | ActionResource::InstanceProfiles => with("sensorctl-check"),
        ActionResource::Callers => vec![principal.to_owned()],
        // Each action takes one of the two forms.
        ActionResource::LogGroup => on
            .arns(settings, place)
            .into_iter()
            .take(1)
            .map(|group| if TAKE_PLAIN_LOG_GROUP.contains(&action) { group } else { format!("{group}:log-stream:") })
            .collect(),
        _ => on.arns(settings, place),
    }
}

/// Returns the verdict on several resources, all of which must be allowed: a denial, else what is unknown.
fn combined(verdicts: impl Iterator<Item = Verdict>) -> Option<Verdict> {
    verdicts.reduce(|one, other| match (&one, &other) {
        (Verdict::Denied(_), _) | (Verdict::Unknown(_), Verdict::Allowed) => one,
        _ => other,
    })
}

fn judge(command: &CommandPermissions, settings: &Pipeline, findings: &Findings) -> CommandCheck {
    let (mut missing, mut unknown, mut unknown_fallbacks) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    let mut limited: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    // The denied actions of parts, without those that the command can do without.
    let mut parts = BTreeSet::new();
    let (mut needs_always, mut needs_a_part, mut allowed_part) = (false, false, false);
    // The settings alone say whether there is a key; the place does not matter.
    let has = |on: ActionResource| !on.arns(settings, Place { account: "*", region: "*" }).is_empty();
    for grant in command.grants().filter(|grant| has(grant.on)) {
        needs_always |= grant.need == Need::Always;
        needs_a_part |= matches!(grant.need, Need::For(_) | Need::Instead { .. });
        for action in grant.actions {
            let verdict = find(&findings.verdicts, grant.on, action);
            match (verdict, grant.need) {
                (Some(Verdict::Allowed), Need::For(_) | Need::Instead { .. }) => allowed_part = true,
                (Some(Verdict::Allowed), _) => {}
                (Some(Verdict::Denied(_)), Need::Always) => drop(missing.insert(*action)),
                (Some(Verdict::Denied(_)), Need::For(case)) => {
                    parts.insert(*action);
                    limited.entry(needed_for(case)).or_default().insert(action);
                }
                (Some(Verdict::Denied(_)), Need::Instead { case, of }) => {
                    let other = find(&findings.verdicts, ActionResource::Everything, of);
                    if matches!(other, Some(Verdict::Denied(_))) {
                        missing.extend([*action, of]);
                    } else {
                        limited.entry(needed_for(case)).or_default().insert(action);
                        let why = other.is_none().then_some(findings.unknown.as_str());
                        let why = why.or(match other {
                            Some(Verdict::Unknown(why)) => Some(why.as_str()),
                            _ => None,
                        });
                        unknown.extend(why.map(|why| (of, why)));
                    }
                }
                (Some(Verdict::Denied(_)), Need::Fallback(fallback)) => {
                    limited.entry(fallback.to_owned()).or_default().insert(action);
                }
                (Some(Verdict::Unknown(_)) | None, need) => {
                    let why = match verdict {
                        Some(Verdict::Unknown(why)) => why,
                        _ => &findings.unknown,
                    };
                    let is_fallback = matches!(need, Need::Fallback(_));
                    let found = if is_fallback { &mut unknown_fallbacks } else { &mut unknown };
                    found.insert(*action, why.as_str());
                }
            }
        }
    }
    if !needs_always && !needs_a_part {
        // Nothing else tells whether the command does anything at all.
        unknown.append(&mut unknown_fallbacks);
    }
    if !needs_always && needs_a_part && !allowed_part && unknown.is_empty() {
        missing.append(&mut parts);
    }
    let result = match (missing.is_empty(), unknown.is_empty()) {
        (false, _) => PermissionResult::Missing,
        (true, false) => PermissionResult::Unknown,
        (true, true) => PermissionResult::Ok,
    };
    let texts = |actions: BTreeSet<&str>| actions.into_iter().map(str::to_owned).collect::<Vec<_>>();
    // Actions of this command alone come first: people are shown the beginning.
    let mut evidence = String::new();
    for (word, actions) in [("not known", unknown), ("not known, and not always needed", unknown_fallbacks)] {
        // Where nothing is known the reason is all that there is to say.
        if let Some(why) = actions.values().next().filter(|_| !findings.verdicts.is_empty()) {
            let names: Vec<_> = actions.keys().copied().collect();
            evidence.push_str(&format!("{word}: {} ({why}); ", names.join(", ")));
        }
    }
    evidence.push_str(&findings.evidence);
    CommandCheck {
        command: command.command,
        result,
        missing: texts(missing),
        limited: limited.into_iter().map(|(effect, actions)| Limitation { actions: texts(actions), effect }).collect(),
        evidence,
    }
}

fn needed_for(case: &str) -> String {
    format!("needed for {case}")
}

/// Returns the verdict on an action: its own, or the one on resources that include it.
fn find<'a>(verdicts: &'a Verdicts, on: ActionResource, action: &'static str) -> Option<&'a Verdict> {
    verdicts.get(&(on, action)).or_else(|| {
        let (_, verdict) = verdicts.iter().find(|((other, of), _)| *of == action && on.is_within(*other))?;
        (*verdict == Verdict::Allowed).then_some(verdict)
    })
}

#[cfg(test)]
mod tests;
