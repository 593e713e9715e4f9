//! Tables for people: as wide as they need off a terminal, within its width on one. Numbers and times are never cut.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, ContentArrangement, Row, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape::one_line;
use super::wrap::width_of;

/// Columns between two cells.
const GAP: usize = 2;
/// The least width of a text that is cut short; a shorter one says nothing.
const LEAST: usize = 8;
/// The width up to which an id is shown whole, as long as columns can be left out instead: that of a UUID.
pub(crate) const SHORTEST_ID: usize = 36;

/// A way to make a table narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Squeeze {
    /// Leaves the column out.
    Drop(&'static str),
    /// Cuts its texts short, but not to less than what is legible.
    Shorten(&'static str),
    /// Cuts its texts short, but not to less than this width.
    Limit(&'static str, usize),
    /// Shows its texts below the other columns, each on a line of its own.
    OwnLine(&'static str),
}

impl Squeeze {
    fn column(self) -> &'static str {
        match self {
            Squeeze::Drop(column) | Squeeze::Shorten(column) | Squeeze::Limit(column, _) | Squeeze::OwnLine(column) => {
                column
            }
        }
    }
}

/// Returns a table of rows of one line each. On a terminal that is too narrow, columns without texts are left out, and
/// `squeezes` apply in their order until it fits.
#[must_use]
pub(crate) fn table_of_rows(columns: &[&str], rows: &[Vec<String>], squeezes: &[Squeeze]) -> String {
    table_within(terminal_width(), columns, rows, squeezes)
}

/// Returns one row as a table or, on a terminal that is too narrow, as one line a column.
#[must_use]
pub(crate) fn table_of_record(columns: &[&str], cells: &[String]) -> String {
    record_within(terminal_width(), columns, cells)
}

fn terminal_width() -> Option<usize> {
    width_of(std::io::stdout())
}

fn record_within(width: Option<usize>, columns: &[&str], cells: &[String]) -> String {
    let widths = columns.iter().zip(cells).map(|(column, text)| column.width().max(text.width()) + GAP);
    if width.is_none_or(|width| widths.sum::<usize>() <= width + GAP) {
        return table_within(None, columns, &[cells.to_vec()], &[]);
    }
    let widest = columns.iter().map(|column| column.width()).max().unwrap_or(0);
    let line =
        |(column, text): (&&str, &String)| format!("{column:<widest$}  {}", one_line(text)).trim_end().to_owned();
    columns.iter().zip(cells).map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn table_within(
    width: Option<usize>,
    columns: &[&str],
    rows: &[Vec<String>],
    squeezes: &[Squeeze],
) -> String {
    let wanted = |at: usize| {
        let cells = rows.iter().filter_map(|cells| cells.get(at)).map(|text| text.width());
        cells.chain([columns[at].width()]).max().unwrap_or(0)
    };
    // The columns that are shown, with their widths.
    let mut kept: Vec<(usize, usize)> = (0..columns.len()).map(|at| (at, wanted(at))).collect();
    let mut below = None;
    let total = |kept: &[(usize, usize)]| kept.iter().map(|(_, wide)| wide + GAP).sum::<usize>();
    if let Some(room) = width.map(|width| width + GAP) {
        if total(&kept) > room && !squeezes.is_empty() {
            kept.retain(|(at, _)| rows.iter().any(|cells| cells.get(*at).is_some_and(|text| !text.is_empty())));
        }
        for squeeze in squeezes {
            let over = total(&kept).saturating_sub(room);
            let place = kept.iter().position(|(at, _)| columns[*at] == squeeze.column());
            let Some(place) = place.filter(|_| over > 0) else { continue };
            let (at, wide) = kept[place];
            let narrower = |least: usize| wide.saturating_sub(over).max(columns[at].width()).max(least.min(wide));
            match squeeze {
                Squeeze::Drop(_) => drop(kept.remove(place)),
                Squeeze::OwnLine(_) => below = Some(kept.remove(place).0),
                Squeeze::Shorten(_) => kept[place].1 = narrower(LEAST),
                Squeeze::Limit(_, least) => kept[place].1 = narrower(*least),
            }
        }
        // A text that was cut short before another column was left out may have room again.
        for place in 0..kept.len() {
            let rest = room.saturating_sub(total(&kept));
            kept[place].1 = wanted(kept[place].0).min(kept[place].1 + rest);
        }
    }
    let mut table = Table::new();
    // The terminal wraps a table that is still too wide: a cell over two lines would cut numbers in two.
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(kept.iter().map(|(at, _)| Cell::new(one_line(&columns[*at].to_uppercase()))));
    for column in table.column_iter_mut() {
        column.set_padding((0, u16::try_from(GAP).unwrap_or(2)));
    }
    for cells in rows {
        let cells = kept.iter().map(|(at, wide)| Cell::new(one_line(&shortened(&cells[*at], *wide))));
        let mut row = Row::from(cells.collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    let text = table.trim_fmt();
    let Some(at) = below else { return text };
    let indent = width.unwrap_or(0).saturating_sub(wanted(at)).min(GAP);
    let texts = rows.iter().map(|cells| one_line(&cells[at]));
    let texts = std::iter::once(columns[at].to_uppercase().into()).chain(texts);
    let lines = text.split('\n').zip(texts).map(|(line, text)| format!("{line}\n{:indent$}{text}", ""));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the text within a width in columns of a terminal, of which some characters take two.
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

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 6] = ["sensor", "temperature", "time", "fields", "shard", "number"];
    const SQUEEZES: [Squeeze; 5] = [
        Squeeze::Drop("number"),
        Squeeze::Drop("shard"),
        Squeeze::Shorten("fields"),
        Squeeze::Drop("fields"),
        Squeeze::Shorten("sensor"),
    ];

    fn within(width: Option<usize>) -> String {
        let row = [
            "kitchen",
            "-18.123456789",
            "2026-11-25T17:23:34.123Z",
            "humidity=41 site=left of the oven",
            "shardId-000000000000",
            "49680558577178963125664254392401",
        ];
        table_within(width, &COLUMNS, &[row.map(str::to_owned).to_vec()], &SQUEEZES)
    }

    #[test]
    fn column_that_takes_the_width_of_all_stands_below_the_others() {
        let rows =
            [["a/1", "not-json", "not JSON (at byte 0)"], ["a/2", "", ""]].map(|row| row.map(str::to_owned).to_vec());
        let squeezes = [Squeeze::OwnLine("id"), Squeeze::Shorten("message")];
        let table = |width| table_within(Some(width), &["id", "reason", "message"], &rows, &squeezes);
        assert_eq!(table(35).lines().count(), 3);
        assert!(table_within(Some(4), &["id", "a"], &[vec!["1/10".into(), "b".into()]], &squeezes).ends_with("\n1/10"));
        assert_eq!(table(25), "REASON    MESSAGE\n  ID\nnot-json  not JSON (at b…\n  a/1\n\n  a/2");
    }

    #[test]
    fn table_fits_its_terminal_and_never_cuts_a_number_or_a_time() {
        assert!(within(None).ends_with("49680558577178963125664254392401"));
        for width in [200, 120, 100, 90, 80, 70, 60, 50] {
            let table = within(Some(width));
            assert!(table.lines().all(|line| line.width() <= width), "{width}:\n{table}");
            assert_eq!(table.lines().count(), 2, "{width}:\n{table}");
            for whole in ["kitchen", "-18.123456789", "2026-11-25T17:23:34.123Z"] {
                assert!(table.contains(whole), "{width}:\n{table}");
            }
        }
        assert!(within(Some(120)).contains("shardId-000000000000") && !within(Some(120)).contains("NUMBER"));
        assert!(within(Some(80)).contains("humidity=41 site=left of the …"), "{}", within(Some(80)));
        assert!(!within(Some(50)).contains("FIELDS"));
        assert!(within(Some(30)).contains("2026-11-25T17:23:34.123Z"), "a terminal that is too narrow wraps");
        assert_eq!((shortened("温度計の台所", 7).as_str(), shortened("温度", 4).as_str()), ("温度計…", "温度"));
    }

    #[test]
    fn column_without_texts_is_left_out_first_and_long_texts_are_limited() {
        let squeezes = [Squeeze::Limit("id", 10), Squeeze::Drop("note")];
        let row = |id: &str| vec![id.to_owned(), String::new(), "a note".to_owned()];
        let table = |width, id: &str| table_within(Some(width), &["id", "reason", "note"], &[row(id)], &squeezes);
        assert_eq!(table(26, "0123456789"), "ID          REASON  NOTE\n0123456789          a note");
        assert_eq!(table(25, "0123456789"), "ID          NOTE\n0123456789  a note");
        assert_eq!(table(19, "0123456789abcdef"), "ID           NOTE\n0123456789…  a note");
        assert_eq!(table(15, "0123456789abcdef"), "ID\n0123456789abcd…");
    }

    #[test]
    fn record_that_is_too_wide_is_a_list() {
        let cells = ["8,759".to_owned(), "880.7 KiB".to_owned()];
        let record = |width| record_within(Some(width), &["read", "bytes"], &cells);
        assert_eq!(record(16), "READ   BYTES\n8,759  880.7 KiB");
        assert_eq!(record(15), "read   8,759\nbytes  880.7 KiB");
    }
}
