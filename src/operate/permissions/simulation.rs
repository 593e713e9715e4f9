//! Asks IAM what a principal may do.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};

use super::verdict::Verdict;
use crate::aws::{AwsFailure, Clients};

/// Actions and resources of one call: each action is evaluated for each resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    /// The actions.
    pub actions: Vec<&'static str>,
    /// The ARNs, or `*`.
    pub resources: Vec<String>,
}

/// The verdict of each action on each resource.
pub(super) type Answers = BTreeMap<(String, String), Verdict>;

/// Returns the ARN of the caller.
pub(super) async fn caller_arn(clients: &Clients) -> Result<String, AwsFailure> {
    let answer = clients.sts.get_caller_identity().send().await;
    let answer = clients.call("STS", "GetCallerIdentity", "the credentials").answer(answer)?;
    Ok(answer.arn.unwrap_or_default())
}

/// Returns the ARN of a role, with its path.
pub(super) async fn role_arn(clients: &Clients, name: &str) -> Result<String, AwsFailure> {
    let answer = clients.iam.get_role().role_name(name).send().await;
    let role = clients.call("IAM", "GetRole", name).answer(answer)?.role;
    Ok(role.map(|role| role.arn).unwrap_or_default())
}

/// Evaluates the policies of a user or role.
///
/// # Errors
/// When the caller may not, or the endpoint does not serve it.
pub(super) async fn simulate(clients: &Clients, principal: &str, question: &Question) -> Result<Answers, AwsFailure> {
    let call = clients.call("IAM", "SimulatePrincipalPolicy", principal);
    let passed = ContextEntry::builder()
        .context_key_name("iam:PassedToService")
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values("lambda.amazonaws.com")
        .build();
    let request = clients
        .iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(question.actions.iter().map(|action| (*action).to_owned()).collect()))
        .set_resource_arns(Some(question.resources.clone()))
        .context_entries(passed)
        .max_items(1000);
    let (mut answers, mut marker) = (Answers::new(), None);
    loop {
        let answer = call.answer(request.clone().set_marker(marker.clone()).send().await)?;
        for result in answer.evaluation_results.unwrap_or_default() {
            record(&mut answers, &question.resources, result);
        }
        let next = answer.marker.filter(|_| answer.is_truncated);
        if next.is_none() || next == marker {
            return Ok(answers);
        }
        marker = next;
    }
}

/// Records a result: that of each resource or, where only one was asked for, that of all.
fn record(answers: &mut Answers, asked: &[String], result: EvaluationResult) {
    let action = result.eval_action_name;
    let specific = result.resource_specific_results.unwrap_or_default();
    if specific.is_empty() {
        let missing = result.missing_context_values.unwrap_or_default();
        let resource = match (asked, result.eval_resource_name) {
            ([one], _) => one.clone(),
            (_, Some(named)) => named,
            // Nothing tells which resource this is about.
            (_, None) => return,
        };
        answers.insert((action, resource), verdict(&result.eval_decision, &missing));
        return;
    }
    for one in specific {
        let missing = one.missing_context_values.unwrap_or_default();
        answers.insert((action.clone(), one.eval_resource_name), verdict(&one.eval_resource_decision, &missing));
    }
}

/// A decision without a condition key is not certain: with the value of a real call other statements may match, or one may
/// no longer match whose condition is met by the absent key.
fn verdict(decision: &PolicyEvaluationDecisionType, missing: &[String]) -> Verdict {
    match decision {
        _ if !missing.is_empty() => Verdict::Unknown(format!("depends on {}", missing.join(", "))),
        PolicyEvaluationDecisionType::Allowed => Verdict::Allowed,
        other => Verdict::Denied(other.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decision_that_lacks_a_condition_key_is_unknown_whichever_it_is() {
        use PolicyEvaluationDecisionType::{Allowed, ExplicitDeny, ImplicitDeny};
        let missing = ["aws:SourceIp".to_owned()];
        for decision in [Allowed, ImplicitDeny, ExplicitDeny] {
            assert_eq!(verdict(&decision, &missing), Verdict::Unknown("depends on aws:SourceIp".to_owned()));
        }
        assert_eq!(verdict(&Allowed, &[]), Verdict::Allowed);
        assert_eq!(verdict(&ExplicitDeny, &[]), Verdict::Denied("explicitDeny".to_owned()));
    }
}
