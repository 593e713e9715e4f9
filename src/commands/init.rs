//! `sensorctl init`.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::Global;
use crate::error::Error;
use crate::output::Output;
use crate::settings::FILE_NAME;

/// Every setting with its default, commented out.
const TEMPLATE: &str = include_str!("../../templates/sensorctl.toml");

/// Write a commented `sensorctl.toml`: every setting, its default, range and reason
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Where to write it; `-` for stdout [default: sensorctl.toml, or what --config names]
    file: Option<PathBuf>,
    /// Write to stdout
    #[arg(long)]
    print: bool,
    /// Overwrite a file that is there
    #[arg(long)]
    force: bool,
}

/// Writes the file. Works without the settings: those that are there may be the ones to be written anew.
pub(super) fn run(global: &Global, output: &Output, args: &InitArgs) -> Result<(), Error> {
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
                "{shown}: every setting, commented out. `sensorctl status -v` tells which are in force."
            ));
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(Error::failed(format!("{shown} is there already"))
                .hint("`--force` overwrites it; `--print` shows what would be written"))
        }
        Err(error) => Err(Error::failed(format!("could not write {shown}")).with_source(error)),
    }
}
