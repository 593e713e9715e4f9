//! Texts that a spreadsheet would take for formulas.

use sensor_model::Decimal;

/// First characters that make a formula of a cell (OWASP, "CSV Injection"), also in their full-width forms.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Puts an apostrophe before a text that a spreadsheet would evaluate. Numbers stay as they are.
pub(super) fn without_formula(text: String) -> String {
    if text.starts_with(FORMULA) && Decimal::parse(&text).is_err() { format!("'{text}") } else { text }
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
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("-2.5", "-2.5"),
            ("+5", "+5"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(without_formula(text.to_owned()), safe);
        }
    }
}
