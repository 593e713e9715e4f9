//! A JSON file that is replaced whole, so that a crash leaves either the old or the new content.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Reads the file; `None` when there is none.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::failed(format!("could not read {}", path.display())).caused_by(error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Error::failed(format!("{} is damaged", path.display()))
            .caused_by(error)
            .hint("`sensorctl local reset` starts over with an empty local cloud")
    })
}

/// Replaces the file. It may hold environment variables, so only its owner may read it.
pub(super) fn store<T: Serialize + ?Sized>(path: &Path, value: &T) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, value)?;
    file.flush()?;
    file.persist(path)?;
    Ok(())
}
