//! The question before dead letters are deleted or replayed.

use super::selection::{FilterArgs, dead_letters};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetterId, ReasonCounts};

/// Asks for consent with the number of dead letters, unless `yes`. Returns false if there are no dead letters.
///
/// # Errors
/// If there is no terminal to ask on, the answer is not yes, or the table cannot be read.
pub(super) async fn ask(
    context: &Context,
    filter: &FilterArgs,
    ids: &[DeadLetterId],
    yes: bool,
    verb: Verb,
) -> Result<bool, Error> {
    if yes {
        return Ok(true);
    }
    let Verb { name, done, .. } = verb;
    if !context.output.can_ask() {
        return Err(Error::usage(format!("`rejects {name}` asks first, and there is no terminal to ask on"))
            .hint("`--yes` continues without asking"));
    }
    let mut reader = filter.reader(context, ids).await?.without_data();
    let nothing = || Error::interrupted(format!("interrupted; nothing was {done}"));
    let count = async {
        let mut counts = ReasonCounts::default();
        while counts.total() < filter.limit.unwrap_or(u64::MAX) {
            let Some(letter) = reader.next().await? else { break };
            counts.add(&letter);
        }
        Ok(counts)
    };
    let counts = context.or_interrupt(count, nothing).await?;
    if counts.total() == 0 {
        return Ok(false);
    }
    let region = &context.clients().await?.region;
    let question = question(verb, &counts, &context.settings.pipeline.rejects.table.name, region);
    if context.or_interrupt(context.output.confirm(&question), nothing).await? {
        return Ok(true);
    }
    Err(Error::failed(format!("not confirmed; nothing was {done}")))
}

/// The words of a command that asks for consent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verb {
    /// The command.
    pub name: &'static str,
    /// The beginning of the question.
    pub asked: &'static str,
    /// The participle.
    pub done: &'static str,
    /// The consequence.
    pub effect: &'static str,
}

fn question(verb: Verb, counts: &ReasonCounts, table: &str, region: &str) -> String {
    let reasons: Vec<_> =
        counts.by_frequency().iter().map(|counted| format!("{} {}", counted.count, counted.reason)).collect();
    let Verb { asked, effect, .. } = verb;
    format!("{asked} {} ({}) of table {table} in {region}? {effect}", dead_letters(counts.total()), reasons.join(", "))
}
