//! Time zones as they are named on the command line.

use jiff::tz::{Offset, TimeZone};

/// Reads an IANA name (`Europe/Berlin`), `UTC`, or a fixed offset (`+01:00`, `-0700`).
///
/// The database is part of the program, so that a file means the same on every machine.
///
/// # Errors
/// When it is none of these; the text names what was meant if that can be seen.
pub(super) fn parse(text: &str) -> Result<TimeZone, String> {
    let text = text.trim();
    if matches!(text, "Z" | "z") {
        return Ok(TimeZone::UTC);
    }
    if text.starts_with(['+', '-']) {
        let seconds = super::civil_text::offset_seconds(text);
        let offset = seconds.and_then(|seconds| Offset::from_seconds(seconds).ok());
        return offset.map(TimeZone::fixed).ok_or_else(|| format!("--time-zone {text}: an offset reads +01:00"));
    }
    TimeZone::get(text).map_err(|_| {
        let meant = similar(text).unwrap_or_else(|| "Europe/Berlin".to_owned());
        format!("--time-zone {text}: not in the time zone database; write an IANA name such as {meant}, or an offset such as +01:00")
    })
}

/// The zone whose city, or whole name, was typed in another way.
fn similar(text: &str) -> Option<String> {
    let plain = |text: &str| text.to_lowercase().replace([' ', '-'], "_");
    let wanted = plain(text);
    let is_meant = |name: &str| plain(name.rsplit('/').next().unwrap_or(name)) == wanted || plain(name) == wanted;
    jiff::tz::db().available().map(|name| name.to_string()).find(|name| is_meant(name))
}
