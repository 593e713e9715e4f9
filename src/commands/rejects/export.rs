//! `rejects export`.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueHint};

use super::selection::{FilterArgs, dead_letters, tell_left_out};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{DeadLetterId, DeadLetterReader};
use crate::output::{ExportedDeadLetter, Format, Output, OutputFile};

/// Write dead letters with their data to standard output or a file
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sensorctl rejects export --to rejects.ndjson.gz
  sensorctl rejects export --reason wrong-type --raw | jq -c '.temperature |= tonumber' | sensorctl put --file -

Each dead letter is one object: what `rejects list` shows, partition_key, expires, and the data, which is text
(\"encoding\":\"text\") or, where it is not UTF-8, base64 (\"encoding\":\"base64\"). No byte is changed.
--raw writes the data alone, one a line; data with line breaks and data whose parts are missing cannot be told apart
there: they are left out, and the exit code is 3.")]
pub(super) struct ExportArgs {
    /// Ids of dead letters, as `rejects list` prints them [default: all]
    #[arg(value_name = "ID", conflicts_with_all = ["reasons", "since", "until", "shards", "limit"])]
    ids: Vec<DeadLetterId>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Write to this file, for its owner only, under its name once it is complete; .gz and .zst compress
    #[arg(long = "to", value_name = "FILE", value_hint = ValueHint::FilePath)]
    target: Option<PathBuf>,
    /// Overwrite the file of --to, if there is something in it
    #[arg(long, requires = "target")]
    force: bool,
    /// Write the data alone, one dead letter a line
    #[arg(long)]
    raw: bool,
}

/// Counts of an export.
#[derive(Default)]
struct Exported {
    written: u64,
    /// Those that are no single line.
    left_out: u64,
}

pub(super) async fn run(context: &Context, args: &ExportArgs) -> Result<(), Error> {
    refuse_dash(args.target.as_deref(), "leave `--to` out, or name the file `./-`")?;
    if args.raw && context.output.chosen_format() != Format::Auto {
        return Err(Error::usage("`--raw` is the data as it is, in no other form").hint("leave `-o` out"));
    }
    if !args.raw {
        check_ending(context, args.target.as_deref())?;
    }
    let mut reader = args.filter.reader(context, &args.ids).await?;
    let file = args.target.as_ref().map(|path| OutputFile::create(path, args.force)).transpose()?;
    let output = file.as_ref().map_or_else(|| context.output.clone(), |file| context.output.to_file(file));
    let format = match output.chosen_format() {
        Format::Auto => Format::Ndjson,
        Format::Json | Format::Ndjson => output.chosen_format(),
        Format::Table | Format::Csv => {
            return Err(Error::usage("`rejects export` writes JSON").hint(
                "`-o json`, `-o ndjson` or an ending such as .ndjson; `rejects list` has tables and CSV, without the data",
            ));
        }
    };
    let left = || match &args.target {
        Some(path) => Error::interrupted(format!("interrupted; {} was not written", path.display())),
        None => Error::interrupted("interrupted; not all dead letters were written"),
    };
    let mut exported = Exported::default();
    context.or_interrupt(write(args, &output, format, &mut reader, &mut exported), left).await?;
    if let Some(file) = file {
        if !reader.missing.is_empty() {
            return tell_left_out(context, &reader, Ok(()));
        }
        file.finish()?;
        context.output.status(format!("Wrote {}: {}.", file.name(), dead_letters(exported.written)));
    } else if exported.written == 0 && exported.left_out == 0 {
        let table = &context.settings.pipeline.rejects.table.name;
        let matching = if args.filter.is_set() { " that match" } else { "" };
        context.output.status(format!("No dead letters{matching} in table {table}."));
    }
    let mut result = Ok(());
    if exported.left_out > 0 {
        let count = dead_letters(exported.left_out);
        let message = format!("{count} not written: `--raw` is for data of one line, with all its parts");
        result = Err(Error::incomplete(message).hint("the same command without `--raw` writes them as JSON"));
    }
    tell_left_out(context, &reader, result)
}

/// Refuses `-`, which would be a file of that name.
///
/// # Errors
/// If the target is one.
pub(super) fn refuse_dash(target: Option<&Path>, hint: &str) -> Result<(), Error> {
    if target.is_some_and(|path| path.as_os_str() == "-") {
        return Err(Error::usage("`--to -` is standard output, and `--to` writes a file").hint(hint));
    }
    Ok(())
}

/// Refuses an ending that stands for another form than JSON.
///
/// # Errors
/// If it does.
pub(super) fn check_ending(context: &Context, target: Option<&Path>) -> Result<(), Error> {
    match target.and_then(OutputFile::unknown_ending) {
        Some(ending) if context.output.chosen_format() == Format::Auto => {
            Err(Error::usage(format!("`.{ending}` is no form that dead letters are written in"))
                .hint("write .json or .ndjson, and .gz or .zst behind it; `-o` chooses the form whatever the name is"))
        }
        _ => Ok(()),
    }
}

async fn write(
    args: &ExportArgs,
    output: &Output,
    format: Format,
    reader: &mut DeadLetterReader<'_>,
    exported: &mut Exported,
) -> Result<(), Error> {
    let mut rows = output.rows_in(format);
    let mut left = args.filter.limit.unwrap_or(u64::MAX);
    while left > 0 && !output.is_closed() {
        let letter = match reader.next().await {
            Ok(Some(letter)) => letter,
            Ok(None) => break,
            Err(error) => {
                rows.break_off::<ExportedDeadLetter<'_>>()?;
                return Err(error);
            }
        };
        left -= 1;
        if !args.raw {
            rows.push(&ExportedDeadLetter::new(&letter))?;
        } else if letter.missing_parts > 0 || letter.data.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            exported.left_out += 1;
            continue;
        } else {
            output.raw_line(letter.data)?;
        }
        exported.written += 1;
    }
    // Without rows, `-o json` is still a document.
    if args.raw { Ok(()) } else { rows.finish::<ExportedDeadLetter<'_>>().map(drop) }
}
