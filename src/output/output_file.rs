//! Data that goes to a file: compressed by its ending, and under its name only when it is complete.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::write::GzEncoder;
use parking_lot::Mutex;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempPath;

use super::Format;
use crate::error::Error;

/// Bytes that become one frame of zstd.
const FRAME_BYTES: usize = 1024 * 1024;

/// A file that data is written to. Clones share it.
#[derive(Clone)]
pub(crate) struct OutputFile(Arc<Mutex<Inner>>);

struct Inner {
    /// The name as it was typed.
    name: PathBuf,
    /// `None` once it is finished or could not be written.
    writer: Option<Writer>,
    /// Why it could not be written, which is said each time.
    os_error: Option<i32>,
    /// The file until it has its name; `None` for a device or a pipe, which are written at once.
    temporary: Option<Temporary>,
    is_terminal: bool,
}

/// A file without its name.
struct Temporary {
    path: TempPath,
    target: PathBuf,
    /// True if a file of that name may be replaced.
    replaces: bool,
}

enum Writer {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
    Zstd(ZstdFrames),
}

/// Writes frames, which one after the other are one stream (RFC 8878, section 3).
struct ZstdFrames {
    file: BufWriter<File>,
    frame: Vec<u8>,
}

impl fmt::Debug for OutputFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("OutputFile").field(&self.0.lock().name).finish()
    }
}

impl OutputFile {
    /// Creates the file under another name in the same folder, for its owner only.
    ///
    /// # Errors
    /// If it cannot be created, or a file of that name holds something and `force` is false.
    pub(crate) fn create(path: &Path, force: bool) -> Result<Self, Error> {
        let failed =
            |error: io::Error| Error::failed(format!("could not create {}", path.display())).with_source(error);
        let found = match fs::metadata(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(Error::usage(format!("{} is a link to a file that does not exist", path.display()))
                        .hint("name the file itself"));
                }
                None
            }
            Err(error) => return Err(failed(error)),
        };
        if found.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(Error::usage(format!("{} is a directory", path.display())).hint("name a file in it"));
        }
        let is_special = found.as_ref().is_some_and(|found| !found.is_file());
        if is_special {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            let is_terminal = file.is_terminal();
            return Ok(Self::new(path, Writer::new(path, file), None, is_terminal));
        }
        if found.as_ref().is_some_and(|found| found.len() > 0) && !force {
            return Err(Error::usage(format!("{} is there already, and not empty", path.display()))
                .hint("`--force` overwrites it; another name keeps it"));
        }
        // Behind a symbolic link is the file that was meant.
        let target = if found.is_some() { fs::canonicalize(path).map_err(failed)? } else { path.to_owned() };
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let prefix = temporary_prefix(&target.file_name().unwrap_or_default().to_string_lossy());
        // Unlike `tempfile_in`, this does not name the temporary file in an error.
        let created = tempfile::Builder::new().prefix(&prefix).suffix(".part").make_in(folder, create_private);
        let (file, temporary) = created.map_err(failed)?.into_parts();
        let temporary = Temporary { path: temporary, target: target.clone(), replaces: found.is_some() };
        Ok(Self::new(path, Writer::new(&target, file), Some(temporary), false))
    }

    fn new(name: &Path, writer: Writer, temporary: Option<Temporary>, is_terminal: bool) -> Self {
        OutputFile(Arc::new(Mutex::new(Inner {
            name: name.to_owned(),
            writer: Some(writer),
            os_error: None,
            temporary,
            is_terminal,
        })))
    }

    /// Returns the name as it was typed.
    #[must_use]
    pub(crate) fn name(&self) -> String {
        self.0.lock().name.display().to_string()
    }

    /// Returns whether it is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.0.lock().is_terminal
    }

    /// Returns the form of rows that the ending stands for, before that of a compression.
    pub(super) fn format(&self) -> Option<Format> {
        format_of(ending_of(&self.0.lock().name)?.as_str())
    }

    /// Returns the ending of a name if no form and no compression belongs to it.
    #[must_use]
    pub(crate) fn unknown_ending(path: &Path) -> Option<String> {
        ending_of(path).filter(|ending| format_of(ending).is_none())
    }

    /// Writes data.
    ///
    /// # Errors
    /// If the file cannot be written; from then on it is never completed.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut inner = self.0.lock();
        let Some(writer) = &mut inner.writer else { return Err(inner.failed_before()) };
        let written = match writer {
            Writer::Plain(file) => file.write_all(bytes),
            Writer::Gzip(encoder) => encoder.write_all(bytes),
            Writer::Zstd(frames) => frames.write_all(bytes),
        };
        written.map_err(|error| {
            inner.writer = None;
            inner.os_error = error.raw_os_error();
            inner.failed(error)
        })
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// If it cannot be written, or a file of that name appeared meanwhile.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let mut inner = self.0.lock();
        let Some(writer) = inner.writer.take() else { return Err(inner.failed_before()) };
        let is_file = inner.temporary.is_some();
        writer.finish(is_file).map_err(|error| inner.failed(error))?;
        let Some(Temporary { path, target, replaces }) = inner.temporary.take() else { return Ok(()) };
        let named = if replaces { path.persist(&target) } else { path.persist_noclobber(&target) };
        named.map_err(|error| inner.failed(error.error))
    }
}

/// Bytes of a file's name in that of its temporary file, at most: a name has 255 bytes, and something stands behind it.
const MAX_PREFIX_BYTES: usize = 200;

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

fn temporary_prefix(name: &str) -> String {
    format!(".{}.", &name[..name.floor_char_boundary(MAX_PREFIX_BYTES)])
}

const COMPRESSIONS: [&str; 2] = [".gz", ".zst"];

/// Returns the ending of a file's name in lower case, before that of a compression.
fn ending_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let name = COMPRESSIONS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    let (stem, ending) = name.rsplit_once('.')?;
    // A hidden file.
    Some(ending.to_owned()).filter(|_| !stem.is_empty())
}

fn format_of(ending: &str) -> Option<Format> {
    match ending {
        "csv" => Some(Format::Csv),
        "json" => Some(Format::Json),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        _ => None,
    }
}

impl Inner {
    fn failed_before(&self) -> Error {
        let error = self.os_error.map_or_else(|| io::ErrorKind::BrokenPipe.into(), io::Error::from_raw_os_error);
        self.failed(error)
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::failed(format!("could not write {}", self.name.display())).with_source(error)
    }
}

impl Writer {
    fn new(path: &Path, file: File) -> Self {
        let file = BufWriter::new(file);
        let name = path.to_string_lossy().to_ascii_lowercase();
        match COMPRESSIONS.iter().position(|ending| name.ends_with(ending)) {
            Some(0) => Writer::Gzip(Box::new(GzEncoder::new(file, flate2::Compression::default()))),
            Some(_) => Writer::Zstd(ZstdFrames { file, frame: Vec::new() }),
            None => Writer::Plain(file),
        }
    }

    /// Writes the rest, a file also to the disk: its name must not appear before its content.
    fn finish(self, is_file: bool) -> io::Result<()> {
        let file = match self {
            Writer::Plain(file) => file,
            Writer::Gzip(encoder) => encoder.finish()?,
            Writer::Zstd(mut frames) => {
                frames.close()?;
                frames.file
            }
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        if is_file { file.sync_all() } else { Ok(()) }
    }
}

impl ZstdFrames {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.frame.extend_from_slice(bytes);
        if self.frame.len() >= FRAME_BYTES { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> io::Result<()> {
        let compressed = compress_to_vec(self.frame.as_slice(), CompressionLevel::Fastest);
        self.frame.clear();
        self.file.write_all(&compressed)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn file_has_its_name_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.ndjson");
        let file = OutputFile::create(&path, false).unwrap();
        file.write(b"one\n").unwrap();
        let [name] = &names(folder.path())[..] else { panic!("one file") };
        assert!(
            name.starts_with(".rows.ndjson.") && Path::new(name).extension().is_some_and(|end| end == "part"),
            "{name}"
        );
        assert_eq!(fs::metadata(folder.path().join(name)).unwrap().mode() & 0o777, 0o600);
        file.finish().unwrap();
        assert_eq!(
            (names(folder.path()), fs::read(&path).unwrap()),
            (vec!["rows.ndjson".to_owned()], b"one\n".to_vec())
        );
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let dropped = OutputFile::create(&folder.path().join("never"), false).unwrap();
        dropped.write(b"half").unwrap();
        drop(dropped);
        assert_eq!(names(folder.path()), ["rows.ndjson"]);
    }

    #[test]
    fn existing_file_is_overwritten_on_request_only() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("old"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        symlink(&path, &link).unwrap();
        for name in [&path, &link] {
            assert!(OutputFile::create(name, false).unwrap_err().full_message().contains("not empty"));
        }
        let file = OutputFile::create(&link, true).unwrap();
        file.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let file = OutputFile::create(&folder.path().join("late"), false).unwrap();
        fs::write(folder.path().join("late"), "of another").unwrap();
        assert!(file.finish().is_err());
        assert_eq!(fs::read(folder.path().join("late")).unwrap(), b"of another");
        assert!(OutputFile::create(folder.path(), true).unwrap_err().full_message().contains("directory"));
    }

    #[test]
    fn file_that_cannot_be_created_is_named_as_it_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let said = OutputFile::create(&folder.path().join("no/where.csv"), false).unwrap_err().full_message();
        assert!(said.contains("no/where.csv: No such file or directory") && !said.contains(".part"), "{said}");
    }

    #[test]
    fn name_may_be_as_long_as_the_system_takes() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{}.csv", "é".repeat(125));
        OutputFile::create(&folder.path().join(&name), false).unwrap().finish().unwrap();
        assert_eq!(names(folder.path()), [name]);
    }

    #[test]
    fn ending_chooses_compression_and_format() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..400_000_u32).flat_map(|n| format!("line {}\n", n % 1000).into_bytes()).collect();
        let written = |name: &str| {
            let path = folder.path().join(name);
            let file = OutputFile::create(&path, false).unwrap();
            text.chunks(70_000).for_each(|part| file.write(part).unwrap());
            file.finish().unwrap();
            (fs::read(path).unwrap(), file.format())
        };
        let (compressed, format) = written("a.csv.gz");
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut read).unwrap();
        assert!(read == text && format == Some(Format::Csv) && compressed.len() < text.len() / 4);
        let (compressed, format) = written("a.JSONL.zst");
        let mut rest = compressed.as_slice();
        let mut read = Vec::new();
        while !rest.is_empty() {
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(&mut rest).unwrap();
            decoder.read_to_end(&mut read).unwrap();
        }
        assert!(read == text && format == Some(Format::Ndjson) && compressed.len() < text.len() / 2);
        assert_eq!(written("plain"), (text.clone(), None));
        assert_eq!(written("x.json").1, Some(Format::Json));
        assert_eq!(written("X.CSV.GZ").1, Some(Format::Csv));
        let unknown = |name: &str| OutputFile::unknown_ending(&folder.path().join(name));
        for name in ["a.csv", "a.JSONL.zst", "plain", ".hidden", "a.gz"] {
            assert_eq!(unknown(name), None, "{name}");
        }
        for (name, ending) in [("a.parquet", "parquet"), ("a.csv.bz2", "bz2"), ("a.csv.gz.zst", "gz"), ("a.TSV", "tsv")]
        {
            assert_eq!(unknown(name).as_deref(), Some(ending), "{name}");
        }
    }

    #[test]
    fn device_is_written_at_once_and_stays() {
        let file = OutputFile::create(Path::new("/dev/null"), false).unwrap();
        file.write(b"x").unwrap();
        file.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn link_to_nothing_is_named_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink("nothing.csv", &link).unwrap();
        let error = OutputFile::create(&link, true).unwrap_err();
        assert!(error.full_message().contains("is a link to a file that does not exist"), "{}", error.full_message());
    }

    #[test]
    fn failed_write_is_named_by_its_cause_also_later() {
        let file = OutputFile::create(Path::new("/dev/full"), false).unwrap();
        let first = (0..100).find_map(|_| file.write(&[b'x'; 10_000]).err()).unwrap();
        for error in [first, file.write(b"x").unwrap_err(), file.finish().unwrap_err()] {
            assert!(error.full_message().contains("No space left on device"), "{}", error.full_message());
        }
    }
}
