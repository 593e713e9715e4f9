//! A role that is too new to be known everywhere, told apart from one that can never do what is needed: its documents
//! are read back, and the statement that they lack is named (behaviour.md, Provisioning 3).

use serde_json::{Value, json};

use super::release::inline_names;
use super::{SERVICE, attached, describe, documents, inline, trust_of, url_decoded};
use crate::aws::Failure;
use crate::policy::{Ask, Decision, weigh};
use crate::stack::Cloud;
use crate::stack::resource::Never;

/// What the role must let Lambda do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Take it.
    Trust,
    /// Read a stream.
    Reading {
        /// The stream's ARN.
        stream: String,
    },
    /// Tell of batches that were given up.
    Telling {
        /// ARN of the queue, topic or bucket.
        destination: String,
    },
}

/// What Lambda does with a stream for certain. It names `ListStreams`, too, but whether it does without is not known
/// (facts/aws.md C4), so that is no verdict.
const READING: [&str; 4] =
    ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"];

/// Why the role as it stands can never do what is needed; nothing while it may, or where that cannot be found out.
pub async fn never(cloud: &Cloud, role: &str, need: &Need) -> Option<Never> {
    match need {
        Need::Trust => never_taken(cloud, role).await.ok().flatten(),
        Need::Reading { stream } => {
            let asked = READING.map(|action| (action, stream.as_str()));
            never_allowed(cloud, role, &asked).await.ok().flatten()
        }
        Need::Telling { destination } => {
            let asked = documents::telling(destination);
            let asked: Vec<_> = asked.iter().map(|(action, resource)| (*action, resource.as_str())).collect();
            never_allowed(cloud, role, &asked).await.ok().flatten()
        }
    }
}

async fn never_taken(cloud: &Cloud, role: &str) -> Result<Option<Never>, Failure> {
    let Some(found) = describe(cloud, role).await? else { return Ok(None) };
    let account = cloud.clients.account().await?;
    let ask = Ask {
        action: "sts:AssumeRole",
        resource: Some(&found.arn),
        context: &[("aws:SourceAccount", account)],
        service: Some("lambda.amazonaws.com"),
    };
    Ok(match weigh(&[trust_of(&found)], &ask) {
        (Decision::NotAllowed, true) => {
            let lacking = documents::trust()["Statement"][0].clone();
            Some(Never {
                why: format!(
                    "the role `{role}` cannot be taken by Lambda: its trust policy lacks the statement {lacking}"
                ),
                way: "add the statement to the role's trust policy, or name another role in `role.name`".to_owned(),
            })
        }
        (Decision::Denied, true) => Some(Never {
            why: format!("the role `{role}` cannot be taken by Lambda: its trust policy denies sts:AssumeRole"),
            way: "take the denying statement out of the role's trust policy, or name another role in `role.name`"
                .to_owned(),
        }),
        _ => None,
    })
}

async fn never_allowed(cloud: &Cloud, role: &str, asked: &[(&str, &str)]) -> Result<Option<Never>, Failure> {
    let Some(found) = describe(cloud, role).await? else { return Ok(None) };
    let documents = documents_of(cloud, role).await?;
    if let Some(refused) = refused(&documents, asked) {
        return Ok(Some(refused.told(role, "its policies", true)));
    }
    let boundary = found.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    let Some(boundary) = boundary else { return Ok(None) };
    let document = managed_document(cloud, role, &boundary).await?;
    Ok(refused(&[document], asked)
        .map(|refused| refused.told(role, &format!("its permissions boundary {boundary}"), false)))
}

/// All documents of a role's policies, inline and managed.
async fn documents_of(cloud: &Cloud, role: &str) -> Result<Vec<Value>, Failure> {
    let (names, attached) = futures::try_join!(inline_names(cloud, role), attached(cloud, role))?;
    let mut documents = Vec::new();
    for name in names {
        documents.extend(inline(cloud, role, &name).await?);
    }
    for arn in attached.into_iter().filter_map(|policy| policy.policy_arn) {
        documents.push(managed_document(cloud, role, &arn).await?);
    }
    Ok(documents)
}

/// The document of a managed policy that is in force.
async fn managed_document(cloud: &Cloud, role: &str, arn: &str) -> Result<Value, Failure> {
    let iam = &cloud.clients.iam;
    let call = |operation| cloud.clients.call(SERVICE, operation, role);
    let policy = call("GetPolicy").answer(iam.get_policy().policy_arn(arn).send().await)?.policy;
    let version = policy.and_then(|policy| policy.default_version_id).unwrap_or_default();
    let request = iam.get_policy_version().policy_arn(arn).version_id(version);
    let version = call("GetPolicyVersion").answer(request.send().await)?.policy_version;
    Ok(documents::parse(&url_decoded(&version.and_then(|version| version.document).unwrap_or_default())))
}

/// What is refused for certain.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    actions: Vec<String>,
    resource: String,
    is_denied: bool,
}

/// Those of the asked actions that documents refuse for certain: denied ones, else those that no statement allows.
fn refused(documents: &[Value], asked: &[(&str, &str)]) -> Option<Refused> {
    let with = |decision| {
        asked.iter().filter(move |(action, resource)| weigh(documents, &Ask::new(action, resource)) == (decision, true))
    };
    let denied: Vec<_> = with(Decision::Denied).collect();
    let is_denied = !denied.is_empty();
    let all: Vec<_> = if is_denied { denied } else { with(Decision::NotAllowed).collect() };
    let (_, resource) = all.first()?;
    let actions = all.iter().filter(|(_, other)| other == resource).map(|(action, _)| (*action).to_owned()).collect();
    Some(Refused { actions, resource: (*resource).to_owned(), is_denied })
}

impl Refused {
    fn told(&self, role: &str, by: &str, are_many: bool) -> Never {
        let Refused { actions, resource, is_denied } = self;
        let (deny, lack) = if are_many { ("deny", "lack") } else { ("denies", "lacks") };
        if *is_denied {
            let actions = actions.join(", ");
            return Never {
                why: format!("the role `{role}` cannot do what the mapping needs: {by} {deny} {actions} on {resource}"),
                way: "take the denying statement out, or name another role in `role.name`".to_owned(),
            };
        }
        let lacking = json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
        Never {
            why: format!("the role `{role}` cannot do what the mapping needs: {by} {lack} the statement {lacking}"),
            way: "add the statement to a policy of the role, or name another role in `role.name`".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";

    fn statement(effect: &str, action: &str) -> Value {
        json!({"Statement": {"Effect": effect, "Action": action, "Resource": "*"}})
    }

    #[test]
    fn the_missing_actions_are_named_and_a_denial_goes_first() {
        let asked = [("kinesis:GetRecords", STREAM), ("kinesis:ListShards", STREAM)];
        let refused = |documents: &[Value]| refused(documents, &asked);
        assert_eq!(refused(&[statement("Allow", "kinesis:*")]), None);
        let lacking = refused(&[statement("Allow", "kinesis:Get*")]).unwrap();
        assert_eq!((lacking.actions.as_slice(), lacking.is_denied), (&["kinesis:ListShards".to_owned()][..], false));
        let denied = refused(&[statement("Allow", "kinesis:Get*"), statement("Deny", "kinesis:GetRecords")]).unwrap();
        assert!(denied.is_denied && denied.actions == ["kinesis:GetRecords"]);
        let said = denied.told("r", "its policies", true);
        assert!(said.why.contains("deny kinesis:GetRecords on arn:aws"), "{said:?}");
    }

    #[test]
    fn what_hangs_on_an_unknown_condition_is_no_verdict() {
        let mut odd = statement("Allow", "*");
        odd["Statement"]["Condition"] = json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "5"}});
        assert_eq!(refused(&[odd], &[("kinesis:GetRecords", STREAM)]), None);
    }
}
