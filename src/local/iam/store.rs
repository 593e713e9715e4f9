//! The state of IAM: one JSON file, written before a change is acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::missing;
use crate::data_dir::read_json;
use crate::durability::Durability;
use crate::error::Error;
use crate::protocol::aws_json::ServiceError;

/// The whole state.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Account {
    /// Roles by name.
    pub roles: BTreeMap<String, StoredRole>,
    /// The customer managed policies by ARN.
    #[serde(default)]
    pub policies: BTreeMap<String, StoredPolicy>,
}

/// A customer managed policy; it has one version.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredPolicy {
    pub name: String,
    pub path: String,
    pub id: String,
    /// Creation time in IAM's format.
    pub created: String,
    pub description: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub document: String,
}

/// A role with its policies and tags.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredRole {
    pub name: String,
    pub path: String,
    pub id: String,
    pub arn: String,
    /// Seconds since 1970.
    pub created: f64,
    pub trust_policy: String,
    pub description: Option<String>,
    /// Seconds.
    pub max_session_duration: u32,
    pub boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Documents by policy name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of managed policies.
    pub attached: BTreeSet<String>,
}

impl Account {
    pub(super) fn role(&self, name: &str) -> Result<&StoredRole, ServiceError> {
        self.roles.get(name).ok_or_else(|| missing_role(name))
    }

    pub(super) fn role_mut(&mut self, name: &str) -> Result<&mut StoredRole, ServiceError> {
        self.roles.get_mut(name).ok_or_else(|| missing_role(name))
    }
}

fn missing_role(name: &str) -> ServiceError {
    missing(format!("The role with name {name} cannot be found."))
}

/// The state and its file.
pub(super) struct Store {
    path: PathBuf,
    durability: Durability,
    account: Mutex<Account>,
}

impl Store {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Store, Error> {
        let account = if let Some(account) = read_json(path)? {
            account
        } else {
            // From now on a missing file is an error.
            let account = Account::default();
            durability.write_json(path, &account)?;
            account
        };
        Ok(Store { path: path.to_owned(), durability, account: Mutex::new(account) })
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Account) -> T) -> T {
        look(&self.account.lock())
    }

    /// Changes the state atomically: not at all if `change` fails or the file cannot be written.
    pub(super) fn change<T>(
        &self,
        edit: impl FnOnce(&mut Account) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut account = self.account.lock();
        let mut changed = account.clone();
        let answer = edit(&mut changed)?;
        self.durability
            .write_json(&self.path, &changed)
            .map_err(|error| ServiceError::new(500, "ServiceFailure", error.to_string()))?;
        *account = changed;
        Ok(answer)
    }
}
