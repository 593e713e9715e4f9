//! Shows what `inspect` found out about a file.

use std::fmt::Write as _;

use clap::ValueEnum as _;

use super::{Report, units};
use crate::pipeline::Inspection;

impl Report for Inspection {
    fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<13}{value}");
        };
        line("file", &self.file);
        if let Some(compression) = self.compression {
            line("compression", compression);
        }
        let mark = if self.byte_order_mark { ", with a byte order mark" } else { "" };
        line("encoding", &format!("{}{mark}", self.encoding));
        let format = self.format.and_then(|format| format.to_possible_value());
        let format = format.map_or("none: it is empty".to_owned(), |format| format.get_name().to_owned());
        let delimiter = self.delimiter.as_ref().map_or(String::new(), |delimiter| format!(", delimiter {delimiter}"));
        let decimal = self.decimal.map_or(String::new(), |sign| format!(", decimal {sign}"));
        line("format", &format!("{format}{delimiter}{decimal}"));
        if let Some(header) = self.header_line {
            line("header", &format!("line {header}"));
        }
        for (at, column) in self.columns.iter().enumerate() {
            let range = match (&column.min, &column.max) {
                (Some(least), Some(most)) => format!(" {least} to {most}"),
                _ => String::new(),
            };
            let empty =
                if column.empty > 0 { format!(", {} empty", units::count(column.empty)) } else { String::new() };
            line(if at == 0 { "columns" } else { "" }, &format!("{}: {}{range}{empty}", column.name, column.kind));
        }
        if !self.layouts.is_empty() {
            line("layouts", &self.layouts.join(", "));
        }
        let part = if self.is_complete { "" } else { " in the first megabyte" };
        line("readings", &format!("{}{part}", units::count(self.accepted)));
        for reading in &self.readings {
            line("", reading.get());
        }
        if self.rejected > 0 {
            line("rejected", &units::count(self.rejected));
            for (code, reason) in &self.reasons {
                line(
                    "",
                    &format!("{} {code}, first in line {}: {}", units::count(reason.count), reason.line, reason.reason),
                );
            }
        }
        for remark in self.remarks() {
            line("note", &remark);
        }
        if let Some(error) = &self.error {
            line("not read", &error.replace('\n', &format!("\n{:13}", "")));
        }
        if let Some(command) = &self.command {
            // In backticks a command stays whole on a narrow terminal.
            line("command", &format!("`{command}`"));
        }
        for (at, choice) in self.choices.iter().enumerate() {
            line(if at == 0 { "either" } else { "or" }, choice.command.as_deref().unwrap_or_default());
            choice.first_reading.iter().for_each(|reading| line("", &format!("gives first {}", reading.get())));
        }
        text.truncate(text.trim_end().len());
        text
    }
}
