//! Which character separates the values of a file.

use super::super::options::Delimiter;
use super::super::row_splitter::RowSplitter;

/// Delimiters that are recognized, the likeliest first.
const RECOGNIZED: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Returns the delimiters to try: the given one, or all that occur in the line.
pub(super) fn candidates(given: Delimiter, line: &str) -> Vec<Delimiter> {
    if given != Delimiter::Auto {
        return vec![given];
    }
    let occurs = |byte: &u8| line.as_bytes().contains(byte);
    let mut found: Vec<_> = RECOGNIZED.into_iter().filter(occurs).map(Delimiter::Byte).collect();
    if found.is_empty() {
        found.push(Delimiter::Byte(b','));
    }
    // The one that makes most cells is the likeliest where none, or more than one, gives the needed names.
    found.sort_by_key(|delimiter| std::cmp::Reverse(count(*delimiter, line)));
    found
}

/// Returns a character that may separate the names of a header, and that is not recognized as a delimiter.
pub(super) fn unusual(line: &str) -> Option<char> {
    let is_header = |byte: &char| line.matches(*byte).count() >= 2 && !line.contains(&format!("{byte} "));
    [':', '^', '~', '!', '&'].into_iter().find(is_header)
}

/// Returns how many cells a line has with a delimiter, quotes respected.
pub(super) fn count(delimiter: Delimiter, line: &str) -> usize {
    let mut splitter = RowSplitter::new(delimiter);
    if splitter.needs_quotes(line.as_bytes()) {
        splitter.feed(line.as_bytes());
        return splitter.fed().map_or(0, super::super::row_splitter::Cells::len);
    }
    splitter.plain(line).len()
}

/// Returns the delimiter that `sep=;` names, the first line of a spreadsheet's export.
pub(super) fn declared(line: &str) -> Option<Delimiter> {
    let name = line.trim_end().trim_matches('"').strip_prefix("sep=")?;
    match name.as_bytes() {
        [byte] => Some(Delimiter::Byte(*byte)),
        [] if line.contains('\t') => Some(Delimiter::Byte(b'\t')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeliest_delimiter_makes_most_cells() {
        let first = |line: &str| candidates(Delimiter::Auto, line)[0];
        assert_eq!(first("a;b;c,d"), Delimiter::Byte(b';'));
        assert_eq!(first("a,b,c"), Delimiter::Byte(b','));
        assert_eq!(first("\"a;b;c\",d"), Delimiter::Byte(b','));
        assert_eq!(first("a\tb"), Delimiter::Byte(b'\t'));
        assert_eq!(first("a"), Delimiter::Byte(b','));
        assert_eq!(candidates(Delimiter::Blanks, "a,b"), [Delimiter::Blanks]);
    }

    #[test]
    fn spreadsheet_line_declares_delimiter() {
        assert_eq!(declared("sep=;\r\n"), Some(Delimiter::Byte(b';')));
        assert_eq!(declared("\"sep=,\"\n"), Some(Delimiter::Byte(b',')));
        assert_eq!(declared("sep=\t\n"), Some(Delimiter::Byte(b'\t')));
        assert_eq!(declared("separator"), None);
        assert_eq!(declared("sep=ab"), None);
    }
}
