//! The Lambda service: its resources, and their persistence.

mod lifecycle;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::state::{FunctionRecord, MappingRecord, MappingState, NOTHING_YET};
use super::{LambdaServices, permissions};
use crate::changed_names::ChangedNames;
use crate::lambda::api::function_name::function_name_from_arn;
use crate::lambda::api::pending_state::PendingStates;
use crate::lambda::event_source::poller_handle::PollerHandle;
use crate::lambda::runtime::pool::Pool;
use crate::metrics::MetricStore;
use crate::protocol::aws_json::ServiceError;

/// The Lambda service of a local cloud.
#[derive(Clone)]
pub(crate) struct Lambda(Arc<Inner>);

struct Inner {
    deps: LambdaServices,
    pool: Pool,
    settling: PendingStates,
    functions: Mutex<BTreeMap<String, Arc<FunctionRecord>>>,
    mappings: Mutex<BTreeMap<String, MappingRecord>>,
    /// The poller handle of each event source mapping.
    pollers: Mutex<BTreeMap<String, PollerHandle>>,
    /// Active problems, keyed by the event source mapping and their source: a shard, or a task of the event source
    /// mapping itself. The next success of that source clears them.
    problems: Mutex<BTreeMap<(String, String), String>>,
    stopping: CancellationToken,
    tasks: TaskTracker,
    touched: ChangedNames,
    metrics: MetricStore,
    #[cfg(test)]
    activity: super::activity::Activity,
}

impl Lambda {
    pub(super) fn deps(&self) -> &LambdaServices {
        &self.0.deps
    }

    /// Returns the metrics of the functions and event source mappings.
    pub(crate) fn metrics(&self) -> &MetricStore {
        &self.0.metrics
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    pub(super) fn settling(&self) -> &PendingStates {
        &self.0.settling
    }

    #[cfg(test)]
    pub(super) fn activity(&self) -> &super::activity::Activity {
        &self.0.activity
    }

    /// Returns a token that is canceled when the local cloud ends.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// Spawns a task that shutdown waits for.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(work);
    }

    /// Returns a function by its bare name.
    pub(super) fn function(&self, name: &str) -> Option<Arc<FunctionRecord>> {
        self.0.touched.note(|| self.0.deps.identity.function_arn(name));
        lock(&self.0.functions).get(name).cloned()
    }

    /// Returns the functions that were looked up since the last call, by ARN.
    #[cfg(test)]
    pub(super) fn touched(&self) -> std::collections::BTreeSet<String> {
        self.0.touched.take()
    }

    /// Returns all functions, sorted by name.
    pub(super) fn functions(&self) -> Vec<Arc<FunctionRecord>> {
        lock(&self.0.functions).values().cloned().collect()
    }

    /// Changes the functions; the change takes effect only once it is on the disk.
    pub(super) fn change_functions<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Arc<FunctionRecord>>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut functions = lock(&self.0.functions);
        let mut changed = functions.clone();
        let result = change(&mut changed)?;
        let all: Vec<&FunctionRecord> = changed.values().map(AsRef::as_ref).collect();
        self.save("functions.json", &all)?;
        *functions = changed;
        Ok(result)
    }

    /// Returns all event source mappings, sorted by UUID.
    pub(super) fn mappings(&self) -> Vec<MappingRecord> {
        lock(&self.0.mappings).values().cloned().collect()
    }

    /// Returns an event source mapping.
    pub(super) fn mapping(&self, uuid: &str) -> Option<MappingRecord> {
        lock(&self.0.mappings).get(uuid).cloned()
    }

    /// Changes the event source mappings; the change takes effect only once it is on the disk.
    pub(super) fn change_mappings<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, MappingRecord>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut mappings = lock(&self.0.mappings);
        let mut changed = mappings.clone();
        let result = change(&mut changed)?;
        let all: Vec<&MappingRecord> = changed.values().collect();
        self.save("mappings.json", &all)?;
        *mappings = changed;
        Ok(result)
    }

    fn save(&self, file: &str, value: &impl Serialize) -> Result<(), ServiceError> {
        let LambdaServices { dir, durability, .. } = self.deps();
        durability
            .write_json(&dir.join(file), value)
            .map_err(|error| ServiceError::new(500, "ServiceException", error.to_string()))
    }

    /// Sets the processing result of the last batch. It is written with the next change: only the latest one matters.
    pub(super) fn note_result(&self, uuid: &str, result: &str) {
        if let Some(mapping) = lock(&self.0.mappings).get_mut(uuid)
            && mapping.last_result != result
        {
            result.clone_into(&mut mapping.last_result);
        }
    }

    /// Sets a problem of an event source mapping; `of` is a shard's ID, or the name of a task.
    pub(super) fn set_problem(&self, uuid: &str, of: &str, result: &str) {
        self.note_result(uuid, result);
        lock(&self.0.problems).insert((uuid.to_owned(), of.to_owned()), result.to_owned());
    }

    /// Clears a resolved problem, unless a later result has replaced it.
    pub(super) fn clear_problem(&self, uuid: &str, of: &str) {
        let result = lock(&self.0.problems).remove(&(uuid.to_owned(), of.to_owned()));
        if let Some(result) = result
            && let Some(mapping) = lock(&self.0.mappings).get_mut(uuid)
            && mapping.last_result == result
        {
            NOTHING_YET.clone_into(&mut mapping.last_result);
        }
    }

    /// Shows an intermediate state, which is not written to the disk.
    pub(super) fn show_state(&self, uuid: &str, state: MappingState) {
        if let Some(mapping) = lock(&self.0.mappings).get_mut(uuid) {
            mapping.state = state;
        }
    }

    /// Returns the poller handle of an event source mapping.
    pub(super) fn reading(&self, uuid: &str) -> PollerHandle {
        lock(&self.0.pollers).entry(uuid.to_owned()).or_default().clone()
    }

    /// Removes the poller handle of a deleted event source mapping.
    pub(super) fn forget_reading(&self, uuid: &str) {
        lock(&self.0.pollers).remove(uuid);
    }

    /// Checks that the role of an event source mapping's function allows reading the event source; a missing function passes.
    pub(super) fn may_read(&self, mapping: &MappingRecord) -> Result<(), ServiceError> {
        let Some(function) = self.function(&function_name_from_arn(&self.deps().identity, &mapping.function_arn))
        else {
            return Ok(());
        };
        permissions::may_read(self.deps(), &function.role, &function.name, &mapping.stream_arn)?;
        match &mapping.consumer_arn {
            Some(consumer) => permissions::may_subscribe(self.deps(), &function.role, &function.name, consumer),
            None => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
