//! Texts that a spreadsheet would take for formulas.

use sensor_model::Decimal;

/// Characters that make a formula of what follows (OWASP, "CSV Injection"), also in their full-width forms.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// Characters that no cell may begin with, either (the same page).
const BLANKS: [char; 3] = ['\t', '\r', '\n'];
/// Characters behind which a spreadsheet with other settings begins a cell: line ends and separators.
const SEPARATORS: [char; 5] = ['\r', '\n', ',', ';', '|'];

/// Puts an apostrophe before each part of a text that a spreadsheet would evaluate: at its begin, and behind what begins a
/// cell where a program splits differently. Blanks, invisible characters and quotes may stand before it. Numbers stay as
/// they are.
pub(super) fn without_formula(text: String) -> String {
    if Decimal::parse(&text).is_ok() {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 1);
    if text.starts_with(BLANKS) {
        safe.push('\'');
    }
    let mut is_begin = true;
    for (at, character) in text.char_indices() {
        if is_begin && FORMULA.contains(&character) && !is_number(&text[at..]) {
            safe.push('\'');
        }
        is_begin = SEPARATORS.contains(&character) || is_begin && is_passed_over(character);
        safe.push(character);
    }
    safe
}

/// Returns whether a character before a formula does not keep a program from evaluating it.
fn is_passed_over(character: char) -> bool {
    let is_invisible = matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    character.is_whitespace() || character.is_control() || is_invisible || matches!(character, '"' | '\'')
}

/// Returns whether a number with a sign stands there, as in the JSON of a list.
fn is_number(rest: &str) -> bool {
    let end = rest.find([',', ';', ']', '}']).unwrap_or(rest.len());
    Decimal::parse(rest[..end].trim_end()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_get_an_apostrophe_and_numbers_stay() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t'=1"),
            ("\tplain", "'\tplain"),
            ("\nplain", "'\nplain"),
            ("＝1", "'＝1"),
            ("-2.5", "-2.5"),
            ("+5", "+5"),
            ("a=1", "a=1"),
            ("a -b", "a -b"),
            ("2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
            ("", ""),
        ] {
            assert_eq!(without_formula(text.to_owned()), safe);
        }
    }

    #[test]
    fn formula_behind_blanks_line_ends_separators_and_quotes_gets_one_too() {
        for (text, safe) in [
            ("  =1", "  '=1"),
            ("\u{a0}\u{feff}=1", "\u{a0}\u{feff}'=1"),
            ("\u{0}@A", "\u{0}'@A"),
            ("ok\n=1\r\n  -A1", "ok\n'=1\r\n  '-A1"),
            ("a;=1", "a;'=1"),
            ("a, +A1|@B", "a, '+A1|'@B"),
            ("\"=1\"", "\"'=1\""),
            ("a;\"\"=1", "a;\"\"'=1"),
            ("'=1", "''=1"),
            (r#"[1,-2.5,"=x"]"#, r#"[1,-2.5,"'=x"]"#),
            (r#"{"a":-1}"#, r#"{"a":-1}"#),
            ("[-5, -6 ]", "[-5, -6 ]"),
            ("x,-5", "x,-5"),
        ] {
            assert_eq!(without_formula(text.to_owned()), safe);
        }
    }
}
