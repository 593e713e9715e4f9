//! Readings out of lines or elements of JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sensor_model::{Reading, ReadingError};
use serde_json::value::RawValue;

use super::decoding::UTF_8_MARK;
use super::flat_json::FlatReading;
use super::json_mapper::JsonMapper;
use super::json_paths;
use super::line_reader::trim_line_ending;
use super::output::{Output, RawLine};
use super::row_error::{RowError, row_error};

/// Puts the readings of a line or element: by its own keys, or by the paths of a mapper.
pub(super) fn take(raw: RawLine<'_>, mapper: Option<&JsonMapper>, output: &mut Output) {
    if take_single(raw, mapper, output) {
        return;
    }
    // A file that was joined to another one may begin with a byte order mark.
    if let Some(bytes) = raw.bytes.strip_prefix(UTF_8_MARK) {
        return take(RawLine { bytes, ..raw }, mapper, output);
    }
    let bytes = trim_line_ending(raw.bytes);
    match mapper {
        Some(mapper) => match document(bytes) {
            Ok(document) => mapper.read(document, raw, output),
            Err(error) => take_several(raw, Some(mapper), error, output),
        },
        None => take_any(raw, bytes, output),
    }
}

/// Puts the reading of a line that is one whole object and gives one reading, in one pass over it. False where it is
/// something else, or is wrong.
pub(super) fn take_single(raw: RawLine<'_>, mapper: Option<&JsonMapper>, output: &mut Output) -> bool {
    let bytes = trim_line_ending(raw.bytes);
    match mapper {
        Some(mapper) => std::str::from_utf8(bytes).is_ok_and(|text| mapper.read_single(text, raw, output)),
        None => take_flat(raw, bytes, output),
    }
}

/// Puts the reading of a line that is a flat object; false where the line has to be read in the other way.
fn take_flat(raw: RawLine<'_>, bytes: &[u8], output: &mut Output) -> bool {
    let Some(flat) = FlatReading::read(bytes) else { return false };
    match output.builder.flat_record(&flat, raw.number) {
        Ok(Some(record)) => output.ready(record),
        Ok(None) => return false,
        Err(error) => output.reject(raw, error),
    }
    true
}

/// Puts the reading of any JSON by its own keys.
fn take_any(raw: RawLine<'_>, bytes: &[u8], output: &mut Output) {
    match Reading::from_json_with_origin(bytes) {
        Ok((reading, is_copy)) => match output.builder.plain_record(reading, is_copy, raw.number) {
            Ok(record) => output.ready(record),
            Err(error) => output.reject(raw, error),
        },
        Err(error) => take_several(raw, None, explained(&error, bytes), output),
    }
}

/// Maps a document that was written from a line.
pub(super) fn map(document: &str, raw: RawLine<'_>, mapper: &JsonMapper, output: &mut Output) {
    if mapper.read_single(document, raw, output) {
        return;
    }
    match serde_json::from_str(document) {
        Ok(document) => mapper.read(document, raw, output),
        Err(error) => output.reject(raw, row_error("not-json", format!("not JSON: {error}"))),
    }
}

/// Reads a JSON document.
pub(super) fn document(bytes: &[u8]) -> Result<&RawValue, RowError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| explained(&ReadingError::not_json(bytes, error.valid_up_to()), bytes))?;
    serde_json::from_str(text)
        .map_err(|error| explained(&ReadingError::not_json(bytes, error.column().saturating_sub(1)), bytes))
}

/// Several objects on one line, with or without commas between them, or in an array, are read one by one. Where one of
/// them is broken, the line is rejected whole.
fn take_several(raw: RawLine<'_>, mapper: Option<&JsonMapper>, error: RowError, output: &mut Output) {
    let bytes = trim_line_ending(raw.bytes);
    let objects = std::str::from_utf8(bytes).ok().and_then(objects).unwrap_or_default();
    if objects.len() < 2 && !bytes.trim_ascii().ends_with(b",") && !bytes.trim_ascii().starts_with(b"[")
        || objects.is_empty()
    {
        return output.reject(raw, error);
    }
    for object in objects {
        let part = RawLine { bytes: object.get().as_bytes(), ..raw };
        match mapper {
            Some(mapper) => mapper.read(object, part, output),
            None => match Reading::from_json_with_origin(part.bytes) {
                Ok((reading, is_copy)) => match output.builder.plain_record(reading, is_copy, raw.number) {
                    Ok(record) => output.ready(record),
                    Err(error) => output.reject(part, error),
                },
                Err(error) => output.reject(part, explained(&error, part.bytes)),
            },
        }
    }
}

/// Returns the objects of a line; nothing where anything else is on it.
fn objects(line: &str) -> Option<Vec<&RawValue>> {
    let line = line.trim();
    if line.starts_with('[') {
        let array: &RawValue = serde_json::from_str(line).ok()?;
        let mut all = Vec::new();
        json_paths::elements(array, |element| {
            all.push(element);
            Ok(())
        })
        .ok()?;
        return all.iter().all(|element| element.get().starts_with('{')).then_some(all);
    }
    let mut all = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(|character: char| character.is_whitespace() || character == ',');
        if rest.is_empty() {
            return Some(all);
        }
        if !rest.starts_with('{') {
            return None;
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        all.push(values.next()?.ok()?);
        rest = &rest[values.byte_offset()..];
    }
}

/// Returns whether a key of a document holds an object, a list or a truth value, which no rule reads as a number or text.
fn holds_more(bytes: &[u8], key: &str) -> bool {
    let members = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(bytes).unwrap_or_default();
    members.get(key).is_some_and(|value| value.get().starts_with(['{', '[', 't', 'f', 'n']))
}

/// Adds the option that reads a line after all.
fn explained(reason: &ReadingError, bytes: &[u8]) -> RowError {
    let error = RowError::from(reason.clone());
    let option = match reason {
        ReadingError::WrongType { key, .. } if holds_more(bytes, key) => {
            "; `--map KEY=PATH` takes a value from within it"
        }
        ReadingError::WrongType { .. } => {
            "; `--coerce` reads numbers and times that are text, and sensors that are numbers"
        }
        ReadingError::MissingKey { .. } => "; `--map` takes it from another key or path",
        ReadingError::NotJson { .. } => {
            return if std::str::from_utf8(bytes).is_err() { Output::not_utf_8(bytes) } else { error };
        }
        _ => "",
    };
    RowError { reason: format!("{}{option}", error.reason), ..error }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::facts::InputFacts;
    use super::super::flat_json::tests::any_line;
    use super::super::options::InputOptions;
    use super::super::parsed_line::ParsedLine;
    use super::super::reading_builder::ReadingBuilder;
    use super::super::time_format::TimeUnit;
    use super::*;

    /// Returns what is read of some lines, and what is counted.
    fn read(
        lines: &[String],
        unit: TimeUnit,
        take: impl Fn(RawLine<'_>, &mut Output),
    ) -> (Vec<ParsedLine>, InputFacts) {
        let options = InputOptions { time_unit: Some(unit), ..InputOptions::default() };
        let builder = ReadingBuilder::new(&options, TimeUnit::Auto).unwrap();
        let mut output = Output::new("file".into(), builder, None);
        for (number, line) in (1..).zip(lines) {
            take(RawLine { number, bytes: line.as_bytes(), is_truncated: false }, &mut output);
        }
        let facts = output.builder.facts.clone();
        (std::iter::from_fn(|| output.take()).collect(), facts)
    }

    fn any_unit() -> impl Strategy<Value = TimeUnit> {
        prop::sample::select(vec![TimeUnit::Auto, TimeUnit::Auto, TimeUnit::Seconds, TimeUnit::Milliseconds])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
        #[test]
        fn flat_line_gives_the_same_reading_or_refusal_as_any_json(
            lines in prop::collection::vec(any_line(), 1..4), unit in any_unit(),
        ) {
            let (fast, counted) = read(&lines, unit, |raw, output| take(raw, None, output));
            let (slow, expected) = read(&lines, unit, |raw, output| take_any(raw, raw.bytes, output));
            prop_assert_eq!(fast, slow);
            prop_assert_eq!(counted.times, expected.times);
        }
    }
}
