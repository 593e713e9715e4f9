//! Ownership of a resource, by its tags. There is no state file: the cloud is the state.

use std::fmt;

use serde_json::json;

use super::difference::Difference;
use super::observed::{Observed, Tags};

/// Tag with the stage of a resource.
pub(crate) const STAGE: &str = "sensorctl:stage";
/// Tag with the region that a resource was created for: role names are the same in all regions of an account.
const REGION: &str = "sensorctl:region";
/// Tag with the version of sensorctl that created a resource.
pub(crate) const VERSION: &str = "sensorctl:version";
/// Tag of an adopted resource. It is never deleted unless the user names it.
pub(crate) const ADOPTED: &str = "sensorctl:adopted";

/// The value of the stage tag without a stage.
pub(crate) const DEFAULT_STAGE: &str = "default";

/// The property that compares tags.
pub(crate) const TAGS: &str = "tags";

/// The owner of the resources that `up` and `down` may change, and its tags.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// Stage, or [`DEFAULT_STAGE`].
    pub stage: String,
    /// Region.
    pub region: String,
    /// The user's own tags. Other tags on a resource belong to another owner and are kept.
    pub tags: Tags,
}

/// The ownership of an observed resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Created by sensorctl for this stage and region.
    Ours,
    /// Created without sensorctl, and adopted for this stage and region.
    Adopted,
    /// Not managed by sensorctl.
    Foreign,
    /// Managed by another pipeline of sensorctl, which the text names.
    OtherStage(String),
}

impl Ownership {
    /// Returns whether the resource may be changed.
    #[must_use]
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Ownership::Ours | Ownership::Adopted)
    }
}

impl fmt::Display for Ownership {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Ownership::Ours => "created by sensorctl",
            Ownership::Adopted => "adopted",
            Ownership::Foreign => "not managed by sensorctl",
            Ownership::OtherStage(whose) => whose,
        })
    }
}

impl Owner {
    /// Returns the tags of a new resource.
    #[must_use]
    pub(crate) fn all_tags(&self) -> Tags {
        let ours = [(STAGE, self.stage.as_str()), (REGION, &self.region), (VERSION, env!("CARGO_PKG_VERSION"))];
        let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.tags.clone().into_iter().chain(ours).collect()
    }

    /// Returns the tags that every managed resource has, from any version.
    #[must_use]
    pub(crate) fn marks(&self) -> [(&'static str, &str); 2] {
        [(STAGE, &self.stage), (REGION, &self.region)]
    }

    /// Returns the tags that a managed resource lacks, including the user's own tags with another value. Ownership tags
    /// are never overwritten.
    #[must_use]
    pub(crate) fn missing_tags(&self, has: &Tags) -> Tags {
        let is_lacking = |name: &String, value: &String| match has.get(name) {
            Some(found) => found != value && self.tags.contains_key(name),
            None => true,
        };
        self.all_tags().into_iter().filter(|(name, value)| is_lacking(name, value)).collect()
    }

    /// Returns the tags that adopt a resource. They are set in one call, because the next run after a killed one
    /// recognizes the adoption by them.
    #[must_use]
    pub(crate) fn adoption_tags(&self) -> Tags {
        let mut tags = self.all_tags();
        tags.insert(ADOPTED.to_owned(), "true".to_owned());
        tags
    }

    /// Returns the difference of the user's own tags.
    #[must_use]
    pub(crate) fn difference(&self, has: &Tags) -> Option<Difference> {
        let found: Tags = has.iter().filter(|(name, _)| self.tags.contains_key(*name)).map(cloned).collect();
        (found != self.tags).then(|| Difference {
            property: TAGS,
            desired: json!(self.tags),
            found: json!(found),
            replaces: false,
            loses_data: false,
        })
    }

    /// Returns the ownership of an observed resource.
    #[must_use]
    pub(crate) fn of(&self, found: &Observed) -> Ownership {
        match (found.tags.get(STAGE), found.tags.get(REGION)) {
            (Some(stage), Some(region)) if *stage == self.stage && *region == self.region => {
                if found.tags.contains_key(ADOPTED) { Ownership::Adopted } else { Ownership::Ours }
            }
            (Some(stage), Some(region)) if *region == self.region => {
                Ownership::OtherStage(format!("belongs to the sensorctl stage `{stage}`"))
            }
            (Some(_), Some(region)) => Ownership::OtherStage(format!("belongs to a sensorctl pipeline in {region}")),
            _ => Ownership::Foreign,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stage `{}` in {}", self.stage, self.region)
    }
}

/// Returns whether any pipeline of sensorctl created the resource and did not adopt it.
#[must_use]
pub(crate) fn is_made_by_sensorctl(tags: &Tags) -> bool {
    tags.contains_key(STAGE) && !tags.contains_key(ADOPTED)
}

/// Returns the version of sensorctl in the tags, if it is newer than this one.
#[must_use]
pub(crate) fn newer_version(tags: &Tags) -> Option<&str> {
    tags.get(VERSION).map(String::as_str).filter(|version| is_newer(version, env!("CARGO_PKG_VERSION")))
}

/// Compares versions of the form `1.2.3`. Any other version is not newer.
fn is_newer(one: &str, other: &str) -> bool {
    let parts = |version: &str| -> Option<Vec<u64>> {
        version.split('-').next()?.split('.').map(|part| part.parse().ok()).collect()
    };
    parts(one).zip(parts(other)).is_some_and(|(one, other)| one > other)
}

fn cloned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(own: &[(&str, &str)]) -> Owner {
        let tags = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Owner { stage: "default".into(), region: "eu-west-1".into(), tags }
    }

    fn found_with(tags: Tags) -> Observed {
        Observed { tags, ..Observed::missing() }
    }

    #[test]
    fn ownership_requires_same_stage_and_region() {
        let here = owner(&[]);
        assert_eq!(here.of(&found_with(here.all_tags())), Ownership::Ours);
        let blue = Owner { stage: "blue".into(), ..here.clone() };
        assert!(matches!(here.of(&found_with(blue.all_tags())), Ownership::OtherStage(why) if why.contains("blue")));
        let there = Owner { region: "us-east-1".into(), ..here.clone() };
        assert!(
            matches!(here.of(&found_with(there.all_tags())), Ownership::OtherStage(why) if why.contains("us-east-1"))
        );
        assert_eq!(here.of(&found_with(Tags::new())), Ownership::Foreign);
    }

    #[test]
    fn adopted_resource_keeps_its_ownership() {
        let here = owner(&[("team", "blue")]);
        let mut has = Tags::from([("their".to_owned(), "tag".to_owned())]);
        has.extend(here.adoption_tags());
        assert_eq!(here.of(&found_with(has.clone())), Ownership::Adopted);
        assert_eq!((has["their"].as_str(), has["team"].as_str()), ("tag", "blue"));
        assert!(here.missing_tags(&has).is_empty());
    }

    #[test]
    fn unmanaged_tags_are_not_compared_or_changed() {
        let owner = owner(&[("team", "blue")]);
        let mut has = owner.all_tags();
        has.insert("their".to_owned(), "tag".to_owned());
        assert_eq!(owner.difference(&has), None);
        assert!(owner.missing_tags(&has).is_empty());
        has.insert("team".to_owned(), "red".to_owned());
        has.insert(VERSION.to_owned(), "0.0.1".to_owned());
        assert_eq!(owner.missing_tags(&has), Tags::from([("team".to_owned(), "blue".to_owned())]));
        assert_eq!(owner.difference(&has).unwrap().found, json!({"team": "red"}));
    }

    #[test]
    fn newer_version_is_compared_by_numbers() {
        assert!(is_newer("0.10.0", "0.9.9") && is_newer("1.0.0", "0.99.0") && is_newer("0.1.1", "0.1.0"));
        assert!(!is_newer("0.1.0", "0.1.0") && !is_newer("0.1.0", "0.2.0") && !is_newer("latest", "0.1.0"));
    }
}
