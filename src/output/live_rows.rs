//! Rows that are shown as soon as they come.

use std::sync::atomic::Ordering;

use super::{Format, Output, Row, Rows, table_of_rows};
use crate::error::Error;

/// Rows of a table that are laid out together.
const PAGE: usize = 500;

/// Writes rows to stdout, and shows those so far on request.
pub(crate) struct LiveRows {
    form: Form,
}

enum Form {
    Table(LiveTable),
    /// Formats without a layout.
    Plain(Rows),
}

impl Output {
    /// A writer of rows that are shown as soon as they come.
    #[must_use]
    pub(crate) fn live_rows(&self) -> LiveRows {
        LiveRows::new(self)
    }

    /// Looks whether stdout still has a reader, for rows that come slowly: a closed pipe is found at the next write only.
    pub(crate) fn check_reader(&self) {
        if self.destination.has_no_reader() {
            self.closed.store(true, Ordering::Relaxed);
        }
    }
}

impl LiveRows {
    fn new(output: &Output) -> Self {
        let form = match output.row_format() {
            Format::Auto | Format::Table => Form::Table(LiveTable::new(output.clone())),
            Format::Json | Format::Ndjson | Format::Csv => Form::Plain(output.rows()),
        };
        LiveRows { form }
    }

    /// Takes a row. It may be held back until [`LiveRows::show`].
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn push<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        match &mut self.form {
            Form::Plain(rows) => rows.push(row),
            Form::Table(table) => {
                table.page.push(row.cells());
                if table.page.len() >= PAGE { table.show::<R>() } else { Ok(()) }
            }
        }
    }

    /// Shows all rows so far.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn show<R: Row>(&mut self) -> Result<(), Error> {
        match &mut self.form {
            Form::Plain(rows) => rows.settle(),
            Form::Table(table) => table.show::<R>(),
        }
    }

    /// Shows the rest and closes the document.
    ///
    /// # Errors
    /// When stdout cannot be written, other than by being closed.
    pub(crate) fn finish<R: Row>(self) -> Result<(), Error> {
        match self.form {
            Form::Plain(rows) => rows.finish::<R>().map(drop),
            Form::Table(mut table) => table.show::<R>(),
        }
    }
}

/// A table whose columns keep their place from one part to the next, as long as their texts fit.
struct LiveTable {
    output: Output,
    page: Vec<Vec<String>>,
    /// The widest text of each column so far.
    widest: Vec<String>,
    /// The header that is above the rows.
    header: String,
}

impl LiveTable {
    fn new(output: Output) -> Self {
        LiveTable { output, page: Vec::new(), widest: Vec::new(), header: String::new() }
    }

    fn show<R: Row>(&mut self) -> Result<(), Error> {
        if self.page.is_empty() {
            return Ok(());
        }
        let columns = R::columns();
        self.widest.resize(columns.len(), String::new());
        for cells in &self.page {
            for (widest, cell) in self.widest.iter_mut().zip(cells) {
                let wide = unicode_width::UnicodeWidthStr::width;
                if wide(cell.as_str()) > wide(widest.as_str()) {
                    // Any text of the same width does.
                    *widest = "x".repeat(wide(cell.as_str()));
                }
            }
        }
        // The first row has the widest texts. It gives the columns their places, and is not shown.
        let mut rows = vec![self.widest.clone()];
        rows.append(&mut self.page);
        let table = table_of_rows(columns, &rows, R::squeezes());
        let mut lines = table.lines();
        let header = lines.next().unwrap_or_default();
        let mut shown = String::with_capacity(table.len());
        if header != self.header {
            header.clone_into(&mut self.header);
            shown.push_str(header);
            shown.push('\n');
        }
        for line in lines.skip(1) {
            shown.push_str(line);
            shown.push('\n');
        }
        self.output.data(&shown)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Pair {
        name: &'static str,
        value: u32,
    }

    impl Row for Pair {
        fn columns() -> &'static [&'static str] {
            &["name", "value"]
        }

        fn cells(&self) -> Vec<String> {
            vec![self.name.to_owned(), self.value.to_string()]
        }
    }

    fn shown(format: Format) -> Vec<String> {
        let (output, captured) = Output::captured(format, false, 0);
        let mut rows = output.live_rows();
        let mut seen = Vec::new();
        let mut at = 0;
        for (name, value) in [("garden", 1), ("attic", 2), ("a much longer name", 3), ("z", 4)] {
            rows.push(&Pair { name, value }).unwrap();
            rows.show::<Pair>().unwrap();
            let text = captured.texts().0;
            seen.push(text[at..].to_owned());
            at = text.len();
        }
        rows.finish::<Pair>().unwrap();
        seen.push(captured.texts().0[at..].to_owned());
        seen
    }

    #[test]
    fn table_shows_each_row_at_once_under_a_header_that_is_repeated_when_columns_move() {
        assert_eq!(
            shown(Format::Table),
            [
                "NAME    VALUE\ngarden  1\n",
                "attic   2\n",
                "NAME                VALUE\na much longer name  3\n",
                "z                   4\n",
                ""
            ]
        );
    }

    #[test]
    fn other_formats_show_each_row_at_once_and_end_the_document() {
        let json = shown(Format::Json);
        assert_eq!((json[0].as_str(), json[4].as_str()), ("[\n  {\"name\":\"garden\",\"value\":1}", "\n]\n"));
        assert_eq!(shown(Format::Ndjson)[1], "{\"name\":\"attic\",\"value\":2}\n");
        assert_eq!(shown(Format::Csv)[..2], ["name,value\ngarden,1\n", "attic,2\n"]);
    }
}
