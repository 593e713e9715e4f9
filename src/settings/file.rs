//! The settings file, `sensorctl.toml`: read once, with the line of every key.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::origin::SettingOrigin;
use super::trust;
use crate::error::Error;

/// The default file name in the working directory.
pub(crate) const FILE_NAME: &str = "sensorctl.toml";

/// A parsed settings file.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// True if the file was named explicitly, not found in the working directory.
    named: bool,
    values: toml::Table,
    /// Line of each key by its dotted name.
    lines: BTreeMap<String, usize>,
}

impl File {
    /// Reads the named file, or `sensorctl.toml` in the working directory if it exists.
    ///
    /// # Errors
    /// If a named file is missing, if the file cannot be read or is not valid TOML, or if another user may have written
    /// a found file.
    pub(super) fn find(named: Option<&Path>) -> Result<Option<Self>, Error> {
        let path = named.unwrap_or(Path::new(FILE_NAME));
        let cannot = |error: io::Error| {
            Error::usage(format!("could not read the settings file {}", path.display()))
                .with_source(error)
                .hint("`sensorctl init` writes one; `--config FILE` or SENSORCTL_CONFIG names another")
        };
        let mut file = match std::fs::File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => return Ok(None),
            file => file.map_err(cannot)?,
        };
        if named.is_none() {
            let found = std::fs::symlink_metadata(path).and_then(|link| Ok([link, file.metadata()?]));
            if let Some(why) = trust::doubt(&found.map_err(cannot)?) {
                return Err(Error::usage(format!("{FILE_NAME} {why}: its settings are not used"))
                    .hint(format!("`--config {FILE_NAME}` uses them all the same, if you trust the file")));
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                Error::usage(format!("the settings file {} is not text in UTF-8", path.display()))
                    .hint("`sensorctl init --print` shows what one looks like")
            }
            _ => cannot(error),
        })?;
        Ok(Some(File { named: named.is_some(), ..Self::parse(path, &text)? }))
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// If it is not valid TOML.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let wrong = |error: &toml::de::Error| {
            let line = error.span().map(|span| format!(":{}", line_of(text, span.start))).unwrap_or_default();
            // The message alone: the whole error shows the line itself, which may contain a secret.
            Error::usage(format!("{}{line} is not valid TOML: {}", path.display(), error.message().trim()))
        };
        let values = text.parse::<toml::Table>().map_err(|error| wrong(&error))?;
        let mut lines = BTreeMap::new();
        let table = DeTable::parse(text).map_err(|error| wrong(&error))?;
        find_lines("", table.get_ref(), text, &mut lines);
        Ok(File { path: path.to_owned(), named: true, values, lines })
    }

    /// Marks the file as found in the working directory.
    #[cfg(test)]
    pub(super) fn found(self) -> Self {
        File { named: false, ..self }
    }

    /// Returns a value by its dotted name.
    #[must_use]
    pub(super) fn value(&self, key: &str) -> Option<&toml::Value> {
        let mut parts = key.split('.');
        let mut value = self.values.get(parts.next()?)?;
        for part in parts {
            value = value.as_table()?.get(part)?;
        }
        Some(value)
    }

    /// Returns all names, those in a section with its prefix: `stage`, `stream`, `stream.shards`.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> + '_ {
        self.values.iter().flat_map(|(name, value)| {
            let inner = value.as_table().into_iter().flat_map(toml::Table::keys);
            std::iter::once(name.clone()).chain(inner.map(move |key| format!("{name}.{key}")))
        })
    }

    /// Returns the file and line of a key.
    #[must_use]
    pub(super) fn origin(&self, key: &str) -> SettingOrigin {
        let line = self.lines.get(key).copied().unwrap_or(1);
        SettingOrigin::File { path: self.path.display().to_string(), line, named: self.named }
    }

    /// Resolves a path in the file relative to the file's directory.
    #[must_use]
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
    }
}

fn find_lines(prefix: &str, table: &DeTable<'_>, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        if let Some(inner) = value.get_ref().as_table() {
            find_lines(&name, inner, text, lines);
        }
        lines.insert(name, line_of(text, key.span().start));
    }
}

/// Returns the line of a byte offset, counted from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_origin_has_line_of_every_key() {
        let text = "stage = \"blue\"\n\n[stream]\n# comment\nshards = 2\n[table]\nbilling = { read_units = 1 }\n";
        let file = File::parse(Path::new("here.toml"), text).unwrap();
        assert_eq!(file.origin("stream.shards").to_string(), "here.toml:5");
        assert_eq!(file.origin("table.billing").to_string(), "here.toml:7");
        assert_eq!(file.value("table.billing.read_units").and_then(toml::Value::as_integer), Some(1));
        let keys: Vec<_> = file.keys().collect();
        assert_eq!(keys, ["stage", "stream", "stream.shards", "table", "table.billing"]);
    }

    #[test]
    fn file_with_invalid_toml_error_has_line_and_hides_text() {
        let error = File::parse(Path::new("s.toml"), "a = 1\ntoken = s3cret\n").unwrap_err();
        assert!(error.to_string().starts_with("s.toml:2 is not valid TOML"), "{error}");
        assert!(!error.full_message().contains("s3cret"), "{error}");
    }

    #[test]
    fn file_must_exist_only_if_named() {
        let error = File::find(Some(Path::new("no/such/file.toml"))).unwrap_err();
        assert!(error.to_string().contains("no/such/file.toml") && !error.hints().is_empty());
    }
}
