//! All streams of a local cloud, and where they are: one directory for each, named by the stream and when it was made.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::log::LogOptions;
use super::stream::{STATE_FILE, Stream, StreamState};
use crate::error::Error;
use crate::local::data_dir::{private_dir, read_json};
use crate::local::wire::{ServiceError, now_ms};

/// What a deleted stream's directory ends in until its files are gone.
const DELETED: &str = "deleted";

/// The streams by name.
pub(super) struct Store {
    directory: PathBuf,
    options: LogOptions,
    streams: RwLock<BTreeMap<String, Arc<Stream>>>,
}

impl Store {
    /// Opens the streams kept in a directory; what was cut off their logs is told in its `recovery.log`.
    pub(super) fn open(directory: &Path, options: LogOptions) -> Result<Store, Error> {
        let cannot = |error| Error::failed(format!("could not use {}", directory.display())).caused_by(error);
        private_dir(directory).map_err(cannot)?;
        let mut streams = BTreeMap::new();
        let mut notices = Vec::new();
        for found in fs::read_dir(directory).map_err(cannot)? {
            let path = found.map_err(cannot)?.path();
            if path.extension().is_some_and(|extension| extension == DELETED) {
                fs::remove_dir_all(&path).map_err(cannot)?;
                continue;
            }
            if !path.is_dir() {
                continue;
            }
            // A directory without a state is of a stream whose creation was never answered.
            let Some(state) = read_json::<StreamState>(&path.join(STATE_FILE))? else { continue };
            let name = state.name.clone();
            let (stream, told) = Stream::open(&path, state, options)?;
            notices.extend(told);
            streams.insert(name, Arc::new(stream));
        }
        tell(directory, &notices).map_err(cannot)?;
        let store = Store { directory: directory.to_owned(), options, streams: RwLock::new(streams) };
        for stream in store.all() {
            // Damage is told to who reads it, not to who starts the local cloud.
            let _ = stream.trim();
        }
        Ok(store)
    }

    /// The stream of a name, unless it is gone.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Stream>> {
        let stream = self.streams.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()?;
        let is_gone = stream.read().state.is_gone(now_ms());
        if is_gone { None } else { Some(stream) }
    }

    /// All streams by name.
    pub(super) fn all(&self) -> Vec<Arc<Stream>> {
        let now = now_ms();
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.values().filter(|stream| !stream.read().state.is_gone(now)).cloned().collect()
    }

    /// Adds a stream, unless one has its name.
    pub(super) fn create(&self, state: StreamState) -> Result<(), ServiceError> {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = streams.get(&state.name) {
            if !earlier.read().state.is_gone(now_ms()) {
                return Err(ServiceError::bad_request("ResourceInUseException", ""));
            }
            remove(earlier)?;
            streams.remove(&state.name);
        }
        let failed = |error: io::Error| ServiceError::internal(format!("the stream could not be made: {error}"));
        let mut at = state.created;
        // Two streams of one name and millisecond, one of them deleted.
        let directory = loop {
            let directory = self.directory.join(format!("{}.{at}", state.name));
            if !directory.exists() {
                break directory;
            }
            at += 1;
        };
        private_dir(&directory).map_err(failed)?;
        let name = state.name.clone();
        let stream = Stream::create(&directory, state, self.options)?;
        streams.insert(name, Arc::new(stream));
        Ok(())
    }

    /// Deletes what is gone, files and all.
    pub(super) fn sweep(&self) -> Result<(), ServiceError> {
        let now = now_ms();
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<_> = streams
            .iter()
            .filter(|(_, stream)| stream.read().state.is_gone(now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(stream) = streams.get(&name) {
                remove(stream)?;
            }
            streams.remove(&name);
        }
        Ok(())
    }
}

/// Renames a stream's directory first: then it is deleted even if this is cut short.
fn remove(stream: &Stream) -> Result<(), ServiceError> {
    let failed = |error: io::Error| ServiceError::internal(format!("the stream could not be deleted: {error}"));
    let from = stream.directory();
    let mut to = from.as_os_str().to_owned();
    to.push(".");
    to.push(DELETED);
    match fs::rename(from, &to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(failed)?,
    }
    fs::remove_dir_all(&to).map_err(failed)
}

fn tell(directory: &Path, notices: &[String]) -> io::Result<()> {
    if notices.is_empty() {
        return Ok(());
    }
    let now = format!("{:.3} ", jiff::Timestamp::now());
    let mut lines = String::new();
    for notice in notices {
        lines.push_str(&now);
        lines.push_str(notice);
        lines.push('\n');
    }
    let path = directory.join("recovery.log");
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?.write_all(lines.as_bytes())
}
