//! Values of input options: patterns of columns, and constant fields.

use std::str::FromStr;

/// The sign before a pattern whose rows are left out.
pub(super) const EXCEPT: char = '!';

/// `COLUMN=PATTERN`: rows of other values are passed over, and those of a pattern behind `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnPattern {
    /// Column or path.
    pub column: String,
    /// Text with at most one `*`, or any number behind `!`; a lone `*` asks that there is a value, an empty text that it is
    /// absent.
    pub pattern: String,
}

impl FromStr for ColumnPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((column, pattern)) if !column.is_empty() => {
                if pattern.matches('*').count() > 1 && !pattern.starts_with(EXCEPT) {
                    return Err("write a pattern with at most one `*`".to_owned());
                }
                Ok(ColumnPattern { column: column.to_owned(), pattern: pattern.to_owned() })
            }
            _ => Err("write COLUMN=PATTERN, for example topic=tele/*/SENSOR".to_owned()),
        }
    }
}

/// `NAME=VALUE`: a further field of every reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConstantField {
    /// Key of the reading.
    pub name: String,
    /// Its value as it was typed: a JSON number, `true`, `false`, `null`, else text.
    pub value: String,
}

impl FromStr for ConstantField {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(ConstantField { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("write NAME=VALUE, for example site=lab".to_owned()),
        }
    }
}
