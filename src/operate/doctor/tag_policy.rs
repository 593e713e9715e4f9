//! The tags of the pipeline under the tag policies of the account's organization.

use super::calls::{Compliance, Noncompliant, RequiredTags};
use super::finding::Verdict;
use crate::aws::AwsFailure;
use crate::error::Error;
use crate::settings::Pipeline;

/// The types of the pipeline's resources, as tag policies name them.
const TYPES: [&str; 6] = [
    "dynamodb:table",
    "iam:role",
    "kinesis:stream",
    "lambda:event-source-mapping",
    "lambda:function",
    "logs:log-group",
];
const REMEDY: &str =
    "set these keys under `[tags]` in the settings, spelled as the policy has them, then `sensorctl up`";

/// Judges how the stage's resources comply, and which tags the policies require.
pub(super) fn judge(
    compliance: &Result<Compliance, AwsFailure>,
    required: &Result<Vec<RequiredTags>, AwsFailure>,
    settings: &Pipeline,
) -> Verdict {
    if let Ok(Compliance { noncompliant, .. }) = compliance
        && let Some(Noncompliant { arn, keys }) = noncompliant.first()
    {
        let name = arn.rsplit([':', '/']).next().unwrap_or(arn);
        let others = match noncompliant.len() - 1 {
            0 => String::new(),
            count => format!(", and {count} more"),
        };
        return Verdict::warning(format!("{name} does not comply: {}{others}", keys.join(", ")), REMEDY);
    }
    let missing = required.iter().flatten().filter(|required| TYPES.contains(&required.resource_type.as_str()));
    let missing = missing.flat_map(|required| &required.keys).filter(|key| !settings.tags.contains_key(*key));
    let mut missing: Vec<&str> = missing.map(String::as_str).collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        return Verdict::warning(format!("a tag policy requires {}", missing.join(", ")), REMEDY);
    }
    match (compliance, required) {
        (Ok(Compliance { resources, .. }), Ok(_)) => {
            Verdict::ok(format!("no policy objects, or requires another tag (resources of the stage: {resources})"))
        }
        (Ok(Compliance { resources, .. }), Err(failure)) if *resources > 0 => Verdict::ok(format!(
            "no policy objects (resources of the stage: {resources}; required tags are not known: {})",
            failure.said()
        )),
        (Err(failure), _) | (Ok(_), Err(failure)) => Verdict::unknown_with(&Error::from(failure.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::FailureCause;
    use crate::operate::doctor::CheckResult;

    fn denied<T>() -> Result<T, AwsFailure> {
        Err(AwsFailure {
            service: "tag",
            operation: "ListRequiredTags",
            resource: "the account".into(),
            location: "eu-central-1".into(),
            code: Some("AccessDeniedException".into()),
            message: "no".into(),
            cause: FailureCause::Denied,
        })
    }

    #[test]
    fn tags_are_judged_by_compliance_and_by_required_keys() {
        let complies = |resources| Ok(Compliance { resources, noncompliant: Vec::new() });
        let stream = || Noncompliant { arn: "arn:aws:kinesis:r:1:stream/s".into(), keys: vec!["CostCenter".into()] };
        let violates = Ok(Compliance { resources: 6, noncompliant: vec![stream(), stream()] });
        let requires = |resource_type: &str| {
            Ok(vec![RequiredTags { resource_type: resource_type.into(), keys: vec!["owner".into()] }])
        };
        let plain = Pipeline::by_default().unwrap();
        let mut tagged = plain.clone();
        tagged.tags.insert("owner".into(), "me".into());
        for (verdict, result, says) in [
            (judge(&complies(6), &Ok(Vec::new()), &plain), CheckResult::Ok, "resources of the stage: 6"),
            (judge(&violates, &denied(), &plain), CheckResult::Warning, "s does not comply: CostCenter, and 1 more"),
            (judge(&denied(), &requires("kinesis:stream"), &plain), CheckResult::Warning, "requires owner"),
            (judge(&complies(6), &requires("ec2:instance"), &plain), CheckResult::Ok, "no policy objects"),
            (judge(&complies(6), &requires("kinesis:stream"), &tagged), CheckResult::Ok, "no policy objects"),
            (judge(&complies(6), &denied(), &plain), CheckResult::Ok, "required tags are not known: AccessDenied"),
            (judge(&complies(0), &denied(), &plain), CheckResult::Unknown, "ListRequiredTags"),
            (judge(&denied(), &Ok(Vec::new()), &plain), CheckResult::Unknown, "AccessDenied"),
        ] {
            assert_eq!(verdict.result, result, "{verdict:?}");
            assert!(verdict.evidence.contains(says), "{verdict:?}");
        }
    }
}
