//! Lines that are longer than the terminal is wide go on at a blank, below their text. A command between backticks stays
//! whole, so that it can be copied, and so does a word, such as an ARN or the id of a dead letter: the terminal itself wraps one
//! that is longer than a line. Such a word begins as far to the left as it needs.

use std::borrow::Cow;
use std::os::fd::AsFd;

use terminal_size::{Width, terminal_size_of};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::marks;
use super::plan_list::LIST_INDENT;

/// The width of a terminal that does not say how wide it is, as under `script` and `expect`.
const UNKNOWN_WIDTH: usize = 80;

/// Returns the width of the terminal that a stream is, or `None` if it is not a terminal.
pub(super) fn width_of(stream: impl AsFd + std::io::IsTerminal) -> Option<usize> {
    let is_terminal = stream.is_terminal();
    let known = terminal_size_of(stream).map(|(Width(width), _)| usize::from(width)).filter(|width| *width > 0);
    is_terminal.then(|| known.unwrap_or(UNKNOWN_WIDTH))
}

/// Returns the text in lines of at most that width where that is possible. What continues a line is indented by `indent`, or
/// as the line itself; the first line has `label` columns less.
pub(super) fn wrapped(text: &str, width: usize, label: usize) -> String {
    let lines = text.split('\n').enumerate().map(|(number, line)| {
        let label = if number == 0 { label } else { 0 };
        let indent = match label {
            0 if marks::is_marked(line) => LIST_INDENT.len(),
            0 => line.len() - line.trim_start_matches(' ').len(),
            label => label,
        };
        wrapped_line(line, width, label, indent)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, width: usize, label: usize, indent: usize) -> String {
    if label + line.width() <= width {
        return line.to_owned();
    }
    let is_marked = marks::is_marked(line);
    // Below the name or value if that fits, so that the columns stay.
    let column = if is_marked { line.rfind("  ").map(|blanks| line[..blanks].width() + 2) } else { value_column(line) };
    if let Some(column) = column {
        let below = broken(line, width, label, |_| column);
        let fits = below.lines().all(|line| line.width() <= width && !line.trim().is_empty());
        if fits && below.lines().next().is_some_and(|first| first.width() > column) {
            return below;
        }
    }
    let line = if is_marked { unpadded(line) } else { line.into() };
    // The first word of a line may need more room, with all that belongs to it.
    let first = |rest: &str| break_in(rest, 1).map_or(rest.width(), |end| rest[..end].width());
    broken(&line, width, label, |rest| indent.min(width.saturating_sub(first(rest))))
}

/// Returns the column of the value in a line of `name   value`.
fn value_column(line: &str) -> Option<usize> {
    const LAST: usize = 24;
    let indent = line.len() - line.trim_start_matches(' ').len();
    let starts = line.char_indices().filter(|(at, letter)| *letter != ' ' && line[..*at].ends_with("  "));
    let columns = starts.filter(|(at, _)| *at > indent).map(|(at, _)| line[..at].width());
    columns.take_while(|column| *column <= LAST).last()
}

/// Breaks a line at blanks. `indent` returns the column at which the rest goes on.
fn broken(line: &str, width: usize, label: usize, indent: impl Fn(&str) -> usize) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    let mut column = label;
    while let Some(end) = break_in(rest, width.saturating_sub(column)) {
        shown.push_str(rest[..end].trim_end_matches(' '));
        shown.push('\n');
        rest = rest[end..].trim_start_matches(' ');
        column = indent(rest);
        shown.push_str(&" ".repeat(column));
    }
    shown.push_str(rest);
    shown
}

/// Returns the line of a list without the blanks that align its last column.
fn unpadded(line: &str) -> Cow<'_, str> {
    let (start, name) = line.split_at(line.char_indices().nth(LIST_INDENT.len()).map_or(line.len(), |(at, _)| at));
    let words: Vec<_> = name.split(' ').filter(|word| !word.is_empty()).collect();
    let blanks = &name[..name.len() - name.trim_start_matches(' ').len()];
    format!("{start}{blanks}{}", words.join(" ")).into()
}

/// Returns the place at which a text that is wider than `room` is broken: the last blank that fits, else the first one.
/// Returns `None` if the text fits, or cannot be broken.
fn break_in(text: &str, room: usize) -> Option<usize> {
    let (mut column, mut is_command, mut has_word) = (0, false, false);
    let mut last = None;
    for (at, character) in text.char_indices() {
        if column >= room && !(column == room && character == ' ') && last.is_some() {
            return last;
        }
        is_command ^= character == '`';
        if character != ' ' {
            has_word = true;
        } else if !is_command && has_word && !text[..at].ends_with('→') && !text[at..].trim_start().is_empty() {
            last = Some(at);
            if column > room {
                return last;
            }
        }
        column += character.width().unwrap_or(0);
    }
    last.filter(|_| column > room)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_goes_on_at_a_blank_and_commands_stay_whole() {
        let hint = "`sensorctl plan --local` shows what `sensorctl up --local` would change";
        assert_eq!(wrapped(hint, 80, 6), hint);
        assert_eq!(
            wrapped(hint, 40, 6),
            "`sensorctl plan --local` shows\n      what `sensorctl up --local` would\n      change"
        );
        assert_eq!(
            wrapped(hint, 20, 6),
            "`sensorctl plan --local`\n      shows what\n`sensorctl up --local`\n      would change",
            "a command is not broken"
        );
        let line = "  ✓ created      16 ms  mapping        temperature-sensor-data → ProcessKinesisRecords";
        assert_eq!(
            wrapped(line, 60, 0),
            "  ✓ created      16 ms mapping temperature-sensor-data\n              → ProcessKinesisRecords"
        );
        let below = " ".repeat(39);
        assert_eq!(
            wrapped(line, 80, 0),
            format!("  ✓ created      16 ms  mapping        temperature-sensor-data\n{below}→ ProcessKinesisRecords")
        );
        assert_eq!(wrapped(line, 100, 0), line);
        let below = format!("{LIST_INDENT}key: one two three");
        assert_eq!(wrapped(&below, 24, 0), format!("{LIST_INDENT}key: one\n{LIST_INDENT}two three"));
        assert_eq!(wrapped("one\ntwo three", 8, 0), "one\ntwo\nthree");
        assert_eq!(wrapped("unbreakable", 4, 0), "unbreakable");
    }

    #[test]
    fn value_behind_its_name_goes_on_below_itself() {
        let note = "note         8,759 times have no zone and count as UTC (`--time-zone`)";
        assert_eq!(
            wrapped(note, 60, 0),
            "note         8,759 times have no zone and count as UTC\n             (`--time-zone`)"
        );
        let hop = "  accepted      7 ms  by shardId-000000000000 at sequence number 4968066462203934310165";
        assert_eq!(
            wrapped(hop, 60, 0),
            "  accepted      7 ms  by shardId-000000000000 at sequence\n                      number 4968066462203934310165"
        );
        assert_eq!(
            wrapped(hop, 30, 0),
            "  accepted      7 ms  by\n  shardId-000000000000 at\n  sequence number\n  4968066462203934310165"
        );
        let command = "command      `sensorctl put --file f.csv --map current_time=date`";
        let below = "command\n`sensorctl put --file f.csv --map current_time=date`";
        assert_eq!(wrapped(command, 40, 0), below, "a command is not broken");
    }

    #[test]
    fn id_longer_than_a_line_stays_whole_and_begins_as_far_left_as_it_needs() {
        let id = "shardId-000000000000/49590338271490256608559692538361571095921575989136588898/0";
        let refusal = format!("refused {id}: `temperature` is not a number");
        assert_eq!(wrapped(&refusal, 80, 7), format!("refused\n{id}:\n       `temperature` is not a number"));
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData/index/ByTime";
        let line = format!("{LIST_INDENT}policy, dynamodb:PutItem: none → {arn}");
        for width in 10..140 {
            for (text, whole) in [(&refusal, id), (&line, arn)] {
                let shown = wrapped(text, width, 0);
                assert!(shown.contains(whole), "{width}:\n{shown}");
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                assert_eq!(words(&shown), words(text), "{width}");
                let is_long = |line: &str| line.width() > width && line.trim_start().contains(' ');
                assert!(width < 80 || !shown.lines().any(is_long), "{width}:\n{shown}");
            }
        }
        assert_eq!(wrapped(&line, 80, 0), format!("{LIST_INDENT}policy, dynamodb:PutItem: none\n         → {arn}"));
        // A word that fits into a line of its own stays in its column.
        let log_group = "  ✓ created      16 ms  log-group      /aws/lambda/ProcessKinesisRecords";
        let below = format!("  ✓ created      16 ms log-group\n{LIST_INDENT}/aws/lambda/ProcessKinesisRecords");
        assert_eq!(wrapped(log_group, 60, 0), below);
        assert_eq!(wrapped("`aws:s3:cp`", 5, 0), "`aws:s3:cp`");
        assert_eq!(wrapped("at https://a.example/b", 10, 0), "at\nhttps://a.example/b");
    }

    proptest! {
        #[test]
        fn wrapped_text_has_the_same_words_in_lines_that_fit(text in "[a-z ]{0,80}", width in 10_usize..40) {
            let shown = wrapped(&text, width, 0);
            prop_assert_eq!(
                shown.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>()
            );
            for line in shown.lines() {
                prop_assert!(line.len() <= width || !line.trim().contains(' '), "{:?}", line);
            }
        }
    }
}
