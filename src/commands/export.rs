//! `sensorctl export`.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::Error;
use crate::output::units;
use crate::stack::Artifact;

/// Hand the pipeline over to other tools
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write the bundled function as a zip file, ready for `aws lambda create-function --zip-file fileb://FILE`
    FunctionZip {
        /// Where to write it; `-` for stdout
        file: PathBuf,
    },
}

pub(super) async fn run(context: &Context, args: Args) -> Result<(), Error> {
    match args.what {
        What::FunctionZip { file } => {
            let artifact = Artifact::bundled()?;
            let zip = artifact.zip();
            if file.as_os_str() == "-" {
                return context.output.bytes(zip);
            }
            tokio::fs::write(&file, zip).await.map_err(|error| {
                Error::failed(format!("could not write {}", file.display()))
                    .caused_by(error)
                    .hint("name a file in a folder that is there and that you may write to")
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
