//! Whose a resource is, by its tags: there is no state file, the cloud is the state.

use std::fmt;

use serde_json::json;

use super::difference::Difference;
use super::observed::{Observed, Tags};

/// Name of the copy of the pipeline that a resource belongs to.
const STAGE: &str = "sensorctl:stage";
/// Region that it was made for; role names are the same in all regions of an account.
const REGION: &str = "sensorctl:region";
/// Version of sensorctl that made it.
const VERSION: &str = "sensorctl:version";
/// On what was taken over and not made by us: it is never deleted unless that is asked for by name.
pub const ADOPTED: &str = "sensorctl:adopted";

/// The stage as it stands in tags when none is named.
pub const DEFAULT_STAGE: &str = "default";

/// The property under which tags are compared.
pub const TAGS: &str = "tags";

/// Whose resources `up` and `down` may touch, and the tags that say so.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Stage, or [`DEFAULT_STAGE`].
    pub stage: String,
    /// Region.
    pub region: String,
    /// The user's own tags. Tags that are on a resource and not named here belong to someone else, and stay.
    pub tags: Tags,
}

/// Whose a found resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Made by sensorctl for this stage and region.
    Ours,
    /// Made by someone else, and taken over for this stage and region.
    Adopted,
    /// Made by someone else.
    Foreign,
    /// Of another pipeline of sensorctl; the text says which.
    OtherStage(String),
}

impl Ownership {
    /// Whether it may be changed.
    #[must_use]
    pub fn is_ours(&self) -> bool {
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
    /// The tags that a new resource is made with.
    #[must_use]
    pub fn all_tags(&self) -> Tags {
        let ours = [(STAGE, self.stage.as_str()), (REGION, &self.region), (VERSION, env!("CARGO_PKG_VERSION"))];
        let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.tags.clone().into_iter().chain(ours).collect()
    }

    /// The tags that every resource of ours has, whichever version made it.
    #[must_use]
    pub fn marks(&self) -> [(&'static str, &str); 2] {
        [(STAGE, &self.stage), (REGION, &self.region)]
    }

    /// The tags that a resource of ours lacks; of the user's own also those with another value. What says whose it is, is
    /// never overwritten.
    #[must_use]
    pub fn missing_tags(&self, has: &Tags) -> Tags {
        let is_lacking = |name: &String, value: &String| match has.get(name) {
            Some(found) => found != value && self.tags.contains_key(name),
            None => true,
        };
        self.all_tags().into_iter().filter(|(name, value)| is_lacking(name, value)).collect()
    }

    /// The tags that take a resource over. What was begun by a killed run is known by them, so they come in one call.
    #[must_use]
    pub fn adoption_tags(&self) -> Tags {
        let mut tags = self.all_tags();
        tags.insert(ADOPTED.to_owned(), "true".to_owned());
        tags
    }

    /// How the user's own tags differ.
    #[must_use]
    pub fn difference(&self, has: &Tags) -> Option<Difference> {
        let found: Tags = has.iter().filter(|(name, _)| self.tags.contains_key(*name)).map(cloned).collect();
        (found != self.tags).then(|| Difference {
            property: TAGS,
            desired: json!(self.tags),
            found: json!(found),
            replaces: false,
            loses_data: false,
        })
    }

    /// Whose the found resource is.
    #[must_use]
    pub fn of(&self, found: &Observed) -> Ownership {
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

/// Whether some pipeline of sensorctl made it, and did not take it over.
#[must_use]
pub fn is_made_by_sensorctl(tags: &Tags) -> bool {
    tags.contains_key(STAGE) && !tags.contains_key(ADOPTED)
}

/// The version of sensorctl that a resource is of, where it is a newer one than this.
#[must_use]
pub fn newer_version(tags: &Tags) -> Option<&str> {
    tags.get(VERSION).map(String::as_str).filter(|version| is_newer(version, env!("CARGO_PKG_VERSION")))
}

/// Compares versions of the form `1.2.3`; anything else is not newer.
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
    fn only_the_same_stage_and_region_is_ours() {
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
    fn what_was_taken_over_stays_told_apart() {
        let here = owner(&[("team", "blue")]);
        let mut has = Tags::from([("their".to_owned(), "tag".to_owned())]);
        has.extend(here.adoption_tags());
        assert_eq!(here.of(&found_with(has.clone())), Ownership::Adopted);
        assert_eq!((has["their"].as_str(), has["team"].as_str()), ("tag", "blue"));
        assert!(here.missing_tags(&has).is_empty());
    }

    #[test]
    fn tags_of_others_are_neither_compared_nor_touched() {
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
    fn a_newer_version_is_known_by_its_numbers() {
        assert!(is_newer("0.10.0", "0.9.9") && is_newer("1.0.0", "0.99.0") && is_newer("0.1.1", "0.1.0"));
        assert!(!is_newer("0.1.0", "0.1.0") && !is_newer("0.1.0", "0.2.0") && !is_newer("latest", "0.1.0"));
    }
}
