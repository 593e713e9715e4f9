//! Times and ages in evidence.

use jiff::Timestamp;

/// The command that restores what the settings declare.
pub(super) const UP: &str = "`sensorctl up`";

/// Returns a time as RFC 3339 in UTC, to the second.
pub(super) fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |time| format!("{time:.0}"))
}

/// Returns a length of time: `12 s`, `4 min`, `23.5 h`.
pub(super) fn length(ms: f64) -> String {
    let seconds = ms.max(0.0) / 1000.0;
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Returns the time from one moment to a later one, in ms.
#[expect(clippy::cast_precision_loss, reason = "shown to the second at most")]
pub(super) fn since(now_ms: i64, then_ms: i64) -> f64 {
    (now_ms - then_ms).max(0) as f64
}

/// Returns a time with its age: `2026-11-29T10:00:00Z (4 min ago)`.
pub(super) fn moment(now_ms: i64, then_ms: i64) -> String {
    format!("{} ({} ago)", time(then_ms), length(since(now_ms, then_ms)))
}

/// Returns a text of a service with at most 300 characters.
pub(super) fn brief(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST { line } else { format!("{}…", line.chars().take(MOST).collect::<String>()) }
}
