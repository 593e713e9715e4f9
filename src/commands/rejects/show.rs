//! `rejects show`.

use clap::Args as ClapArgs;

use super::selection::{FilterArgs, tell_left_out};
use crate::context::Context;
use crate::error::Error;
use crate::operate::DeadLetterId;
use crate::output::DeadLetterReport;

/// Show a dead letter whole, with a mark where parsing fails
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  sensorctl rejects show shardId-000000000000/49590338271490256608559692538361571095921575989136588898/0

The data is parsed once more, by this version of sensorctl. On a terminal at most 4 KiB around the failure are shown;
`-o json` has all of the data, as text or, where it is not UTF-8, as base64.")]
pub(super) struct ShowArgs {
    /// The id of a dead letter, as `rejects list` prints it
    #[arg(value_name = "ID")]
    id: DeadLetterId,
    /// Show the bytes in hexadecimal digits
    #[arg(long)]
    hex: bool,
}

pub(super) async fn run(context: &Context, args: &ShowArgs) -> Result<(), Error> {
    if args.hex && !context.output.is_report_table() {
        return Err(Error::usage("`--hex` is for people").hint("add `-o table`; JSON has text or base64"));
    }
    let mut reader = FilterArgs::default().reader(context, std::slice::from_ref(&args.id)).await?;
    match context.or_interrupt(reader.next(), || Error::interrupted("interrupted")).await? {
        Some(letter) => {
            context.output.dead_letter(&DeadLetterReport::new(&letter, args.hex, context.output.hint_flags()))
        }
        None => tell_left_out(context, &reader, Ok(())),
    }
}
