//! `rejects list`.

use clap::Args as ClapArgs;

use super::selection::{FilterArgs, dead_letters, tell_left_out};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetterReader, ReasonCounts};
use crate::output::{DeadLetterRow, ReasonRow, Rows};

/// List dead letters, or count them by reason
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl rejects list --counts
  sensorctl rejects list --reason not-json --reason wrong-type --since 2h
  sensorctl rejects list -o ndjson | jq -r .id")]
pub(super) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Show how many there are of each reason, and when the first and the last arrived
    #[arg(long, conflicts_with = "limit")]
    counts: bool,
}

pub(super) async fn run(context: &Context, args: &ListArgs) -> Result<(), Error> {
    let reader = args.filter.reader(context, &[]).await?;
    let mut reader = if args.counts { reader.without_data() } else { reader };
    let mut rows = context.output.rows();
    let mut counts = ReasonCounts::default();
    let left = || Error::interrupted("interrupted; not all dead letters were read");
    let result = context.or_interrupt(read(context, args, &mut reader, &mut rows, &mut counts), left).await;
    if let Err(error) = result {
        rows.break_off::<DeadLetterRow>()?;
        return Err(error);
    }
    let by_reason = counts.by_frequency();
    if args.counts {
        for counted in by_reason.iter().cloned() {
            rows.push(&ReasonRow::from(counted))?;
        }
        rows.finish::<ReasonRow>()?;
    } else {
        rows.finish::<DeadLetterRow>()?;
    }
    let table = &context.settings.pipeline.rejects.table.name;
    let matching = if args.filter.is_set() { " that match" } else { "" };
    if counts.total() == 0 {
        context.output.status(format!("No dead letters{matching} in table {table}."));
    } else if !args.counts {
        let reasons: Vec<_> = by_reason.iter().map(|counted| format!("{} {}", counted.count, counted.reason)).collect();
        context.output.status(format!("{}: {}.", dead_letters(counts.total()), reasons.join(", ")));
    }
    tell_left_out(context, &reader, Ok(()))
}

async fn read(
    context: &Context,
    args: &ListArgs,
    reader: &mut DeadLetterReader<'_>,
    rows: &mut Rows,
    counts: &mut ReasonCounts,
) -> Result<(), Error> {
    let mut left = args.filter.limit.unwrap_or(u64::MAX);
    while left > 0 && !context.output.is_closed() {
        let Some(letter) = reader.next().await? else { break };
        counts.add(&letter);
        if !args.counts {
            rows.push(&DeadLetterRow::from(&letter))?;
        }
        left -= 1;
    }
    Ok(())
}
