//! Do both tables exist, and do they take items?

use super::super::answer::Answer;
use super::super::finding::{CauseName, Finding};
use super::super::observations::Observations;
use super::text::UP;

/// Judges both tables.
pub(super) fn states(seen: &Observations) -> Vec<Finding> {
    let settings = &seen.settings;
    [(&settings.table.name, &seen.table), (&settings.rejects.table.name, &seen.rejects)]
        .into_iter()
        .flat_map(|(name, status)| state(name, status))
        .collect()
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
