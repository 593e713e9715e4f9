//! Comment lines of CSV, and lines that only look like one.

use super::super::options::{Delimiter, InputOptions};
use super::super::output::{Output, RawLine};
use super::super::row_error::row_error;
use super::super::row_splitter::RowSplitter;
use super::CsvParser;

/// The beginning of comments where no option names another.
const DEFAULT: &str = "#";

/// How comment lines begin.
pub(super) struct CommentRule {
    beginning: String,
    /// True if an option names it: such lines are comments whatever they hold.
    is_named: bool,
}

impl CommentRule {
    pub(super) fn new(options: &InputOptions) -> Self {
        let beginning = options.comment.clone().unwrap_or_else(|| DEFAULT.to_owned());
        CommentRule { beginning, is_named: options.comment.is_some() }
    }

    /// Returns whether an option names the beginning of comments.
    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }

    /// Returns whether a line begins as comments do. Behind `#` alone, which may be the name of a column, follows the
    /// delimiter; where it is not known yet, any may.
    pub(super) fn is_comment(&self, line: &[u8], delimiter: Delimiter) -> bool {
        let Some(rest) = line.strip_prefix(self.beginning.as_bytes()).filter(|_| !self.beginning.is_empty()) else {
            return false;
        };
        let is_cell = match (delimiter, rest.first()) {
            (_, None) | (Delimiter::Blanks, _) => false,
            (Delimiter::Byte(byte), Some(next)) => byte == *next,
            (Delimiter::Auto, Some(next)) => b",;\t|".contains(next),
        };
        !is_cell || self.is_named && delimiter == Delimiter::Auto
    }

    /// Returns the text of a comment.
    pub(super) fn text<'l>(&self, line: &'l str) -> &'l str {
        line.strip_prefix(self.beginning.as_str()).unwrap_or(line).trim_start_matches(['#', ' ', '\t'])
    }
}

impl CsvParser {
    /// Takes a line that begins as comments do: it is counted, unless it holds a reading and no option says that it is a
    /// comment all the same.
    pub(super) fn take_comment(&self, raw: RawLine<'_>, output: &mut Output) {
        if self.comments.is_named() || !self.holds_reading(raw.bytes, output) {
            output.builder.facts.passed_over += 1;
            return;
        }
        let reason = "a comment by its `#`, and a reading by its values; `--comment ''` reads such lines, `--comment '#'` \
                      passes over them";
        output.reject(raw, row_error("commented-reading", reason));
    }

    /// Takes a comment above the header; rejects another line that would be a reading below it: two files may have been
    /// joined.
    pub(super) fn judge_above_header(&self, raw: RawLine<'_>, output: &mut Output) {
        if self.comments.is_comment(raw.bytes, Delimiter::Auto) {
            self.take_comment(raw, output);
        } else if self.holds_reading(raw.bytes, output) {
            output.reject(raw, row_error("above-header", "a reading by its values, and it stands above the header"));
        }
    }

    fn holds_reading(&self, line: &[u8], output: &Output) -> bool {
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
        let Ok(text) = std::str::from_utf8(line) else { return false };
        let cells = if splitter.needs_quotes(line) {
            if splitter.feed(line) { splitter.fed() } else { None }
        } else {
            Some(splitter.plain(text))
        };
        cells.is_some_and(|cells| {
            self.columns.check_width(cells, self.options.short_rows).is_ok()
                && self.columns.holds_reading(cells, &output.builder)
        })
    }
}
