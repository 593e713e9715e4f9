//! Tables for people: as wide as they need off a terminal, within its width on one.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, ContentArrangement, Row, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape::one_line;

/// Columns between two cells.
const GAP: usize = 2;
/// A shortened cell of fewer characters says nothing.
const LEAST: usize = 8;

/// An empty table in the house style: no lines, columns two spaces apart, a header in capitals. On a terminal that is too
/// narrow, cells go over several lines.
#[must_use]
pub fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    in_house_style(&mut table, header.iter().map(ToString::to_string));
    table
}

fn in_house_style(table: &mut Table, header: impl Iterator<Item = String>) {
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.map(|name| Cell::new(name.to_uppercase())));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
}

/// Rows of one line each. On a terminal that is too narrow, the `expendable` columns, the last one first, are shortened
/// or left out; what is left is shortened where it must be.
#[must_use]
pub fn table_of_rows(columns: &[&str], rows: &[Vec<String>], expendable: &[&str]) -> String {
    let width = new_table(&[]).width().map(usize::from);
    table_within(width, columns, rows, expendable)
}

fn table_within(width: Option<usize>, columns: &[&str], rows: &[Vec<String>], expendable: &[&str]) -> String {
    let wanted = |at: usize| {
        let cells = rows.iter().filter_map(|cells| cells.get(at)).map(|text| text.width());
        cells.chain([columns[at].len()]).max().unwrap_or(0)
    };
    // The columns that are shown, with their widths.
    let mut kept: Vec<(usize, usize)> = (0..columns.len()).map(|at| (at, wanted(at))).collect();
    let mut table = Table::new();
    if let Some(width) = width {
        for name in expendable.iter().rev() {
            let over = kept.iter().map(|(_, wide)| wide + GAP).sum::<usize>().saturating_sub(width);
            let Some(place) = kept.iter().position(|(at, _)| columns[*at] == *name) else { continue };
            match kept[place].1.saturating_sub(over) {
                less if less < LEAST => drop(kept.remove(place)),
                less => kept[place].1 = less,
            }
        }
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    in_house_style(&mut table, kept.iter().map(|(at, wide)| shortened(columns[*at], *wide)));
    for cells in rows {
        let mut row = Row::from(kept.iter().map(|(at, wide)| cell(&shortened(&cells[*at], *wide))).collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    table.trim_fmt()
}

/// The text within a width in columns of a terminal, of which some characters take two.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |character: &char| {
        let left = room.checked_sub(character.width().unwrap_or(0));
        room = left.unwrap_or(room);
        left.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A cell in which every character is shown, so that no reading can move the cursor.
#[must_use]
pub fn cell(text: &str) -> Cell {
    Cell::new(one_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 4] = ["sensor", "time", "shard", "number"];

    fn within(width: Option<usize>) -> String {
        let row = ["kitchen", "2026-11-25T17:23:34Z", "shardId-000000000000", "49680558577178963125664254392401"];
        table_within(width, &COLUMNS, &[row.map(str::to_owned).to_vec()], &["shard", "number"])
    }

    #[test]
    fn a_table_fits_and_loses_first_what_a_person_needs_least() {
        assert!(within(None).ends_with("49680558577178963125664254392401"));
        for width in [200, 90, 80, 60, 50, 40, 31] {
            let table = within(Some(width));
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}:\n{table}");
            assert_eq!(table.lines().count(), 2, "{width}:\n{table}");
            assert!(table.contains("kitchen") && table.contains("2026-11-25T17:23:34Z"), "{width}:\n{table}");
        }
        assert!(within(Some(80)).contains("49680558") && within(Some(80)).contains('…'));
        assert!(within(Some(56)).contains("shardId-000000000000") && !within(Some(56)).contains("NUMBER"));
        assert!(!within(Some(31)).contains("SHARD"));
        assert_eq!((shortened("温度計の台所", 7).as_str(), shortened("温度", 4).as_str()), ("温度計…", "温度"));
    }
}
