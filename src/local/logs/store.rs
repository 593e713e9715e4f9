//! What the logs keep, and how: one JSON file for all groups, one file of events (a JSON value a line) per stream.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::local::data_dir::{private_dir, read_json, write_json};
use crate::local::wire::{ServiceError, now_ms};

/// File names: what a log group's name may hold beyond letters and digits, but no `.` or `/`.
const FILE_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// A log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Group {
    /// Epoch milliseconds.
    pub created: u64,
    /// Days; none for ever.
    pub retention_days: Option<u32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Streams by name.
    pub streams: BTreeMap<String, Stream>,
}

/// A log stream, without its events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    /// Epoch milliseconds.
    pub created: u64,
}

/// One event as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    /// When it happened, in epoch milliseconds.
    #[serde(rename = "t")]
    pub timestamp: u64,
    /// When it was taken in, in epoch milliseconds.
    #[serde(rename = "i")]
    pub ingested: u64,
    /// The text.
    #[serde(rename = "m")]
    pub message: String,
}

/// All groups, and where their events are.
pub(super) struct Store {
    directory: PathBuf,
    groups: BTreeMap<String, Group>,
    failed: Option<ServiceError>,
}

impl Store {
    pub(super) fn open(directory: &Path) -> Result<Store, Error> {
        let groups = read_json(&directory.join("groups.json"))?.unwrap_or_default();
        Ok(Store { directory: directory.to_owned(), groups, failed: None })
    }

    /// Keeps a failure that nobody waited for, for the next reader.
    pub(super) fn remember(&mut self, error: ServiceError) {
        self.failed = Some(error);
    }

    /// Tells a failure that nobody has heard of yet.
    pub(super) fn recall(&mut self) -> Result<(), ServiceError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    pub(super) fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    pub(super) fn group(&self, name: &str) -> Result<&Group, ServiceError> {
        self.groups.get(name).ok_or_else(missing_group)
    }

    pub(super) fn stream(&self, group: &str, stream: &str) -> Result<&Stream, ServiceError> {
        self.group(group)?.streams.get(stream).ok_or_else(missing_stream)
    }

    pub(super) fn create_group(&mut self, name: &str, tags: BTreeMap<String, String>) -> Result<(), ServiceError> {
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
        self.change(|groups| groups.remove(name).map(drop).ok_or_else(missing_group))?;
        absent_is_fine(fs::remove_dir_all(self.group_dir(name)))
    }

    /// Changes a group's retention or tags.
    pub(super) fn change_group(&mut self, name: &str, edit: impl FnOnce(&mut Group)) -> Result<(), ServiceError> {
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
            group.streams.insert(stream.to_owned(), Stream { created: now_ms() });
        })
    }

    pub(super) fn delete_stream(&mut self, group: &str, stream: &str) -> Result<(), ServiceError> {
        self.stream(group, stream)?;
        self.change_group(group, |group| {
            group.streams.remove(stream);
        })?;
        absent_is_fine(fs::remove_file(self.event_file(group, stream)))
    }

    /// Adds events to a stream, which must be there.
    pub(super) fn append(&self, group: &str, stream: &str, events: Vec<(u64, String)>) -> Result<(), ServiceError> {
        self.stream(group, stream)?;
        self.write_events(group, stream, events).map_err(|error| lost(&error))
    }

    fn write_events(&self, group: &str, stream: &str, events: Vec<(u64, String)>) -> io::Result<()> {
        private_dir(&self.group_dir(group))?;
        let path = self.event_file(group, stream);
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut text = Vec::new();
        if ends_mid_line(&mut file)? {
            // A write that a crash cut short: end its line, so that only it is lost.
            text.push(b'\n');
        }
        let ingested = now_ms();
        for (timestamp, message) in events {
            serde_json::to_writer(&mut text, &Event { timestamp, ingested, message })?;
            text.push(b'\n');
        }
        file.write_all(&text)
    }

    /// The events of a stream with their ordinals, oldest first.
    pub(super) fn events(&self, group: &str, stream: &str) -> Result<Vec<(usize, Event)>, ServiceError> {
        let file = match fs::File::open(self.event_file(group, stream)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(lost(&error)),
        };
        let mut events = Vec::new();
        for (ordinal, line) in BufReader::new(file).split(b'\n').enumerate() {
            let line = line.map_err(|error| lost(&error))?;
            // A line that a crash cut short was never acknowledged.
            if let Ok(event) = serde_json::from_slice::<Event>(&line) {
                events.push((ordinal, event));
            }
        }
        events.sort_by_key(|(_, event)| event.timestamp);
        Ok(events)
    }

    fn change(
        &mut self,
        edit: impl FnOnce(&mut BTreeMap<String, Group>) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let mut groups = self.groups.clone();
        edit(&mut groups)?;
        write_json(&self.directory.join("groups.json"), &groups).map_err(|error| lost(&error))?;
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

/// A name as a file name: escaped, and hashed at its end where it would be too long for a file system.
fn file_name(name: &str) -> String {
    const LONGEST: usize = 180;
    let escaped = utf8_percent_encode(name, FILE_NAME).to_string();
    if escaped.len() <= LONGEST {
        return escaped;
    }
    let hash = Sha256::digest(name);
    format!("{}-{hash:x}", &escaped[..LONGEST - 65])
}

fn ends_mid_line(file: &mut fs::File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn absent_is_fine(done: io::Result<()>) -> Result<(), ServiceError> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(lost(&error)),
        _ => Ok(()),
    }
}

fn lost(error: &io::Error) -> ServiceError {
    ServiceError::new(500, "ServiceUnavailableException", format!("the log could not be kept: {error}"))
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
