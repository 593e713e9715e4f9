//! The bytes of a dead letter as text or hexadecimal digits, with a mark below the place where parsing failed.

use unicode_width::UnicodeWidthChar as _;

use crate::output::one_line;

/// Columns of a line with a mark: it must not be wrapped, or the mark stands below another place.
const MARKED_COLUMNS: usize = 72;
/// Columns before the mark.
const BEFORE: usize = 40;
/// Bytes that are shown around the mark, or from the beginning.
const SHOWN_BYTES: usize = 4096;
/// Bytes of a line of hexadecimal digits.
const ROW: usize = 16;

/// Returns the part of the data that is shown: around the mark where not all of it fits.
fn shown_range(length: usize, at: Option<usize>) -> std::ops::Range<usize> {
    let begin = at.unwrap_or(0).saturating_sub(SHOWN_BYTES / 2).min(length.saturating_sub(SHOWN_BYTES));
    begin..(begin + SHOWN_BYTES).min(length)
}

fn left_out(count: usize, export: &str) -> Option<String> {
    (count > 0).then(|| format!("… {count} bytes; {export} has all"))
}

/// Returns text line by line. `mark` is a byte of it, and what is wrong there; `export` is the command that writes all.
pub(super) fn text_lines(text: &str, mark: Option<(usize, &str)>, export: &str) -> Vec<String> {
    let range = shown_range(text.len(), mark.map(|(at, _)| at));
    let (begin, end) = (text.floor_char_boundary(range.start), text.ceil_char_boundary(range.end));
    let mut lines: Vec<String> = left_out(begin, export).into_iter().collect();
    let mut line_begin = begin;
    for line in text[begin..end].split_inclusive('\n') {
        let line_end = line_begin + line.len();
        let content = line.trim_end_matches(['\n', '\r']);
        let is_last = line_end == end;
        match mark {
            Some((at, message)) if (line_begin..line_end).contains(&at) || (is_last && at == line_end) => {
                lines.extend(marked_line(content, at - line_begin, message));
            }
            _ => lines.push(one_line(content).into_owned()),
        }
        line_begin = line_end;
    }
    if text.is_empty() {
        lines.extend(mark.map(|(_, message)| format!("^ {message}")));
    }
    lines.extend(left_out(text.len() - end, export));
    lines
}

/// Returns the part of a line around the mark, and the mark below it.
fn marked_line(line: &str, at: usize, message: &str) -> [String; 2] {
    let at = line.floor_char_boundary(at.min(line.len()));
    let width =
        |letter: char| one_line(letter.encode_utf8(&mut [0; 4])).chars().next().and_then(char::width).unwrap_or(0);
    let total: usize = line.chars().map(width).sum();
    // From the mark back, and then on.
    let mut begin = 0;
    if total > MARKED_COLUMNS {
        let mut columns = 0;
        let back = line[..at].char_indices().rev().take_while(|(_, letter)| {
            columns += width(*letter);
            columns < BEFORE
        });
        begin = back.last().map_or(at, |(index, _)| index);
    }
    let mut columns = usize::from(begin > 0);
    let kept: String = line[begin..]
        .chars()
        .take_while(|letter| {
            columns += width(*letter);
            columns < MARKED_COLUMNS || total <= MARKED_COLUMNS
        })
        .collect();
    let is_cut = begin + kept.len() < line.len();
    let lead = if begin > 0 { "…" } else { "" };
    let shown = format!("{lead}{}{}", one_line(&kept), if is_cut { "…" } else { "" });
    let column = lead.chars().count() + line[begin..at].chars().map(width).sum::<usize>();
    [shown, format!("{:column$}^ {message}", "")]
}

/// Returns bytes as hexadecimal digits and as ASCII, with a mark below one of them.
pub(super) fn hex_lines(bytes: &[u8], mark: Option<(usize, &str)>, export: &str) -> Vec<String> {
    let range = shown_range(bytes.len(), mark.map(|(at, _)| at));
    let begin = range.start / ROW * ROW;
    let mut lines: Vec<String> = left_out(begin, export).into_iter().collect();
    for (number, row) in bytes[begin..range.end].chunks(ROW).enumerate() {
        let offset = begin + number * ROW;
        let digits: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let letter = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let letters: String = row.iter().map(letter).collect();
        lines.push(format!("{offset:08x}  {:<47}  |{letters}|", digits.join(" ")));
        if let Some((at, message)) = mark.filter(|(at, _)| (offset..offset + row.len()).contains(at)) {
            lines.push(format!("{:1$}^^ {message}", "", 10 + 3 * (at - offset)));
        }
    }
    if let Some((_, message)) = mark.filter(|(at, _)| *at == bytes.len()) {
        lines.push(format!("{:08x}  ^^ {message}", bytes.len()));
    }
    lines.extend(left_out(bytes.len() - range.end, export));
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn text_is_marked_below_the_place_of_the_failure() {
        let lines = text_lines("{\"a\":1,\n \"b\":x}\n", Some((13, "not JSON")), "`export`");
        assert_eq!(lines, ["{\"a\":1,", " \"b\":x}", "     ^ not JSON"]);
        assert_eq!(text_lines("{", Some((1, "end")), "`export`"), ["{", " ^ end"]);
        assert_eq!(text_lines("", Some((0, "end")), "`export`"), ["^ end"]);
        assert_eq!(text_lines("a\tb", None, "`export`"), ["a\u{fffd}b"]);
    }

    #[test]
    fn long_line_is_cut_around_the_mark() {
        let text = format!("{}X{}", "a".repeat(3000), "b".repeat(3000));
        let lines = text_lines(&text, Some((3000, "here")), "`export`");
        let at = lines.iter().position(|line| line.ends_with("^ here")).unwrap();
        let column = lines[at].find('^').unwrap();
        assert_eq!(lines[at - 1].chars().nth(column), Some('X'));
        assert!(lines[at - 1].width() <= MARKED_COLUMNS + 1 && lines.first().unwrap().starts_with("… "), "{lines:?}");
    }

    #[test]
    fn hex_shows_every_byte_and_marks_one() {
        let lines = hex_lines(b"0123456789abcdefXY\xff", Some((17, "here")), "`export`");
        assert_eq!(
            lines,
            [
                "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|",
                "00000010  58 59 ff                                         |XY.|",
                "             ^^ here"
            ]
        );
        assert_eq!(hex_lines(b"", Some((0, "end")), "`export`"), ["00000000  ^^ end"]);
    }

    proptest! {
        #[test]
        fn any_text_is_marked_once_and_nothing_acts_on_a_terminal(
            text in "[a-z\u{1b}\u{9b}é🌡\t\n ]{0,200}", at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(text.len() + 1);
            let lines = text_lines(&text, Some((at, "here")), "`export`");
            prop_assert_eq!(lines.iter().filter(|line| line.ends_with("^ here")).count(), 1);
            prop_assert!(lines.iter().all(|line| *one_line(line) == **line));
            hex_lines(text.as_bytes(), Some((at, "here")), "`export`");
        }
    }
}
