//! The storage of the logs: one JSON file for all groups, one file of events (a JSON value a line) per stream.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::event_file::{self, Event};
use super::event_index::{Contents, EventIndex, Span};
use crate::changed_names::ChangedNames;
use crate::data_dir::{has_directories, lost as lost_file, private_dir, read_json};
use crate::durability::Durability;
use crate::error::Error;
use crate::protocol::aws_json::{ServiceError, now_ms};

/// Characters to escape in file names: all but letters, digits, `_` and `-`. So no name contains `.` or `/`.
const FILE_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Limit of a log group in bytes. The service keeps all events on its own disks; here a function's output must not fill
/// the disk that all services share.
const GROUP_LIMIT: u64 = 1 << 30;

/// A day in milliseconds.
const DAY: u64 = 24 * 3_600_000;

/// A log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Group {
    /// Epoch milliseconds.
    pub created: u64,
    /// Retention in days; `None` for unlimited.
    pub retention_days: Option<u32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Streams by name.
    pub streams: BTreeMap<String, Stream>,
}

impl Group {
    /// Returns the retention cutoff in epoch milliseconds: older events are expired.
    fn cutoff(&self, now: u64) -> Option<u64> {
        self.retention_days.map(|days| now.saturating_sub(u64::from(days) * DAY))
    }
}

/// A log stream, without its events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    /// Epoch milliseconds.
    pub created: u64,
    /// Index of its event file.
    #[serde(skip)]
    index: EventIndex,
}

/// All groups and their event files.
pub(super) struct Store {
    directory: PathBuf,
    durability: Durability,
    groups: BTreeMap<String, Group>,
    /// Stored bytes of a group, as far as known.
    sizes: BTreeMap<String, u64>,
    /// Limit of a group, in bytes.
    pub group_limit: u64,
    /// True once another process may own the files.
    is_closed: bool,
    touched: ChangedNames,
}

/// The events of one stream at the time of the request. The file may be large: it is read while others write.
pub(super) struct KeptEvents {
    file: PathBuf,
    index: EventIndex,
    /// Retention cutoff, in epoch milliseconds.
    oldest: u64,
}

impl KeptEvents {
    /// Visits each event with its ordinal, in the wanted blocks, from the beginning of the file or from its end.
    ///
    /// Blocks.
    pub(super) fn scan<S>(
        &self,
        from_end: bool,
        state: &mut S,
        wants: impl Fn(&S, Span) -> bool,
        mut each: impl FnMut(&mut S, usize, Event),
    ) -> Result<(), ServiceError> {
        let scanned = self.index.scan(
            &self.file,
            from_end,
            state,
            |state, span| span.last.0 >= self.oldest && wants(state, span),
            |state, ordinal, event| {
                if event.timestamp >= self.oldest {
                    each(state, ordinal, event);
                }
            },
        );
        scanned.map_err(|error| lost(&self.file, &error))
    }

    /// Returns the statistics of the events, or `None` if there are no events. Blocks.
    pub(super) fn contents(&self) -> Result<Option<Contents>, ServiceError> {
        self.index.contents(&self.file, self.oldest).map_err(|error| lost(&self.file, &error))
    }
}

impl Store {
    pub(super) fn open(directory: &Path, durability: Durability) -> Result<Store, Error> {
        let path = directory.join("groups.json");
        let groups = if let Some(groups) = read_json(&path)? {
            groups
        } else {
            if has_directories(directory)? {
                return Err(lost_file(&path));
            }
            // From now on a missing file is an error.
            let groups = BTreeMap::new();
            durability.write_json(&path, &groups)?;
            groups
        };
        let (directory, sizes, touched) = (directory.to_owned(), BTreeMap::new(), ChangedNames::default());
        Ok(Store { directory, durability, groups, sizes, group_limit: GROUP_LIMIT, is_closed: false, touched })
    }

    /// Stops all appends.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns the durability of changes.
    pub(super) fn durability(&self) -> Durability {
        self.durability
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    pub(super) fn has_stream(&self, group: &str, stream: &str) -> bool {
        self.stream(group, stream).is_ok()
    }

    pub(super) fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    /// Returns the stored bytes of a group.
    pub(super) fn stored_bytes(&self, group: &str) -> u64 {
        let files = fs::read_dir(self.group_dir(group)).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
    }

    pub(super) fn group(&self, name: &str) -> Result<&Group, ServiceError> {
        self.touched.note(|| name.to_owned());
        self.groups.get(name).ok_or_else(missing_group)
    }

    /// Returns the names of the groups looked up since the last call.
    #[cfg(test)]
    pub(super) fn touched(&self) -> std::collections::BTreeSet<String> {
        self.touched.take()
    }

    pub(super) fn stream(&self, group: &str, stream: &str) -> Result<&Stream, ServiceError> {
        self.group(group)?.streams.get(stream).ok_or_else(missing_stream)
    }

    pub(super) fn create_group(&mut self, name: &str, tags: BTreeMap<String, String>) -> Result<(), ServiceError> {
        self.touched.note(|| name.to_owned());
        if self.groups.contains_key(name) {
            return Err(exists("The specified log group already exists"));
        }
        let group = Group { created: now_ms(), retention_days: None, tags, streams: BTreeMap::new() };
        self.change(|groups| {
            groups.insert(name.to_owned(), group);
            Ok(())
        })
    }

    pub(super) fn delete_group(&mut self, name: &str) -> Result<(), ServiceError> {
        self.touched.note(|| name.to_owned());
        self.change(|groups| groups.remove(name).map(drop).ok_or_else(missing_group))?;
        self.sizes.remove(name);
        let directory = self.group_dir(name);
        absent_is_fine(&directory, fs::remove_dir_all(&directory))
    }

    /// Changes a group's retention or tags.
    pub(super) fn change_group(&mut self, name: &str, edit: impl FnOnce(&mut Group)) -> Result<(), ServiceError> {
        self.touched.note(|| name.to_owned());
        self.change(|groups| {
            edit(groups.get_mut(name).ok_or_else(missing_group)?);
            Ok(())
        })
    }

    pub(super) fn create_stream(&mut self, group: &str, stream: &str) -> Result<(), ServiceError> {
        if self.group(group)?.streams.contains_key(stream) {
            return Err(exists("The specified log stream already exists"));
        }
        self.change_group(group, |group| {
            group.streams.insert(stream.to_owned(), Stream { created: now_ms(), index: EventIndex::default() });
        })
    }

    pub(super) fn delete_stream(&mut self, group: &str, stream: &str) -> Result<(), ServiceError> {
        self.stream(group, stream)?;
        self.change_group(group, |group| {
            group.streams.remove(stream);
        })?;
        self.sizes.remove(group);
        let file = self.event_file(group, stream);
        absent_is_fine(&file, fs::remove_file(&file))
    }

    /// Appends events to an existing stream, unless its group is full.
    pub(super) fn append(
        &mut self,
        group: &str,
        stream: &str,
        events: Vec<(u64, String)>,
        durability: Durability,
    ) -> Result<(), ServiceError> {
        let index = self.stream(group, stream)?.index.clone();
        let size = self.sizes.get(group).copied().unwrap_or_else(|| self.stored_bytes(group));
        if size >= self.group_limit {
            let limit = self.group_limit >> 20;
            return Err(unavailable(format!(
                "the log group {group} holds {limit} MiB, the most that the local cloud keeps: new events are dropped \
                 until log streams are deleted, or expire by its retention"
            )));
        }
        let (folder, file) = (self.group_dir(group), self.event_file(group, stream));
        let is_new = !file.exists();
        let written =
            private_dir(&folder).and_then(|()| event_file::append(&file, events, durability)).and_then(|grown| {
                if is_new {
                    durability.sync_names(&folder)?;
                    durability.sync_names(&self.directory)?;
                }
                Ok(grown)
            });
        let grown = written.map_err(|error| {
            // A reader may have indexed a part of the events before the file was truncated.
            index.forget();
            lost(&file, &error)
        })?;
        self.sizes.insert(group.to_owned(), size + grown);
        Ok(())
    }

    /// Returns the unexpired events of a stream, to be read without the store's lock.
    pub(super) fn kept(&self, group: &str, stream: &str) -> Result<KeptEvents, ServiceError> {
        let oldest = self.group(group)?.cutoff(now_ms()).unwrap_or_default();
        let index = self.stream(group, stream)?.index.clone();
        Ok(KeptEvents { file: self.event_file(group, stream), index, oldest })
    }

    /// Deletes the events of streams whose last write is older than their group's retention.
    pub(super) fn expire(&mut self, now: u64) -> Result<(), ServiceError> {
        self.sizes.clear();
        for (name, group) in &self.groups {
            let Some(oldest) = group.cutoff(now).map(|cutoff| UNIX_EPOCH + Duration::from_millis(cutoff)) else {
                continue;
            };
            for (stream_name, stream) in &group.streams {
                let file = self.event_file(name, stream_name);
                let is_past = fs::metadata(&file).and_then(|about| about.modified()).is_ok_and(|at| at < oldest);
                if is_past {
                    absent_is_fine(&file, fs::remove_file(&file))?;
                    stream.index.forget();
                }
            }
        }
        Ok(())
    }

    fn change(
        &mut self,
        edit: impl FnOnce(&mut BTreeMap<String, Group>) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let mut groups = self.groups.clone();
        edit(&mut groups)?;
        self.durability
            .write_json(&self.directory.join("groups.json"), &groups)
            .map_err(|error| unavailable(error.to_string()))?;
        self.groups = groups;
        Ok(())
    }

    fn group_dir(&self, group: &str) -> PathBuf {
        self.directory.join(file_name(group))
    }

    fn event_file(&self, group: &str, stream: &str) -> PathBuf {
        self.group_dir(group).join(format!("{}.ndjson", file_name(stream)))
    }
}

/// Returns a name as a file name: escaped, and with a hash at its end if it would be too long for a file system.
fn file_name(name: &str) -> String {
    const LONGEST: usize = 180;
    let escaped = utf8_percent_encode(name, FILE_NAME).to_string();
    if escaped.len() <= LONGEST {
        return escaped;
    }
    let hash = Sha256::digest(name);
    format!("{}-{hash:x}", &escaped[..LONGEST - 65])
}

fn absent_is_fine(path: &Path, done: io::Result<()>) -> Result<(), ServiceError> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(lost(path, &error)),
        _ => Ok(()),
    }
}

fn lost(path: &Path, error: &io::Error) -> ServiceError {
    unavailable(format!("could not use the log in {}: {error}", path.display()))
}

fn unavailable(message: String) -> ServiceError {
    ServiceError::new(500, "ServiceUnavailableException", message)
}

fn missing_group() -> ServiceError {
    ServiceError::bad_request("ResourceNotFoundException", "The specified log group does not exist.")
}

fn missing_stream() -> ServiceError {
    ServiceError::bad_request("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn exists(message: &str) -> ServiceError {
    ServiceError::bad_request("ResourceAlreadyExistsException", message)
}
