//! A value in a condition.

use std::cmp::Ordering;
use std::fmt;

use sensor_model::Decimal;

/// A value that a condition compares with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Number(Decimal),
    Text(String),
    Bool(bool),
    Null,
}

impl Literal {
    /// Returns the order of two numbers or of two texts, by their bytes as `DynamoDB` has it; `None` for other pairs.
    pub(crate) fn order(&self, other: &Literal) -> Option<Ordering> {
        match (self, other) {
            (Literal::Number(one), Literal::Number(other)) => Some(one.cmp(other)),
            (Literal::Text(one), Literal::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// Writes the text that parses to the same value.
impl fmt::Display for Literal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Number(number) => out.write_str(number.as_str()),
            Literal::Bool(truth) => truth.fmt(out),
            Literal::Null => out.write_str("null"),
            Literal::Text(text) => {
                out.write_str("\"")?;
                for character in text.chars() {
                    match character {
                        '"' | '\\' => write!(out, "\\{character}")?,
                        '\n' => out.write_str("\\n")?,
                        '\r' => out.write_str("\\r")?,
                        '\t' => out.write_str("\\t")?,
                        other => write!(out, "{other}")?,
                    }
                }
                out.write_str("\"")
            }
        }
    }
}
