//! Tracks the offset between the service's clock and the local one. A signature is valid for a few minutes around the
//! service's time.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};

/// Error codes for a signature whose time is too far from the service's.
const REFUSALS: [&str; 4] =
    ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"];
/// Minimum skew in seconds. A smaller skew does not cause a refusal: the key is wrong.
const SMALLEST: f64 = 240.0;

/// The local clock with the known offset of the service.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Seconds that the service is ahead.
    ahead: Cell<f64>,
}

impl Clock {
    /// Returns the service's time.
    pub(super) fn now(&self) -> SystemTime {
        let distance = Duration::from_secs_f64(self.ahead.get().abs());
        let ours = SystemTime::now();
        let theirs = if self.ahead.get() < 0.0 { ours.checked_sub(distance) } else { ours.checked_add(distance) };
        theirs.unwrap_or(ours)
    }

    /// Learns the offset from the `date` header of an error for a request that was signed with the time `signed`.
    /// Returns whether the same request, signed again, can succeed. Several requests with the same wrong time may be in
    /// flight: each is compared with its own.
    pub(super) fn correct(&self, code: &str, date: Option<&str>, signed: SystemTime) -> bool {
        if !REFUSALS.contains(&code) {
            return false;
        }
        let Some(theirs) = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()) else { return false };
        let ahead_of = |ours: SystemTime| theirs.as_secs_f64() - DateTime::from(ours).as_secs_f64();
        if ahead_of(signed).abs() < SMALLEST {
            return false;
        }
        self.ahead.set(ahead_of(SystemTime::now()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, SMALLEST};
    use aws_smithy_types::date_time::{DateTime, Format};
    use std::time::{Duration, SystemTime};

    fn date(time: SystemTime) -> String {
        DateTime::from(time).fmt(Format::HttpDate).unwrap()
    }

    #[test]
    fn clock_skew_is_corrected_in_both_directions() {
        let hour = Duration::from_secs(3600);
        for theirs in [SystemTime::now() + hour, SystemTime::now() - hour] {
            let clock = Clock::default();
            let first = clock.now();
            let under_way = clock.now();
            for signed in [first, under_way] {
                assert!(clock.correct("InvalidSignatureException", Some(&date(theirs)), signed));
                let off = DateTime::from(clock.now()).as_secs_f64() - DateTime::from(theirs).as_secs_f64();
                assert!(off.abs() < SMALLEST, "{off}");
            }
            let again = clock.now();
            assert!(!clock.correct("InvalidSignatureException", Some(&date(theirs)), again), "once is enough");
        }
    }

    #[test]
    fn clock_unrelated_errors_change_nothing() {
        let clock = Clock::default();
        let far = date(SystemTime::now() + Duration::from_secs(3600));
        let now = SystemTime::now();
        assert!(!clock.correct("AccessDeniedException", Some(&far), now));
        assert!(!clock.correct("InvalidSignatureException", Some("yesterday"), now));
        assert!(!clock.correct("InvalidSignatureException", None, now));
        assert!(!clock.correct("InvalidSignatureException", Some(&date(now)), now));
        assert!(clock.ahead.get().abs() < f64::EPSILON);
    }
}
