//! Values of the reading's own keys, whose types are known: a comparison of two types never holds.

use super::literal::Literal;
use super::tree::{AttributePath, is_own};
use crate::pipeline::read::item_decode::{TEMPERATURE, TIME};
use crate::pipeline::{check_seconds, parse_time_or_age};

/// Returns whether an attribute is a number in every reading.
pub(super) fn is_own_number(path: &AttributePath) -> bool {
    path.parts.is_empty() && [TEMPERATURE, TIME].contains(&path.attribute.as_str())
}

/// Returns the value in the type that the attribute has.
///
/// # Errors
/// If the attribute never has such a value. A time follows the rules of `--since`.
pub(super) fn own_value(path: &AttributePath, value: Literal) -> Result<Literal, String> {
    if !is_own(&path.attribute) {
        return Ok(value);
    }
    let is_time = path.attribute == TIME;
    match (is_own_number(path), value) {
        (true, Literal::Text(text)) if is_time => parse_time_or_age(&text).map(Literal::Number),
        (true, Literal::Number(time)) if is_time => check_seconds(&time).map(|()| Literal::Number(time)),
        (true, number @ Literal::Number(_)) => Ok(number),
        (false, text @ Literal::Text(_)) => Ok(text),
        (true, _) => Err(format!("`{path}` is a number")),
        (false, _) => Err(format!("`{path}` is a text; write it in quotes")),
    }
}
