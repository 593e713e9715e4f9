//! The form that data takes: what was asked for, or what suits where it goes.

use super::{Format, Output, OutputFile, Rows};

impl Output {
    /// The form that rows take.
    #[must_use]
    pub fn row_format(&self) -> Format {
        match self.format {
            Format::Auto if self.stdout_is_terminal => Format::Table,
            Format::Auto => Format::Ndjson,
            format => format,
        }
    }

    /// The form that a report takes.
    #[must_use]
    pub fn report_format(&self) -> Format {
        match self.format {
            Format::Auto if self.stdout_is_terminal => Format::Table,
            Format::Auto => Format::Json,
            format => format,
        }
    }

    /// A writer of rows in the asked form.
    #[must_use]
    pub fn rows(&self) -> Rows {
        Rows::new(self.clone(), self.row_format())
    }

    /// Creates a writer of rows in one form.
    pub(crate) fn rows_in(&self, format: Format) -> Rows {
        Rows::new(self.clone(), format)
    }

    /// Writes data to a file, in the form of its ending where none was asked for.
    #[must_use]
    pub(crate) fn to_file(&self, file: &OutputFile) -> Self {
        let format = if self.format == Format::Auto { file.format().unwrap_or(Format::Auto) } else { self.format };
        Output { format, stdout_is_terminal: file.is_terminal(), file: Some(file.clone()), ..self.clone() }
    }

    /// Returns the form that was asked for by name.
    pub(crate) fn chosen_format(&self) -> Format {
        self.format
    }
}
