//! Do the filters of the mapping drop records that are meant to be delivered?

use super::super::finding::{CauseName, Finding};
use super::super::observations::{MappingFilters, Observations};
use super::log::undelivered;
use super::text::{UP, brief};
use crate::stack::filters_by_meaning;

/// Judges the filters: records that match none of them are skipped for good, and nothing fails.
pub(super) fn filters(seen: &Observations) -> Vec<Finding> {
    let name = CauseName::FiltersDropRecords;
    let mapping = match &seen.mapping {
        Err(why) => return vec![Finding::unknown(name, why)],
        Ok(None) => return vec![Finding::Excluded(name)],
        Ok(Some(mapping)) => mapping,
    };
    let uuid = &mapping.uuid;
    let (has, wanted) = match &mapping.filters {
        MappingFilters::Known(patterns) => (patterns, &seen.settings.mapping.filters),
        MappingFilters::Hidden(why) => {
            let reason = format!("the filters of event source mapping {uuid} are not shown: {why}");
            return vec![Finding::unknown(name, reason)];
        }
    };
    let by_meaning = |patterns: &[String]| filters_by_meaning(patterns.iter().map(String::as_str));
    let shown = brief(&has.join(" or "));
    vec![if has.is_empty() {
        Finding::Excluded(name)
    } else if by_meaning(has) != by_meaning(wanted) {
        let evidence = format!(
            "event source mapping {uuid} delivers only records that match {shown}, which `mapping.filters` does not say; \
             all others are skipped for good, without an error"
        );
        if wanted.is_empty() {
            // An adopted mapping keeps the filters that it had, so that they may be meant.
            let remedy = "name them there, or `sensorctl up --set 'mapping.filters=[]'` removes them";
            Finding::unknown(name, format!("{evidence}: {remedy}"))
        } else {
            Finding::proven(name, evidence, format!("{UP} restores the filters of the settings"))
        }
    } else if let Some(why) = undelivered(seen) {
        Finding::unknown(name, format!("{why}: the filters may drop everything ({shown})"))
    } else {
        Finding::Excluded(name)
    }]
}
