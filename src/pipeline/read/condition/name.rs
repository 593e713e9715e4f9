//! Names in a condition.

/// Words of the language. As names they stand in backticks.
const WORDS: [&str; 8] = ["and", "between", "false", "in", "not", "null", "or", "true"];

/// Returns whether a name needs no backticks.
pub(super) fn is_bare_name(name: &str) -> bool {
    name.starts_with(begins_name) && name.chars().all(is_in_name) && !is_word(name)
}

pub(super) fn is_word(name: &str) -> bool {
    WORDS.iter().any(|word| name.eq_ignore_ascii_case(word))
}

pub(super) fn begins_name(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

pub(super) fn is_in_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}
