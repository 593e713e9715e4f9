//! The report of `why`.

use serde::Serialize;

use super::{LIST_INDENT, Mark, Report, one_line};
use crate::operate::{Cause, CauseName, Diagnosis, FaultyRecord, Unexcluded};

/// The report of a diagnosis.
#[derive(Debug, Serialize)]
pub(crate) struct DiagnosisReport<'a> {
    /// The diagnosis.
    #[serde(flatten)]
    pub diagnosis: &'a Diagnosis,
    /// True if the excluded causes are shown to a person.
    #[serde(skip)]
    pub shows_excluded: bool,
}

impl Report for DiagnosisReport<'_> {
    fn table(&self) -> String {
        let line = |mark: Mark, word: &str, rest: &str| format!("  {} {word:<9} {rest}", mark.sign());
        let below = |text: &str| format!("{LIST_INDENT}{}", one_line(text));
        let mut lines = Vec::new();
        for Cause { name, evidence, remedy, records } in &self.diagnosis.causes {
            lines.extend([line(Mark::Failed, "cause", name.as_str()), below(evidence)]);
            lines.extend(records.iter().flat_map(record_lines).map(|line| below(&line)));
            lines.push(below(&format!("→ {remedy}")));
        }
        for (names, reason) in by_reason(&self.diagnosis.unknown) {
            lines.extend([line(Mark::Update, "unknown", &names.join(", ")), below(reason)]);
        }
        if self.shows_excluded {
            let excluded = self.diagnosis.excluded.iter().map(|name: &CauseName| name.as_str());
            lines.extend(excluded.map(|name| line(Mark::Done, "excluded", name)));
        }
        lines.join("\n")
    }
}

/// Returns the names of each reason, in the order of the first of them.
fn by_reason(unknown: &[Unexcluded]) -> Vec<(Vec<&'static str>, &str)> {
    let mut groups: Vec<(Vec<&'static str>, &str)> = Vec::new();
    for Unexcluded { name, reason } in unknown {
        match groups.iter_mut().find(|(_, known)| known == reason) {
            Some((names, _)) => names.push(name.as_str()),
            None => groups.push((vec![name.as_str()], reason)),
        }
    }
    groups
}

fn record_lines(record: &FaultyRecord) -> Vec<String> {
    let FaultyRecord { shard_id, sequence_number, partition_key, reason, content } = record;
    let mut lines = vec![format!("record {shard_id}:{sequence_number}, key `{partition_key}`: {reason}")];
    lines.extend(content.as_ref().map(|content| format!("content ({}): {}", content.encoding, content.data)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_is_shown_with_evidence_and_remedy_on_lines_of_their_own() {
        let cause = Cause {
            name: CauseName::FunctionFailing,
            evidence: "Enabled\u{1b}[8m\r\nfailed".into(),
            remedy: "`sensorctl up --local`".into(),
            records: vec![FaultyRecord {
                shard_id: "shardId-0".into(),
                sequence_number: "7".into(),
                partition_key: "k\n".into(),
                reason: "not JSON".into(),
                content: None,
            }],
        };
        let unknown = |name, reason: &str| Unexcluded { name, reason: reason.into() };
        let denied = [CauseName::HotKey, CauseName::StreamEmpty].map(|name| unknown(name, "denied"));
        let [first, last] = denied;
        let diagnosis = Diagnosis {
            healthy: false,
            causes: vec![cause],
            unknown: vec![first, unknown(CauseName::HotShard, "late"), last],
            excluded: vec![CauseName::MappingAbsent],
        };
        let report = DiagnosisReport { diagnosis: &diagnosis, shows_excluded: true };
        assert_eq!(
            report.table(),
            "  ✗ cause     function-failing\n              Enabled\u{fffd}[8m\u{fffd}\u{fffd}failed\n              record \
             shardId-0:7, key `k\u{fffd}`: not JSON\n              → \
             `sensorctl up --local`\n  ~ unknown   hot-key, stream-empty\n              denied\n  ~ unknown   hot-shard\n              late\n  ✓ excluded  mapping-absent"
        );
    }
}
