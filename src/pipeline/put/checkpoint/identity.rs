//! The identity of a checkpoint: the files, the options that decide their readings, and the stream.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Bytes at the beginning of a file that tell it from another of the same name. The rest is compared by the checksum of
/// its items.
const PREFIX_BYTES: u64 = 1024 * 1024;

/// A file of an input, as a run found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileIdentity {
    /// Its path without links. Characters that are not UTF-8 are replaced.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The number of bytes at its beginning that the hash is of.
    prefix_bytes: u64,
    /// The SHA-256 of these bytes, in hex.
    prefix_sha256: String,
}

/// The stream that readings are put into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutTarget {
    /// The stage of the pipeline.
    pub stage: String,
    /// The stream's name.
    pub stream: String,
    /// The region.
    pub region: String,
    /// The account, if it is known.
    pub account: Option<String>,
    /// The endpoint that replaces AWS. Of a local cloud, whose port may change, only that it is one.
    pub endpoint: Option<String>,
    /// When the stream was created, in milliseconds since 1970, if it may be described.
    pub created_ms: Option<i64>,
}

impl FileIdentity {
    /// Returns the identity of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of(path: &Path) -> Result<Self, Error> {
        let found = || -> io::Result<Self> {
            let whole = fs::canonicalize(path)?;
            let size = fs::metadata(&whole)?.len();
            let prefix_bytes = size.min(PREFIX_BYTES);
            let prefix_sha256 = prefix_sha256(&whole, prefix_bytes)?;
            Ok(FileIdentity { path: whole.to_string_lossy().into_owned(), size, prefix_bytes, prefix_sha256 })
        };
        found().map_err(|error| Error::failed(format!("could not read {}", path.display())).with_source(error))
    }

    /// Checks that a file is this one, as it was or with more at its end. Returns whether it has more.
    ///
    /// # Errors
    /// It cannot be read, or is another. The error says how it differs.
    pub(super) fn check_grown(&self, now: &FileIdentity, path: &Path) -> Result<bool, Error> {
        let name = path.display();
        if now.size < self.size {
            return Err(Error::usage(format!("{name} has {} bytes, and had {}", now.size, self.size)));
        }
        let prefix = if now.prefix_bytes == self.prefix_bytes {
            Ok(now.prefix_sha256.clone())
        } else {
            prefix_sha256(path, self.prefix_bytes)
        };
        let prefix = prefix.map_err(|error| Error::failed(format!("could not read {name}")).with_source(error))?;
        if prefix != self.prefix_sha256 {
            return Err(Error::usage(format!("{name} does not begin as it did")));
        }
        Ok(now.size > self.size)
    }
}

fn prefix_sha256(path: &Path, bytes: u64) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let read = io::copy(&mut File::open(path)?.take(bytes), &mut hasher)?;
    if read < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(format!("{:x}", hasher.finalize()))
}

impl PutTarget {
    /// Returns how another target differs from this one. What is not known of one of them does not differ.
    pub(super) fn difference(&self, now: &PutTarget) -> Option<String> {
        let texts = [
            ("stage", &self.stage, &now.stage),
            ("stream", &self.stream, &now.stream),
            ("region", &self.region, &now.region),
        ];
        let optional = |name, was: &Option<String>, is: &Option<String>| {
            let (was, is) = (was.as_ref()?, is.as_ref()?);
            (was != is).then(|| format!("{name} {was}, not {is}"))
        };
        let aws = || Some("of AWS".to_owned());
        let (was_at, is_at) = (self.endpoint.clone().or_else(aws), now.endpoint.clone().or_else(aws));
        let is_recreated = self.created_ms.zip(now.created_ms).is_some_and(|(was, is)| was != is);
        texts
            .into_iter()
            .find(|(_, was, is)| was != is)
            .map(|(name, was, is)| format!("{name} {was}, not {is}"))
            .or_else(|| optional("the endpoint", &was_at, &is_at))
            .or_else(|| optional("account", &self.account, &now.account))
            .or_else(|| is_recreated.then(|| format!("a stream {} that was deleted: this one is newer", now.stream)))
    }
}

/// Returns the first difference between two lists of options, in words.
pub(super) fn option_difference(was: &[String], now: &[String]) -> Option<String> {
    let only_in = |one: &[String], other: &[String]| one.iter().find(|option| !other.contains(option)).cloned();
    if let Some(option) = only_in(was, now) {
        return Some(format!("was made with `{option}`, which this run does not have"));
    }
    if let Some(option) = only_in(now, was) {
        return Some(format!("was made without `{option}`"));
    }
    // The first `--map` of a key goes first.
    (was != now).then(|| "was made with the same options in another order".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_identity_takes_a_grown_file_and_refuses_another_or_a_shorter_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let large = "0123456789abcdef".repeat(1 << 16);
        for before in ["", "one\n", &large, &format!("{large}two\n")] {
            fs::write(&path, before).unwrap();
            let kept = FileIdentity::of(&path).unwrap();
            let check = |text: &str| {
                fs::write(&path, text).unwrap();
                kept.check_grown(&FileIdentity::of(&path).unwrap(), &path).map_err(|error| error.to_string())
            };
            assert_eq!(check(before), Ok(false));
            assert_eq!(check(&format!("{before}more")), Ok(true));
            if let Some(shorter) = before.strip_suffix('\n') {
                assert!(check(shorter).unwrap_err().contains("bytes, and had"));
                assert!(check(&format!("x{before}")).unwrap_err().contains("does not begin as it did"));
            }
        }
    }

    #[test]
    fn put_target_differs_in_what_is_known_of_both() {
        let target = PutTarget {
            stage: "blue".into(),
            stream: "s".into(),
            region: "eu-west-1".into(),
            account: Some("1".into()),
            endpoint: None,
            created_ms: Some(7),
        };
        assert_eq!(target.difference(&target), None);
        assert_eq!(target.difference(&PutTarget { account: None, created_ms: None, ..target.clone() }), None);
        let difference = |now| target.difference(&now).unwrap();
        assert_eq!(difference(PutTarget { stage: "green".into(), ..target.clone() }), "stage blue, not green");
        assert_eq!(difference(PutTarget { account: Some("2".into()), ..target.clone() }), "account 1, not 2");
        let local = PutTarget { endpoint: Some("of this machine".into()), ..target.clone() };
        assert_eq!(difference(local), "the endpoint of AWS, not of this machine");
        let recreated = difference(PutTarget { created_ms: Some(8), ..target.clone() });
        assert_eq!(recreated, "a stream s that was deleted: this one is newer");
    }

    #[test]
    fn option_difference_names_the_first_option() {
        let difference = |was: &[&str], now: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|&option| option.to_owned()).collect::<Vec<_>>();
            option_difference(&owned(was), &owned(now))
        };
        assert_eq!(difference(&["--map a=b"], &["--map a=b"]), None);
        assert!(difference(&["--map a=b"], &["--map a=c"]).unwrap().contains("with `--map a=b`"));
        assert!(difference(&[], &["--coerce"]).unwrap().contains("without `--coerce`"));
        assert!(difference(&["--map a=b", "--map a=c"], &["--map a=c", "--map a=b"]).unwrap().contains("order"));
    }
}
