//! `rejects replay`.

use clap::Args as ClapArgs;

use super::agreed_letters::AgreedLetters;
use super::consent::{Verb, ask};
use super::edit::edited;
use super::replay_flags::ReplayFlags;
use super::replay_run::{Candidate, replay_all};
use super::selection::{FilterArgs, dead_letters};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetterId, ReplayEdit};

const REPLAY: Verb =
    Verb { name: "replay", asked: "Replay", done: "replayed", effect: "Each is deleted once its reading is stored." };

/// Put the readings of dead letters into the stream again, and delete those that are stored
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl rejects replay --dry-run
  sensorctl rejects replay --reason wrong-type --coerce
  sensorctl rejects replay --reason missing-key --field site=lab --map temperature=payload.temp_c
  sensorctl rejects replay --edit shardId-000000000000/49590338271490256608559692538361571095921575989136588898/0

Without ids and conditions, all are replayed. Changes apply in this order: --edit, --field, then --map and --coerce,
which read the data by the rules of `put --file`, and keep all other members. A member without a place in the reading
refuses the dead letter (fields-left-out), unless --drop names it. What is still not a reading is refused, and so is a reading whose
sensor and time the table holds with other values. A dead letter is deleted once its reading was read back from the
table; if the function rejects it again, the new dead letter replaces it. A replay that was killed is repeated with
the same command: nothing is lost or stored twice. At the end found = replayed + refused + rejected again + failed;
the exit code is 3 where not all were replayed. An exported reading that needs other tools goes back by
`sensorctl put --file`, then `rejects delete`.")]
pub(super) struct ReplayArgs {
    /// Ids of dead letters, as `rejects list` prints them [default: all]
    #[arg(value_name = "ID", conflicts_with_all = ["reasons", "since", "until", "shards", "limit"])]
    ids: Vec<DeadLetterId>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    how: ReplayFlags,
    /// Edit the data in $VISUAL or $EDITOR before
    #[arg(long)]
    edit: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: &ReplayArgs) -> Result<(), Error> {
    let changes = args.how.changes()?;
    let is_agreed = args.yes || args.how.dry_run;
    let mut letters = ask(context, &args.filter, &args.ids, is_agreed, REPLAY).await?;
    let result = replay(context, args, changes, &mut letters).await;
    letters.tell_left_out(context, result)
}

async fn replay(
    context: &Context,
    args: &ReplayArgs,
    changes: ReplayEdit,
    letters: &mut AgreedLetters<'_>,
) -> Result<(), Error> {
    let report = if args.edit {
        let mut edited = edited(context, letters).await?.into_iter();
        replay_all(context, &args.how, changes, async || Ok(edited.next())).await?
    } else {
        let next = async || Ok(letters.next().await?.map(|letter| Candidate { letter, edited: None }));
        replay_all(context, &args.how, changes, next).await?
    };
    if report.left() > 0 {
        let (left, found) = (report.left_in_words(), dead_letters(report.found));
        if args.how.dry_run {
            return Err(Error::incomplete(format!("not all of {found} would be replayed: {left}")).hint(
                "`--field`, `--map`, `--coerce` and `--edit` change them; `sensorctl rejects show ID` shows one",
            ));
        }
        return Err(Error::incomplete(format!("not all of {found} were replayed: {left}"))
            .hint("`sensorctl rejects list` shows what is left; the same command tries again"));
    }
    Ok(())
}
