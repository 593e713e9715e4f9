//! Tags of roles in a data directory, whether its local cloud runs or not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::data_dir::read_json;
use crate::iam;

#[derive(Deserialize)]
struct Account {
    roles: BTreeMap<String, Role>,
}

#[derive(Deserialize)]
struct Role {
    tags: BTreeMap<String, String>,
}

/// Returns the values of a tag of all roles; none where there is no local cloud, or none that can be read.
#[must_use]
pub fn role_tags(data_dir: &Path, key: &str) -> BTreeSet<String> {
    let account = read_json::<Account>(&data_dir.join(iam::FILE)).ok().flatten();
    let roles = account.into_iter().flat_map(|account| account.roles.into_values());
    roles.filter_map(|mut role| role.tags.remove(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_tags_of_no_or_a_damaged_data_directory_are_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(role_tags(dir.path(), "stage").is_empty());
        std::fs::write(dir.path().join(iam::FILE), "{").unwrap();
        assert!(role_tags(dir.path(), "stage").is_empty());
    }
}
