//! A value of a row, before it is decided what it means.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A value as the file has it.
#[derive(Clone, Debug)]
pub(super) enum Cell<'a> {
    /// Text, such as a CSV cell.
    Text(Cow<'a, str>),
    /// JSON, with its type.
    Json(&'a RawValue),
}

impl<'a> Cell<'a> {
    /// Returns what it says as text: strings without quotes, numbers as they are written; nothing for null.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Cell::Text(text) => Some(text.clone()),
            Cell::Json(raw) => match raw.get().as_bytes().first() {
                Some(b'"') => json_string(raw),
                Some(b'n') => None,
                _ => Some(Cow::Borrowed(raw.get())),
            },
        }
    }
}

/// Returns what a JSON string says.
fn json_string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
    }
}
