//! Whose a resource is, by its tags: there is no state file, the cloud is the state.

use std::fmt;

use super::resource::{Found, Tags};

/// Name of the copy of the pipeline that a resource belongs to.
const STAGE: &str = "sensorctl:stage";
/// Region that it was made for; role names are the same in all regions of an account.
const REGION: &str = "sensorctl:region";
/// Version of sensorctl that made it.
const VERSION: &str = "sensorctl:version";

/// The stage as it stands in tags when none is named.
pub const DEFAULT_STAGE: &str = "default";

/// Whose resources `up` and `down` may touch.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Stage, or [`DEFAULT_STAGE`].
    pub stage: String,
    /// Region.
    pub region: String,
}

/// Whose a found resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Made by sensorctl for this stage and region.
    Ours,
    /// Made by someone else, or for another stage or region; the text says which.
    Foreign(String),
}

impl Owner {
    /// The tags that every resource is made with.
    #[must_use]
    pub fn tags(&self) -> Tags {
        [
            (STAGE.to_owned(), self.stage.clone()),
            (REGION.to_owned(), self.region.clone()),
            (VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]
        .into()
    }

    /// Whose the found resource is.
    #[must_use]
    pub fn of(&self, found: &Found) -> Ownership {
        match (found.tags.get(STAGE), found.tags.get(REGION)) {
            (Some(stage), Some(region)) if *stage == self.stage && *region == self.region => Ownership::Ours,
            (Some(stage), Some(region)) if *region == self.region => {
                Ownership::Foreign(format!("it belongs to the sensorctl stage `{stage}`"))
            }
            (Some(_), Some(region)) => Ownership::Foreign(format!("it belongs to a sensorctl pipeline in {region}")),
            _ => Ownership::Foreign("it was not made by sensorctl".to_owned()),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stage `{}` in {}", self.stage, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_with(tags: Tags) -> Found {
        Found { tags, ..Found::missing() }
    }

    #[test]
    fn only_the_same_stage_and_region_is_ours() {
        let here = Owner { stage: "default".into(), region: "eu-west-1".into() };
        assert_eq!(here.of(&found_with(here.tags())), Ownership::Ours);
        let blue = Owner { stage: "blue".into(), ..here.clone() };
        assert!(matches!(here.of(&found_with(blue.tags())), Ownership::Foreign(why) if why.contains("blue")));
        let there = Owner { region: "us-east-1".into(), ..here.clone() };
        assert!(matches!(here.of(&found_with(there.tags())), Ownership::Foreign(why) if why.contains("us-east-1")));
        assert!(matches!(here.of(&found_with(Tags::new())), Ownership::Foreign(why) if why.contains("not made")));
    }
}
