//! Stand-in.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
#[derive(Clone, Default)]
pub(crate) struct Iam(Arc<Mutex<BTreeMap<String, Role>>>);
#[derive(Clone)]
pub(crate) struct Role {
    pub name: String,
    pub arn: String,
    pub trust_policy: String,
    pub created: f64,
}
impl Iam {
    pub(crate) fn role(&self, arn: &str) -> Option<Role> {
        self.0.lock().ok()?.get(arn).cloned()
    }
    pub(crate) fn add(&self, role: Role) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(role.arn.clone(), role);
    }
}
