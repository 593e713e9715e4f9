//! Start, resumption, housekeeping and shutdown of the Lambda service.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Inner, Lambda, lock};
use crate::changed_names::ChangedNames;
use crate::data_dir::{has_directories, lost, private_dir, read_json};
use crate::durability::Durability;
use crate::error::Error;
use crate::lambda::LambdaServices;
use crate::lambda::api::pending_state::PendingStates;
use crate::lambda::event_queue::{self, Queued};
use crate::lambda::event_source::{checkpoint, poller};
use crate::lambda::runtime::pool::Pool;
use crate::lambda::runtime::{code, orphan_processes, process_tree, spawn};
use crate::lambda::state::{FunctionRecord, MappingRecord, MappingState};
use crate::metrics::MetricStore;

impl Lambda {
    /// Loads the persisted state, and resumes its work.
    ///
    /// # Errors
    /// The state cannot be read, or the directory cannot be written.
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
            pollers: Mutex::default(),
            problems: Mutex::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            touched: ChangedNames::default(),
            metrics: MetricStore::default(),
            #[cfg(test)]
            activity: crate::lambda::activity::Activity::default(),
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

    /// Ends pollers and processes, and persists their progress.
    pub(crate) async fn shutdown(&self) {
        self.0.stopping.cancel();
        // Changes of event source mappings are among the tasks: after them no poller starts.
        self.0.tasks.close();
        self.0.tasks.wait().await;
        let pollers = std::mem::take(&mut *lock(&self.0.pollers));
        for reading in pollers.into_values() {
            reading.turn().await.stop().await;
        }
        self.0.pool.kill_all();
    }

    /// Completes the changes of event source mappings that the end of the local cloud interrupted.
    async fn resume(&self, mappings: Vec<MappingRecord>) {
        for mut mapping in mappings {
            if mapping.state == MappingState::Deleting {
                checkpoint::delete(&self.0.deps.dir, &mapping.uuid);
                continue;
            }
            let (uuid, enabled) = (mapping.uuid.clone(), mapping.settings.enabled);
            // Its checkpoints were written before its record.
            mapping.state = if enabled { MappingState::Enabled } else { MappingState::Disabled };
            lock(&self.0.mappings).insert(uuid.clone(), mapping);
            if enabled {
                poller::begin(&mut self.reading(&uuid).turn().await, self, &uuid);
            }
        }
    }
}

/// Interval of housekeeping for idle environments and unused code.
pub(crate) const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(15);

/// The persisted state.
pub(crate) struct PersistedState {
    functions: Vec<FunctionRecord>,
    mappings: Vec<MappingRecord>,
    events: Vec<Queued>,
    /// Errors of unreadable events.
    broken: Vec<Error>,
}

/// Loads the persisted state, and deletes unused code and checkpoints. Blocks.
pub(crate) fn load(dir: &Path, durability: Durability) -> Result<PersistedState, Error> {
    let broken = |error: std::io::Error| Error::failed(format!("could not use {}", dir.display())).with_source(error);
    private_dir(&dir.join("checkpoints")).map_err(broken)?;
    // Without the lists all code and all checkpoints would look unused.
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

/// Reads a list, which the first start creates: from then on a missing file is an error.
pub(crate) fn read_list<T: DeserializeOwned + Serialize>(
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

/// Ends idle environments and escaped processes, and deletes unused code.
pub(crate) async fn housekeeping(lambda: Lambda) {
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
