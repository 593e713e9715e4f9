//! All streams of a local cloud and their directories: one each, named by the stream and its creation time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::log::LogOptions;
use super::stream::{STATE_FILE, Stream, StreamState};
use crate::data_dir::{has_directories, lost, private_dir, read_json};
use crate::error::Error;
use crate::protocol::aws_json::{ServiceError, now_ms};

/// Suffix of a deleted stream's directory until its files are deleted.
const DELETED: &str = "deleted";

/// The streams by name.
pub(super) struct Store {
    directory: PathBuf,
    options: LogOptions,
    streams: RwLock<Streams>,
}

struct Streams {
    by_name: BTreeMap<String, Arc<Stream>>,
    /// Later than any deleted shard's epoch (see [`ShardState::epoch`]).
    ///
    /// [`ShardState::epoch`]: super::stream::ShardState::epoch
    epoch: u64,
}

impl Store {
    /// Opens the streams kept in a directory. Logs are read on first use.
    pub(super) fn open(directory: &Path, options: LogOptions) -> Result<Store, Error> {
        let cannot = |error| Error::failed(format!("could not use {}", directory.display())).with_source(error);
        private_dir(directory).map_err(cannot)?;
        let (mut streams, mut aside) = (BTreeMap::new(), Vec::new());
        for found in fs::read_dir(directory).map_err(cannot)? {
            let path = found.map_err(cannot)?.path();
            if path.extension().is_some_and(|extension| extension == DELETED) {
                aside.push(path);
                continue;
            }
            if !path.is_dir() {
                continue;
            }
            let Some(state) = read_json::<StreamState>(&path.join(STATE_FILE))? else {
                // A directory without shards belongs to a stream whose creation was never acknowledged.
                if has_directories(&path)? {
                    return Err(lost(&path.join(STATE_FILE)));
                }
                continue;
            };
            streams.insert(state.name.clone(), Arc::new(Stream::open(&path, state, options.clone())));
        }
        let streams = RwLock::new(Streams { by_name: streams, epoch: now_ms() / 1000 + 1 });
        let store = Store { directory: directory.to_owned(), options, streams };
        for directory in &aside {
            store.clear(directory);
        }
        Ok(store)
    }

    /// Returns the stream with this name, unless it is deleted.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Stream>> {
        let stream = self.read().by_name.get(name).cloned()?;
        let is_gone = stream.read().state.is_gone(now_ms());
        if is_gone { None } else { Some(stream) }
    }

    /// Returns all streams, sorted by name.
    pub(super) fn all(&self) -> Vec<Arc<Stream>> {
        let now = now_ms();
        self.read().by_name.values().filter(|stream| !stream.read().state.is_gone(now)).cloned().collect()
    }

    /// Adds a stream, unless the name is taken.
    pub(super) fn create(&self, mut state: StreamState) -> Result<(), ServiceError> {
        let mut streams = self.write();
        if let Some(earlier) = streams.by_name.get(&state.name).cloned() {
            if !earlier.read().state.is_gone(now_ms()) {
                return Err(ServiceError::bad_request("ResourceInUseException", ""));
            }
            self.clear(&streams.put_aside(&earlier)?);
        }
        for shard in &mut state.shards {
            shard.epoch = shard.epoch().max(streams.epoch);
        }
        let mut at = state.created;
        // Two streams may have the same name and millisecond, one of them deleted.
        let directory = loop {
            let directory = self.directory.join(format!("{}.{at}", state.name));
            if !directory.exists() {
                break directory;
            }
            at += 1;
        };
        let failed =
            |error: io::Error| ServiceError::internal(format!("could not make {}: {error}", directory.display()));
        private_dir(&directory).map_err(failed)?;
        let name = state.name.clone();
        let stream = Stream::create(&directory, state, self.options.clone()).inspect_err(|_| {
            // The directory is empty; without a state file the next start ignores it too.
            fs::remove_dir(&directory).unwrap_or_default();
        })?;
        self.options.durability.sync_names(&self.directory).map_err(failed)?;
        streams.by_name.insert(name, Arc::new(stream));
        Ok(())
    }

    /// Deletes expired streams with their files.
    pub(super) fn sweep(&self) {
        let now = now_ms();
        let mut streams = self.write();
        let gone: Vec<_> =
            streams.by_name.values().filter(|stream| stream.read().state.is_gone(now)).cloned().collect();
        let aside: Vec<_> = gone.iter().map(|stream| streams.put_aside(stream)).collect();
        drop(streams);
        for aside in aside {
            match aside {
                Ok(directory) => self.clear(&directory),
                // The next sweep retries.
                Err(error) => self.options.notices.tell(error.message),
            }
        }
    }

    /// Deletes the files of a stream that was put aside; the next start retries files that cannot be deleted.
    fn clear(&self, directory: &Path) {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.options.notices.tell(format!("could not delete {}: {error}", directory.display()));
            }
            _ => {}
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Streams> {
        self.streams.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Streams> {
        self.streams.write()
    }
}

impl Streams {
    /// Removes a stream and renames its directory: from then on the deletion completes even if interrupted.
    fn put_aside(&mut self, stream: &Stream) -> Result<PathBuf, ServiceError> {
        let from = stream.directory();
        let mut to = from.as_os_str().to_owned();
        to.push(".");
        to.push(DELETED);
        let to = PathBuf::from(to);
        match fs::rename(from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ServiceError::internal(format!("could not delete {}: {error}", from.display())));
            }
            _ => {}
        }
        let state = &stream.read().state;
        self.epoch = state.shards.iter().map(|shard| shard.epoch() + 1).fold(self.epoch, u64::max);
        self.by_name.remove(&state.name);
        Ok(to)
    }
}
