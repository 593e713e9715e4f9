//! How far the service's clock is from ours. A signature is good for a few minutes around the service's time.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};

/// What the service answers to a signature whose time is too far from its own.
const REFUSALS: [&str; 4] =
    ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"];
/// A smaller distance is no reason for a refusal: the key is wrong.
const SMALLEST: f64 = 240.0;

/// Our clock, as far as the service's is known to be from it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Seconds that the service is ahead.
    ahead: Cell<f64>,
}

impl Clock {
    /// The service's time.
    pub(super) fn now(&self) -> SystemTime {
        let distance = Duration::from_secs_f64(self.ahead.get().abs());
        let ours = SystemTime::now();
        let theirs = if self.ahead.get() < 0.0 { ours.checked_sub(distance) } else { ours.checked_add(distance) };
        theirs.unwrap_or(ours)
    }

    /// Learns from the refusal of a request that was signed with the time `signed`, by the `date` header that came with
    /// it; tells whether the same request, signed again, has a chance now. Several requests with the same wrong time
    /// may be under way: each is compared with its own.
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
    fn the_clock_follows_the_service_in_both_directions() {
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
    fn what_is_no_matter_of_time_changes_nothing() {
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
