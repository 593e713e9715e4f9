//! The resources of one pipeline, from its settings.

use std::collections::BTreeMap;

use futures::future;
use serde_json::Value;

use super::partition::partition;
use super::{ArnRegistry, FunctionArtifact, Kind, Observed, Owner, Ownership, Resource, Session};
use crate::aws::{AwsFailure, FailureCause};
use crate::settings::Pipeline;
use crate::stack::resources::event_source_mapping::EventSourceMapping;
use crate::stack::resources::function::{Function, PARTIAL_BATCH};
use crate::stack::resources::log_group::LogGroup;
use crate::stack::resources::role::{Role, RoleGrants, access_policy};
use crate::stack::resources::stream::Stream;
use crate::stack::resources::table::Table;

/// The resources of a pipeline, in the order of [`Kind::ALL`].
pub(crate) struct Stack {
    resources: Vec<Box<dyn Resource>>,
}

impl Stack {
    /// Creates the resources from the settings.
    #[must_use]
    pub(crate) fn new(settings: &Pipeline, artifact: FunctionArtifact) -> Self {
        Self::with_variables(settings, artifact, &BTreeMap::new())
    }

    /// Creates the resources from the settings, and replaces variables that sensorctl sets for the function. A variable
    /// without a value is left out.
    #[must_use]
    pub(crate) fn with_variables(
        settings: &Pipeline,
        artifact: FunctionArtifact,
        replaced: &BTreeMap<&str, Option<String>>,
    ) -> Self {
        let mut environment: BTreeMap<String, String> = [
            ("SENSORCTL_TABLE".to_owned(), settings.table.name.clone()),
            ("SENSORCTL_REJECTS_TABLE".to_owned(), settings.rejects.table.name.clone()),
            ("SENSORCTL_REJECTS_DAYS".to_owned(), settings.rejects.retention_days.to_string()),
            // Set once the mapping's ReportBatchItemFailures is effective. Without it, AWS takes any response for
            // success.
            (PARTIAL_BATCH.to_owned(), "1".to_owned()),
        ]
        .into();
        environment.retain(|name, _| !replaced.contains_key(name.as_str()));
        environment.extend(replaced.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?))));
        let grants = RoleGrants::of(settings);
        let (function, role) = (settings.function.clone(), settings.role.name.as_str());
        let mapping = EventSourceMapping::new(settings.stream.clone(), &function.name, role, settings.mapping.clone());
        let mapping = if artifact.is_empty() { mapping.for_teardown() } else { mapping };
        let resources: Vec<Box<dyn Resource>> = vec![
            Box::new(Table::of_readings(settings.table.clone())),
            Box::new(Table::of_rejects(settings.rejects.table.clone())),
            Box::new(Stream::new(settings.stream.clone())),
            Box::new(Role::new(settings.role.clone(), grants)),
            Box::new(LogGroup { name: settings.log_group_name(), retention_days: settings.log_group.retention_days }),
            Box::new(Function::new(function, role, environment, artifact)),
            Box::new(mapping),
        ];
        debug_assert!(resources.iter().map(|resource| resource.kind()).eq(Kind::ALL));
        Stack { resources }
    }

    /// Returns the resources.
    #[must_use]
    pub(crate) fn resources(&self) -> Vec<&dyn Resource> {
        self.resources.iter().map(AsRef::as_ref).collect()
    }

    /// Returns the current or expected ARNs of the resources in an account and region, without that of the mapping,
    /// which the service chooses.
    #[must_use]
    pub(crate) fn expected_arns(&self, account: &str, region: &str) -> BTreeMap<Kind, String> {
        let partition = partition(region);
        let arns = self.resources.iter().filter_map(|resource| {
            let name = resource.name();
            let arn = |service: &str, rest: String| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
            let arn = match resource.kind() {
                Kind::Table | Kind::RejectsTable => arn("dynamodb", format!("table/{name}")),
                Kind::Stream => arn("kinesis", format!("stream/{name}")),
                Kind::LogGroup => arn("logs", format!("log-group:{name}")),
                Kind::Function => arn("lambda", format!("function:{name}")),
                Kind::Role => {
                    let wanted = resource.desired(&ArnRegistry::default());
                    let path = wanted.get("path").and_then(serde_json::Value::as_str).unwrap_or("/");
                    format!("arn:{partition}:iam::{account}:role{path}{name}")
                }
                Kind::Mapping => return None,
            };
            Some((resource.kind(), arn))
        });
        arns.collect()
    }

    /// Returns the access policy of the function's role in an account and region, as `up` writes it.
    #[must_use]
    pub(crate) fn role_policy(settings: &Pipeline, account: &str, region: &str) -> Value {
        let references = ArnRegistry::default();
        for (kind, arn) in Stack::new(settings, FunctionArtifact::empty()).expected_arns(account, region) {
            references.publish(kind, &arn);
        }
        access_policy(&references, &RoleGrants::of(settings))
    }

    /// Keeps the observed values of unmanaged resources except for those that the settings set, as `is_asked` knows by
    /// their names there. With `adopt`, this includes resources that are about to be adopted.
    pub(crate) fn keep(&mut self, owner: &Owner, found: &[Observed], adopt: bool, is_asked: &dyn Fn(&str) -> bool) {
        for (resource, found) in self.resources.iter_mut().zip(found) {
            let is_of_others = match owner.of(found) {
                Ownership::Adopted => true,
                Ownership::Foreign => adopt,
                Ownership::Ours | Ownership::OtherStage(_) => false,
            };
            if is_of_others && found.exists() && !resource.is_existing() {
                resource.preserve_unmanaged(found, is_asked);
            }
        }
    }

    /// Observes all resources at once, and publishes their ARNs.
    ///
    /// # Errors
    /// All denied reads, so that all missing permissions are known at once. Otherwise the first read that failed for
    /// another reason than absence.
    pub(crate) async fn observe(
        &self,
        session: &Session,
        references: &ArnRegistry,
    ) -> Result<Vec<Observed>, Vec<AwsFailure>> {
        let looks = self.resources.iter().map(|resource| async {
            match session.observe(resource.as_ref()).await {
                Err(failure) if failure.cause == FailureCause::Denied => Ok(Err(failure)),
                seen => seen.map(Ok),
            }
        });
        let seen = future::try_join_all(looks).await.map_err(|failure| vec![failure])?;
        let (mut found, mut denied) = (Vec::new(), Vec::new());
        for look in seen {
            match look {
                Ok(observed) => found.push(observed),
                Err(failure) => denied.push(failure),
            }
        }
        if !denied.is_empty() {
            return Err(denied);
        }
        for (resource, found) in self.resources.iter().zip(&found) {
            if let Some(arn) = &found.arn {
                references.publish(resource.kind(), arn);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_tests_change_every_compared_property() {
        // These cannot be changed by hand: a table's key and a role's path are immutable, a program has one
        // architecture, and only the service knows how an update ended.
        const AS_MADE: [&str; 4] = ["key", "path", "architecture", "last_update"];
        let changes = include_str!("../commands/tests/slow/drift.rs");
        let stack = Stack::new(&Pipeline::by_default().unwrap(), FunctionArtifact::empty());
        for resource in stack.resources() {
            let wanted = resource.desired(&ArnRegistry::default());
            for property in wanted.keys().filter(|property| !AS_MADE.contains(property)) {
                assert!(changes.contains(&format!("\"{property}\"")), "{} {property}", resource.kind());
            }
        }
    }
}
