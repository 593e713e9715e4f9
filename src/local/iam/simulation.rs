//! The policy simulator: what policies allow, without a call.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::aws_managed_policies::{self, ADMINISTRATOR};
use super::document::check_permissions;
use super::statement_text::{StatementText, condition_keys, statements};
use super::store::{Account, StoredRole};
use super::{Answer, Iam};
use crate::auth::permissions::{AuthorizationRequest, Context, Decision};
use crate::protocol::aws_json::ServiceError;
use crate::protocol::aws_query::{Parameters, Xml, invalid};
use sensorctl_policy::evaluate;

/// Types of a policy, as the simulator names them.
const IDENTITY: &str = "IAM Policy";
const BOUNDARY: &str = "IAM Permissions Boundary Policy";

/// A policy in a simulation.
struct SimulatedPolicy {
    id: String,
    kind: &'static str,
    document: String,
}

/// A request to simulate.
struct Simulation {
    identity: Vec<SimulatedPolicy>,
    boundary: Option<SimulatedPolicy>,
    actions: Vec<String>,
    resources: Vec<String>,
    /// Condition keys with their values.
    keys: Vec<(String, String)>,
}

/// The result for one action on one resource.
struct Evaluated<'a> {
    decision: Decision,
    by_boundary: Option<Decision>,
    matched: Vec<(&'a SimulatedPolicy, StatementText)>,
    missing: BTreeSet<String>,
}

impl Iam {
    /// Handles `SimulatePrincipalPolicy`: the policies of a role or of the owner, with further ones.
    pub(super) fn simulate_principal_policy(&self, input: &Parameters) -> Answer {
        let source = input.required("PolicySourceArn")?;
        let (mut identity, boundary) =
            if source == self.0.identity.owner_arn() { (vec![of_owner()], None) } else { self.policies_of(source)? };
        identity.extend(listed(input, "PolicyInputList", IDENTITY)?);
        simulate(input, identity, boundary)
    }

    fn policies_of(&self, arn: &str) -> Result<(Vec<SimulatedPolicy>, Option<SimulatedPolicy>), ServiceError> {
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let name = resource.rsplit('/').next().unwrap_or_default();
        let is_iam = arn.starts_with("arn:aws:iam::");
        match resource.split('/').next() {
            Some("role") if is_iam => self.0.store.read(|account| {
                let role = account.role(name)?;
                Ok(policies_of_role(account, role))
            }),
            Some("user") if is_iam => Err(super::missing(format!("The user with name {name} cannot be found."))),
            Some("group") if is_iam => Err(super::missing(format!("The group with name {name} cannot be found."))),
            _ => {
                let message = format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
                Err(ServiceError::bad_request("InvalidInput", message))
            }
        }
    }
}

/// Handles `SimulateCustomPolicy`: the policies of the request.
pub(super) fn simulate_custom_policy(input: &Parameters) -> Answer {
    let identity = listed(input, "PolicyInputList", IDENTITY)?;
    if identity.is_empty() {
        return Err(null("policyInputList"));
    }
    simulate(input, identity, None)
}

fn simulate(input: &Parameters, identity: Vec<SimulatedPolicy>, boundary: Option<SimulatedPolicy>) -> Answer {
    // A boundary of the request takes the place of the role's own.
    let boundary = listed(input, "PermissionsBoundaryPolicyInputList", BOUNDARY)?.pop().or(boundary);
    let resources = Some(input.list("ResourceArns")).filter(|arns| !arns.is_empty());
    let simulation = Simulation {
        identity,
        boundary,
        actions: actions(input)?,
        resources: resources.unwrap_or_else(|| vec!["*".to_owned()]),
        keys: context_entries(input)?,
    };
    let limit = usize::try_from(input.number("MaxItems", 100, 1, 1000)?).unwrap_or(100);
    let start = match input.get("Marker") {
        None => 0,
        Some(marker) => marker
            .parse()
            .ok()
            .filter(|start| *start < simulation.actions.len())
            .ok_or_else(|| invalid(&format!("Value '{marker}' at 'marker' is no marker of this simulation")))?,
    };
    let end = simulation.actions.len().min(start + limit);
    let mut xml = Xml::default();
    xml.node("EvaluationResults", |list| {
        for action in &simulation.actions[start..end] {
            list.node("member", |result| simulation.write(result, action));
        }
    });
    let marker = (end < simulation.actions.len()).then(|| end.to_string());
    super::end_of_list(&mut xml, marker);
    Ok(Some(xml))
}

fn of_owner() -> SimulatedPolicy {
    SimulatedPolicy { id: ADMINISTRATOR.name.to_owned(), kind: IDENTITY, document: ADMINISTRATOR.document.to_owned() }
}

fn policies_of_role(account: &Account, role: &StoredRole) -> (Vec<SimulatedPolicy>, Option<SimulatedPolicy>) {
    let inline = role.inline.iter().map(|(name, document)| SimulatedPolicy {
        id: format!("role_{}_{name}", role.name),
        kind: IDENTITY,
        document: document.clone(),
    });
    let managed = |arn: &String, kind| {
        let policy = aws_managed_policies::find(account, arn)?;
        Some(SimulatedPolicy { id: policy.name.to_owned(), kind, document: policy.document.to_owned() })
    };
    let attached = role.attached.iter().filter_map(|arn| managed(arn, IDENTITY));
    // A deleted boundary allows nothing.
    let boundary = role.boundary.as_ref().map(|arn| {
        managed(arn, BOUNDARY).unwrap_or(SimulatedPolicy { id: arn.clone(), kind: BOUNDARY, document: String::new() })
    });
    (inline.chain(attached).collect(), boundary)
}

impl Simulation {
    /// Writes the result of an action: that of all resources together, and that of each.
    fn write(&self, xml: &mut Xml, action: &str) {
        let all: Vec<_> = self.resources.iter().map(|resource| (resource, self.evaluate(action, resource))).collect();
        let has = |decision| all.iter().any(|(_, evaluated)| evaluated.decision == decision);
        let decision = [Decision::Denied, Decision::NotAllowed].into_iter().find(|decision| has(*decision));
        let resource = if let [one] = self.resources.as_slice() { one } else { "*" };
        xml.leaf("EvalActionName", action).leaf("EvalResourceName", resource);
        xml.leaf("EvalDecision", said(decision.unwrap_or(Decision::Allowed)));
        // With several resources the details stand with each of them.
        match all.as_slice() {
            [(_, evaluated)] => evaluated.write_details(xml),
            _ => {
                xml.node("MatchedStatements", |_| {}).node("MissingContextValues", |_| {});
            }
        }
        xml.node("ResourceSpecificResults", |list| {
            for (resource, evaluated) in &all {
                list.node("member", |result| {
                    result.leaf("EvalResourceName", resource);
                    result.leaf("EvalResourceDecision", said(evaluated.decision));
                    evaluated.write_details(result);
                });
            }
        });
    }

    fn evaluate(&self, action: &str, resource: &str) -> Evaluated<'_> {
        let mut missing = BTreeSet::new();
        let mut matched = Vec::new();
        let all = || self.identity.iter().chain(&self.boundary);
        for policy in all() {
            for statement in statements(&policy.document) {
                // A key without a value is absent in a simulation, and told.
                let keys: BTreeSet<String> = condition_keys(&statement.body)
                    .into_iter()
                    .filter(|key| !self.keys.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)))
                    .collect();
                if !keys.is_empty()
                    && self.decide(&[without_condition(&statement)], action, resource, &keys) != Decision::NotAllowed
                {
                    missing.extend(keys.iter().cloned());
                }
                let decision = self.decide(&[statement.document()], action, resource, &keys);
                if decision != Decision::NotAllowed {
                    matched.push((decision, policy, statement));
                }
            }
        }
        let of = |policies: &[&SimulatedPolicy]| {
            let documents: Vec<Value> =
                policies.iter().map(|policy| serde_json::from_str(&policy.document).unwrap_or(Value::Null)).collect();
            let keys = documents.iter().flat_map(condition_keys).collect();
            self.decide(&documents, action, resource, &keys)
        };
        let by_identity = of(&self.identity.iter().collect::<Vec<_>>());
        let by_boundary = self.boundary.as_ref().map(|boundary| of(&[boundary]));
        let decision = match (by_identity, by_boundary.unwrap_or(Decision::Allowed)) {
            (Decision::Denied, _) | (_, Decision::Denied) => Decision::Denied,
            (Decision::Allowed, Decision::Allowed) => Decision::Allowed,
            _ => Decision::NotAllowed,
        };
        // Only what decides: a denial alone, and nothing where nothing matched.
        let matched = matched.into_iter().filter(|(of, _, _)| *of == decision);
        let matched = matched.map(|(_, policy, statement)| (policy, statement)).collect();
        Evaluated { decision, by_boundary, matched, missing }
    }

    /// Evaluates documents. Keys without a value count as absent.
    fn decide(&self, documents: &[Value], action: &str, resource: &str, keys: &BTreeSet<String>) -> Decision {
        let known: Vec<(&str, &str)> = self.keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let absent: Vec<&str> = keys.iter().map(String::as_str).collect();
        let context = Context { known: &known, absent: &absent };
        evaluate(documents, &AuthorizationRequest { context, ..AuthorizationRequest::new(action, resource) }).0
    }
}

impl Evaluated<'_> {
    fn write_details(&self, xml: &mut Xml) {
        xml.node("MatchedStatements", |list| {
            for (policy, statement) in &self.matched {
                list.node("member", |member| {
                    member.leaf("SourcePolicyId", &policy.id).leaf("SourcePolicyType", policy.kind);
                    for (tag, (line, column)) in [("StartPosition", statement.start), ("EndPosition", statement.end)] {
                        member.node(tag, |position| {
                            position.leaf("Line", line).leaf("Column", column);
                        });
                    }
                });
            }
        });
        xml.node("MissingContextValues", |list| {
            for key in &self.missing {
                list.leaf("member", key);
            }
        });
        if let Some(by_boundary) = self.by_boundary {
            xml.node("PermissionsBoundaryDecisionDetail", |detail| {
                detail.leaf("AllowedByPermissionsBoundary", by_boundary == Decision::Allowed);
            });
        }
    }
}

fn without_condition(statement: &StatementText) -> Value {
    let mut body = statement.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("Condition");
    }
    json!({"Version": statement.version, "Statement": body})
}

fn said(decision: Decision) -> &'static str {
    match decision {
        Decision::Allowed => "allowed",
        Decision::NotAllowed => "implicitDeny",
        Decision::Denied => "explicitDeny",
    }
}

/// Returns the policies of a list of documents.
fn listed(input: &Parameters, name: &str, kind: &'static str) -> Result<Vec<SimulatedPolicy>, ServiceError> {
    let documents = input.list(name);
    if kind == BOUNDARY && documents.len() > 1 {
        return Err(ServiceError::bad_request("InvalidInput", "Only one permissions boundary policy can be simulated"));
    }
    let policy = |(at, document): (usize, String)| {
        check_permissions(&document).map_err(|error| ServiceError::bad_request("InvalidInput", error.message))?;
        Ok(SimulatedPolicy { id: format!("{name}.{}", at + 1), kind, document })
    };
    documents.into_iter().enumerate().map(policy).collect()
}

fn actions(input: &Parameters) -> Result<Vec<String>, ServiceError> {
    let actions = input.list("ActionNames");
    if actions.is_empty() {
        return Err(null("actionNames"));
    }
    let is_action = |action: &str| {
        action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
            && !action.contains(['*', '?'])
    };
    match actions.iter().find(|action| !is_action(action)) {
        Some(wrong) => {
            Err(ServiceError::bad_request("InvalidInput", format!("{wrong} is no action: wildcards are not allowed")))
        }
        None => Ok(actions),
    }
}

fn context_entries(input: &Parameters) -> Result<Vec<(String, String)>, ServiceError> {
    let mut entries = Vec::new();
    for n in 1.. {
        let entry = format!("ContextEntries.member.{n}");
        let Some(name) = input.get(&format!("{entry}.ContextKeyName")) else { return Ok(entries) };
        let values = input.list(&format!("{entry}.ContextKeyValues"));
        let kind = input.get(&format!("{entry}.ContextKeyType")).unwrap_or("string");
        let [value] = values.as_slice() else {
            return Err(not_simulated(&format!("{entry}.ContextKeyValues with another number of values than one")));
        };
        if !matches!(kind, "string" | "numeric" | "boolean" | "date") {
            return Err(not_simulated(&format!("the ContextKeyType {kind}")));
        }
        entries.push((name.to_owned(), value.clone()));
    }
    Ok(entries)
}

fn not_simulated(what: &str) -> ServiceError {
    ServiceError::bad_request("InvalidInput", format!("The local cloud does not simulate {what}: leave it out."))
}

fn null(member: &str) -> ServiceError {
    invalid(&format!("Value null at '{member}' failed to satisfy constraint: Member must not be null"))
}

#[cfg(test)]
mod tests;
