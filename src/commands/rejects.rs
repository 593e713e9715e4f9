//! `rejects`: the dead letters, which the function could not store.

mod agreed_letters;
mod consent;
mod delete;
mod edit;
mod export;
mod from_destination;
mod list;
mod replay;
mod replay_flags;
mod replay_run;
mod selection;
mod show;

use clap::{Args as ClapArgs, Subcommand};

use self::delete::DeleteArgs;
use self::export::ExportArgs;
use self::from_destination::FromDestinationArgs;
use self::list::ListArgs;
use self::replay::ReplayArgs;
use self::show::ShowArgs;
use crate::context::Context;
use crate::error::Error;

/// Show, export, replay and delete dead letters: what the function could not store
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl rejects list --counts
  sensorctl rejects list --reason wrong-type --since 1d
  sensorctl rejects replay --reason wrong-type --coerce
  sensorctl rejects show shardId-000000000000/49590338271490256608559692538361571095921575989136588898/0

A dead letter is one user record: its bytes, the reason, and when it arrived. Its id is SHARD/SEQUENCE/INDEX, the
place in the stream; INDEX counts the user records of an aggregated record. The table deletes dead letters after
`rejects.retention_days`.")]
pub(crate) struct RejectsArgs {
    #[command(subcommand)]
    action: RejectsAction,
}

#[derive(Debug, Subcommand)]
enum RejectsAction {
    List(ListArgs),
    Show(ShowArgs),
    Export(ExportArgs),
    Replay(ReplayArgs),
    Delete(DeleteArgs),
    FromDestination(FromDestinationArgs),
}

impl RejectsArgs {
    /// Returns whether the action prints rows, which can be CSV.
    pub(super) fn has_rows(&self) -> bool {
        match &self.action {
            RejectsAction::List(_) | RejectsAction::Export(_) => true,
            RejectsAction::FromDestination(args) => !args.reports(),
            RejectsAction::Show(_) | RejectsAction::Replay(_) | RejectsAction::Delete(_) => false,
        }
    }
}

pub(super) async fn run(context: &Context, args: RejectsArgs) -> Result<(), Error> {
    match args.action {
        RejectsAction::List(args) => list::run(context, &args).await,
        RejectsAction::Show(args) => show::run(context, &args).await,
        RejectsAction::Export(args) => export::run(context, &args).await,
        RejectsAction::Replay(args) => Box::pin(replay::run(context, &args)).await,
        RejectsAction::FromDestination(args) => Box::pin(from_destination::run(context, &args)).await,
        RejectsAction::Delete(args) => delete::run(context, &args).await,
    }
}
