//! This machine's clock against those of the services. The SDK hides a difference: it corrects its signatures.

use super::finding::Verdict;
use crate::aws::ClockDifference;

/// Seconds from which a difference spoils what compares times.
const WARNED: i64 = 60;
/// Seconds from which services refuse a signature: 5 minutes for some, 15 for most (docs/facts/diagnosis.md, Clock).
const REFUSED: i64 = 240;
const REMEDY: &str = "set the clock of this machine: `timedatectl set-ntp true`, or restart its time service";

/// Judges the clocks of the services that answered.
pub(super) fn judge(clocks: &[(&str, ClockDifference)]) -> Verdict {
    let worst = clocks.iter().max_by_key(|(_, clock)| clock.certain_ms().abs());
    let Some((service, worst)) = worst else { return Verdict::unknown("no service answered with a `Date`") };
    let seconds = worst.certain_ms() / 1000;
    let services = if clocks.len() == 1 { "1 service".to_owned() } else { format!("{} services", clocks.len()) };
    if seconds == 0 {
        return Verdict::ok(format!("agrees with {services} to about a second"));
    }
    let side = if seconds > 0 { "behind" } else { "ahead of" };
    let evidence = format!("this machine is at least {} s {side} {service}", seconds.abs());
    match seconds.abs() {
        off if off > REFUSED => Verdict::failed(
            format!("{evidence}; other AWS tools are refused, sensorctl corrects its signatures"),
            REMEDY,
        ),
        off if off > WARNED => {
            Verdict::warning(format!("{evidence}; readings without a time of their own get a wrong one"), REMEDY)
        }
        _ => Verdict::ok(evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::CheckResult;

    #[test]
    fn clock_is_judged_by_the_largest_certain_difference_in_both_directions() {
        let judged = |differences: &[i64]| {
            let clock = |off: &i64| ("Kinesis", ClockDifference::of_answer(1_000_000 + off, 1_000_000, 1_000_000));
            judge(&differences.iter().map(clock).collect::<Vec<_>>())
        };
        assert_eq!(judged(&[]).result, CheckResult::Unknown);
        assert_eq!(judged(&[0, -900]), Verdict::ok("agrees with 2 services to about a second"));
        for (off, result, says) in [
            (30_000, CheckResult::Ok, "30 s behind Kinesis"),
            (62_000, CheckResult::Warning, "62 s behind"),
            (-63_000, CheckResult::Warning, "62 s ahead of"),
            (241_000, CheckResult::Failed, "241 s behind"),
            (-3_600_000, CheckResult::Failed, "3599 s ahead of"),
        ] {
            let verdict = judged(&[0, off, 0]);
            assert_eq!(verdict.result, result, "{verdict:?}");
            assert!(verdict.evidence.contains(says), "{verdict:?}");
        }
    }
}
