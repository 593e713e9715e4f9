//! The report of `doctor`.

use serde::Serialize;

use super::{LIST_INDENT, Mark, Report, one_line};
use crate::operate::{CheckFinding, CheckResult};

/// Characters of evidence that a person is shown of a finding, and of one without anything to do.
const LONGEST_EVIDENCE: usize = 300;
const LONGEST_WITHOUT_REMEDY: usize = 120;

/// The report of `doctor`.
#[derive(Debug, Serialize)]
pub(crate) struct DoctorReport {
    /// The findings, in the order of the checks.
    pub checks: Vec<CheckFinding>,
    /// True if a person sees how long each check took.
    #[serde(skip)]
    pub shows_times: bool,
}

impl DoctorReport {
    /// Returns the names of the findings with this result.
    #[must_use]
    pub(crate) fn names(&self, result: CheckResult) -> Vec<&str> {
        self.checks.iter().filter(|finding| finding.result == result).map(|finding| finding.name.as_str()).collect()
    }

    /// Returns the findings that say the same, each with the others, in the order of the first ones: without credentials
    /// or a connection they are many. With times each stands alone.
    fn alike<'a>(&self, checks: &[&'a CheckFinding]) -> Vec<Vec<&'a CheckFinding>> {
        let mut groups: Vec<Vec<&CheckFinding>> = Vec::new();
        for check in checks {
            let says_the_same = |group: &&mut Vec<&CheckFinding>| {
                let CheckFinding { result, evidence, remedy, .. } = group[0];
                !self.shows_times && (*result, evidence, remedy) == (check.result, &check.evidence, &check.remedy)
            };
            match groups.iter_mut().find(says_the_same) {
                Some(group) => group.push(check),
                None => groups.push(vec![check]),
            }
        }
        groups
    }
}

impl Report for DoctorReport {
    fn table(&self) -> String {
        let mut checks: Vec<_> = self.checks.iter().collect();
        // The worst comes last, next to the prompt.
        checks.sort_by_key(|finding| finding.result);
        let lines = self.alike(&checks).into_iter().flat_map(|checks| {
            let CheckFinding { result, evidence, remedy, ms, .. } = checks[0];
            let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
            let took = if self.shows_times { format!(" ({ms} ms)") } else { String::new() };
            let line = format!(
                "  {} {:<9} {}: {}{took}",
                mark(*result).sign(),
                result.as_str(),
                names.join(", "),
                shortened(
                    &one_line(evidence),
                    if remedy.is_some() { LONGEST_EVIDENCE } else { LONGEST_WITHOUT_REMEDY }
                )
            );
            let remedy = remedy.as_ref().map(|remedy| format!("{LIST_INDENT}{}", one_line(remedy)));
            std::iter::once(line).chain(remedy)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Returns evidence in a length that a person reads. A list of actions may have dozens; JSON has all of it.
fn shortened(evidence: &str, most: usize) -> String {
    let Some((end, _)) = evidence.char_indices().nth(most) else { return evidence.to_owned() };
    let end = evidence[..end].rfind(' ').unwrap_or(end);
    format!("{} … (`-o json` shows all)", &evidence[..end])
}

fn mark(result: CheckResult) -> Mark {
    match result {
        CheckResult::Ok => Mark::Done,
        CheckResult::Unknown => Mark::Unknown,
        CheckResult::Warning => Mark::Warning,
        CheckResult::Failed => Mark::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::output::wrap::wrapped;

    fn report() -> DoctorReport {
        let finding = |name: &str, result, evidence: &str, remedy: Option<&str>| CheckFinding {
            name: name.into(),
            result,
            evidence: evidence.into(),
            remedy: remedy.map(Into::into),
            figures: BTreeMap::new(),
            ms: 12,
        };
        let checks = vec![
            finding("clock", CheckResult::Failed, "this machine is 300 s ahead of Kinesis", Some("set the clock")),
            finding("region", CheckResult::Ok, "eu-central-1 (--region)", None),
            finding(
                "lambda-concurrency",
                CheckResult::Warning,
                "the mapping runs up to 20 invocations at once, and the account allows 10",
                Some("raise the quota L-B99A9384 with `aws service-quotas request-service-quota-increase`"),
            ),
            finding("tag-policies", CheckResult::Unknown, "denied:\u{9b}31m\nno", None),
        ];
        DoctorReport { checks, shows_times: false }
    }

    #[test]
    fn findings_are_lines_with_word_name_and_evidence_and_the_worst_last() {
        assert_eq!(
            report().table(),
            "  ✓ ok        region: eu-central-1 (--region)\n  \
             ? unknown   tag-policies: denied:\u{fffd}31m\u{fffd}no\n  \
             ! warning   lambda-concurrency: the mapping runs up to 20 invocations at once, and the account allows 10\n\
             \x20             raise the quota L-B99A9384 with `aws service-quotas request-service-quota-increase`\n  \
             ✗ failed    clock: this machine is 300 s ahead of Kinesis\n              set the clock"
        );
        let timed = DoctorReport { shows_times: true, ..report() };
        assert!(timed.table().contains("eu-central-1 (--region) (12 ms)\n"));
        assert_eq!(report().names(CheckResult::Failed), ["clock"]);
    }

    #[test]
    fn findings_that_say_the_same_are_one_line() {
        let mut many = report();
        let denied = many.checks[3].clone();
        many.checks.extend(
            ["permissions-up", "permissions-put"].map(|name| CheckFinding { name: name.into(), ..denied.clone() }),
        );
        let table = many.table();
        assert!(table.contains("? unknown   tag-policies, permissions-up, permissions-put: denied:"), "{table}");
        assert_eq!(table.lines().count(), report().table().lines().count());
        let timed = DoctorReport { shows_times: true, ..many };
        assert_eq!(timed.table().lines().count(), table.lines().count() + 2);
    }

    #[test]
    fn lines_fit_60_columns_but_for_commands() {
        for line in wrapped(&report().table(), 60, 0).lines() {
            assert!(line.chars().count() <= 60 || line.contains('`'), "{line}");
        }
    }

    #[test]
    fn long_evidence_is_cut_for_a_person_and_whole_in_json() {
        let mut long = report();
        long.checks[0].evidence = "kinesis:PutRecords ".repeat(40);
        let cut = long.table();
        assert!(cut.contains("kinesis:PutRecords … (`-o json` shows all)\n"), "{cut}");
        long.checks[0].remedy = None;
        assert!(long.table().len() + 150 < cut.len(), "less is shown of what needs nothing to be done");
        assert_eq!(serde_json::to_value(&long).unwrap()["checks"][0]["evidence"], long.checks[0].evidence);
    }

    #[test]
    fn json_has_the_findings_in_the_order_of_the_checks() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(
            json["checks"][0],
            serde_json::json!({"name": "clock", "result": "failed", "evidence": "this machine is 300 s ahead of Kinesis",
                "remedy": "set the clock", "ms": 12})
        );
        assert_eq!(json["checks"][1]["remedy"], serde_json::Value::Null);
    }
}
