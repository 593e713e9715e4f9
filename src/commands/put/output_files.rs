//! The files that `put --file` writes: opened first, emptied last, and never the ones that it reads.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::PutArgs;
use crate::context::Context;
use crate::error::Error;
use crate::pipeline::RejectsFile;

/// Files for what did not get into the stream.
pub(super) struct OutputFiles {
    /// Rejected lines.
    pub rejects: Option<RejectsFile>,
    /// Readings that the stream did not take.
    pub failed: Option<File>,
}

/// The same, as they were found.
pub(super) struct ExistingFile {
    rejects: Option<OpenOutputFile>,
    failed: Option<OpenOutputFile>,
    /// True if existing content may be overwritten.
    force: bool,
}

/// Returns whether a file is standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A file that is as it was; one that was not there goes again, unless it is taken.
struct OpenOutputFile {
    path: PathBuf,
    file: Option<File>,
    made: bool,
}

impl OutputFiles {
    /// Opens them without changing what is in them.
    pub(super) async fn open(context: &Context, args: &PutArgs) -> Result<ExistingFile, Error> {
        let (rejects, failed, files) = (args.rejects.clone(), args.failed.clone(), args.files.clone());
        let (force, checkpoint) = (args.force, args.checkpoint.clone());
        if [&rejects, &failed].into_iter().flatten().filter(|path| is_stdout(path)).count() > 1 {
            return Err(Error::usage("`--rejects` and `--failed` cannot both go to standard output (`-`)"));
        }
        // A pipe waits for its reader.
        let opening = tokio::task::spawn_blocking(move || {
            let (rejects, failed) = (rejects.map(open).transpose()?, failed.map(open).transpose()?);
            let found = ExistingFile { rejects, failed, force };
            let read = files.into_iter().chain(checkpoint);
            found.refuse_overwriting(&read.collect::<Vec<_>>())?;
            Ok(found)
        });
        let work = async { opening.await.map_err(|error| Error::failed("could not open").with_source(error))? };
        context.or_interrupt(work, || Error::interrupted("interrupted; nothing was sent")).await
    }
}

impl ExistingFile {
    /// Empties them, now that they are needed; what is in them is lost only on request.
    pub(super) fn truncate(self) -> Result<OutputFiles, Error> {
        let kept = [&self.rejects, &self.failed].into_iter().flatten().find(|opened| opened.holds_something());
        if let Some(OpenOutputFile { path, .. }) = kept.filter(|_| !self.force) {
            return Err(Error::usage(format!("{} is there already, and not empty", path.display()))
                .hint("`--force` overwrites it; another name keeps it"));
        }
        let rejects = self.rejects.map(OpenOutputFile::emptied).transpose()?;
        let failed = self.failed.map(OpenOutputFile::emptied).transpose()?;
        Ok(OutputFiles {
            rejects: rejects.map(|(path, file)| RejectsFile::new(path, file)),
            failed: failed.map(|(_, file)| file),
        })
    }

    /// Goes on behind what an earlier run wrote. A line that it was killed in is written again, so it goes.
    pub(super) fn append(self) -> Result<OutputFiles, Error> {
        let [rejects, failed] = [self.rejects, self.failed].map(|file| file.map(OpenOutputFile::at_end).transpose());
        Ok(OutputFiles {
            rejects: rejects?.map(|(path, file)| RejectsFile::new(path, file)),
            failed: failed?.map(|(_, file)| file),
        })
    }

    /// By identity and not by name: a file may have several names, or be standard input.
    fn refuse_overwriting(&self, inputs: &[PathBuf]) -> Result<(), Error> {
        let read: Vec<_> = inputs.iter().filter_map(|path| identity(path)).collect();
        let mut taken = Vec::new();
        for OpenOutputFile { path, file, .. } in [&self.rejects, &self.failed].into_iter().flatten() {
            let found = file.as_ref().and_then(|file| file.metadata().ok());
            let Some(own) = found.as_ref().and_then(identity_of) else { continue };
            if read.contains(&own) || taken.contains(&own) {
                return Err(Error::usage(format!("{} is named twice, to be read and to be written", path.display()))
                    .hint("name a new file for `--rejects` and another for `--failed`"));
            }
            taken.push(own);
        }
        Ok(())
    }
}

impl OpenOutputFile {
    fn holds_something(&self) -> bool {
        let found = self.file.as_ref().and_then(|file| file.metadata().ok());
        !is_stdout(&self.path) && found.is_some_and(|found| found.is_file() && found.len() > 0)
    }

    fn emptied(mut self) -> Result<(PathBuf, File), Error> {
        let cannot =
            |error: io::Error| Error::failed(format!("could not empty {}", self.path.display())).with_source(error);
        let file = self.file.take().ok_or_else(|| cannot(io::ErrorKind::NotFound.into()))?;
        // The caller of a shell redirection decided whether the file is emptied.
        if !is_stdout(&self.path) {
            file.metadata().and_then(|found| empty(&file, &found)).map_err(cannot)?;
        }
        Ok((std::mem::take(&mut self.path), file))
    }
}

impl OpenOutputFile {
    fn at_end(mut self) -> Result<(PathBuf, File), Error> {
        let cannot =
            |error: io::Error| Error::failed(format!("could not append to {}", self.path.display())).with_source(error);
        let mut file = self.file.take().ok_or_else(|| cannot(io::ErrorKind::NotFound.into()))?;
        let is_file = file.metadata().map_err(cannot)?.is_file();
        if !is_stdout(&self.path) && is_file {
            let end = whole_lines_end(&mut File::open(&self.path).map_err(cannot)?).map_err(cannot)?;
            file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0))).map_err(cannot)?;
        }
        Ok((std::mem::take(&mut self.path), file))
    }
}

/// Returns the number of bytes up to the end of the last whole line.
fn whole_lines_end(file: &mut File) -> io::Result<u64> {
    let mut block = [0; 4096];
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let part = &mut block[..usize::try_from(end - begin).unwrap_or_default()];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(at) = memchr::memrchr(b'\n', part) {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

impl Drop for OpenOutputFile {
    fn drop(&mut self) {
        if self.made && self.file.is_some() {
            // It is empty, and was made for nothing.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: PathBuf) -> Result<OpenOutputFile, Error> {
    if is_stdout(&path) {
        let file = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let file = file.map_err(|error| Error::failed("could not open standard output").with_source(error))?;
        return Ok(OpenOutputFile { path, file: Some(file), made: false });
    }
    let mut options = OpenOptions::new();
    options.write(true);
    // They hold readings: a new one is for its owner only, whatever the umask.
    let (file, made) = match options.clone().create_new(true).mode(0o600).open(&path) {
        Ok(file) => (Ok(file), true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (options.open(&path), false),
        Err(error) => (Err(error), false),
    };
    match file {
        Ok(file) => Ok(OpenOutputFile { path, file: Some(file), made }),
        Err(error) => Err(Error::failed(format!("could not make {}", path.display())).with_source(error)),
    }
}

/// Devices and pipes hold nothing to be emptied.
fn empty(file: &File, found: &Metadata) -> io::Result<()> {
    if found.is_file() { file.set_len(0) } else { Ok(()) }
}

fn identity(input: &Path) -> Option<(u64, u64)> {
    if input.as_os_str() == "-" {
        let stdin = io::stdin().as_fd().try_clone_to_owned().ok()?;
        return identity_of(&File::from(stdin).metadata().ok()?);
    }
    identity_of(&fs::metadata(input).ok()?)
}

/// Device and inode of a file; a device such as a terminal may well be read and written.
fn identity_of(found: &Metadata) -> Option<(u64, u64)> {
    found.is_file().then(|| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn new_file_is_its_owners_only_and_an_old_one_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (new, old) = (dir.path().join("new"), dir.path().join("old"));
        fs::write(&old, "x").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
        let opened = [open(new.clone()).unwrap(), open(old.clone()).unwrap()];
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&new), mode(&old)), (0o600, 0o640));
        drop(opened);
    }

    #[test]
    fn appended_file_loses_only_a_line_that_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let long = "x".repeat(10_000);
        for (before, whole) in [
            (String::new(), 0),
            ("one\n".to_owned(), 4),
            ("one\ntw".to_owned(), 4),
            ("tw".to_owned(), 0),
            (format!("{long}\n{long}"), 10_001),
            (long.clone(), 0),
        ] {
            fs::write(&path, &before).unwrap();
            let (_, mut file) = open(path.clone()).unwrap().at_end().unwrap();
            io::Write::write_all(&mut file, b"next\n").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}next\n", &before[..whole]));
        }
    }
}
