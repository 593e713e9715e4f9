//! The Lambda service: what is there, and how it is kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::event_queue::{self, Queued};
use super::state::{FunctionRecord, MappingRecord, MappingState, NOTHING_YET};
use super::{LambdaServices, permissions};
use crate::changed_names::ChangedNames;
use crate::data_dir::{has_directories, lost, private_dir, read_json};
use crate::durability::Durability;
use crate::error::Error;
use crate::lambda::api::pending_state::PendingStates;
use crate::lambda::api::router;
use crate::lambda::event_source::checkpoint;
use crate::lambda::event_source::poller::PollerHandle;
use crate::lambda::event_source::shard_worker::function_name_from_arn;
use crate::lambda::runtime::invocation::{Invocation, Outcome};
use crate::lambda::runtime::invoke::{InvokeError, invoke};
use crate::lambda::runtime::pool::Pool;
use crate::lambda::runtime::{code, orphan_processes, process_tree, spawn};
use crate::protocol::aws_json::{Request, Response, ServiceError};

/// How often idle environments and old code are looked for.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(15);

/// The Lambda service of a local cloud.
#[derive(Clone)]
pub(crate) struct Lambda(Arc<Inner>);

struct Inner {
    deps: LambdaServices,
    pool: Pool,
    settling: PendingStates,
    functions: Mutex<BTreeMap<String, Arc<FunctionRecord>>>,
    mappings: Mutex<BTreeMap<String, MappingRecord>>,
    /// What reads for each mapping.
    readings: Mutex<BTreeMap<String, PollerHandle>>,
    /// Troubles that were told, by mapping and what they are of: a shard, or work of the mapping's own. Taken back by
    /// whoever does that work again.
    troubles: Mutex<BTreeMap<(String, String), String>>,
    stopping: CancellationToken,
    tasks: TaskTracker,
    touched: ChangedNames,
    #[cfg(test)]
    activity: super::activity::Activity,
}

impl Lambda {
    /// Loads what was there before, and goes on with it.
    ///
    /// # Errors
    /// When the state cannot be read, or the folder not written.
    pub(crate) async fn start(deps: LambdaServices) -> Result<Lambda, Error> {
        let adopted = process_tree::adopt_orphans();
        let cannot = |error| format!("processes that functions start can get away from their limits: {error}");
        deps.notices.tell_failure(adopted.map_err(cannot));
        let (dir, durability) = (deps.dir.clone(), deps.durability);
        let kept = tokio::task::spawn_blocking(move || load(&dir, durability)).await;
        let PersistedState { functions, mappings, events, broken } =
            kept.map_err(|error| Error::failed("could not read the functions").with_source(error))??;
        let by_name = functions.into_iter().map(|function| (function.name.clone(), Arc::new(function)));
        let lambda = Lambda(Arc::new(Inner {
            pool: Pool::default(),
            settling: PendingStates::default(),
            functions: Mutex::new(by_name.collect()),
            mappings: Mutex::default(),
            readings: Mutex::default(),
            troubles: Mutex::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            touched: ChangedNames::default(),
            #[cfg(test)]
            activity: super::activity::Activity::default(),
            deps,
        }));
        lambda.resume(mappings).await;
        for error in broken {
            lambda.deps().notices.tell(error.full_message());
        }
        for queued in events {
            lambda.spawn(event_queue::run(lambda.clone(), queued));
        }
        lambda.spawn(housekeeping(lambda.clone()));
        Ok(lambda)
    }

    /// Answers one request of the REST API.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        router::handle(self, request).await
    }

    /// Ends pollers and processes; what they have done is written down.
    pub(crate) async fn shutdown(&self) {
        self.0.stopping.cancel();
        // Changes of mappings are among them: after them nothing begins to read.
        self.0.tasks.close();
        self.0.tasks.wait().await;
        let readings = std::mem::take(&mut *lock(&self.0.readings));
        for reading in readings.into_values() {
            reading.turn().await.stop().await;
        }
        self.0.pool.kill_all();
    }

    /// A mapping that was being changed when the local cloud ended goes to where it was going.
    async fn resume(&self, mappings: Vec<MappingRecord>) {
        for mut mapping in mappings {
            if mapping.state == MappingState::Deleting {
                checkpoint::delete(&self.0.deps.dir, &mapping.uuid);
                continue;
            }
            let (uuid, enabled) = (mapping.uuid.clone(), mapping.settings.enabled);
            // Its position was written down before it was first saved.
            mapping.state = if enabled { MappingState::Enabled } else { MappingState::Disabled };
            lock(&self.0.mappings).insert(uuid.clone(), mapping);
            if enabled {
                self.reading(&uuid).turn().await.begin(self, &uuid);
            }
        }
    }

    pub(super) fn deps(&self) -> &LambdaServices {
        &self.0.deps
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

    /// Ends with the local cloud.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// Runs work that the end of the local cloud waits for.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(work);
    }

    /// A function by its bare name.
    pub(super) fn function(&self, name: &str) -> Option<Arc<FunctionRecord>> {
        self.0.touched.note(|| self.0.deps.identity.function_arn(name));
        lock(&self.0.functions).get(name).cloned()
    }

    /// The functions that were looked up since the last call, by ARN.
    #[cfg(test)]
    pub(super) fn touched(&self) -> std::collections::BTreeSet<String> {
        self.0.touched.take()
    }

    /// All functions by name.
    pub(super) fn functions(&self) -> Vec<Arc<FunctionRecord>> {
        lock(&self.0.functions).values().cloned().collect()
    }

    /// Changes the functions, and keeps the change only once it is on disk.
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

    /// All mappings by UUID.
    pub(super) fn mappings(&self) -> Vec<MappingRecord> {
        lock(&self.0.mappings).values().cloned().collect()
    }

    /// A mapping.
    pub(super) fn mapping(&self, uuid: &str) -> Option<MappingRecord> {
        lock(&self.0.mappings).get(uuid).cloned()
    }

    /// Changes the mappings, and keeps the change only once it is on disk.
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

    /// Notes what came of a batch. It is written with the next change: it says what happened last, no more.
    pub(super) fn note_result(&self, uuid: &str, result: &str) {
        if let Some(mapping) = lock(&self.0.mappings).get_mut(uuid)
            && mapping.last_result != result
        {
            result.clone_into(&mut mapping.last_result);
        }
    }

    /// Notes that something of a mapping fails: a shard's id, or the name of other work.
    pub(super) fn set_problem(&self, uuid: &str, of: &str, result: &str) {
        self.note_result(uuid, result);
        lock(&self.0.troubles).insert((uuid.to_owned(), of.to_owned()), result.to_owned());
    }

    /// Takes a trouble back that is over, unless something has happened since it was told.
    pub(super) fn clear_problem(&self, uuid: &str, of: &str) {
        let told = lock(&self.0.troubles).remove(&(uuid.to_owned(), of.to_owned()));
        if let Some(told) = told
            && let Some(mapping) = lock(&self.0.mappings).get_mut(uuid)
            && mapping.last_result == told
        {
            NOTHING_YET.clone_into(&mut mapping.last_result);
        }
    }

    /// Shows a state that lies on the way to another one; not worth keeping.
    pub(super) fn show_state(&self, uuid: &str, state: MappingState) {
        if let Some(mapping) = lock(&self.0.mappings).get_mut(uuid) {
            mapping.state = state;
        }
    }

    /// What reads for a mapping, or nothing does.
    pub(super) fn reading(&self, uuid: &str) -> PollerHandle {
        lock(&self.0.readings).entry(uuid.to_owned()).or_default().clone()
    }

    /// Forgets what read for a mapping that is no more.
    pub(super) fn forget_reading(&self, uuid: &str) {
        lock(&self.0.readings).remove(uuid);
    }

    /// Whether the role of a mapping's function lets the stream be read; what is no function is not refused.
    pub(super) fn may_read(&self, mapping: &MappingRecord) -> Result<(), ServiceError> {
        match self.function(&function_name_from_arn(self, &mapping.function_arn)) {
            Some(function) => permissions::may_read(self.deps(), &function.role, &function.name, &mapping.stream_arn),
            None => Ok(()),
        }
    }

    /// Runs a function by its bare name.
    pub(super) async fn invoke(&self, name: &str, invocation: &Invocation) -> Result<Outcome, InvokeError> {
        tokio::select! {
            biased;
            () = self.0.stopping.cancelled() => Err(InvokeError::Stopping),
            result = invoke(self, name, invocation) => result,
        }
    }
}

/// What was there before.
struct PersistedState {
    functions: Vec<FunctionRecord>,
    mappings: Vec<MappingRecord>,
    events: Vec<Queued>,
    /// Events that cannot be read.
    broken: Vec<Error>,
}

/// What was there before, with what it left behind cleared away. Blocks.
fn load(dir: &Path, durability: Durability) -> Result<PersistedState, Error> {
    let broken = |error: std::io::Error| Error::failed(format!("could not use {}", dir.display())).with_source(error);
    private_dir(&dir.join("checkpoints")).map_err(broken)?;
    // Without them all code and all checkpoints would look like leftovers.
    let has_code = has_directories(&dir.join("code"))?;
    let has_checkpoints = !checkpoint::is_empty(dir).map_err(broken)?;
    let functions: Vec<FunctionRecord> = read_list(&dir.join("functions.json"), !has_code, durability)?;
    let mappings: Vec<MappingRecord> = read_list(&dir.join("mappings.json"), !has_checkpoints, durability)?;
    orphan_processes::end_all(&dir.join("running")).map_err(broken)?;
    orphan_processes::end_escaped(&dir.join("code"));
    orphan_processes::empty(&dir.join(spawn::SCRATCH)).map_err(broken)?;
    let is_in_use = |folder: &str| functions.iter().any(|function| function.code_folder == folder);
    code::sweep(&dir.join("code"), is_in_use).map_err(broken)?;
    let uuids: Vec<&str> = mappings.iter().map(|mapping| mapping.uuid.as_str()).collect();
    checkpoint::sweep(dir, &uuids).map_err(broken)?;
    let (events, unreadable) = event_queue::load(dir).map_err(broken)?;
    durability.sync_names(dir).map_err(broken)?;
    Ok(PersistedState { functions, mappings, events, broken: unreadable })
}

/// Reads a list, which is made at the first start: from then on its absence is a loss.
fn read_list<T: DeserializeOwned + Serialize>(
    path: &Path,
    is_first: bool,
    durability: Durability,
) -> Result<Vec<T>, Error> {
    if let Some(list) = read_json(path)? {
        return Ok(list);
    }
    if !is_first {
        return Err(lost(path));
    }
    durability.write_json(path, &Vec::<T>::new())?;
    Ok(Vec::new())
}

/// Ends what has been idle for long and processes that got away, and deletes code that nothing uses any more.
async fn housekeeping(lambda: Lambda) {
    while lambda.stopping().run_until_cancelled(tokio::time::sleep(HOUSEKEEPING_INTERVAL)).await.is_some() {
        lambda.pool().end_idle();
        let (lambda, notices) = (lambda.clone(), &lambda.deps().notices);
        let swept = tokio::task::spawn_blocking(move || {
            process_tree::end_strays();
            let is_in_use = |folder: &str| {
                folder.starts_with(code::UNPACKING)
                    || lambda.functions().iter().any(|function| function.code_folder == folder)
            };
            code::sweep(&lambda.deps().dir.join("code"), is_in_use)
        });
        let swept = swept.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        notices.tell_failure(swept.map_err(|error| format!("could not delete a function's old code: {error}")));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
