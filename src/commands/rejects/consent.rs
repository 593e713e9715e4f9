//! The question before dead letters are deleted or replayed.

use super::agreed_letters::{AgreedLetters, CountedLetters};
use super::selection::{FilterArgs, dead_letters};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetterId, ReasonCounts};

/// Asks for consent with the number of dead letters, unless `yes`. Returns those that the user agreed to: with `yes` all,
/// else those that were counted. Without any, it asks nothing.
///
/// # Errors
/// If there is no terminal to ask on, the answer is not yes, or the table cannot be read.
pub(super) async fn ask<'c>(
    context: &'c Context,
    filter: &FilterArgs,
    ids: &[DeadLetterId],
    yes: bool,
    verb: Verb,
) -> Result<AgreedLetters<'c>, Error> {
    let reader = filter.reader(context, ids).await?;
    let limit = filter.limit.unwrap_or(u64::MAX);
    if yes {
        return Ok(AgreedLetters::all(reader, limit));
    }
    let Verb { name, done, .. } = verb;
    if !context.output.can_ask() {
        return Err(Error::usage(format!("`rejects {name}` asks first, and there is no terminal to ask on"))
            .hint("`--yes` continues without asking"));
    }
    let mut counting = filter.reader(context, ids).await?.without_data();
    let nothing = || Error::interrupted(format!("interrupted; nothing was {done}"));
    let count = async {
        let (mut counts, mut counted) = (ReasonCounts::default(), CountedLetters::default());
        while counts.total() < limit {
            let Some(letter) = counting.next().await? else { break };
            counts.add(&letter);
            counted.add(&letter);
        }
        Ok((counts, counted))
    };
    let (counts, counted) = context.or_interrupt(count, nothing).await?;
    if counts.total() > 0 {
        let region = &context.clients().await?.region;
        let question = question(verb, &counts, &context.settings.pipeline.rejects.table.name, region);
        if !context.or_interrupt(context.output.confirm(&question), nothing).await? {
            return Err(Error::failed(format!("not confirmed; nothing was {done}")));
        }
    }
    Ok(AgreedLetters::counted(reader, limit, counted))
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
