//! Which dead letters an action is about.

use clap::Args as ClapArgs;
use sensor_model::Decimal;

use crate::commands::positive_count::parse_positive_count;
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetterFilter, DeadLetterId, DeadLetterReader, DeadLetterSource, DeadLetterTable};
use crate::output::units;
use crate::pipeline::parse_time_or_age;

/// Conditions on dead letters.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(super) struct FilterArgs {
    /// Only those of this reason, such as not-json or wrong-type (repeatable)
    #[arg(long = "reason", value_name = "REASON")]
    pub reasons: Vec<String>,
    /// Earliest arrival (inclusive): seconds since 1970, 2010-01-01T01:00:00Z, or an age such as 15m, 1h or 2d
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parse_time_or_age)]
    pub since: Option<Decimal>,
    /// Latest arrival (inclusive), in the same forms
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parse_time_or_age)]
    pub until: Option<Decimal>,
    /// Only those of this shard, such as shardId-000000000000 (repeatable)
    #[arg(long = "shard", value_name = "ID")]
    pub shards: Vec<String>,
    /// At most COUNT of them
    #[arg(long, value_name = "COUNT", value_parser = parse_positive_count)]
    pub limit: Option<u64>,
}

impl FilterArgs {
    /// Creates a reader of what was asked for: `ids` where there are some.
    ///
    /// # Errors
    /// If no dead letter can match, or there is no cloud to talk to.
    pub(super) async fn reader<'c>(
        &self,
        context: &'c Context,
        ids: &[DeadLetterId],
    ) -> Result<DeadLetterReader<'c>, Error> {
        if matches!((&self.since, &self.until), (Some(since), Some(until)) if since > until) {
            return Err(Error::usage("`--since` is later than `--until`"));
        }
        let source = match (ids, &self.shards[..]) {
            ([], []) => DeadLetterSource::Table,
            ([], shards) => DeadLetterSource::Shards(shards.to_vec()),
            (ids, _) => DeadLetterSource::Ids(ids.to_vec()),
        };
        let filter =
            DeadLetterFilter { reasons: self.reasons.clone(), since: self.since.clone(), until: self.until.clone() };
        Ok(DeadLetterReader::new(table(context).await?, source, filter))
    }

    /// Returns whether dead letters are left out.
    pub(super) fn is_set(&self) -> bool {
        !self.reasons.is_empty() || !self.shards.is_empty() || self.since.is_some() || self.until.is_some()
    }
}

/// Returns the dead-letter table.
///
/// # Errors
/// If there is no cloud to talk to.
pub(super) async fn table(context: &Context) -> Result<DeadLetterTable<'_>, Error> {
    Ok(DeadLetterTable { clients: context.clients().await?, name: &context.settings.pipeline.rejects.table.name })
}

/// Says what a reader left out, beside the result of the work, and fails if the table does not hold all ids that were asked
/// for.
///
/// # Errors
/// The error of the work, or of a missing id.
pub(super) fn tell_left_out(
    context: &Context,
    reader: &DeadLetterReader<'_>,
    result: Result<(), Error>,
) -> Result<(), Error> {
    let (output, table) = (&context.output, &context.settings.pipeline.rejects.table.name);
    if reader.foreign > 0 {
        let count = units::count(reader.foreign);
        output.note(format!("{count} items of table {table} are not of the function, and left out"));
    }
    if reader.without_time > 0 {
        let count = units::count(reader.without_time);
        output.note(format!("{count} without an arrival time are left out by `--since` or `--until`"));
    }
    let missing: Vec<_> = reader.missing.iter().map(|id| format!("  {id}")).collect();
    if missing.is_empty() {
        return result;
    }
    if let Err(error) = result {
        return Err(error.hint(format!("besides, table {table} does not hold:\n{}", missing.join("\n"))));
    }
    Err(Error::failed(format!("table {table} does not hold:\n{}", missing.join("\n")))
        .hint("`sensorctl rejects list` lists the dead letters; they may be replayed, deleted or expired"))
}

/// Some dead letters in words.
pub(super) fn dead_letters(count: u64) -> String {
    if count == 1 { "1 dead letter".to_owned() } else { format!("{} dead letters", units::count(count)) }
}
