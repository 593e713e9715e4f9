//! `rejects delete`.

use clap::Args as ClapArgs;

use super::agreed_letters::AgreedLetters;
use super::consent::{Verb, ask};
use super::selection::{FilterArgs, table};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetter, DeadLetterId, Deletion};
use crate::output::{DeletedDeadLetters, units};

/// Dead letters that are read before they are deleted.
const CHUNK: usize = 128;
/// Bytes of data that are read before they are deleted.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

const DELETE: Verb =
    Verb { name: "delete", asked: "Delete", done: "deleted", effect: "Their data is kept nowhere else." };

/// Delete dead letters for good
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl rejects delete --reason not-json --until 7d
  sensorctl rejects delete shardId-000000000000/49590338271490256608559692538361571095921575989136588898/0 --yes

Without ids and conditions, all are deleted. A dead letter that the function writes again meanwhile is kept, counted
as `changed`, and makes the exit code 3. `rejects export` saves them before.")]
pub(super) struct DeleteArgs {
    /// Ids of dead letters, as `rejects list` prints them [default: all]
    #[arg(value_name = "ID", conflicts_with_all = ["reasons", "since", "until", "shards", "limit"])]
    ids: Vec<DeadLetterId>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: &DeleteArgs) -> Result<(), Error> {
    let mut letters = ask(context, &args.filter, &args.ids, args.yes, DELETE).await?;
    let mut deleted = DeletedDeadLetters::default();
    let mut result = delete(context, &mut letters, &mut deleted).await;
    context.output.report(&deleted)?;
    if result.is_ok() && deleted.changed > 0 {
        let count = units::count(deleted.changed);
        result = Err(Error::incomplete(format!("{count} not deleted: the function wrote them again meanwhile"))
            .hint("`sensorctl rejects list` shows them"));
    }
    letters.tell_left_out(context, result)
}

async fn delete(
    context: &Context,
    letters: &mut AgreedLetters<'_>,
    deleted: &mut DeletedDeadLetters,
) -> Result<(), Error> {
    let table = table(context).await?;
    let step = context.output.progress().step(format!("dead letters of {}", table.name));
    let result = async {
        loop {
            let chunk = chunk(context, letters).await?;
            if chunk.is_empty() {
                return Ok(());
            }
            deleted.found += chunk.len() as u64;
            let read: Vec<_> = chunk.iter().collect();
            // Deletions in flight end, so that the count is right.
            let mut failures = Vec::new();
            for (letter, result) in read.iter().zip(table.delete_all(&read).await) {
                match result {
                    Ok(Deletion::Deleted) => deleted.deleted += 1,
                    Ok(Deletion::Changed) => deleted.changed += 1,
                    Err(error) => failures.push((letter, error)),
                }
            }
            if let Some((first, _)) = failures.first() {
                let of =
                    format!("{} not deleted, first {}", units::counted(failures.len() as u64, "dead letter"), first.id);
                deleted.failed += failures.len() as u64;
                let error = Error::combined(failures.into_iter().map(|(_, error)| error));
                return error.map_or(Ok(()), |error| Err(error.context(of)));
            }
        }
    };
    let result = result.await;
    match &result {
        Ok(()) => step.done("deleted"),
        Err(_) => step.failed(),
    }
    result
}

/// Returns the next dead letters to delete; none at the end.
async fn chunk(context: &Context, letters: &mut AgreedLetters<'_>) -> Result<Vec<DeadLetter>, Error> {
    let (mut chunk, mut bytes): (Vec<DeadLetter>, usize) = (Vec::new(), 0);
    let stopped = || Error::interrupted("interrupted").hint("the same command continues");
    while chunk.len() < CHUNK && bytes < CHUNK_BYTES {
        let Some(letter) = context.or_interrupt(letters.next(), stopped).await? else { break };
        bytes += letter.data.len();
        chunk.push(letter);
    }
    Ok(chunk)
}
