//! `sensorctl export`.

mod policy;

use std::path::PathBuf;

use clap::ValueHint;

use crate::context::Context;
use crate::error::Error;
use crate::output::units;
use crate::stack::{Architecture, FunctionArtifact};

/// Export the policy or the function for other tools
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    what: ExportTarget,
}

#[derive(Debug, clap::Subcommand)]
enum ExportTarget {
    Policy(policy::PolicyArgs),
    /// Write the bundled function as a zip file, ready for `aws lambda create-function --zip-file fileb://FILE`
    FunctionZip {
        /// File to write; `-` for stdout
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Overwrite an existing file
        #[arg(long)]
        force: bool,
        /// Processor architecture [default: `function.architecture`, else `x86_64` where it is bundled]
        #[arg(long, value_name = "ARCHITECTURE", value_parser = ["x86_64", "arm64"])]
        architecture: Option<String>,
    },
}

impl ExportArgs {
    /// Returns whether the export depends on the settings file.
    pub(super) fn reads_settings(&self) -> bool {
        matches!(self.what, ExportTarget::Policy(_))
    }
}

pub(super) async fn run(context: &Context, args: ExportArgs) -> Result<(), Error> {
    match args.what {
        ExportTarget::Policy(args) => policy::run(context, args).await,
        ExportTarget::FunctionZip { file, force, architecture } => {
            let set = context.settings.pipeline.function.architecture;
            let artifact = match architecture.as_deref().or(set).and_then(Architecture::named) {
                Some(asked) => FunctionArtifact::bundled(asked)?,
                None => FunctionArtifact::bundled(Architecture::X86_64)
                    .or_else(|_| FunctionArtifact::bundled(Architecture::Arm64))?,
            };
            let zip = artifact.zip();
            if file.as_os_str() == "-" {
                return context.output.bytes(zip);
            }
            let found = tokio::fs::metadata(&file).await;
            if !force && found.is_ok_and(|found| found.is_file() && found.len() > 0) {
                return Err(Error::failed(format!("{} already exists", file.display()))
                    .hint("`--force` overwrites it; `-` writes to standard output"));
            }
            tokio::fs::write(&file, zip).await.map_err(|error| {
                Error::failed(format!("could not write {}", file.display()))
                    .with_source(error)
                    .hint("name a file in an existing folder that you may write to")
            })?;
            context.output.status(format!(
                "{}: {}, {}, runtime provided.al2023, handler bootstrap",
                file.display(),
                units::bytes(zip.len() as u64),
                artifact.architecture().as_str()
            ));
            Ok(())
        }
    }
}
