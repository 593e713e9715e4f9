//! The summary and the hints at the end of a tail.

use super::view::TailSummary;
use super::{Context, Error, TailArgs, TailStart};
use crate::error::ErrorKind;
use crate::output::{Warning, units};

/// Says what was read, and what of it is not a reading.
pub(super) fn print(context: &Context, args: &TailArgs, stream: &str, summary: &TailSummary) {
    context.output.status(counts(args, summary));
    let not_readings: Vec<_> = summary.not_readings.iter().map(|(code, count)| (*code, *count)).collect();
    if !not_readings.is_empty() && !args.raw {
        let from = args.same_start();
        let command = context.output.hint_flags().command("tail", args.words(from, true));
        context.output.warn(&Warning::NotReadings { stream: stream.to_owned(), reasons: not_readings, command });
    }
    if summary.outside > 0 {
        context.output.warn(&Warning::OutsideShard { count: summary.outside });
    }
}

fn counts(args: &TailArgs, summary: &TailSummary) -> String {
    let some = |count: u64, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{} {more}", units::count(count)),
    };
    let what = if args.sensors.is_empty() { "" } else { " of the named sensors" };
    let readings = format!("{}{what}", some(summary.readings, "reading", "readings"));
    let records = some(summary.records, "record", "records");
    if summary.records == 0 {
        return "No records.".to_owned();
    }
    let not_readings = summary.not_readings.values().sum();
    let others = match not_readings {
        0 => String::new(),
        count => {
            format!(", and {}", some(count, "user record that is not a reading", "user records that are not readings"))
        }
    };
    format!("{readings} in {records}{others}.")
}

impl TailArgs {
    /// Returns a beginning that reads the same records again.
    fn same_start(&self) -> TailStart {
        match self.from {
            // Records that were the latest at the start are older now.
            TailStart::Latest => TailStart::TrimHorizon,
            from => from,
        }
    }
}

/// Adds to an error what was shown, and how to go on.
pub(super) fn complete(error: Error, args: &TailArgs, summary: &TailSummary, resume: Option<TailStart>) -> Error {
    match error.kind() {
        ErrorKind::Interrupted => {
            let rows = if summary.rows == 1 { "row" } else { "rows" };
            let shown =
                if args.stats { String::new() } else { format!(" after {} {rows}", units::count(summary.rows)) };
            error.hints().iter().fold(Error::interrupted(format!("interrupted{shown}")), Error::hint)
        }
        ErrorKind::Failed => match resume {
            Some(resume) => {
                let words = args.words(resume, args.raw);
                let words: Vec<_> = words.iter().map(|word| crate::hint_flags::shell_word(word)).collect();
                error.hint(format!(
                    "`sensorctl tail {}` goes on from there; it may repeat some records",
                    words.join(" ")
                ))
            }
            None => error,
        },
        ErrorKind::Usage | ErrorKind::Incomplete => error,
    }
}
