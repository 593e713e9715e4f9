//! `--checkpoint`: goes on where an earlier run of the same put ended.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::aws::Clients;
use crate::context::Context;
use crate::error::Error;
use crate::output::units;
use crate::pipeline::{
    CheckpointFile, CheckpointedPut, FileIdentity, FoundStream, InputOptions, InputOrigin, PutCheckpoint, PutTarget,
};
use crate::stack::DEFAULT_STAGE;

/// A checkpoint that is locked, and the files as they are before they are opened.
pub(super) struct OpenCheckpoint<'a> {
    path: &'a Path,
    file: CheckpointFile,
    files: Vec<(&'a Path, FileIdentity)>,
}

impl<'a> OpenCheckpoint<'a> {
    /// Opens a checkpoint for these files.
    ///
    /// # Errors
    /// When one of them cannot be read again, or the checkpoint cannot be used.
    pub(super) fn open(path: &'a Path, files: &'a [PathBuf]) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            return Err(Error::usage("a checkpoint cannot be standard output (`-`)"));
        }
        for file in files {
            if file.try_exists().is_ok_and(|exists| exists) || file.as_os_str() == "-" {
                refuse_pipe(file)?;
            }
        }
        let checkpoint = CheckpointFile::open(path)?;
        let id = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
        if id(path).is_some_and(|own| files.iter().any(|file| id(file) == Some(own))) {
            return Err(Error::usage(format!("{} is named twice, as an input and as the checkpoint", path.display())));
        }
        let files = files.iter().map(|file| Ok((file.as_path(), FileIdentity::of(file)?)));
        Ok(OpenCheckpoint { path, file: checkpoint, files: files.collect::<Result<_, Error>>()? })
    }

    /// Returns whether an earlier run has begun it.
    pub(super) fn is_begun(&self) -> bool {
        self.file.is_begun()
    }

    /// Compares it with what is to be put, and says where it goes on.
    ///
    /// # Errors
    /// When it is of another put, or cannot be written.
    pub(super) async fn resume(
        self,
        context: &Context,
        options: &InputOptions,
        clients: &Clients,
        stream: &FoundStream,
    ) -> Result<PutCheckpoint, Error> {
        let target = async { Ok(target(context, clients, stream).await) };
        let unsent = || Error::interrupted("interrupted; nothing was sent");
        let target = context.or_interrupt(target, unsent).await?;
        let OpenCheckpoint { path, file, files } = self;
        let names: Vec<_> = files.iter().map(|(path, _)| path.display().to_string()).collect();
        let checkpoint = file.resume(CheckpointedPut { files, options: typed(options), target })?;
        let (items, rejected) = (checkpoint.items(), checkpoint.rejected());
        if items > 0 {
            let of = match (names.as_slice(), checkpoint.settled.as_slice()) {
                ([name], [part]) => format!("of {name}, the last of line {}", units::count(part.settled.line)),
                (names, _) => format!("of {} files", names.len()),
            };
            context.output.note(format!(
                "going on behind {} readings and {} rejected lines {of} (checkpoint {})",
                units::count(items - rejected),
                units::count(rejected),
                path.display()
            ));
        }
        Ok(checkpoint)
    }
}

fn refuse_pipe(file: &Path) -> Result<(), Error> {
    if InputOrigin::from(file).is_replayable() {
        return Ok(());
    }
    let name = if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() };
    Err(Error::usage(format!("{name} cannot be read again, so a checkpoint of it is of no use"))
        .hint("write it to a file, and put that; without `--checkpoint`, `--failed FILE` keeps what was not sent"))
}

/// Returns the options that decide which readings the files hold. Those of a layout are among them.
fn typed(options: &InputOptions) -> Vec<String> {
    let flags = options.flags().into_iter().filter(|(flag, _)| *flag != "--layout");
    flags.map(|(flag, value)| value.map_or_else(|| flag.to_owned(), |value| format!("{flag} {value}"))).collect()
}

async fn target(context: &Context, clients: &Clients, stream: &FoundStream) -> PutTarget {
    PutTarget {
        stage: context.settings.stage.clone().unwrap_or_else(|| DEFAULT_STAGE.to_owned()),
        stream: context.settings.pipeline.stream.name.clone(),
        region: clients.region.clone(),
        account: clients.account().await.ok().map(str::to_owned),
        endpoint: match &clients.endpoint {
            Some(_) if clients.is_loopback() => Some("of this machine".to_owned()),
            endpoint => endpoint.clone(),
        },
        created_ms: stream.created_ms,
    }
}
