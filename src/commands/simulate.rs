//! `simulate`: made-up sensors, through the same path as `put --file`.

mod delete;
mod send;

use std::time::Duration;

use clap::Args as ClapArgs;
use sensor_model::Decimal;

use super::positive_count::parse_positive_count;
use crate::context::Context;
use crate::error::Error;
use crate::pipeline::{
    BYTES_PER_READING, END_MS, MAX_SENSORS, Share, SimulationPlan, SimulationSize, format_rfc3339, now, parse_duration,
    parse_time_or_age, whole_milliseconds,
};

/// Readings that are sent unless a number or a time is given.
const DEFAULT_COUNT: u64 = 1000;
/// Start of the readings of a seed: 2026-01-01T00:00:00Z. It does not depend on the clock.
const SEEDED_START_MS: i64 = 1_767_225_600_000;
/// Time before now at which readings begin whose number depends on the speed of the stream.
const UNKNOWN_SPAN_MS: i64 = 30 * 86_400_000;
/// Maximum readings of a verified simulation: its ledger takes six bytes a reading, 1.2 GB.
const MAX_VERIFIED: u64 = 200_000_000;

/// Put readings of simulated sensors into the stream, and check that they arrive
///
/// Temperatures have a daily cycle, weather, drift and noise. The same --seed gives the same readings, byte for byte, at
/// any rate. Sensor ids are `sim-0001` and so on; the field `simulation` is the seed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl simulate --local --count 100000 --verify
  sensorctl simulate --sensors 200 --rate 50 --duration 10m
  sensorctl simulate --local --seed 7 --start 7d --interval 10m --count 10000
  sensorctl simulate --delete

--verify waits until the pipeline has drained and compares every reading with the table: lost, replaced, dead
letters, late ones, and the time from sending a reading to seeing it in the table. It exits with 3 if
something is wrong. docs/semantics.md says what is measured.")]
pub(crate) struct SimulateArgs {
    /// Number of sensors
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=MAX_SENSORS))]
    sensors: u64,
    /// Send so many readings [default: 1000, without --duration]
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = parse_positive_count)]
    count: Option<u64>,
    /// Send for so long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Send so many readings a second, of all sensors together, at a steady pace [default: as fast as possible]
    #[arg(long, value_name = "PER_SECOND", value_parser = super::put::rate)]
    rate: Option<f64>,
    /// Decides all values and times; the same seed gives the same readings [default: random]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Time of the first readings: seconds since 1970, 2026-01-01T00:00:00Z, or an age such as 7d [default: so that the
    /// last readings are of now; with --seed 2026-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_age)]
    start: Option<Decimal>,
    /// Time between two readings of a sensor, by their own times
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "60s")]
    interval: Duration,
    /// Share of implausible values: spikes, -127 and 85 (a DS18B20 that is disconnected or was just powered on)
    #[arg(long, value_name = "SHARE", value_parser = Share::parse, default_value = "0.1%")]
    outliers: Share,
    /// Share of readings that are sent after later ones of their sensor
    #[arg(long, value_name = "SHARE", value_parser = Share::parse, default_value = "0.5%")]
    late: Share,
    /// Share of readings that are sent twice
    #[arg(long, value_name = "SHARE", value_parser = Share::parse, default_value = "0.2%")]
    duplicates: Share,
    /// Share of the time for which a sensor sends nothing
    #[arg(long, value_name = "SHARE", value_parser = Share::parse, default_value = "1%")]
    outages: Share,
    /// Compare every reading with the table after sending
    #[arg(long)]
    verify: bool,
    /// A reading that is stored after more than this is late
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "10s", requires = "verify")]
    late_after: Duration,
    /// Wait so long for readings that are not stored yet
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "60s", requires = "verify")]
    timeout: Duration,
    /// Delete the rows of all simulated sensors (ids that begin with `sim-`) instead
    #[arg(long, conflicts_with_all = [
        "sensors", "count", "duration", "rate", "seed", "start", "interval", "outliers", "late", "duplicates",
        "outages", "verify", "late_after", "timeout",
    ])]
    delete: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: SimulateArgs) -> Result<(), Error> {
    if args.delete {
        return delete::run(context, args.yes).await;
    }
    let plan = args.plan()?;
    let size = args.size(&plan)?;
    send::run(context, &args, plan, size).await
}

impl SimulateArgs {
    fn plan(&self) -> Result<SimulationPlan, Error> {
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        if interval_ms == 0 || !self.interval.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(Error::usage("`--interval` is not a whole number of milliseconds"));
        }
        let start_ms = match &self.start {
            Some(time) => {
                whole_milliseconds(time).ok_or_else(|| Error::usage("`--start` is not a time of this calendar"))?
            }
            None if self.seed.is_some() => SEEDED_START_MS,
            None => self.recent_start(interval_ms)?,
        };
        Ok(SimulationPlan {
            sensors: self.sensors,
            // Short enough to be typed again.
            seed: self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
            start_ms,
            interval_ms,
            outliers: self.outliers,
            late: self.late,
            duplicates: self.duplicates,
            outages: self.outages,
        })
    }

    /// Returns a start, in whole seconds, from which the readings go on until about now.
    fn recent_start(&self, interval_ms: i64) -> Result<i64, Error> {
        let now = now().ok().as_ref().and_then(whole_milliseconds);
        let now = now.ok_or_else(|| Error::failed("the clock of this machine is not between 1970 and 9999"))?;
        let span = match expected(self.requested()) {
            Some(count) => {
                let steps = i64::try_from(count.div_ceil(self.sensors)).unwrap_or(i64::MAX);
                self.outages.lengthened(steps).saturating_mul(interval_ms)
            }
            None => UNKNOWN_SPAN_MS,
        };
        Ok(now.saturating_sub(span).max(0) / 1000 * 1000)
    }

    fn requested(&self) -> SimulationSize {
        let count = self.count.or_else(|| self.duration.is_none().then_some(DEFAULT_COUNT));
        SimulationSize { count, duration: self.duration, rate: self.rate }
    }

    /// Returns the flags that send the readings of a plan again.
    fn flags_of(&self, plan: &SimulationPlan) -> String {
        let seed = plan.seed;
        if self.start.is_none() && self.seed.is_some() {
            return format!("--seed {seed}");
        }
        let milliseconds = Decimal::parse(&format!("{}e-3", plan.start_ms)).ok();
        let start = milliseconds.as_ref().and_then(format_rfc3339).unwrap_or_default();
        format!("--seed {seed} --start {start}")
    }

    fn size(&self, plan: &SimulationPlan) -> Result<SimulationSize, Error> {
        let size = self.requested();
        if self.verify && self.timeout < self.late_after {
            return Err(Error::usage("`--timeout` is shorter than `--late-after`"));
        }
        let expected = expected(size);
        if self.verify && expected.is_some_and(|count| count > MAX_VERIFIED) {
            return Err(Error::usage(format!("`--verify` takes at most {MAX_VERIFIED} readings"))
                .hint(format!("it keeps {BYTES_PER_READING} bytes of each in memory; run it several times")));
        }
        let steps = i64::try_from(expected.unwrap_or_default() / self.sensors).unwrap_or(i64::MAX);
        let last = plan.start_ms.checked_add(steps.saturating_mul(plan.interval_ms));
        if plan.start_ms < 0 || last.is_none_or(|last| last >= END_MS) {
            return Err(Error::usage("the readings have times before 1970 or after 2100")
                .hint("`--start`, `--interval`, `--count` and `--sensors` decide their times"));
        }
        Ok(size)
    }
}

/// Returns the number of readings, if it does not depend on the speed of the stream.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an approximate count above zero")]
fn expected(size: SimulationSize) -> Option<u64> {
    let in_time = || Some((size.rate? * size.duration?.as_secs_f64()).ceil() as u64);
    size.count.or_else(in_time)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;

    fn args(line: &str) -> SimulateArgs {
        let cli = Cli::try_parse_from(["sensorctl", "simulate"].into_iter().chain(line.split_whitespace())).unwrap();
        let Command::Simulate(args) = cli.command else { panic!("{line}") };
        args
    }

    #[test]
    fn readings_without_seed_and_start_end_about_now_and_the_flags_repeat_them() {
        let now_ms = whole_milliseconds(&now().unwrap()).unwrap();
        for (line, span) in [
            ("--count 1000", 100 * 60_000),
            ("--count 1001 --outages 0", 101 * 60_000),
            ("--count 10 --interval 1h --outages 50%", 2 * 3_600_000),
            ("--rate 10 --duration 10s --sensors 1", 101 * 60_000),
            ("--duration 1s", UNKNOWN_SPAN_MS),
        ] {
            let args = args(line);
            let plan = args.plan().unwrap();
            assert_eq!(plan.start_ms % 1000, 0);
            let off = (now_ms - plan.start_ms - span).abs();
            assert!(off < 120_000, "{line}: {off} ms");
            let again = super::tests::args(&args.flags_of(&plan)).plan().unwrap();
            assert_eq!((again.seed, again.start_ms), (plan.seed, plan.start_ms), "{}", args.flags_of(&plan));
        }
        assert_eq!(args("--count 9000000000 --sensors 1").plan().unwrap().start_ms, 0, "never before 1970");
    }

    #[test]
    fn readings_of_a_seed_do_not_depend_on_the_clock() {
        let seeded = args("--seed 7");
        let plan = seeded.plan().unwrap();
        assert_eq!((plan.start_ms, seeded.flags_of(&plan).as_str()), (SEEDED_START_MS, "--seed 7"));
        let started = args("--seed 7 --start 2026-02-03T04:05:06.7Z");
        let flags = started.flags_of(&started.plan().unwrap());
        assert_eq!(flags, "--seed 7 --start 2026-02-03T04:05:06.7Z");
    }
}
