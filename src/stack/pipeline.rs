//! The resources of one pipeline, from its settings.

use std::collections::BTreeMap;

use futures::future;

use super::function::Function;
use super::log_group::LogGroup;
use super::mapping::Mapping;
use super::role::Role;
use super::stream::Stream;
use super::table::Table;
use super::{Artifact, Cloud, Found, Kind, References, Resource};
use crate::aws::Failure;
use crate::settings::Pipeline;

/// The resources of a pipeline, in the order of [`Kind::ALL`].
pub struct Stack {
    resources: Vec<Box<dyn Resource>>,
}

impl Stack {
    /// What the settings ask for.
    #[must_use]
    pub fn new(settings: &Pipeline, artifact: Artifact) -> Self {
        let environment: BTreeMap<String, String> = [
            ("SENSORCTL_TABLE".to_owned(), settings.table.clone()),
            ("SENSORCTL_REJECTS_TABLE".to_owned(), settings.rejects_table.clone()),
            ("SENSORCTL_REJECTS_DAYS".to_owned(), settings.rejects_retention_days.to_string()),
            // Goes with the mapping's ReportBatchItemFailures, without which AWS takes any answer for success.
            ("SENSORCTL_PARTIAL_BATCH".to_owned(), "1".to_owned()),
        ]
        .into();
        let resources: Vec<Box<dyn Resource>> = vec![
            Box::new(Table::of_readings(&settings.table)),
            Box::new(Table::of_rejects(&settings.rejects_table)),
            Box::new(Stream { name: settings.stream.clone(), shards: settings.shards }),
            Box::new(Role { name: settings.role.clone() }),
            Box::new(LogGroup { name: settings.log_group(), retention_days: settings.log_retention_days }),
            Box::new(Function {
                name: settings.function.clone(),
                memory_mb: settings.memory_mb,
                timeout_seconds: settings.timeout_seconds,
                environment,
                artifact,
            }),
            Box::new(Mapping::new(&settings.stream, &settings.function, settings.batch_size, settings.parallelization)),
        ];
        debug_assert!(resources.iter().map(|resource| resource.kind()).eq(Kind::ALL));
        Stack { resources }
    }

    /// The resources.
    #[must_use]
    pub fn resources(&self) -> &[Box<dyn Resource>] {
        &self.resources
    }

    /// Looks at all of them at once, and tells their ARNs.
    ///
    /// # Errors
    /// The first call that failed for another reason than absence.
    pub async fn observe(&self, cloud: &Cloud, references: &References) -> Result<Vec<Found>, Failure> {
        let found =
            future::try_join_all(self.resources.iter().map(|resource| cloud.look_at(resource.as_ref()))).await?;
        for (resource, found) in self.resources.iter().zip(&found) {
            if let Some(arn) = &found.arn {
                references.tell(resource.kind(), arn);
            }
        }
        Ok(found)
    }
}
