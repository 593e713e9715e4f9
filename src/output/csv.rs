//! CSV whose rows may have columns of their own: the first rows decide which, later ones go to a column `more`.

use std::collections::{BTreeSet, HashMap};

use csv::WriterBuilder;
use serde_json::value::RawValue;

use super::csv_safe::without_formula;
use super::escape::one_line;
use crate::error::Error;

/// How many rows decide which columns there are.
const FIRST_ROWS: usize = 500;
/// The last column: a JSON object of what has no column of its own.
const MORE: &str = "more";

/// The columns of a kind of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CsvColumns {
    /// The first columns.
    pub before: &'static [&'static str],
    /// True if rows have columns of their own, between the first and the last.
    pub own: bool,
    /// The last columns.
    pub after: &'static [&'static str],
}

/// The texts of one row.
#[derive(Clone, Debug, Default)]
pub(crate) struct CsvCells {
    /// Under the first columns.
    pub before: Vec<String>,
    /// The cells under the row's own columns.
    pub own: Vec<OwnCell>,
    /// Under the last columns.
    pub after: Vec<String>,
}

/// A cell under a column of the row's own.
#[derive(Clone, Debug)]
pub(crate) struct OwnCell {
    /// The column.
    pub name: String,
    /// The text in the cell.
    pub text: String,
    /// The value as JSON, for the column `more`.
    pub json: String,
}

impl CsvColumns {
    /// The same columns for every row.
    #[must_use]
    pub(crate) fn fixed(columns: &'static [&'static str]) -> Self {
        CsvColumns { before: columns, own: false, after: &[] }
    }
}

impl CsvCells {
    /// Texts under fixed columns.
    #[must_use]
    pub(crate) fn fixed(cells: Vec<String>) -> Self {
        CsvCells { before: cells, ..CsvCells::default() }
    }
}

/// Writes rows under a header, which is settled once enough of them have been seen.
#[derive(Debug)]
pub(super) struct CsvTable {
    columns: CsvColumns,
    texts: CsvTexts,
    waiting: Vec<CsvCells>,
    /// The rows' own columns, once settled.
    own: Option<Vec<String>>,
}

impl CsvTable {
    pub(super) fn new(columns: CsvColumns, texts: CsvTexts) -> Self {
        CsvTable { columns, texts, waiting: Vec::new(), own: None }
    }

    pub(super) fn push(&mut self, cells: CsvCells, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.own.is_some() {
            return self.line(cells, out);
        }
        self.waiting.push(cells);
        if !self.columns.own || self.waiting.len() >= FIRST_ROWS { self.settle(out) } else { Ok(()) }
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.own.is_none() { self.settle(out) } else { Ok(()) }
    }

    /// Writes all rows so far. Their columns are settled.
    pub(super) fn settle_now(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.own.is_none() && !self.waiting.is_empty() { self.settle(out) } else { Ok(()) }
    }

    fn settle(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let names = self.waiting.iter().flat_map(|cells| &cells.own).map(|cell| cell.name.as_str());
        // A field named `more` goes into the column `more`, so that the column always is what it is.
        let own: BTreeSet<String> = names.filter(|name| *name != MORE).map(str::to_owned).collect();
        let own: Vec<String> = own.into_iter().collect();
        let fixed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut header = fixed(self.columns.before);
        header.extend(own.iter().cloned());
        header.extend(fixed(self.columns.after));
        header.extend(self.columns.own.then(|| MORE.to_owned()));
        self.texts.write_line(header, out)?;
        self.own = Some(own);
        for cells in std::mem::take(&mut self.waiting) {
            self.line(cells, out)?;
        }
        Ok(())
    }

    fn line(&self, cells: CsvCells, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut line = cells.before;
        if self.columns.own {
            let mut own: HashMap<String, OwnCell> =
                cells.own.into_iter().map(|cell| (cell.name.clone(), cell)).collect();
            for name in self.own.iter().flatten() {
                line.push(own.remove(name).map(|cell| cell.text).unwrap_or_default());
            }
            line.extend(cells.after);
            line.push(more(own)?);
        } else {
            line.extend(cells.after);
        }
        self.texts.write_line(line, out)
    }
}

fn more(own: HashMap<String, OwnCell>) -> Result<String, Error> {
    if own.is_empty() {
        return Ok(String::new());
    }
    let values = own.into_values().map(|cell| Ok((cell.name, RawValue::from_string(cell.json)?)));
    values
        .collect::<Result<std::collections::BTreeMap<_, _>, serde_json::Error>>()
        .and_then(|object| serde_json::to_string(&object))
        .map_err(|error| Error::failed("could not write CSV").with_source(error))
}

/// How the texts of cells are written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CsvTexts {
    /// True if a terminal shows them.
    pub is_terminal: bool,
    /// True if no spreadsheet may take one for a formula.
    pub is_safe: bool,
}

impl CsvTexts {
    /// Appends a line.
    pub(super) fn write_line(self, mut cells: Vec<String>, out: &mut Vec<u8>) -> Result<(), Error> {
        for cell in &mut cells {
            if self.is_safe {
                *cell = without_formula(std::mem::take(cell));
            }
            // After the formulas, as the characters that begin one are not shown.
            if self.is_terminal {
                *cell = one_line(cell).into_owned();
            }
        }
        let failed = |error: csv::Error| Error::failed("could not write CSV").with_source(error);
        let mut writer = WriterBuilder::new().from_writer(out);
        writer.write_record(&cells).map_err(failed)?;
        writer.flush().map_err(|error| failed(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: CsvColumns = CsvColumns { before: &["id"], own: true, after: &["end"] };

    fn row(id: &str, own: &[(&str, &str)]) -> CsvCells {
        let own = own.iter().map(|(name, json)| OwnCell {
            name: (*name).to_owned(),
            text: json.trim_matches('"').to_owned(),
            json: (*json).to_owned(),
        });
        CsvCells { before: vec![id.to_owned()], own: own.collect(), after: vec!["e".to_owned()] }
    }

    fn written(rows: Vec<CsvCells>) -> String {
        let mut out = Vec::new();
        let mut table = CsvTable::new(COLUMNS, CsvTexts::default());
        for cells in rows {
            table.push(cells, &mut out).unwrap();
        }
        table.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_columns_of_the_first_rows_are_sorted_and_missing_values_are_empty() {
        let text = written(vec![row("1", &[("b", "2"), ("a", "\"x,y\"")]), row("2", &[("c", "true")])]);
        assert_eq!(text, "id,a,b,c,end,more\n1,\"x,y\",2,,e,\n2,,,true,e,\n");
    }

    #[test]
    fn what_comes_later_goes_to_the_last_column_with_its_type() {
        let mut rows: Vec<_> = (0..FIRST_ROWS).map(|_| row("1", &[("a", "1")])).collect();
        rows.push(row("2", &[("a", "1"), ("z", "1.5"), ("y", "\"t\""), ("more", "null")]));
        let text = written(rows);
        assert_eq!(text.lines().next(), Some("id,a,end,more"));
        assert_eq!(text.lines().last(), Some(r#"2,1,e,"{""more"":null,""y"":""t"",""z"":1.5}""#));
    }

    #[test]
    fn safe_texts_hold_no_formula_in_cells_or_header() {
        let mut out = Vec::new();
        let mut table = CsvTable::new(COLUMNS, CsvTexts { is_safe: true, is_terminal: true });
        table.push(row("@x", &[("=a", "-2.5"), ("b", "\"=1\u{1b}\"")]), &mut out).unwrap();
        table.finish(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "id,'=a,b,end,more\n'@x,-2.5,'=1\u{fffd},e,\n");
    }

    #[test]
    fn no_rows_are_a_header() {
        assert_eq!(written(Vec::new()), "id,end,more\n");
    }
}
