//! Tags of the user's own, beside those that say whose a resource is.

use serde_json::json;

use super::Owner;
use super::resource::{Properties, Tags};

/// The property under which they are compared.
pub const TAGS: &str = "tags";

/// The user's own tags. Tags that are on a resource and not named here belong to someone else, and stay.
#[derive(Clone, Debug, Default)]
pub struct OwnTags(Tags);

impl OwnTags {
    /// From the settings.
    #[must_use]
    pub fn new(tags: Tags) -> Self {
        OwnTags(tags)
    }

    /// Ours and the user's, for a create call.
    #[must_use]
    pub fn all(&self, owner: &Owner) -> Tags {
        self.0.clone().into_iter().chain(owner.tags()).collect()
    }

    /// Adds what is wanted of them.
    pub fn want(&self, properties: &mut Properties) {
        if !self.0.is_empty() {
            properties.insert(TAGS, json!(self.0));
        }
    }

    /// Adds what was found of them.
    pub fn found(&self, tags: &Tags, properties: &mut Properties) {
        if !self.0.is_empty() {
            let named: Tags = tags.iter().filter(|(name, _)| self.0.contains_key(*name)).map(cloned).collect();
            properties.insert(TAGS, json!(named));
        }
    }

    /// Those that a resource lacks or has with another value. The version is that of the making, and is left alone.
    #[must_use]
    pub fn lacking(&self, owner: &Owner, has: &Tags) -> Tags {
        let ours = owner.tags().into_iter().filter(|(name, _)| !has.contains_key(name));
        self.0.iter().filter(|(name, value)| has.get(*name) != Some(value)).map(cloned).chain(ours).collect()
    }
}

fn cloned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_others_are_neither_compared_nor_touched() {
        let owner = Owner { stage: "default".into(), region: "eu-west-1".into() };
        let own = OwnTags::new([("team".to_owned(), "blue".to_owned())].into());
        let mut has = own.all(&owner);
        has.insert("their".to_owned(), "tag".to_owned());
        let (mut wanted, mut found) = (Properties::new(), Properties::new());
        own.want(&mut wanted);
        own.found(&has, &mut found);
        assert_eq!(wanted, found);
        assert!(own.lacking(&owner, &has).is_empty());
        has.insert("team".to_owned(), "red".to_owned());
        assert_eq!(own.lacking(&owner, &has), Tags::from([("team".to_owned(), "blue".to_owned())]));
    }
}
