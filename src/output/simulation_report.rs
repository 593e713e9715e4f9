//! The report of a simulation.

use serde::Serialize;

use super::{Report, table_of_record, table_of_rows, units};
use crate::pipeline::{PutSummary, ShardVerification, SimulationPlan, Verification};

/// The readings that were sent and, with `--verify`, their fate.
#[derive(Debug, Serialize)]
pub(crate) struct SimulationReport {
    read: u64,
    accepted: u64,
    rejected: u64,
    failed: u64,
    records: u64,
    bytes: u64,
    retries: u64,
    seconds: f64,
    readings_per_second: f64,
    seed: u64,
    sensors: u64,
    /// The result of the verification.
    #[serde(flatten)]
    pub verification: Option<Verification>,
    #[serde(skip)]
    summary: PutSummary,
}

impl SimulationReport {
    /// Reports a simulation.
    #[must_use]
    pub(crate) fn new(summary: PutSummary, plan: &SimulationPlan, verification: Option<Verification>) -> Self {
        SimulationReport {
            read: summary.read,
            accepted: summary.accepted,
            rejected: summary.rejected,
            failed: summary.failed,
            records: summary.records,
            bytes: summary.bytes,
            retries: summary.retries,
            seconds: summary.seconds,
            readings_per_second: summary.readings_per_second,
            seed: plan.seed,
            sensors: plan.sensors,
            verification,
            summary,
        }
    }
}

impl Report for SimulationReport {
    fn table(&self) -> String {
        let mut text = self.summary.table();
        if let Some(found) = &self.verification {
            let columns =
                ["distinct", "stored", "lost", "replaced", "dead_letters", "late", "p50_ms", "p99_ms", "max_ms"];
            let Verification { distinct, stored, lost, replaced, dead_letters, late, .. } = *found;
            let counts = [distinct, stored, lost, replaced, dead_letters, late].map(units::count);
            let times = [found.p50_ms, found.p99_ms, found.max_ms].map(shown);
            text.push('\n');
            text.push_str(&table_of_record(&columns, &counts.into_iter().chain(times).collect::<Vec<_>>()));
            let rows: Vec<_> = found.shards.iter().filter(|shard| differs(shard, found)).map(cells).collect();
            if !rows.is_empty() {
                text.push('\n');
                let columns = ["shard_id", "stored", "lost", "late", "p50_ms", "p99_ms", "max_ms"];
                text.push_str(&table_of_rows(&columns, &rows, &[]));
            }
        }
        text
    }
}

/// The rows of simulated sensors that were deleted.
#[derive(Debug, Serialize)]
pub(crate) struct DeletedRows {
    /// Number of rows.
    pub deleted: u64,
}

impl Report for DeletedRows {
    fn table(&self) -> String {
        format!("{} deleted", row_count(self.deleted))
    }
}

/// Returns a number of rows in words.
#[must_use]
pub(crate) fn row_count(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", units::count(count)) }
}

/// Returns whether a shard is worth a line: readings are missing or late, or take half as long again as those of all.
fn differs(shard: &ShardVerification, all: &Verification) -> bool {
    let is_slower = |own: Option<u64>, all: Option<u64>| own.zip(all).is_some_and(|(own, all)| own * 2 > all * 3);
    shard.lost + shard.late > 0 || is_slower(shard.p50_ms, all.p50_ms) || is_slower(shard.p99_ms, all.p99_ms)
}

fn cells(shard: &ShardVerification) -> Vec<String> {
    let ShardVerification { shard_id, stored, lost, late, p50_ms, p99_ms, max_ms } = shard;
    let id = shard_id.clone().unwrap_or_else(|| "unknown".to_owned());
    let counts = [stored, lost, late].map(|count| units::count(*count));
    let times = [p50_ms, p99_ms, max_ms].map(|time| shown(*time));
    [id].into_iter().chain(counts).chain(times).collect()
}

fn shown(time: Option<u64>) -> String {
    time.map(units::count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_only_shards_that_differ() {
        let shard = |id: &str, lost, p50_ms| ShardVerification {
            shard_id: Some(id.to_owned()),
            stored: 5,
            lost,
            late: 0,
            p50_ms: Some(p50_ms),
            p99_ms: Some(100),
            max_ms: Some(100),
        };
        let shards = vec![shard("shard-same", 0, 60), shard("shard-slow", 0, 99), shard("shard-lossy", 1, 10)];
        let verification = Verification { p50_ms: Some(60), p99_ms: Some(100), shards, ..Verification::default() };
        let plan = crate::pipeline::plan_of(1, 2);
        let report = SimulationReport::new(PutSummary::default(), &plan, Some(verification));
        let text = report.table();
        assert!(text.contains("shard-slow") && text.contains("shard-lossy") && !text.contains("shard-same"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["p50_ms"], &json["lost"], &json["seed"]), (&60.into(), &0.into(), &1.into()));
    }
}
