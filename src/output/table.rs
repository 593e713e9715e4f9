//! Tables for people.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, ContentArrangement, Table};

/// An empty table in the house style: no lines, columns two spaces apart, a header in capitals.
#[must_use]
pub fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|name| Cell::new(name.to_uppercase())));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A cell with control characters made visible, so that no reading can move the cursor.
#[must_use]
pub fn cell(text: &str) -> Cell {
    let visible: String =
        text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect();
    Cell::new(visible)
}
