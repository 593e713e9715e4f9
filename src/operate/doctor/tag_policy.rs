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
    let complies = match compliance {
        Err(failure) => return Verdict::unknown_with(&Error::from(failure.clone())),
        Ok(Compliance { resources: 0, .. }) => {
            Err("no resource of the stage exists whose tags could be tested".to_owned())
        }
        Ok(Compliance { resources, judged, .. }) if judged < resources => Err(format!(
            "GetResources does not say whether {} of {resources} resources of the stage comply",
            resources - judged
        )),
        Ok(Compliance { resources, is_partial: true, .. }) => {
            Err(format!("the first {resources} resources of the stage comply, the others were not tested"))
        }
        Ok(Compliance { resources, .. }) => Ok(format!("all {resources} resources of the stage comply")),
    };
    match (complies, required) {
        (Ok(complies), Ok(_)) => Verdict::ok(format!("{complies}, and no policy requires another tag")),
        (Err(untested), Ok(_)) => Verdict::unknown(format!("{untested}; no policy requires another tag")),
        (Ok(known) | Err(known), Err(failure)) => {
            let unknown = Verdict::unknown_with(&Error::from(failure.clone()));
            Verdict { evidence: format!("{known}; {}", unknown.evidence), ..unknown }
        }
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
        let complies = |resources| Ok(Compliance { resources, judged: resources, ..Compliance::default() });
        let partly = Ok(Compliance { judged: 5, ..complies(6).unwrap() });
        let first = Ok(Compliance { is_partial: true, ..complies(50).unwrap() });
        let stream = || Noncompliant { arn: "arn:aws:kinesis:r:1:stream/s".into(), keys: vec!["CostCenter".into()] };
        let violates = Ok(Compliance { noncompliant: vec![stream(), stream()], ..complies(6).unwrap() });
        let requires = |resource_type: &str| {
            Ok(vec![RequiredTags { resource_type: resource_type.into(), keys: vec!["owner".into()] }])
        };
        let plain = Pipeline::by_default().unwrap();
        let mut tagged = plain.clone();
        tagged.tags.insert("owner".into(), "me".into());
        for (verdict, result, says) in [
            (judge(&complies(6), &Ok(Vec::new()), &plain), CheckResult::Ok, "all 6 resources of the stage comply"),
            (judge(&partly, &Ok(Vec::new()), &plain), CheckResult::Unknown, "whether 1 of 6 resources"),
            (judge(&first, &Ok(Vec::new()), &plain), CheckResult::Unknown, "the first 50 resources"),
            (judge(&complies(0), &Ok(Vec::new()), &plain), CheckResult::Unknown, "no resource of the stage exists"),
            (judge(&violates, &denied(), &plain), CheckResult::Warning, "s does not comply: CostCenter, and 1 more"),
            (judge(&denied(), &requires("kinesis:stream"), &plain), CheckResult::Warning, "requires owner"),
            (judge(&complies(6), &requires("ec2:instance"), &plain), CheckResult::Ok, "no policy requires another tag"),
            (
                judge(&complies(6), &requires("kinesis:stream"), &tagged),
                CheckResult::Ok,
                "no policy requires another tag",
            ),
            (judge(&complies(6), &denied(), &plain), CheckResult::Unknown, "all 6 resources of the stage comply; "),
            (judge(&complies(0), &denied(), &plain), CheckResult::Unknown, "ListRequiredTags"),
            (judge(&denied(), &Ok(Vec::new()), &plain), CheckResult::Unknown, "AccessDenied"),
        ] {
            assert_eq!(verdict.result, result, "{verdict:?}");
            assert!(verdict.evidence.contains(says), "{verdict:?}");
        }
    }
}
