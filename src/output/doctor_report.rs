//! The report of `doctor`.

use serde::Serialize;

use super::{LIST_INDENT, Mark, Report, one_line};
use crate::operate::{CheckFinding, CheckResult};

/// Columns of a check's name.
const NAME_WIDTH: usize = 22;

/// Characters of evidence that a person is shown.
const LONGEST_EVIDENCE: usize = 300;

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
}

impl Report for DoctorReport {
    fn table(&self) -> String {
        let mut checks: Vec<_> = self.checks.iter().collect();
        // The worst comes last, next to the prompt.
        checks.sort_by_key(|finding| finding.result);
        let lines = checks.into_iter().flat_map(|finding| {
            let CheckFinding { name, result, evidence, remedy, ms } = finding;
            let took = if self.shows_times { format!(" ({ms} ms)") } else { String::new() };
            let line = format!(
                "  {} {:<9} {name:<NAME_WIDTH$}  {}{took}",
                mark(*result).sign(),
                result.as_str(),
                shortened(&one_line(evidence))
            );
            let remedy = remedy.as_ref().map(|remedy| format!("{LIST_INDENT}{}", one_line(remedy)));
            std::iter::once(line).chain(remedy)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Returns evidence in a length that a person reads. A list of actions may have dozens; JSON has all of it.
fn shortened(evidence: &str) -> String {
    let Some((end, _)) = evidence.char_indices().nth(LONGEST_EVIDENCE) else { return evidence.to_owned() };
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
    use super::*;
    use crate::output::wrap::wrapped;

    fn report() -> DoctorReport {
        let finding = |name: &str, result, evidence: &str, remedy: Option<&str>| CheckFinding {
            name: name.into(),
            result,
            evidence: evidence.into(),
            remedy: remedy.map(Into::into),
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
            "  ✓ ok        region                  eu-central-1 (--region)\n  \
             ? unknown   tag-policies            denied:\u{fffd}31m\u{fffd}no\n  \
             ! warning   lambda-concurrency      the mapping runs up to 20 invocations at once, and the account allows 10\n\
             \x20             raise the quota L-B99A9384 with `aws service-quotas request-service-quota-increase`\n  \
             ✗ failed    clock                   this machine is 300 s ahead of Kinesis\n              set the clock"
        );
        let timed = DoctorReport { shows_times: true, ..report() };
        assert!(timed.table().contains("eu-central-1 (--region) (12 ms)\n"));
        assert_eq!(report().names(CheckResult::Failed), ["clock"]);
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
        assert!(long.table().contains("kinesis:PutRecords … (`-o json` shows all)\n"), "{}", long.table());
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
