//! Time zones as they are named on the command line.

use jiff::tz::{Offset, TimeZone};

use super::TimeParser;

/// Offsets are of whole quarters of an hour: a number that is none was meant for something else.
const QUARTER: i32 = 15 * 60;
/// Farther from UTC is no place.
const MOST: i32 = 18 * 3600;

impl TimeParser {
    /// Takes the offset from UTC that a file names, in seconds or as `+01:00`, for its times without a zone.
    ///
    /// # Errors
    /// When it is none, or an option names a zone whose offset changes, which would contradict it for a part of the year.
    pub(in super::super) fn take_offset(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        // `-0700` is an offset as well as a number; one of seconds has another count of digits or no zero before it.
        let is_written = text.starts_with(['+', '\u{2212}']) || text.contains(':') || text.starts_with("-0");
        let seconds = if is_written { super::civil_text::offset_seconds(text) } else { text.parse().ok() };
        let seconds = seconds.filter(|seconds: &i32| seconds % QUARTER == 0 && seconds.abs() <= MOST);
        let offset = seconds.and_then(|seconds| Offset::from_seconds(seconds).ok());
        let offset = offset.ok_or(
            "what the file says of its offset from UTC is neither seconds nor +01:00; `--map` names \
                                   another place, and `--time-zone` the zone",
        )?;
        match &self.zone {
            Some(zone) if self.zone_is_named => zone.to_fixed_offset().map(drop).map_err(|_| {
                let offset = written(offset);
                format!(
                    "the file says that its times are at {offset}, the whole year; leave `--time-zone` out, or name an \
                     offset: `--time-zone {offset}`"
                )
            }),
            _ => {
                self.zone = Some(TimeZone::fixed(offset));
                Ok(())
            }
        }
    }
}

fn written(offset: Offset) -> String {
    let (sign, minutes) = (if offset.seconds() < 0 { '-' } else { '+' }, offset.seconds().abs() / 60);
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Returns the offset, in seconds, that a column's name has, as in `Date Time, GMT-07:00` or `Time (UTC+1)`.
pub(in super::super) fn offset_in_name(name: &str) -> Option<i32> {
    ["GMT", "UTC"].into_iter().find_map(|zone| {
        let (_, rest) = name.split_once(zone)?;
        let is_part = |sign: char| sign.is_ascii_digit() || matches!(sign, '+' | '-' | '\u{2212}' | ':');
        let end = rest.find(|sign| !is_part(sign)).unwrap_or(rest.len());
        super::civil_text::offset_seconds(&rest[..end])
    })
}

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

#[cfg(test)]
mod tests {
    use super::super::TimeOptions;
    use super::*;

    fn read(zone: Option<&str>, offset: &str) -> Result<String, String> {
        let options = TimeOptions { zone: zone.map(str::to_owned), ..TimeOptions::default() };
        let mut parser = TimeParser::new(&options)?;
        parser.take_offset(offset)?;
        let parsed = parser.text("2031-03-02 08:15:00").map_err(|error| error.to_string())?;
        assert!(!parsed.facts.assumed_utc);
        Ok(parsed.seconds.to_string())
    }

    #[test]
    fn offset_of_the_file_is_that_of_its_times() {
        for (offset, seconds) in [
            ("3600", "1930202100"),
            ("+01:00", "1930202100"),
            ("-25200", "1930230900"),
            ("-07:00", "1930230900"),
            ("-0700", "1930230900"),
            ("0", "1930205700"),
            ("20700", "1930185000"),
        ] {
            assert_eq!(read(None, offset).as_deref(), Ok(seconds), "{offset}");
        }
        for text in ["", "25.0", "25", "x", "+01:07", "90000", "Europe/Berlin"] {
            assert!(read(None, text).is_err(), "{text}");
        }
    }

    #[test]
    fn named_offset_goes_before_that_of_the_file_and_a_zone_with_summer_time_is_refused() {
        assert_eq!(read(Some("-07:00"), "3600").as_deref(), Ok("1930230900"));
        assert_eq!(read(Some("UTC"), "3600").as_deref(), Ok("1930205700"));
        let error = read(Some("Europe/Berlin"), "-25200").unwrap_err();
        assert!(error.contains("`--time-zone -07:00`"), "{error}");
    }

    #[test]
    fn offset_stands_in_a_column_s_name() {
        for (name, offset) in [
            ("Date Time, GMT-07:00", Some(-25_200)),
            ("Datum Zeit, GMT+01:00", Some(3600)),
            ("Time (UTC-1)", Some(-3600)),
            ("Date Time, UTC", None),
            ("Date Time", None),
            ("UTC-time", None),
        ] {
            assert_eq!(offset_in_name(name), offset, "{name}");
        }
    }
}
