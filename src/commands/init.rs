//! `sensorctl init`.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueHint;

use crate::error::Error;
use crate::global_flags::GlobalFlags;
use crate::output::Output;
use crate::settings::FILE_NAME;

/// Every setting with its default, commented out.
const TEMPLATE: &str = include_str!("../../templates/sensorctl.toml");

/// Write a `sensorctl.toml` with every setting, its default, range and reason, commented out
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// File to write; `-` for stdout [default: sensorctl.toml, or the file of --config]
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Print it to stdout
    #[arg(long)]
    print: bool,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

/// Writes the file. Works without the settings, because `init --force` may have to replace a broken file.
pub(super) fn run(global: &GlobalFlags, output: &Output, args: &InitArgs) -> Result<(), Error> {
    let file = args.file.as_deref().or(global.config.as_deref()).unwrap_or(Path::new(FILE_NAME));
    if args.print || file == Path::new("-") {
        return output.data(TEMPLATE);
    }
    let shown = file.display();
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    // `create_new` looks and makes in one step: nothing is overwritten that appears in between.
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(file).and_then(|mut file| file.write_all(TEMPLATE.as_bytes())) {
        Ok(()) => {
            output.status(format!(
                "Wrote {shown}: every setting, commented out. `sensorctl status -v` shows which values are in force."
            ));
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Error::failed(format!("{shown} already exists"))
            .hint("`--force` overwrites it; `--print` shows what would be written")),
        Err(error) => Err(Error::failed(format!("could not write {shown}")).with_source(error)),
    }
}
