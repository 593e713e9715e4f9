//! Do both tables exist, do they take items, and does the function reject readings?

use super::super::answer::Answer;
use super::super::finding::{CauseName, Finding};
use super::super::observations::Observations;
use super::text::UP;
use crate::operate::dead_letter_count::DeadLetterReasons;

/// Reasons that are named.
const MOST_REASONS: usize = 3;

/// Judges both tables.
pub(super) fn states(seen: &Observations) -> Vec<Finding> {
    let settings = &seen.settings;
    [(&settings.table.name, &seen.table), (&settings.rejects.table.name, &seen.rejects)]
        .into_iter()
        .flat_map(|(name, status)| state(name, status))
        .collect()
}

/// Judges whether the function rejects readings: all works, and they are not in the table.
pub(super) fn dead_letters(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::DeadLetters;
    let DeadLetterReasons { count, reasons } = match &seen.dead_letters {
        Err(why) => return vec![Finding::unknown(name, why)],
        Ok(Some(found)) if found.count.count > 0 => found,
        // A page of dead letters has more than none of them, except where each is in many parts.
        Ok(Some(found)) if found.count.is_at_least => {
            let why = format!("one page of table {} has no whole dead letter", seen.settings.rejects.table.name);
            return vec![Finding::unknown(name, why)];
        }
        // A missing table is a cause of its own.
        Ok(_) => return vec![Finding::Excluded(name)],
    };
    let mut named: Vec<_> =
        reasons.iter().take(MOST_REASONS).map(|(reason, count)| format!("{count} {reason}")).collect();
    let others: u64 = reasons.iter().skip(MOST_REASONS).map(|(_, count)| count).sum();
    named.extend((others > 0).then(|| format!("{others} of other reasons")));
    let evidence = format!(
        "table {} holds {}{} dead letter{}, which the function could not store as readings: {}",
        seen.settings.rejects.table.name,
        if count.is_at_least { "at least " } else { "" },
        count.count,
        if count.count == 1 { "" } else { "s" },
        named.join(", ")
    );
    let remedy = "`sensorctl rejects list` shows them, `sensorctl rejects replay` stores those that can be mended";
    vec![Finding::proven(name, evidence, remedy)]
}

fn state(name: &str, status: &Answer<Option<String>>) -> [Finding; 2] {
    let (missing, not_ready) = (CauseName::TableMissing, CauseName::TableNotReady);
    match status {
        Err(why) => [Finding::unknown(missing, why), Finding::unknown(not_ready, why)],
        Ok(None) => [
            Finding::proven(
                missing,
                format!("table {name} does not exist"),
                format!("{UP} creates it, without the rows that it held"),
            ),
            Finding::Excluded(not_ready),
        ],
        Ok(Some(status)) if status == "ACTIVE" || status == "UPDATING" => {
            [Finding::Excluded(missing), Finding::Excluded(not_ready)]
        }
        Ok(Some(status)) => {
            let remedy = match status.as_str() {
                "INACCESSIBLE_ENCRYPTION_CREDENTIALS" => {
                    "enable the KMS key of the table again, or permit its use again".to_owned()
                }
                "ARCHIVING" | "ARCHIVED" => format!(
                    "the key of the table was unusable for seven days: restore its backup under another name, and {UP} \
                     with `table.name`"
                ),
                _ => format!("wait; {UP} waits for it"),
            };
            [Finding::Excluded(missing), Finding::proven(not_ready, format!("table {name} is {status}"), remedy)]
        }
    }
}
