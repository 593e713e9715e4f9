//! The flags of `tail`: their forms, what they exclude, and the same flags for a hint.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use sensor_model::Decimal;

use super::{Error, MAX_SENSOR_ID_BYTES, TailArgs, TailEnd, TailStart};
use crate::output::time_text;
use crate::pipeline::{parse_time, parse_time_or_age, whole_milliseconds};

/// The word for what arrives from now on.
const LATEST: &str = "latest";
/// The word for the oldest records.
const TRIM_HORIZON: &str = "trim-horizon";
/// The word for what has arrived by now.
const NOW: &str = "now";

/// Parses the value of `--from`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TailStartParser;

impl TypedValueParser for TailStartParser {
    type Value = TailStart;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Self::Value, clap::Error> {
        StringValueParser::new().try_map(|text| start(&text)).parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new([LATEST, TRIM_HORIZON].map(PossibleValue::new).into_iter()))
    }
}

/// Parses the value of `--until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TailUntilParser;

impl TypedValueParser for TailUntilParser {
    type Value = TailEnd;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Self::Value, clap::Error> {
        StringValueParser::new().try_map(|text| until(&text)).parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new([NOW].map(PossibleValue::new).into_iter()))
    }
}

fn start(text: &str) -> Result<TailStart, String> {
    match text {
        LATEST => Ok(TailStart::Latest),
        TRIM_HORIZON => Ok(TailStart::TrimHorizon),
        text => {
            let (time, milliseconds) = milliseconds(text, "`latest`, `trim-horizon`, ")?;
            // The service counts milliseconds: those that have begun before the time are before it.
            let is_cut = Decimal::parse(&format!("{milliseconds}e-3")).is_ok_and(|whole| whole < time);
            Ok(TailStart::Time(milliseconds + i64::from(is_cut)))
        }
    }
}

fn until(text: &str) -> Result<TailEnd, String> {
    match text {
        NOW => Ok(TailEnd::Now),
        text => milliseconds(text, "`now`, ").map(|(_, milliseconds)| TailEnd::Time(milliseconds)),
    }
}

/// Parses a time. Returns it, and its whole milliseconds.
fn milliseconds(text: &str, words: &str) -> Result<(Decimal, i64), String> {
    let time = match parse_time_or_age(text) {
        // The reason is more than that it has none of the forms.
        Err(reason) if parse_time(text).is_ok() => return Err(reason),
        time => time.ok(),
    };
    let time = time.and_then(|time| whole_milliseconds(&time).map(|whole| (time, whole)));
    time.ok_or_else(|| {
        format!("write {words}seconds since 1970, 2010-01-01T01:00:00Z, or an age such as 15m, 1h or 2d")
    })
}

/// Parses a shard id, or its number alone.
///
/// # Errors
/// The text is neither.
pub(super) fn shard_id(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("shardId-").unwrap_or(text);
    match number.parse::<u64>() {
        Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(format!("shardId-{number:012}")),
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("not a shard; write shardId-000000000000, or its number".to_owned()),
    }
}

impl TailArgs {
    /// Checks what the flags say together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        if let TailStart::Time(from) = self.from {
            if from > now_ms {
                return Err(
                    Error::usage("`--from` is in the future").hint("`--from latest` shows what comes from now on")
                );
            }
            if matches!(self.until, Some(TailEnd::Time(until)) if until < from) {
                return Err(Error::usage("`--from` is later than `--until`"));
            }
        }
        if self.from == TailStart::Latest && matches!(self.until, Some(TailEnd::Time(until)) if until < now_ms) {
            return Err(Error::usage("`--until` is in the past, and nothing comes before it from now on")
                .hint("`--from trim-horizon`, or a time, begins earlier"));
        }
        if self.from == TailStart::Latest && self.until == Some(TailEnd::Now) {
            return Err(Error::usage("`--until now` ends before anything comes from now on")
                .hint("`--from trim-horizon`, or a time, begins earlier"));
        }
        let has_wrong_length = |id: &&String| !(1..=MAX_SENSOR_ID_BYTES).contains(&id.len());
        if let Some(id) = self.sensors.iter().find(has_wrong_length) {
            return Err(Error::usage(format!(
                "`--sensor` has {} bytes; an id has 1 to {MAX_SENSOR_ID_BYTES}",
                id.len()
            ))
            .hint("leave it out to show all sensors"));
        }
        Ok(())
    }

    /// Says of which stream the shards are, and from when on they are read.
    pub(super) fn introduction(&self, stream: &str) -> String {
        let from = match self.from {
            TailStart::Latest => "from now on".to_owned(),
            TailStart::TrimHorizon => "from its oldest record on".to_owned(),
            TailStart::Time(time) => format!("from {} on", time_text(time)),
        };
        let end = if self.until.is_none() && self.limit.is_none() { "; Ctrl-C ends it" } else { "" };
        format!("of stream {stream} {from}{end}")
    }

    /// Returns the flags of a tail that shows the same, with another beginning.
    pub(super) fn words(&self, from: TailStart, raw: bool) -> Vec<String> {
        let from = match from {
            TailStart::Latest => LATEST.to_owned(),
            TailStart::TrimHorizon => TRIM_HORIZON.to_owned(),
            TailStart::Time(time) => time_text(time),
        };
        let until = self.until.map(|until| match until {
            TailEnd::Now => NOW.to_owned(),
            TailEnd::Time(time) => time_text(time),
        });
        let mut words = vec!["--from".to_owned(), from];
        words.extend(until.into_iter().flat_map(|until| ["--until".to_owned(), until]));
        words.extend(self.sensors.iter().map(|sensor| format!("--sensor={sensor}")));
        words.extend(self.shards.iter().map(|shard| format!("--shard={shard}")));
        words.extend(raw.then(|| "--raw".to_owned()));
        words.extend(self.fan_out.then(|| "--fan-out".to_owned()));
        words.extend(self.consumer.iter().map(|name| format!("--consumer={name}")));
        // Each shows something else.
        words.extend((self.stats && !raw).then(|| "--stats".to_owned()));
        words
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command as Subcommand;

    fn args(line: &str) -> Result<TailArgs, clap::Error> {
        let words = ["sensorctl", "tail"].into_iter().chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words)?;
        let Subcommand::Tail(args) = cli.command else { panic!("{line}") };
        Ok(args)
    }

    #[test]
    fn from_and_until_take_words_times_and_ages() {
        let from = |text: &str| args(&format!("--from {text}")).unwrap().from;
        assert_eq!(args("").unwrap().from, TailStart::Latest);
        assert_eq!(from("trim-horizon"), TailStart::TrimHorizon);
        assert_eq!(from("987654321.5"), TailStart::Time(987_654_321_500));
        assert_eq!(from("2010-01-01T01:00:00Z"), TailStart::Time(1_262_307_600_000));
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let TailStart::Time(hour_ago) = from("1h") else { panic!("an age") };
        assert!((now_ms - hour_ago - 3_600_000).abs() < 60_000);
        assert_eq!(args("--until now").unwrap().until, Some(TailEnd::Now));
        assert_eq!(args("--until 12").unwrap().until, Some(TailEnd::Time(12_000)));
        assert_eq!(from("1700000000.0005"), TailStart::Time(1_700_000_000_001));
        assert_eq!(from("1700000000.001"), TailStart::Time(1_700_000_000_001));
        assert_eq!(args("--until 1700000000.0005").unwrap().until, Some(TailEnd::Time(1_700_000_000_000)));
        for flag in ["--from", "--until"] {
            let refused = args(&format!("{flag} 1700000000000")).unwrap_err().to_string();
            assert!(refused.contains("milliseconds are written as 1700000000.000"), "{refused}");
        }
        let refused = args("--from oldest").unwrap_err().to_string();
        assert!(refused.contains("--from <WHERE>") && refused.contains("`trim-horizon`"), "{refused}");
    }

    #[test]
    fn flags_that_show_nothing_are_refused() {
        for (line, said) in [
            ("--from 4102444800", "in the future"),
            ("--from 1h --until 2h", "later than `--until`"),
            ("--until now", "ends before"),
            ("--until 1h", "in the past"),
            ("--sensor=", "0 bytes"),
        ] {
            let error = args(line).unwrap().check().unwrap_err();
            assert!(error.to_string().contains(said), "{line}: {error}");
        }
        for line in ["--from 2h --until 1h", "--from trim-horizon --until now", "--until 4102444800", ""] {
            args(line).unwrap().check().unwrap();
        }
        for line in ["--stats --raw", "--stats --limit 1", "--limit 0", "--shard x", "--shard shardId-", "--consumer c"]
        {
            assert!(args(line).is_err(), "{line}");
        }
    }

    #[test]
    fn shard_may_be_its_number() {
        assert_eq!(
            args("--shard 3 --shard shardId-000000000001").unwrap().shards,
            ["shardId-000000000003", "shardId-000000000001"]
        );
    }

    #[test]
    fn words_say_the_same_again() {
        let line = "--from trim-horizon --until 2026-01-02T03:04:05.006Z --sensor a --sensor b --shard 2 --fan-out --consumer c --raw";
        let first = args(line).unwrap();
        let again = args(&first.words(first.from, first.raw).join(" ")).unwrap();
        assert_eq!(format!("{again:?}"), format!("{first:?}"));
        let stats = args("--stats --until now").unwrap();
        assert!(args(&stats.words(stats.from, true).join(" ")).unwrap().raw, "the hint after statistics is a command");
        let later = first.words(TailStart::Time(1_700_000_000_250), false);
        assert_eq!(later[..2], ["--from", "2023-11-14T22:13:20.25Z"]);
    }
}
