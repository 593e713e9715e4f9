//! Decides on the form of times by the values of a file.

use super::super::output::Output;
use super::super::row_splitter::RowSplitter;
use super::super::time_format::forms_of_times;
use super::CsvParser;
use super::no_header::NotCsv;

/// Bytes of rows that are read ahead of an input that is long enough, but for its header.
const FIRST_ROWS: usize = 60 * 1024;

impl CsvParser {
    /// Takes the only form that reads the times of the rows which are read already. Times that have a certain meaning
    /// need none.
    ///
    /// # Errors
    /// When several forms read them: then the day is not known from the month.
    pub(super) fn choose_time_format(&self, output: &mut Output) -> Result<(), NotCsv> {
        if !self.options.has_time_format_of_file() {
            return Ok(());
        }
        match self.time_forms().as_slice() {
            [] => Ok(()),
            [one] => {
                output.builder.set_time_format(one);
                Ok(())
            }
            several => {
                let hints = several.iter().map(|form| format!("`--time-format '{form}'` reads them"));
                let undecided = NotCsv::of_csv("none of its first times tells the day from the month");
                Err(hints.fold(undecided, NotCsv::hint))
            }
        }
    }

    /// Returns whether more rows at the end of the input might have led to another form.
    pub(in super::super) fn may_choose_otherwise(&self) -> bool {
        let ahead: usize = self.again.iter().map(|line| line.bytes.len()).sum();
        self.options.has_time_format_of_file() && ahead + self.lines.buffer().len() < FIRST_ROWS
    }

    /// Returns the forms that read the times of the rows which are read already; none where they need none.
    pub(in super::super) fn time_forms(&self) -> Vec<String> {
        forms_of_times(&self.times(), &self.columns.time_names().join(" "))
    }

    /// Returns the times of the rows that are read already.
    fn times(&self) -> Vec<String> {
        let ahead = self.again.iter().map(|line| line.bytes.as_slice());
        let lines = ahead.chain(self.lines.buffer().split(|byte| *byte == b'\n' || *byte == b'\r'));
        let mut splitter = RowSplitter::new(self.splitter.delimiter());
        let mut times = Vec::new();
        for line in lines {
            let time = splitter.row_of_line(line).map(|cells| self.columns.time_text(cells).into_owned());
            times.extend(time.filter(|time| !time.is_empty()));
        }
        times
    }
}
