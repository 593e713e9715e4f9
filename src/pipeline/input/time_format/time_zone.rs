//! Time zones as they are named on the command line.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Offsets are whole quarters of an hour: any other number was meant for something else.
const QUARTER: i32 = 15 * 60;
/// The largest offset from UTC that a place has, in seconds.
const MOST: i32 = 18 * 3600;
/// The smallest offset but zero that a place has.
const LEAST: u32 = 3600;
/// A second of January and one of July 2024.
const HALF_YEARS: [i64; 2] = [1_705_276_800, 1_721_001_600];

/// Names of columns, and of lines above the header, that hold a zone; without the signs in them, in small letters.
const ZONE_NAMES: [&str; 12] = [
    "timezone",
    "tz",
    "utcoffset",
    "gmtoffset",
    "timezoneoffset",
    "tzoffset",
    "zeitzone",
    "fuseauhoraire",
    "zonahoraria",
    "husohorario",
    "fusoorario",
    "tijdzone",
];

/// Returns whether a name is that of a zone.
pub(in super::super) fn is_zone_name(name: &str) -> bool {
    let plain: String = name.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    ZONE_NAMES.contains(&plain.as_str())
}

/// Returns whether the name of a time says that it is in UTC, whatever zone stands beside it: `timestamp_utc`, `Time (UTC)`.
pub(in super::super) fn is_utc_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let mut words = lower.split(|sign: char| !sign.is_alphanumeric());
    let is_utc = |word: &str| word.ends_with("utc") || word == "gmt";
    words.any(is_utc) && offset_in_name(name).is_none()
}

/// Returns the zone that a file names by its IANA name, or as `UTC`, `UTC+8`, `GMT-07:00` or `(UTC+01:00) Berlin`.
fn written_zone(text: &str) -> Option<TimeZone> {
    if let Some((offset, places)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        let zone = written_zone(offset.trim())?;
        let is_all_year = ["", "coordinated universal time"].contains(&places.trim().to_lowercase().as_str());
        return if is_all_year { Some(zone) } else { zone_of_places(zone.to_fixed_offset().ok()?, places) };
    }
    let has_prefix = |prefix: &&&str| text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if ["UTC", "GMT"].iter().any(|prefix| has_prefix(&prefix)) {
        let offset = match text[3..].trim() {
            "" => 0,
            rest => super::civil_text::offset_seconds(rest).filter(|seconds| is_offset(*seconds))?,
        };
        return Offset::from_seconds(offset).ok().map(TimeZone::fixed);
    }
    TimeZone::get(text).ok().filter(|_| text.contains('/'))
}

/// Returns the zone of places as Windows names it: with its offset in winter, and summer time where they have it. Nothing
/// where none of the places is known, or they have several zones.
fn zone_of_places(winter: Offset, places: &str) -> Option<TimeZone> {
    let offsets = |zone: &TimeZone| HALF_YEARS.map(|second| Some(zone.to_offset(Timestamp::from_second(second).ok()?)));
    let is_of_winter = |zone: &TimeZone| offsets(zone).into_iter().min().flatten() == Some(winter);
    let mut known = places.split([',', ';']).filter_map(zone_of_place).filter(is_of_winter);
    let first = known.next()?;
    known.all(|other| offsets(&other) == offsets(&first)).then_some(first)
}

/// Returns the zone that the database names after a place.
fn zone_of_place(place: &str) -> Option<TimeZone> {
    let place = place.trim().replace(' ', "_");
    let is_named = |name: &str| name.rsplit_once('/').is_some_and(|(_, last)| last.eq_ignore_ascii_case(&place));
    let name = jiff::tz::db().available().map(|name| name.to_string()).find(|name| is_named(name))?;
    TimeZone::get(&name).ok()
}

/// Returns whether a file's name of a zone has a certain meaning.
pub(in super::super) fn is_zone_of_file(text: &str) -> bool {
    matches!(of_file(text, None), Ok(Some(_)))
}

fn is_offset(seconds: i32) -> bool {
    seconds % QUARTER == 0 && (-MOST..=MOST).contains(&seconds)
}

/// Returns the zone that a file names: its offset from UTC in seconds or as `+01:00`, or its name; nothing where an option
/// names an offset, or the file a zone by its name and an option another.
///
/// # Errors
/// Fails if it is not an offset, or the option names a zone whose offset changes, which would contradict it for a part
/// of the year.
pub(super) fn of_file(text: &str, named: Option<&TimeZone>) -> Result<Option<TimeZone>, String> {
    let text = text.trim();
    let offset = match written_zone(text).map(|zone| (zone.to_fixed_offset(), zone)) {
        Some((_, zone)) if named.is_none() => return Ok(Some(zone)),
        Some((Err(_), _)) => return Ok(None),
        Some((Ok(offset), _)) => Some(offset),
        None => written_offset(text),
    };
    let Some(offset) = offset else {
        return Err(
            "what the file says of its offset from UTC is neither seconds nor +01:00; `--map utc_offset=COLUMN` \
                    names another place"
                .to_owned(),
        );
    };
    match named {
        None => Ok(Some(TimeZone::fixed(offset))),
        Some(zone) if zone.to_fixed_offset().is_ok() => Ok(None),
        Some(_) => {
            let offset = written(offset);
            Err(format!(
                "the file says that its times are at {offset}, the whole year; leave `--time-zone` out, or name an \
                 offset: `--time-zone {offset}`"
            ))
        }
    }
}

/// Reads an offset in seconds, or as `+01:00`.
fn written_offset(text: &str) -> Option<Offset> {
    // `-0700` is an offset as well as a number; one of seconds has no zero before it. `0900` has lost its sign.
    let is_written = text.starts_with(['+', '\u{2212}']) || text.contains(':') || text.starts_with("-0");
    let number = || {
        text.parse()
            .ok()
            .filter(|seconds: &i32| text == "0" || !text.starts_with('0') && seconds.unsigned_abs() >= LEAST)
    };
    let seconds = if is_written { super::civil_text::offset_seconds(text) } else { number() };
    seconds.filter(|seconds| is_offset(*seconds)).and_then(|seconds| Offset::from_seconds(seconds).ok())
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

/// Returns the IANA zone that a column's name has, as in `Timestamp (Europe/Berlin)`.
pub(in super::super) fn zone_in_name(name: &str) -> Option<String> {
    let words = name.split(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '/' | '_' | '-' | '+')));
    let is_zone = |word: &&str| word.contains('/') && !word.starts_with('/') && TimeZone::get(word).is_ok();
    words.into_iter().find(is_zone).map(str::to_owned)
}

/// Abbreviations of zones in names of columns, in any case. Only in capitals where they are words as well.
const ABBREVIATIONS: [&str; 26] = [
    "cet", "cest", "mez", "mesz", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "akst", "akdt", "eet", "eest",
    "aest", "aedt", "acst", "acdt", "awst", "nzst", "nzdt", "jst", "kst", "msk", "sast",
];
const CAPITAL_ABBREVIATIONS: [&str; 12] =
    ["EST", "BST", "IST", "WET", "WEST", "HST", "HKT", "SGT", "BRT", "CAT", "EAT", "WAT"];
/// Words before `Time` that name a zone.
const ZONE_WORDS: [&str; 6] = ["eastern", "central", "mountain", "pacific", "atlantic", "european"];

/// Returns the zone that a column's name has: by its IANA name, or by an abbreviation or a word that has no certain meaning
/// (`Time (EST)`, `Zeit [MEZ]`, `time_cet`, `Eastern Standard Time`).
pub(in super::super) fn zone_of_name(name: &str) -> Option<String> {
    if let Some(zone) = zone_in_name(name) {
        return Some(zone);
    }
    if is_utc_name(name) || offset_in_name(name).is_some() {
        return None;
    }
    let words: Vec<_> = name.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_abbreviation = |(at, word): &(usize, &&str)| {
        let small = word.to_lowercase();
        ABBREVIATIONS.contains(&small.as_str())
            || CAPITAL_ABBREVIATIONS.contains(*word)
            // `est_time` may be an estimate.
            || small == "est" && *at > 0
            || *at > 0 && small.strip_prefix("time").is_some_and(|rest| ABBREVIATIONS.contains(&rest))
    };
    let abbreviation = words.iter().enumerate().find(is_abbreviation).map(|(_, word)| (*word).to_owned());
    let is_word = |pair: &[&str]| {
        let [zone, time] = [pair[0].to_lowercase(), pair[1].to_lowercase()];
        ZONE_WORDS.contains(&zone.as_str()) && ["time", "standard", "daylight", "summer"].contains(&time.as_str())
    };
    abbreviation.or_else(|| words.windows(2).find(|pair| is_word(pair)).map(|pair| pair.join(" ")))
}

/// Returns the moment of a local time with the abbreviation that its zone has then: `02:30 CEST` and `02:30 CET` are an
/// hour apart. Nothing where the zone has another one.
pub(super) fn moment_of_abbreviation(civil: DateTime, name: &str, zone: &TimeZone) -> Option<Timestamp> {
    let english = match name.to_ascii_uppercase().as_str() {
        "MEZ" => "CET".to_owned(),
        "MESZ" => "CEST".to_owned(),
        name => name.to_owned(),
    };
    let offsets = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
        AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
        // The clocks never showed it.
        AmbiguousOffset::Gap { .. } => [None, None],
    };
    offsets.into_iter().flatten().find_map(|offset| {
        let moment = offset.to_timestamp(civil).ok()?;
        let then = zone.to_offset_info(moment);
        (then.offset() == offset && then.abbreviation().eq_ignore_ascii_case(&english)).then_some(moment)
    })
}

/// Reads an IANA name (`Europe/Berlin`), `UTC`, or a fixed offset (`+01:00`, `-0700`).
///
/// The database is part of the program, so that a file means the same on every machine.
///
/// # Errors
/// Fails on any other text; the message suggests the likely zone if it can.
pub(crate) fn parse(text: &str) -> Result<TimeZone, String> {
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
    use super::*;

    #[test]
    fn offset_of_the_file_is_in_seconds_or_written() {
        for (text, seconds) in [
            ("3600", 3600),
            ("+01:00", 3600),
            ("-25200", -25_200),
            ("-07:00", -25_200),
            ("-0700", -25_200),
            ("0", 0),
            (" 20700 ", 20_700),
            ("UTC+08:00", 28_800),
            ("gmt-7", -25_200),
            ("UTC", 0),
            ("(UTC+01:00)", 3600),
            ("(UTC) Coordinated Universal Time", 0),
        ] {
            let zone = TimeZone::fixed(Offset::from_seconds(seconds).unwrap());
            assert_eq!(of_file(text, None), Ok(Some(zone)), "{text}");
        }
        for text in [
            "",
            "25.0",
            "25",
            "x",
            "+01:07",
            "90000",
            "-2147483648",
            "0900",
            "0530",
            "900",
            "1800",
            "CET",
            "UTC+1:07",
            "Mars/Base",
        ] {
            assert!(of_file(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn zone_of_the_file_is_named_unless_an_option_names_another() {
        let berlin = parse("Europe/Berlin").unwrap();
        assert_eq!(of_file("Europe/Berlin", None), Ok(Some(berlin.clone())));
        assert_eq!(of_file("Europe/Paris", Some(&berlin)), Ok(None));
        assert_eq!(of_file("(UTC+01:00) Berlin", Some(&parse("+02:00").unwrap())), Ok(None));
        assert!(of_file("UTC+08:00", Some(&berlin)).unwrap_err().contains("`--time-zone +08:00`"));
        for (windows, name) in [
            ("(UTC+01:00) Amsterdam; Berlin, Bern, Rome", "Europe/Amsterdam"),
            ("(UTC+10:00) Brisbane", "Australia/Brisbane"),
            ("(UTC+03:00) Riyadh, Kuwait", "Asia/Riyadh"),
        ] {
            assert_eq!(of_file(windows, None), Ok(Some(parse(name).unwrap())), "{windows}");
        }
        for windows in ["(UTC-05:00) Eastern Time (US & Canada)", "(UTC+02:00) Berlin", "(UTC+02:00) Athens, Tripoli"] {
            assert!(of_file(windows, None).is_err(), "{windows}");
        }
        for name in ["timezone", "Time zone", "time_zone", "TZ", "UTC offset", "Zeitzone"] {
            assert!(is_zone_name(name), "{name}");
        }
        for name in ["zone", "offset", "time", "timezone_abbreviation"] {
            assert!(!is_zone_name(name), "{name}");
        }
    }

    #[test]
    fn named_offset_goes_before_that_of_the_file_and_a_zone_with_summer_time_is_refused() {
        for named in ["-07:00", "UTC"] {
            assert_eq!(of_file("3600", Some(&parse(named).unwrap())), Ok(None), "{named}");
        }
        let error = of_file("-25200", Some(&parse("Europe/Berlin").unwrap())).unwrap_err();
        assert!(error.contains("`--time-zone -07:00`"), "{error}");
    }

    #[test]
    fn zone_stands_in_a_column_s_name() {
        assert_eq!(zone_in_name("Timestamp (Europe/Berlin)").as_deref(), Some("Europe/Berlin"));
        assert_eq!(
            zone_in_name("Timezone : America/Argentina/Buenos_Aires").as_deref(),
            Some("America/Argentina/Buenos_Aires")
        );
        for name in ["Date/Time", "Time (dd/mm/yyyy)", "Time", "/"] {
            assert_eq!(zone_in_name(name), None, "{name}");
        }
    }

    #[test]
    fn zone_of_a_name_may_have_no_certain_meaning() {
        for (name, zone) in [
            ("Time (EST)", "EST"),
            ("Zeit [MEZ]", "MEZ"),
            ("time_cet", "cet"),
            ("Time_EDT", "EDT"),
            ("Date/Time (CET/CEST)", "CET"),
            ("Eastern Standard Time", "Eastern Standard"),
            ("Local Time (America/New_York)", "America/New_York"),
            ("time_est", "est"),
        ] {
            assert_eq!(zone_of_name(name).as_deref(), Some(zone), "{name}");
        }
        for name in [
            "time",
            "est_time",
            "Local Time",
            "Time (UTC)",
            "Date Time, GMT-07:00",
            "Time (UTC-05:00) Eastern Time",
            "Central station time",
            "cat time",
            "timestamp",
        ] {
            assert_eq!(zone_of_name(name), None, "{name}");
        }
    }

    #[test]
    fn time_is_named_as_one_in_utc() {
        for name in ["timestamp_utc", "obsTimeUtc", "dateutc", "Time (UTC)", "GMT time"] {
            assert!(is_utc_name(name), "{name}");
        }
        for name in ["Date Time, GMT-07:00", "Time (UTC+1)", "time"] {
            assert!(!is_utc_name(name), "{name}");
        }
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
