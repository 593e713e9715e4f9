//! One reading out of one document, by the rules of `put --file`.

use std::io::Cursor;

use super::parsed_line::ParsedLine;
use super::parser::Input;
use crate::pipeline::InputOptions;

/// Why a document is no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentError {
    /// The class of the reason.
    pub code: String,
    /// The reason, without content of the document.
    pub reason: String,
}

/// A reading, and what was assumed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentReading {
    /// The reading as JSON.
    pub json: String,
    /// True if its time had no zone, and was taken as UTC.
    pub is_assumed_utc: bool,
}

/// Reads the one reading of a document.
///
/// # Errors
/// If it holds none, or several.
pub(crate) fn read_document(data: &[u8], options: &InputOptions) -> Result<DocumentReading, DocumentError> {
    let error = |code: &str, reason: String| DocumentError { code: code.to_owned(), reason };
    let source = Box::new(Cursor::new(data.to_vec()));
    let input = Input::open("dead letter".into(), source, options);
    let mut input = input.map_err(|refusal| error("not-a-reading", refusal.full_message()))?;
    let mut found = None;
    while let Some(item) = input.next().map_err(|failure| error("not-a-reading", failure.to_string()))? {
        match item {
            ParsedLine::Rejected(line) => return Err(error(line.code, line.reason)),
            ParsedLine::Ready(_) if found.is_some() => {
                return Err(error("several-readings", "it holds several readings".to_owned()));
            }
            ParsedLine::Ready(record) => found = Some(record.data),
        }
    }
    let json = found.ok_or_else(|| error("not-a-reading", "it holds no reading".to_owned()))?;
    Ok(DocumentReading { json, is_assumed_utc: input.facts().times.assumed_utc > 0 })
}

#[cfg(test)]
mod tests {
    use super::super::options::InputFormat;
    use super::*;

    fn read(data: &str, map: &[&str]) -> Result<String, String> {
        let map = map.iter().map(|text| text.parse().unwrap()).collect();
        let options = InputOptions { map, coerce: true, format: Some(InputFormat::Json), ..InputOptions::default() };
        read_document(data.as_bytes(), &options).map(|it| it.json).map_err(|error| error.code)
    }

    #[test]
    fn document_is_read_by_paths_and_with_numbers_in_quotes() {
        assert_eq!(
            read(r#"{"device":{"id":7},"temperature":"21.50","current_time":1700000000}"#, &["sensor_id=device.id"]),
            Ok(r#"{"sensor_id":"7","temperature":21.5,"current_time":1700000000}"#.to_owned())
        );
        assert_eq!(read(r#"{"sensor_id":"a","current_time":1700000000}"#, &[]), Err("missing-key".to_owned()));
        let two = r#"{"sensor_id":"a","temperature":1,"current_time":1700000000}"#.repeat(2);
        assert_eq!(read(&two, &[]), Err("several-readings".to_owned()));
        assert_eq!(read("", &[]), Err("not-a-reading".to_owned()));
    }
}
