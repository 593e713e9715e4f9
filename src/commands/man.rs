//! `sensorctl man`.

use std::path::PathBuf;

use clap::ValueHint;
use clap_mangen::Man;

use crate::context::Context;
use crate::error::Error;

/// Write the manual pages, one per command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sensorctl man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Folder to write them to; without one, print the page of `sensorctl` itself
    #[arg(value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: ManArgs, mut command: clap::Command) -> Result<(), Error> {
    command.build();
    let Some(folder) = args.folder else {
        return context.output.bytes(&page(command)?);
    };
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::failed(format!("could not create {}", folder.display())).with_source(error))?;
    let mut pages = vec![("sensorctl".to_owned(), command)];
    while let Some((name, command)) = pages.pop() {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            pages.push((format!("{name}-{}", inner.get_name()), inner.clone()));
        }
        let file = folder.join(format!("{name}.1"));
        std::fs::write(&file, page(command.name(name))?)
            .map_err(|error| Error::failed(format!("could not write {}", file.display())).with_source(error))?;
    }
    context.output.status(format!("manual pages written to {}", folder.display()));
    Ok(())
}

fn page(command: clap::Command) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    Man::new(command)
        .source(concat!("sensorctl ", env!("CARGO_PKG_VERSION")))
        .render(&mut text)
        .map_err(|error| Error::failed("could not write the manual page").with_source(error))?;
    Ok(text)
}
