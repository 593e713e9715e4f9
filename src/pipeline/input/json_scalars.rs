//! The scalars of JSON values with their paths, for a look at the beginning of a file.

use std::borrow::Cow;
use std::io::{BufReader, Cursor, Read};

use serde_json::value::RawValue;

use super::json_beginning::closed;
use super::json_elements::{ElementStatus, JsonElements};
use super::json_paths::{self, decode};
use super::mapping::Decoding;
use super::options::InputFormat;
use super::{line_protocol, mqtt};

/// Levels of nested JSON that are looked at.
const DEPTH: usize = 5;
/// Elements of an array that are looked at.
const ELEMENTS: usize = 2000;

/// Hands out the first documents of a text, which may end anywhere.
pub(super) fn each_document(text: &[u8], format: InputFormat, most: usize, take: &mut dyn FnMut(&RawValue)) {
    if matches!(format, InputFormat::LineProtocol | InputFormat::Mqtt) {
        let mut document = String::new();
        for line in std::str::from_utf8(text).unwrap_or_default().lines().take(most) {
            let is_read = match format {
                InputFormat::Mqtt => mqtt::to_json(line, &mut document).is_ok(),
                _ => line_protocol::to_json(line, &mut document).is_ok(),
            };
            if let (true, Ok(document)) = (is_read, serde_json::from_str(&document)) {
                take(document);
            }
        }
        return;
    }
    let source: Box<dyn Read + Send> = Box::new(Cursor::new(text.to_vec()));
    let mut elements = JsonElements::new(BufReader::new(source), 1, 0);
    let mut element = Vec::new();
    for at in 0..most {
        element.clear();
        match elements.append(&mut element) {
            Ok(ElementStatus::Element) => {}
            // The only one goes on behind the text.
            Ok(ElementStatus::Cut) if at == 0 => {
                return closed(text).into_iter().for_each(|whole| each_document(&whole, format, most, take));
            }
            _ => break,
        }
        if let Ok(document) = serde_json::from_slice(&element) {
            take(document);
        }
    }
}

/// Hands out each scalar below a value with its path, and lists and objects that lie too deep. A text that holds an object
/// is gone through as one.
pub(super) fn each_scalar(value: &RawValue, take: &mut dyn FnMut(&str, &RawValue)) {
    below(value, "", 0, take);
}

/// Returns the part of a path up to the last array or text that it goes through: a value below it has one for each row of
/// another path that begins so.
pub(super) fn container(path: &str) -> &str {
    let end_of = |step: &str| path.rfind(step).map_or(0, |at| at + step.len());
    let end = ["[]", "@json", "@base64"].into_iter().map(end_of).max().unwrap_or_default();
    &path[..end]
}

fn below(value: &RawValue, path: &str, depth: usize, take: &mut dyn FnMut(&str, &RawValue)) {
    match value.get().as_bytes().first() {
        Some(b'{') if depth < DEPTH => {
            // A value that is no object is described as far as it goes.
            let _ = json_paths::members(value, |name, member| {
                let name = if name.contains(['.', '[', '"']) { Cow::Owned(format!("{name:?}")) } else { name };
                let path = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
                below(member, &path, depth + 1, take);
                Ok(())
            });
        }
        Some(b'[') if depth < DEPTH => {
            let mut rows = 0;
            let _ = json_paths::elements(value, |element| {
                rows += 1;
                if rows <= ELEMENTS {
                    below(element, &format!("{path}[]"), depth + 1, take);
                }
                Ok(())
            });
        }
        Some(b'"') if depth < DEPTH && !path.is_empty() => match object_in(value) {
            Some((step, object)) => below(&object, &format!("{path}.{step}"), depth, take),
            None => take(path, value),
        },
        _ => take(path, value),
    }
}

/// Returns the object that a text holds, and the step of a path that leads into it.
fn object_in(text: &RawValue) -> Option<(&'static str, Box<RawValue>)> {
    let decoding = match text.get()[1..].trim_start() {
        json if json.starts_with('{') => Decoding::Json,
        // An object in base64.
        base64 if base64.starts_with("ey") => Decoding::Base64,
        _ => return None,
    };
    let text: String = serde_json::from_str(text.get()).ok()?;
    Some((decoding.step(), decode(&text, decoding).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_have_paths_also_within_texts() {
        let json = r#"{"a":{"b.c":1},"l":[{"t":2},{"t":3}],"j":"{\"t\":4}","e":"eyJ0IjoyMX0=","x":"ey","n":null}"#;
        let mut found = Vec::new();
        let document: &RawValue = serde_json::from_str(json).unwrap();
        each_scalar(document, &mut |path, value| found.push(format!("{path}={value}")));
        let expected = ["a.\"b.c\"=1", "l[].t=2", "l[].t=3", "j.@json.t=4", "e.@base64.t=21", "x=\"ey\"", "n=null"];
        assert_eq!(found, expected);
    }
}
