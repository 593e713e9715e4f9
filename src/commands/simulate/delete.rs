//! Deletes the rows of simulated sensors.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::context::Context;
use crate::error::Error;
use crate::output::{DeletedRows, row_count, units};
use crate::pipeline::{RowCounts, SimulatedRows};

pub(super) async fn run(context: &Context, yes: bool) -> Result<(), Error> {
    let table = &context.settings.pipeline.table.name;
    if !yes && !context.output.can_ask() {
        return Err(Error::usage("`simulate --delete` deletes rows, and there is no terminal to ask on")
            .hint("`--yes` continues without asking"));
    }
    let clients = context.clients().await?;
    let found = SimulatedRows { clients, table };
    let progress = context.output.progress();
    let nothing = || Error::interrupted("interrupted; nothing was deleted");
    let mut counted = None;
    if !yes {
        let step = progress.step(format!("counting rows of simulated sensors in {table}"));
        let counts = context.or_interrupt(found.count(), nothing).await;
        if counts.is_ok() {
            step.done("counted");
        } else {
            step.failed();
        }
        let counts = counts?;
        if counts.all > 0 {
            let question = question(&counts, table, &clients.region);
            if !context.or_interrupt(context.output.confirm(&question), nothing).await? {
                return Err(Error::failed("not confirmed; nothing was deleted"));
            }
        }
        counted = Some(counts.all);
    }
    let deleted = AtomicU64::new(0);
    let step = progress.step(format!("rows of simulated sensors in {table}"));
    let left = || {
        let deleted = deleted.load(Ordering::Relaxed);
        let left = match counted {
            Some(all) => format!("{} left", are(all.saturating_sub(deleted))),
            None => "the others are left".to_owned(),
        };
        Error::interrupted(format!("interrupted; {} deleted, {left}", row_count(deleted)))
            .hint("`sensorctl simulate --delete` continues")
    };
    let result = match counted {
        Some(0) => Ok(()),
        _ => found.delete(&deleted, &context.interrupt).await,
    };
    let result = if context.interrupt.is_cancelled() { Err(left()) } else { result };
    let deleted = deleted.load(Ordering::Relaxed);
    match result {
        Ok(()) => step.done("deleted"),
        Err(error) => {
            step.failed();
            let is_new = error.kind() != crate::error::ErrorKind::Interrupted && deleted > 0;
            return Err(if is_new { error.hint(format!("{} deleted before that", row_count(deleted))) } else { error });
        }
    }
    if deleted > 0 {
        context.output.status("Readings that are still in the stream come later: run it again when they are stored.");
    }
    context.output.report(&DeletedRows { deleted })
}

fn question(counts: &RowCounts, table: &str, region: &str) -> String {
    let doubt = match counts.without_seed {
        0 => String::new(),
        some => {
            format!(" {} of them without the field `simulation`: `simulate` did not make them.", units::count(some))
        }
    };
    format!("Delete {} of sensors `sim-…` from table {table} in {region}?{doubt}", row_count(counts.all))
}

fn are(count: u64) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{} are", units::count(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_says_how_many_rows_simulate_did_not_make() {
        let counts = RowCounts { all: 1200, without_seed: 0 };
        let asked = question(&counts, "T", "eu-west-1");
        assert_eq!(asked, "Delete 1,200 rows of sensors `sim-…` from table T in eu-west-1?");
        let asked = question(&RowCounts { without_seed: 3, ..counts }, "T", "eu-west-1");
        assert!(asked.ends_with("3 of them without the field `simulation`: `simulate` did not make them."), "{asked}");
    }
}
