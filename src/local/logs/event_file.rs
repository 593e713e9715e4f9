//! The events of one log stream: a file with one JSON value a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durability::Durability;
use crate::protocol::aws_json::now_ms;

/// A stored event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    /// Event time, in epoch milliseconds.
    #[serde(rename = "t")]
    pub timestamp: u64,
    /// Ingestion time, in epoch milliseconds.
    #[serde(rename = "i")]
    pub ingested: u64,
    /// The text.
    #[serde(rename = "m")]
    pub message: String,
}

/// Appends events (epoch milliseconds and text) to a file, creating it if needed; returns the number of bytes added.
pub(super) fn append(path: &Path, events: Vec<(u64, String)>, durability: Durability) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    let mut text = Vec::new();
    if length > 0 && ends_mid_line(&mut file)? {
        // A crash cut a write short: end its line, so that only that line is lost.
        text.push(b'\n');
    }
    let ingested = now_ms();
    for (timestamp, message) in events {
        serde_json::to_writer(&mut text, &Event { timestamp, ingested, message })?;
        text.push(b'\n');
    }
    file.write_all(&text).and_then(|()| durability.sync(&file)).inspect_err(|_| {
        // A partial write must not be read as events, since the call failed; if it cannot be truncated, it ends
        // mid-line.
        file.set_len(length).unwrap_or_default();
    })?;
    Ok(text.len() as u64)
}

fn ends_mid_line(file: &mut File) -> io::Result<bool> {
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
